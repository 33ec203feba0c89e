"""A failure goes through its plan again: the same record, the same error, here."""

from __future__ import annotations

import gzip
import io
import json
import pdb
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

WAYS: list[dict[str, Any]] = [{"scheduler": "sync"}, {"scheduler": "processes", "workers": 2}]


def shares(record: dict[str, Any], total: int = 6) -> float:
    part = int(record["n"]) - 3
    return total / part


def sources(folder: Path) -> list[bk.Bag[Any]]:
    rows = [{"n": number % 5, "é": "ü"} for number in range(400)]
    lines = "".join([json.dumps(row) + "\n" for row in rows])
    (folder / "a.jsonl").write_text(lines)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "a.json").write_text(json.dumps(rows, indent=1))
    (folder / "a.csv").write_text("n,m\n" + "".join([f'{row["n"]},"x\ny"\n' for row in rows]))
    return [
        bk.from_sequence(rows, npartitions=3),
        bk.read_json([folder / "a.jsonl", folder / "b.jsonl.gz"]),
        bk.read_text(folder / "a.jsonl", blocksize=500).map(json.loads).filter(lambda record: record["n"] != 1),
        bk.read_json(folder / "a.json", lines=False),
        bk.read_csv(folder / "a.csv"),
        bk.concat([bk.from_sequence([{"n": 1}]), bk.read_json(folder / "b.jsonl.gz")]),
        bk.from_sequence(rows).pluck("n").frequencies().map(lambda pair: {"n": pair[0]}),
    ]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_record_fails_again_as_it_did(tmp_path: Path, way: dict[str, Any]) -> None:
    for source in sources(tmp_path)[:: 1 if way["scheduler"] == "sync" else 3]:
        bag = source.on_error("collect").map(shares, bk.from_sequence([2, 4]).sum()).map(str)
        failures = bag.compute(on_error="collect", **way).failures
        assert failures
        for failure in (failures[0], failures[-1]):
            with pytest.raises(ZeroDivisionError) as caught:
                failure.replay()
            notes = caught.value.__notes__
            assert "in map(test_replaying.shares)" in notes
            assert any(str(failure.where) in note for note in notes)
        fewer = bag.filter(None).on_error("collect").frequencies().compute(on_error="collect", **way).failures
        with pytest.raises(ZeroDivisionError):
            fewer[0].replay()


def test_what_does_not_fail_this_time_gives_what_it_becomes(tmp_path: Path) -> None:
    fails = True

    def sometimes(number: int) -> list[int]:
        if fails and number == 2:
            raise OSError("the server is busy")
        return [number, number]

    bag = bk.from_sequence([1, 2, 3]).flat_map(sometimes).map(str)
    (failure,) = bag.compute(scheduler="sync", on_error="collect").failures
    fails = False
    assert failure.replay() == ["2", "2"]


def test_the_debugger_stands_in_the_users_function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (failure,) = bk.from_sequence(["{1}"]).map(parsed).compute(scheduler="sync", on_error="collect").failures
    monkeypatch.setattr(pdb, "Pdb", Scripted)
    assert failure.replay(pdb=True) is None
    said = capsys.readouterr().out
    assert "JSONDecodeError: Expecting property name" in said
    assert "parsed()" in said
    assert "'{1}'" in said


class Scripted(pdb.Pdb):
    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **{**keywords, "stdin": io.StringIO("p text\nq\n"), "stdout": sys.stdout})


def parsed(text: str) -> Any:
    return json.loads(text)


def test_what_can_not_be_had_again_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1\nx\n")
    (failure,) = bk.read_text(path).map(int).compute(scheduler="sync", on_error="collect").failures
    copied = pickle.loads(pickle.dumps(failure))
    assert (copied.operation, copied.where) == (failure.operation, failure.where)
    with pytest.raises(bk.PlanError, match="replay: the plan that the record failed in is not known"):
        copied.replay()
    path.write_text("1\n2\n3\n")
    with pytest.raises(bk.InputChangedError):
        failure.replay()
    two = bk.from_sequence([1, 2]), bk.from_sequence([0, 1])
    (failure,) = bk.map(divmod, *two).compute(scheduler="sync", on_error="collect").failures
    with pytest.raises(bk.PlanError, match="replay: the record can't be read again; got from_sequence, record 0"):
        failure.replay()
