"""exist="update": only what has changed is done again, and what is there in the end is what a run of all would give."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


def put(path: Path, *records: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def read_back(manifest: Any) -> list[Any]:
    return [json.loads(line) for path in manifest.paths for line in Path(path).read_text().splitlines()]


PLANS: dict[str, Callable[[str], Any]] = {
    "map": lambda paths: bk.read_json(paths).map(lambda r: {**r, "m": r["n"] * 2}),
    "cut": lambda paths: bk.read_json(paths, blocksize=60),
    "files in one": lambda paths: bk.read_json(paths, files_per_partition=2).filter(lambda r: r["n"] % 2),
    "joined": lambda paths: bk.read_json(paths).repartition(2),
    "split": lambda paths: bk.read_json(paths).repartition(7),
    "picked": lambda paths: bk.read_json(paths).partitions[1:],
    "so far": lambda paths: bk.read_json(paths).pluck("n").accumulate(lambda a, b: a + b),
    "with a value": lambda paths: bk.read_json(paths).map(lambda r, n: [r, n], bk.read_json(paths).count()),
    "groups": lambda paths: bk.read_json(paths).groupby(lambda r: r["n"] % 3).map(list),
    "beside": lambda paths: bk.concat([bk.read_json(paths), bk.from_sequence([{"n": 0}] * 3, npartitions=2)]),
    "numbered": lambda paths: bk.read_json(paths).zip_with_index(),
    "sampled": lambda paths: bk.read_json(paths).random_sample(0.5, random_state=7),
    "info": lambda paths: bk.read_json(paths).map_partitions_with_info(lambda _, i: [[i.index, i.npartitions]]),
    "rejects": lambda paths: bk.read_json(paths).map(lambda r: 1 // (r["n"] % 4)).split_errors()[1].pluck("partition"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_what_is_there_is_what_a_run_of_all_gives(name: str, tmp_path: Path) -> None:
    chance, folder, out = random.Random(name), tmp_path / "in", tmp_path / "out"
    for letter in "bdfh":
        put(folder / f"{letter}.json", *({"n": n} for n in range(chance.randrange(9))))
    plan = PLANS[name]
    for _ in range(4):
        there = sorted(folder.iterdir())
        for path in chance.sample(there, chance.randrange(2) if len(there) > 3 else 0):
            path.unlink()
        for letter in chance.sample("abcdefghi", chance.randrange(3)):
            put(folder / f"{letter}.json", *({"n": n} for n in range(chance.randrange(12))))
        bag = plan(str(folder / "*.json"))
        manifest = bag.to_jsonl(out, exist="update", scheduler="sync")
        expected = bag.compute(scheduler="sync")
        assert read_back(manifest) == json.loads(json.dumps(expected))
        assert visible(out) == sorted(Path(path).name for path in manifest.paths)
        again = plan(str(folder / "*.json")).to_jsonl(out, exist="update", scheduler="sync")
        assert (again, again.kept) == (manifest, len(manifest.files))


class Job:
    """Files a.json and so on, whose records tell when they are made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.calls = folder / "in", folder / "out", folder / "calls"
        for letter in "abcd":
            put(self.folder / f"{letter}.json", {"of": letter})

    def bag(self) -> Any:
        calls = str(self.calls)

        def clean(record: dict[str, Any]) -> Any:
            with open(calls, "a") as file:
                file.write(record["of"])
            if record.get("wrong"):
                raise KeyError("in the middle")
            return record

        return bk.read_json(str(self.folder / "*.json")).map(clean)

    def run(self, **options: Any) -> tuple[Any, str]:
        """Update; return the manifest and the files that were read."""
        self.calls.write_text("")
        found = self.bag().to_jsonl(self.out / "*.jsonl", **{"exist": "update", "scheduler": "sync", **options})
        return found, "".join(sorted(self.calls.read_text()))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


