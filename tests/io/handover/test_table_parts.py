"""to_parquet(exist="update"): files whose inputs have changed are written again, all of one schema."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bagkit as bk
from bagkit.io.input.paths import digest_of


def put(path: Path, *records: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.calls = folder / "in", folder / "out", folder / "calls"
        self.out.mkdir()
        put(self.folder / "a.json", {"of": "a", "x": 1}, {"of": "a", "t": ["u"]})
        put(self.folder / "b.json", {"of": "b", "x": 2})
        put(self.folder / "c.json", {"of": "c", "x": None})

    def bag(self) -> Any:
        calls = str(self.calls)

        def clean(record: Any) -> Any:
            with open(calls, "a") as file:
                file.write(record["of"])
            return record

        return bk.read_json(str(self.folder / "*.json")).map(clean)

    def run(self, **options: Any) -> str:
        """Update; check that a run of all makes the same files; return the inputs that were read."""
        self.calls.write_text("")
        given = {"exist": "update", "scheduler": "sync", **options}
        paths = self.bag().to_parquet(self.out / "*.parquet", **given)
        made = "".join(sorted(set(self.calls.read_text())))
        whole = self.out.parent / "whole"
        whole.mkdir(exist_ok=True)
        given["exist"] = "overwrite"
        for path in whole.iterdir():
            path.unlink()
        expected = [pq.read_table(path) for path in self.bag().to_parquet(whole / "*.parquet", **given)]
        found = [pq.read_table(path) for path in paths]
        assert [(table.schema, table.to_pylist()) for table in found] == [(e.schema, e.to_pylist()) for e in expected]
        there = sorted(path.name for path in self.out.iterdir() if path.name[0] != ".")
        assert there == sorted(Path(path).name for path in paths)
        return made


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_only_what_has_changed_is_written(job: Job) -> None:
    assert job.run() == "abc"
    assert job.run() == ""
    put(job.folder / "b.json", {"of": "b", "x": 7}, {"of": "b", "x": 8})
    (job.out / "c.parquet").write_bytes(b"damaged")
    assert job.run() == "bc"
    put(job.folder / "bb.json", {"of": "B", "x": 3})
    (job.folder / "c.json").unlink()
    assert job.run() == "B"
    (job.folder / "bb.json").unlink()
    assert job.run() == ""


@pytest.mark.parametrize("change", [{"of": "b", "x": 1.5}, {"of": "b", "y": "new"}, {"of": "b", "t": "text"}])
def test_other_types_of_columns_write_all_again(job: Job, change: Any) -> None:
    job.run(on_conflict="string")
    put(job.folder / "b.json", change)
    with pytest.warns(bk.WrittenAgainWarning, match="all 3 files are written again: the types of columns have changed"):
        assert job.run(on_conflict="string") == "abc"
    (job.folder / "b.json").unlink()
    with pytest.warns(bk.WrittenAgainWarning, match="all 2 files are written again: the types"):
        job.run(on_conflict="string")


@pytest.mark.filterwarnings("ignore::bagkit.WrittenAgainWarning")
def test_conflicts_are_told_as_in_a_run_of_all_and_leave_what_is_there(job: Job) -> None:
    job.run()
    before = {path.name: path.read_bytes() for path in job.out.iterdir()}
    put(job.folder / "c.json", {"of": "c", "x": "text"})
    with pytest.raises(bk.ColumnTypeError, match="the field 'x' is str, and was int before"):
        job.run()
    assert {path.name: path.read_bytes() for path in job.out.iterdir()} == before
    assert job.run(on_conflict="null") == "abc"


@pytest.mark.filterwarnings("ignore::bagkit.WrittenAgainWarning")
def test_any_changes_give_what_a_run_of_all_gives(job: Job) -> None:
    chance = random.Random(3)
    values = [1, 2.5, None, ["a"], {"k": 1}, "text"]
    for _ in range(8):
        for letter in chance.sample("abcdef", 2):
            records = [{"of": letter, chance.choice("xyz"): chance.choice(values)} for _ in range(chance.randrange(3))]
            put(job.folder / f"{letter}.json", *records)
        job.run(on_conflict="json")


def test_what_is_refused(job: Job) -> None:
    bag = job.bag()
    with pytest.raises(bk.PlanError, match=r"expected a path with a \*"):
        bag.to_parquet(job.out / "a.parquet", exist="update")
    with pytest.raises(bk.PlanError, match="on_error is 'collect'; expected 'raise' or 'skip'"):
        bag.to_parquet(job.out / "*.parquet", exist="update", on_error="collect")
    (job.out / "a.parquet").touch()
    with pytest.raises(bk.OutputExistsError, match=r"made of; hint: remove it, or write to another directory"):
        bag.to_parquet(job.out / "*.parquet", exist="update")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    place = tmp_path / "*.parquet"
    bk.from_sequence([{"n": 1}]).to_parquet(place, scheduler="sync")
    again = bk.read_parquet(place).map(lambda record: {"n": record["n"] + 1})
    with pytest.raises(bk.PlanError, match=r"0\.parquet was written here by the last run, and is read from now"):
        again.to_parquet(place, exist="update", scheduler="sync")
    assert bk.read_parquet(place).compute(scheduler="sync") == [{"n": 1}]


@pytest.mark.parametrize("exist", ["update", "overwrite"])
def test_what_an_earlier_version_has_left_is_replaced(job: Job, exist: str) -> None:
    """Its files have no mark, but an account of theirs lies beside them; others' files that it lists stay."""
    for name in ("a", "old"):
        pq.write_table(pa.table({"n": [1]}), job.out / f"{name}.parquet")
    pq.write_table(pa.table({"n": [1]}), job.folder / "mine.parquet")
    key = digest_of(str(job.out / "*.parquet"), 6)
    files = [{"name": name} for name in ("a", "old", "gone", "../in/mine")]
    (job.out / f".bagkit-{key}.table.json").write_text(json.dumps({"checksum": "", "recipe": {}, "files": files}))
    (job.out / f".bagkit-{key}.0123456789abcdef.part").touch()  # it was killed, too
    paths = job.bag().to_parquet(job.out / "*.parquet", exist=exist, scheduler="sync")
    accounts = [f".bagkit-{key}.manifest.json"] if exist == "update" else []
    assert sorted(each.name for each in job.out.iterdir()) == [*accounts, *(Path(path).name for path in paths)]
    assert (job.folder / "mine.parquet").exists()


@pytest.mark.parametrize("account", ["[]", "{", "\xff", '{"files": 3}', '{"files": [{"name": 3}]}', '{"files": [[]]}'])
def test_an_account_of_an_earlier_version_that_makes_no_sense_says_nothing(job: Job, account: str) -> None:
    key = digest_of(str(job.out / "*.parquet"), 6)
    (job.out / f".bagkit-{key}.table.json").write_text(account, "latin-1")
    assert job.run() == "abc"
