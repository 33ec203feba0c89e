"""bag.cache(folder): what is read, what is made, and that what is read is what would be made."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest

import bagkit as bk
from bagkit.exchange.frames import FrameFile
from bagkit.io.output import cache as caches
from tests.wheels import ALL_HAVE_WHEELS


class Job:
    """Three files of records, whose cleaning tells which of them it was called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept, self.calls = folder, folder / "kept", folder / "calls"
        for letter in "abc":
            self.put(letter, 5)

    def put(self, letter: str, count: int) -> None:
        (self.folder / f"{letter}.json").write_text("".join(f'{{"of": "{letter}", "n": {n}}}\n' for n in range(count)))

    def made(self) -> Any:
        calls = str(self.calls)

        def clean(record: dict[str, Any]) -> Any:
            import datetime
            from collections import OrderedDict

            with open(calls, "a") as file:
                file.write(record["of"])
            values = (1, 1.0, True, None, "ü", b"\0", float("inf"), {1, 2}, datetime.date(2026, 11, 27), 2**70)
            return OrderedDict(of=record["of"], left=5 // (record["n"] - 7), values=values)

        return bk.read_json(str(self.folder / "*.json")).map(clean)

    def bag(self, **options: Any) -> Any:
        return self.made().cache(self.kept, **options)

    def called(self) -> str:
        """Return the files that were read since this was asked the last time."""
        found = self.calls.read_text() if self.calls.exists() else ""
        self.calls.write_text("")
        return "".join(sorted(set(found)))

    def entries(self) -> list[Path]:
        return sorted(self.kept.iterdir())


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def same(one: Any, other: Any) -> bool:
    return bool(one == other) and repr(one) == repr(other)


def test_later_runs_read_what_the_first_has_made_partition_by_partition(job: Job, capsys: Any) -> None:
    expected = job.made().compute(scheduler="sync")
    assert job.called() == "abc"
    assert same(job.bag().compute(scheduler="processes", workers=2), expected)
    assert job.called() == "abc"
    for scheduler in ("processes", "sync", "threads"):
        assert same(job.bag().compute(scheduler=scheduler), expected)
    assert job.bag().pluck("of").frequencies().compute(scheduler="sync") == [("a", 5), ("b", 5), ("c", 5)]
    assert job.called() == ""
    job.put("b", 3)
    job.put("bb", 2)
    job.bag().count().explain()
    shown = capsys.readouterr().out
    assert re.search(r"2 tasks +read cache\(", shown)
    assert re.search(r"2 tasks +read_text\((?s:.)*-> keep in cache\(", shown)
    assert job.bag().pluck("of").compute(scheduler="sync") == [*"aaaaa", *"bbb", "bb", "bb", *"ccccc"]
    assert job.called() == "b"
    both = job.bag().map_partitions(len), job.bag().count()
    assert bk.compute(*both, scheduler="sync") == ([5, 3, 2, 5], 15)
    assert job.called() == ""
    job.bag().explain()
    shown = capsys.readouterr().out
    assert ("read cache(" in shown, "keep in cache(" in shown) == (True, False)


def test_what_is_brought_together_is_kept_too(job: Job) -> None:
    def grouped() -> Any:
        return job.made().groupby("of", npartitions=2).cache(job.kept).map_values(len)

    for _ in range(2):
        assert sorted(grouped().compute(scheduler="sync")) == [("a", 5), ("b", 5), ("c", 5)]
    assert (job.called(), grouped().count().compute(scheduler="sync"), job.called()) == ("abc", 3, "")
    job.put("c", 1)
    assert sorted(grouped().compute(scheduler="sync")) == [("a", 5), ("b", 5), ("c", 1)]
    assert job.called() == "abc"


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "other"])
def test_what_is_not_whole_is_made_again(job: Job, harm: str) -> None:
    expected = job.bag().compute(scheduler="sync")
    first, second, _ = job.entries()
    data = first.read_bytes()
    middle = len(data) // 2
    first.write_bytes(
        {
            "cut": data[:-1],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "other": second.read_bytes()[::-1],
        }[harm]
    )
    job.called()
    assert same(job.bag().compute(scheduler="sync"), expected)
    assert len(job.called()) == 1
    assert same(job.bag().compute(scheduler="sync"), expected)
    assert job.called() == ""


