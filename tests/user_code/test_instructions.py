"""Functions with integers of more than 4,300 digits: Python makes no text of them."""

from __future__ import annotations

import dis
import json
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.user_code.instructions import instructions_of
from tests.each_case import each_case

HUGE = f"0x{'f' * 5000}"


def made(text: str) -> Any:
    """Return the lambda that `text` is, in which HUGE stands for such an integer."""
    return eval(text.replace("HUGE", HUGE), {"json": json, "bk": bk})


def lines(folder: Path) -> bk.Bag[str]:
    """Return a bag of JSON records, read from two files."""
    for number in range(2):
        Path(folder, f"{number}.jsonl").write_text('{"name": "a", "n": 1}\n{"name": "b", "n": 2}\n')
    return bk.read_text(f"{folder}/*.jsonl")


CASES = {
    "map": (lambda bag: bag.map(json.loads).map(made("lambda r: r['n'] % HUGE")), [1, 2, 1, 2]),
    "filter": (lambda bag: bag.map(json.loads).filter(made("lambda r: r['n'] < HUGE")).pluck("n"), [1, 2, 1, 2]),
    "in": (lambda bag: bag.map(json.loads).filter(made("lambda r: r['n'] in (1, HUGE)")).pluck("n"), [1, 1]),
    "foldby": (
        lambda bag: bag.map(json.loads).foldby("name", made("lambda t, r: (t + r['n']) % HUGE"), 0, made("max")),
        [("a", 1), ("b", 2)],
    ),
    "groupby": (
        lambda bag: bag.map(json.loads).groupby(made("lambda r: r['n'] % HUGE"), npartitions=1).pluck(0),
        [1, 2],
    ),
    "map of dumps": (lambda bag: bag.map(json.loads).map(made("lambda r: json.dumps(r, ensure_ascii=HUGE)"))
                     .map(len), [21, 21, 21, 21]),
    "a default": (lambda bag: bag.map(json.loads).pluck("no", made("HUGE")).map(int.bit_length), [20000] * 4),
    "a keyword": (lambda bag: bag.map(len).map(lambda n, of: n % of, of=made("HUGE")), [22, 22, 22, 22]),
}  # fmt: skip


@each_case("make, expected", CASES.values(), ids=CASES)
def test_functions_with_huge_integers_run(make: Any, expected: Any, tmp_path: Path) -> None:
    for scheduler in ("sync", "processes"):
        assert make(lines(tmp_path)).compute(scheduler=scheduler, workers=1) == expected


def test_outputs_of_such_functions_are_resumed(tmp_path: Path) -> None:
    records = lines(tmp_path)

    def written(factor: int) -> None:
        bag = records.map(len).map(lambda n, of: n % of, of=factor)
        bag.to_jsonl(tmp_path / "out", exist="resume", scheduler="sync")

    huge = made("HUGE")
    written(huge)
    times = [each.stat().st_mtime_ns for each in (tmp_path / "out").glob("*.jsonl")]
    written(huge)
    assert [each.stat().st_mtime_ns for each in (tmp_path / "out").glob("*.jsonl")] == times
    with pytest.raises(bk.ResumeMismatchError):
        written(huge + 1)


def test_errors_about_keys_with_huge_integers_make_no_text_of_them() -> None:
    huge, bag = made("HUGE"), bk.from_sequence([1], npartitions=1)
    with pytest.raises(bk.PlanError, match="got <set whose repr raises ValueError>"):
        bag.groupby({huge})
    with pytest.raises(bk.PlanError, match="the fraction of <int whose repr raises ValueError>"):
        bag.sample_by_key({huge: 2}, 1)  # type: ignore[misc]  # no pairs, which it does not come to see


def test_instructions_are_those_of_dis() -> None:
    def sample(record: Any, *rest: Any, names: tuple[str, ...] = ("a",)) -> Any:
        import os.path as path

        found = [record.get(name, 300) for name in names if name not in ("x", "y", None, 1.5)]
        return f"{path.sep!r:>{len(found)}}", max(*rest, key=lambda one: -one), {**record, "z": found}

    codes = [sample.__code__, *(each for each in sample.__code__.co_consts if hasattr(each, "co_code"))]
    for code in codes:
        ours, theirs = list(instructions_of(code)), list(dis.get_instructions(code))
        assert [(each.opname, each.arg, each.argval, each.offset, each.is_jump_target) for each in ours] == [
            (each.opname, each.arg, each.argval, each.offset, each.is_jump_target) for each in theirs
        ]