class TestWhatIsDone:
    def test_only_what_is_new_or_changed(self, job: Job) -> None:
        manifest, made = job.run(scheduler="processes", workers=2)
        assert (made, manifest.kept, visible(job.out)) == ("abcd", 0, ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"])
        put(job.folder / "b.json", {"of": "b"}, {"of": "b"})
        put(job.folder / "aa.json", {"of": "A"})
        (job.folder / "d.json").unlink()
        (job.out / "c.jsonl").write_text("damaged")
        manifest, made = job.run(scheduler="processes", workers=2)
        assert (made, manifest.kept) == ("Abbc", 1)
        assert visible(job.out) == ["a.jsonl", "aa.jsonl", "b.jsonl", "c.jsonl"]
        assert [(Path(file.path).stem, Path(file.inputs[0].path).stem, file.kept) for file in manifest.files] == [
            ("a", "a", True), ("aa", "aa", False), ("b", "b", False), ("c", "c", False)
        ]  # fmt: skip
        assert job.run()[0].kept == 4

    def test_the_last_outputs_go_where_nothing_is_written(self, job: Job) -> None:
        job.run()
        (job.folder / "a.json").unlink()
        manifest, made = job.run()
        assert (made, manifest.kept, visible(job.out)) == ("", 3, ["b.jsonl", "c.jsonl", "d.jsonl"])

    def test_what_failed_in_the_middle_is_gone_on_with(self, job: Job) -> None:
        job.run()
        for letter in "bcd":
            put(job.folder / f"{letter}.json", {"of": letter, "wrong": letter == "c"}, {"of": letter})
        (job.folder / "a.json").unlink()
        with pytest.raises(KeyError, match="in the middle"):
            job.run()
        put(job.folder / "c.json", {"of": "c", "new": 1})
        manifest, made = job.run()
        assert (made, visible(job.out)) == ("cdd", ["b.jsonl", "c.jsonl", "d.jsonl"])
        assert read_back(manifest) == job.bag().compute(scheduler="sync")

    def test_what_was_killed_is_gone_on_with(self, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(
            "import bagkit as bk, os, sys\n"
            "def clean(record):\n"
            "    print(record['of'], end='')\n"
            "    if os.path.exists('kill') and record['of'] == 'c':\n"
            "        sys.stdout.flush(); os._exit(9)\n"
            "    return record\n"
            "bk.read_json('in/*.json').map(clean).to_jsonl('out', exist='update', scheduler='sync')\n"
        )

        def run() -> str:
            found = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True)
            assert not found.stderr
            return found.stdout

        for letter in "abcd":
            put(tmp_path / f"in/{letter}.json", {"of": letter})
        (tmp_path / "kill").touch()
        assert run() == "abc"
        put(tmp_path / "in/a.json", {"of": "a", "new": 1})
        (tmp_path / "in/b.json").unlink()
        (tmp_path / "kill").unlink()
        assert run() == "acd"
        assert visible(tmp_path / "out") == ["a.jsonl", "c.jsonl", "d.jsonl"]
        assert (tmp_path / "out/a.jsonl").read_text() == '{"of":"a","new":1}\n'
        assert run() == ""

    def test_code_that_has_changed_does_all_of_it_again(self, job: Job) -> None:
        job.run()
        paths = str(job.folder / "*.json")
        with pytest.warns(bk.WrittenAgainWarning, match="all 4 files are written again: the operations were read_text"):
            manifest = bk.read_json(paths).pluck("of").to_jsonl(job.out / "*.jsonl", exist="update", scheduler="sync")
        assert (read_back(manifest), manifest.kept) == (list("abcd"), 0)
        bk.read_json(paths).to_jsonl(job.out / "*.jsonl", exist="overwrite", scheduler="sync")
        with pytest.warns(bk.WrittenAgainWarning, match="no file in it says its own inputs"):
            manifest = bk.read_json(paths).to_jsonl(job.out / "*.jsonl", exist="update", scheduler="sync")
        assert visible(job.out) == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"]

    def test_records_left_out_count_and_other_writers_update_too(self, job: Job) -> None:
        put(job.folder / "b.json", {"of": "b", "wrong": True}, {"of": "b"})
        lines = job.bag().map(json.dumps)
        for expected in (r"1 record skipped", r"to_textfiles: 1 record was left out of the files that are kept"):
            with pytest.warns(bk.SkippedRecordsWarning, match=expected):
                paths = lines.to_textfiles(job.out, exist="update", scheduler="sync", on_error="skip")
        assert [Path(path).name for path in paths] == ["a.part", "b.part", "c.part", "d.part"]


class TestNames:
    def test_they_stay(self, tmp_path: Path) -> None:
        out = tmp_path / "out"

        def names(*paths: str) -> list[str]:
            found = bk.read_text([tmp_path / path for path in paths]).to_textfiles(
                out / "*.txt", exist="update", scheduler="sync"
            )
            assert visible(out) == sorted(Path(path).name for path in found)
            return [Path(path).stem for path in found]

        for folder in "xy":
            put(tmp_path / folder / "log.json", folder)
            put(tmp_path / folder / ".LOG.txt.gz", folder)
        put(tmp_path / "x" / "odd [*.2026.csv", "odd")
        (tmp_path / "x/.LOG.txt.gz").write_bytes(b"")
        assert names("y/log.json") == ["log"]
        first, mine = names("x/log.json", "y/log.json")
        assert (mine, len(first)) == ("log", 10)  # who came first keeps it
        assert names("x/log.json") == [first]
        assert names("x/.LOG.txt.gz", "x/log.json", "x/odd [[][*].2026.csv") == ["_LOG", first, "odd __.2026"]

    def test_long_ones_leave_room_for_what_stands_around_them(self, tmp_path: Path) -> None:
        """A name has 255 bytes, and some characters three or four of them."""
        inputs = [
            tmp_path / "in" / f"{letter * count}{n}.txt" for letter, count in [("漢", 83), ("a", 249)] for n in "12"
        ]
        for path in inputs:
            put(path, 1)
        bag = bk.read_text(inputs)
        for _ in range(2):
            bag.to_jsonl(
                tmp_path / "out" / "a-very-long-beginning-of-a-name-*.jsonl.gz", exist="update", scheduler="sync"
            )
            assert len(visible(tmp_path / "out")) == 4

    def test_parts_of_one_file_are_numbered(self, tmp_path: Path) -> None:
        put(tmp_path / "in" / "a.json", *range(200))
        put(tmp_path / "in" / "b.json", 1)
        bag = bk.read_text(str(tmp_path / "in/*.json"), blocksize=30)
        manifest = bag.to_jsonl(tmp_path / "out", exist="update", scheduler="sync")
        assert [Path(path).name for path in manifest.paths[:2]] == ["a-00.jsonl", "a-01.jsonl"]
        assert Path(manifest.paths[-1]).name == "b.jsonl"
        first, second, *_ = [file.inputs[0] for file in manifest.files]
        assert (first.start, first.stop, second.start) == (0, second.start, first.stop)
        assert read_back(manifest) == bag.compute(scheduler="sync")


class TestRefused:
    def test_what_can_not_be_updated(self, job: Job) -> None:
        bag = bk.read_json(str(job.folder / "*.json"))
        with pytest.raises(bk.PlanError, match="got a list of paths"):
            bag.to_jsonl([f"{n}.jsonl" for n in range(4)], exist="update")
        with pytest.raises(bk.PlanError, match="name_function names files by the numbers"):
            bag.to_jsonl(job.out, exist="update", name_function=str)
        with pytest.raises(bk.PlanError, match="compute=False writes nothing"):
            bag.to_jsonl(job.out, exist="update", compute=False)

    def test_files_of_others_are_not_replaced(self, job: Job) -> None:
        put(job.out / "b.jsonl", "mine")
        with pytest.raises(bk.OutputExistsError, match=r"b\.jsonl exists, and nothing tells what it was made of"):
            job.run()
        (job.out / "b.jsonl").rename(job.out / "e.jsonl")
        job.run()
        put(job.folder / "e.json", {"of": "e"})
        with pytest.raises(bk.OutputExistsError, match=r"e\.jsonl exists, and nothing tells what it was made of"):
            job.run()
        assert (job.out / "e.jsonl").read_text() == '"mine"\n'

    def test_what_was_written_is_not_read(self, job: Job) -> None:
        job.run()
        bag = bk.read_text(str(job.out / "*.jsonl"))
        with pytest.raises(bk.PlanError, match=r"it is also read from|was written here by the last run"):
            bag.to_jsonl(job.out / "*.jsonl", exist="update", scheduler="sync")

    def test_a_damaged_account_is_not_believed(self, job: Job) -> None:
        job.run()
        (account,) = job.out.glob(".bagkit-*")
        account.write_bytes(account.read_bytes().replace(b"a.jsonl", b"z.jsonl"))
        with pytest.raises(bk.ResumeMismatchError, match="the account of what was written is damaged"):
            job.run()
        assert job.run(exist="overwrite")[1] == "abcd"


def test_a_file_touched_but_not_changed_is_done_again_and_a_remote_one_without_sign_too(tmp_path: Path) -> None:
    import fsspec

    put(tmp_path / "in" / "a.json", 1)
    for _ in range(2):
        found = bk.read_json(tmp_path / "in" / "a.json").to_jsonl(tmp_path / "out", exist="update", scheduler="sync")
        assert found.kept == 0
        os.utime(tmp_path / "in" / "a.json", ns=(1, 1 + found.files[0].inputs[0].mtime_ns))
    fsspec.filesystem("memory").pipe_file("/update/a.json", b"1\n")
    for _ in range(2):
        found = bk.read_json("memory://update/a.json").to_jsonl("memory://update/out", exist="update", scheduler="sync")
        assert (found.kept, found.paths) == (0, ["memory://update/out/a.jsonl"])