def test_only_whole_partitions_are_kept(job: Job) -> None:
    job.bag().take(2, scheduler="sync")
    job.bag().explain(analyze=True, scheduler="sync")
    job.put("b", 9)  # where a record fails
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped"):
        assert len(job.bag().compute(scheduler="sync", on_error="skip")) == 18
    good, bad = job.bag().split_errors()
    assert bk.compute(good.count(), bad.count(), scheduler="sync") == (18, 1)
    assert not job.kept.exists() or not job.entries()
    with pytest.raises(ZeroDivisionError):
        job.bag().compute(scheduler="sync")
    assert [path.suffix for path in job.entries()] == [".cache"]
    assert bk.cache_clear(job.kept) == 1


def test_the_folder_keeps_to_its_limit(job: Job) -> None:
    job.bag().compute(scheduler="sync")
    size = max(path.stat().st_size for path in job.entries())
    old = {path: time.time() - 1000 - n for n, path in enumerate(job.entries())}
    for path, used in old.items():
        os.utime(path, (used, path.stat().st_mtime))
    (job.kept / "mine.cache").write_text("not an entry")
    job.put("d", 5)
    bk.read_json(str(job.folder / "d.json")).cache(job.kept, limit=size * 2).compute(scheduler="sync")
    there = set(job.entries())
    assert [path in there for path in old] == [True, False, False]  # the least recently used went
    assert sum(path.stat().st_size for path in there if len(path.name) > 20) <= size * 2
    assert bk.range(1000, npartitions=1).cache(job.kept, limit=10).sum().compute(scheduler="sync") == 499500
    assert (bk.cache_clear(job.kept), [path.name for path in job.entries()]) == (2, ["mine.cache"])


def test_an_entry_that_can_not_be_removed(job: Job) -> None:
    job.bag().compute(scheduler="sync")
    stays = job.kept / f"{'0' * 32}.cache"
    stays.mkdir()  # no file, which even root can't unlink
    os.utime(stays, (1, 1))
    assert bk.range(9, npartitions=1).cache(job.kept, limit="1 kB").sum().compute(scheduler="sync") == 36
    with pytest.raises(bk.OutputError, match=rf"^cache_clear: {stays} can't be removed: "):
        bk.cache_clear(job.kept)


def test_other_versions_and_other_code_have_their_own_entries(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.bag().compute(scheduler="sync")
    job.called()
    monkeypatch.setattr(caches, "versions", lambda: {"bagkit": "0.0.1", "python": "3.9"})
    job.bag().compute(scheduler="sync")
    assert job.called() == "abc"
    monkeypatch.undo()
    assert job.made().pluck("of").cache(job.kept).compute(scheduler="sync") == [*"aaaaabbbbbccccc"]
    assert job.called() == "abc"
    assert job.made().cache(job.kept).pluck("of").compute(scheduler="sync") == [*"aaaaabbbbbccccc"]
    assert job.called() == ""


def test_a_model_that_asks_for_something_else_is_other_code(job: Job) -> None:
    def struct(extra: Any = 1, **config: Any) -> Any:
        return msgspec.defstruct("Model", [("n", int), ("extra", Any, extra)], module=__name__, **config)

    def pydantics(**asked: Any) -> Any:
        pydantic = importlib.import_module("pydantic")
        return pydantic.create_model("Model", __module__=__name__, n=(int, pydantic.Field(**asked)))

    def typed(total: bool) -> Any:
        return TypedDict("Model", {"n": int, "left": int}, total=total)  # type: ignore[misc, operator]  # made anew

    models = [
        (lambda: struct(), lambda: struct(2), lambda: struct(msgspec.field(default_factory=list))),
        (lambda: struct(), lambda: struct(rename={"extra": "of"}), lambda: struct(forbid_unknown_fields=True)),
        (lambda: typed(False), lambda: typed(True)),
    ]
    if ALL_HAVE_WHEELS:
        models.append((lambda: pydantics(le=9), lambda: pydantics(le=3), lambda: pydantics(alias="of")))
    records = bk.read_json(job.folder / "*.json")

    def outcome(bag: Any) -> str:
        try:
            return repr(bag.map(repr).cache(job.kept).compute(scheduler="sync"))
        except bk.errors.ValidationError as error:
            return str(error)

    for kinds in models:
        found = [outcome(records.validate(kind())) for kind in kinds]
        assert len(set(found)) == len(kinds)
        assert [outcome(records.validate(kind())) for kind in kinds] == found


@pytest.mark.parametrize("method", ["add", "add_index"])
def test_no_record_is_blamed_for_a_full_disk(job: Job, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def no_room(self: FrameFile, data: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FrameFile, method, no_room)
    with pytest.raises(bk.OutputError, match=r"^keep in cache\(.*No space left on device; [\d,]+ MB are fr") as caught:
        bk.range(9, npartitions=1).map(str).cache(job.kept).compute(scheduler="sync")
    assert [note.partition("(")[0] for note in caught.value.__notes__] == ["in keep in cache"]
    assert not job.entries()


def test_what_can_not_be_kept_is_said(job: Job) -> None:
    lock = threading.Lock()
    with pytest.raises(bk.NotPicklableError, match="cache: a record of the type lock can't be kept"):
        bk.range(1, npartitions=1).map(lambda _: threading.Lock()).cache(job.kept).compute(scheduler="sync")
    own = type("Own", (), {"__module__": "__main__"})
    with pytest.raises(bk.NotPicklableError, match="a record of the type lock can't be kept") as caught:
        bk.range(9, npartitions=1).map(lambda n: threading.Lock() if n == 5 else n).cache(job.kept).compute(
            scheduler="sync"
        )
    assert caught.value.__notes__[0] == "at record 5 of the partition"
    assert caught.value.__notes__[1].startswith("record: <unlocked _thread.lock object")
    with pytest.raises(bk.NotPicklableError, match="Own is of the program itself"):
        bk.range(1, npartitions=1).map(lambda _: [own()]).cache(job.kept).compute(scheduler="sync")
    with pytest.warns(UserWarning, match="nothing is kept, as no later run could tell"):
        assert bk.range(2, npartitions=1).map(lambda x, _: x, lock).cache(job.kept).compute(scheduler="sync") == [0, 1]
    assert not job.entries()
    (job.folder / "file").touch()
    for folder, message in (("", "folder is ''"), ("s3://a", "is a URL"), (job.folder / "file", "is a file")):
        with pytest.raises(bk.PlanError, match=message):
            job.made().cache(folder)
    with pytest.raises(bk.PlanError, match="limit"):
        job.bag(limit="many")
    job.bag().compute(scheduler="sync")
    with bk.options(scheduler="sync"):
        run = iter(job.bag())
        next(run)
        bk.cache_clear(job.kept)
    with pytest.raises(bk.SourceError, match="an entry of the cache can't be read"):
        list(run)


def test_json_is_what_it_was(job: Job) -> None:
    texts = ["1", "1.0", "NaN", '"a"', '{"a": [1, {"b": null}]}', "12345678901234567890123", "1e400"]
    bag = bk.from_sequence(texts, npartitions=2).map(json.loads).cache(job.kept)
    found = [[repr(value) for value in bag.compute(scheduler="sync")] for _ in range(2)]
    assert found == [[repr(json.loads(text)) for text in texts]] * 2
