"""Counting by reason: as on plain lists, whatever runs the program, and however often a task is tried."""

from __future__ import annotations

import json
import operator
import os
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.flow.tallies import LONGEST, MOST, OTHERS
from tests.examples import examples

WAYS: list[dict[str, Any]] = [
    {"scheduler": "sync"},
    {"scheduler": "sync", "optimize": False},
    {"scheduler": "threads", "workers": 2},
    {"scheduler": "processes", "workers": 2},
]


def mark(by: int, number: int) -> int:
    if number % by == 0:
        bk.tally(f"by {by}")
    return number + 1


def reason(by: int, number: int) -> str:
    return f"rest {number % by}"


def on_bag(program: list[tuple[str, int]], bag: Any) -> Any:
    for name, by in program:
        match name:
            case "map":
                bag = bag.map(partial(mark, by))
            case "filter":
                bag = bag.filter(partial(operator.mod, 17), reason=partial(reason, by))
            case "remove":
                bag = bag.remove(by.__eq__, reason="the number")
    return bag


def on_lists(program: list[tuple[str, int]], numbers: list[int]) -> tuple[list[int], dict[str, int]]:
    counts: Counter[str] = Counter()
    for name, by in program:
        match name:
            case "map":
                counts.update(f"by {by}" for number in numbers if number % by == 0)
                numbers = [number + 1 for number in numbers]
            case "filter":
                counts.update(reason(by, number) for number in numbers if number and 17 % number == 0)
                numbers = [number for number in numbers if 17 % number]
            case "remove":
                counts.update("the number" for number in numbers if number == by)
                numbers = [number for number in numbers if number != by]
    return numbers, dict(counts)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_counts_are_those_of_lists(way: dict[str, Any]) -> None:
    programs = st.lists(
        st.tuples(st.sampled_from(["map", "filter", "remove"]), st.integers(2, 5)), min_size=1, max_size=4
    )

    @examples(20 if way["scheduler"] == "sync" else 2)
    @given(programs, st.lists(st.integers(1, 40), max_size=30), st.integers(1, 4))
    def check(program: list[tuple[str, int]], numbers: list[int], npartitions: int) -> None:
        expected = on_lists(program, numbers)
        bag = on_bag(program, bk.from_sequence(numbers, npartitions=npartitions))
        with bk.Tallies() as counts:
            assert bag.compute(**way) == expected[0]
        assert counts == expected[1]
        assert list(counts.values()) == sorted(counts.values(), reverse=True)

    check()


def lines(folder: Path) -> Any:
    for number in range(3):
        rows = [{"n": n, "name": "ab"[n % 2] * (n % 4), "more": [n]} for n in range(number, 400)]
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return bk.read_text([folder / f"{number}.jsonl" for number in range(3)])


def has_name(record: dict[str, Any]) -> bool:
    return bool(record["name"]) or bool(bk.tally("no name"))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_passes_leave_out_is_counted(tmp_path: Path, way: dict[str, Any]) -> None:
    """Lines are searched, and records made of the fields that filters read: only where it counts the same."""
    texts = lines(tmp_path)
    numbers = [n for start in range(3) for n in range(start, 400)]
    found = texts.filter(lambda line: "bb" in line, reason=lambda line: "aa" if "aa" in line else "none")
    with bk.Tallies() as of_lines:
        assert found.map(json.loads).count().compute(**way) == len([n for n in numbers if n % 4 == 3])
    assert of_lines == Counter("aa" if n % 4 == 2 else "none" for n in numbers if n % 4 != 3)
    records = texts.map(json.loads).filter(has_name).filter(lambda r: r["n"] > 9, reason=lambda r: r["name"][0])
    with bk.Tallies() as of_records:
        total = records.map(lambda r: r["more"][0]).sum().compute(**way)
    named = [n for n in numbers if n % 4]
    assert total == sum(n for n in named if n > 9)
    few = Counter("ab"[n % 2] for n in named if n <= 9)
    assert of_records == {"no name": len(numbers) - len(named), **few}


def add(total: int, number: int) -> int:
    bk.tally("added")
    if number == 7:
        raise ValueError(number)
    return total + number


def test_a_task_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    """A worker is killed, a task retried, a reduction tries records one by one: the attempt counts that won."""

    def dies_once(number: int) -> int:
        bk.tally("seen")
        if number == 5 and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 25 and not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ValueError(number)
        return number

    numbers = bk.range(40, npartitions=4)
    with bk.Tallies() as counts:
        assert numbers.map(dies_once).count().compute(scheduler="processes", workers=2, retries=1) == 40
    assert counts == {"seen": 40}
    marked = numbers.map(partial(mark, 2))
    total = marked.fold(add, operator.add, initial=0)
    for others in ([], [marked.count()]):  # with others the records of one read go to both
        with bk.Tallies() as counts, pytest.warns(bk.SkippedRecordsWarning):
            found = bk.compute(total, *others, scheduler="sync", on_error="skip")
        assert found[0] == sum(range(1, 41)) - 7
        assert counts == {"by 2": 20, "added": 39}


def test_where_the_counts_are(tmp_path: Path) -> None:
    bag = bk.range(20, npartitions=2).filter(lambda x: x % 3, reason="<third>")
    with bk.Profile() as profile:
        got = bag.compute(scheduler="sync", on_error="collect")
    assert got.tallies == profile.tallies() == {"<third>": 7}
    assert repr(got) == "Collected(list of 13; no failure; counted: 7 <third>)"
    manifest = bag.to_jsonl(tmp_path / "one", scheduler="sync")
    assert manifest.tallies == {"<third>": 7}
    assert repr(manifest).endswith("; counted: 7 <third>)")
    with bk.Tallies() as counts:
        bag.compute(scheduler="sync")
    for shown in (got, profile, manifest, counts):
        assert "&lt;third&gt;" in shown._repr_html_()
    with bk.report(tmp_path / "report.html"):
        bag.compute(scheduler="sync")
    page = (tmp_path / "report.html").read_text()
    assert "Counted" in page
    assert "&lt;third&gt;" in page
    with bk.Tallies() as counts:
        assert bk.delayed(mark)(2, 4).compute(scheduler="sync") == 5
        assert bag.take(2, scheduler="sync") == (1, 2)
        assert bag.map(lambda x: {"x": x}).to_dataframe(scheduler="sync", on_error="collect").tallies == {"<third>": 7}
    assert counts == {"by 2": 1, "<third>": 1 + 7}


@pytest.mark.parametrize("grouped", [False, True])
def test_files_that_are_kept_keep_their_counts(tmp_path: Path, grouped: bool) -> None:
    """A run that goes on, or updates, tells the counts of all files, also where others have read for them."""
    place, once = tmp_path / "out", tmp_path / "once"

    def fails(number: int) -> int:
        if number == 19 and not once.exists():
            once.touch()
            raise ValueError(number)
        return number

    bag: Any = bk.range(20, npartitions=4).filter(lambda x: x % 3, reason="a third")
    bag = (bag.groupby(lambda x: x % 4, npartitions=4).map(lambda pair: max(pair[1])) if grouped else bag).map(fails)
    with pytest.raises(ValueError, match="19"):
        bag.to_jsonl(place, scheduler="sync")
    for _ in range(2):
        manifest = bag.to_jsonl(place, scheduler="sync", exist="resume")
        assert (manifest.tallies, len(manifest.files)) == ({"a third": 7}, 4)


@pytest.mark.parametrize("shared", [lambda b: b, lambda b: b.groupby(lambda x: x % 2)], ids=["read", "below"])
@pytest.mark.parametrize("way", WAYS)
def test_a_task_for_several_outputs_counts_once_when_its_files_are_kept(
    tmp_path: Path, way: dict[str, Any], shared: Any
) -> None:
    bag = shared(bk.range(20, npartitions=4).filter(lambda x: x % 3, reason="a third").map(lambda x: x))
    places = [tmp_path / name for name in ("a", "b", "c")]
    for _ in range(2):
        outputs = [bag.to_jsonl(place, exist="resume", compute=False) for place in places]
        assert [made.tallies for made in bk.compute(*outputs, **way)] == [{"a third": 7}] * 3


def test_shards_are_added_up(tmp_path: Path) -> None:
    bag = bk.range(20, npartitions=4).filter(lambda x: x % 3, reason="a third")
    parts = [bag.shard(k, of=2).to_jsonl(tmp_path, scheduler="sync") for k in range(2)]
    assert [part.tallies for part in parts] == [{"a third": 3}, {"a third": 4}]
    assert bk.merge_manifests(parts).tallies == {"a third": 7}


def test_millions_of_reasons_are_few() -> None:
    def why(number: int) -> str:
        return "often" if number % 10 == 0 else f"{number}" * LONGEST

    with bk.Tallies() as counts:
        bk.range(30_000, npartitions=3).filter(lambda x: False, reason=why).compute(scheduler="sync")
    assert len(counts) <= MOST
    assert sum(counts.values()) == 30_000
    assert max(map(len, counts)) == LONGEST
    assert next(iter(counts)) == "often"
    assert counts["often"] == 3000
    assert list(counts)[-1] == OTHERS


def test_outside_of_runs() -> None:
    """A function can be called alone; a block counts what its thread does."""
    assert mark(2, 4) == 5
    with bk.Tallies() as outer, bk.Tallies() as inner:
        mark(2, 4)
        bk.tally("more", 3)
        bk.tally("more", 0)
    bk.tally("later")
    assert outer == inner == {"by 2": 1, "more": 3}
    assert repr(outer) == "Tallies({'more': 3, 'by 2': 1})"
    assert "nothing was counted" in bk.Tallies()._repr_html_()


def test_reasons_are_text() -> None:
    bag = bk.from_sequence(["ab"]).filter(str.isdigit, reason=len)  # type: ignore[arg-type]  # that is the error
    with pytest.raises(TypeError, match=r"filter: the reason of a record is 2; expected text; hint: str\(") as raised:
        bag.compute(scheduler="sync")
    assert "at from_sequence, record 0, partition 0" in " ".join(raised.value.__notes__)


def test_rejects_and_drops() -> None:
    """What fails in a reason has failed; what fails elsewhere is not counted."""

    def numbers() -> Iterator[Any]:
        yield from (1, "x", 2, None, 30)

    def is_large(value: Any) -> bool:
        return isinstance(value, int) and value > 10

    def why(value: Any) -> str:
        return "small" if value else str(1 / 0)

    bag = bk.from_sequence(list(numbers()), npartitions=1).filter(is_large, reason=why)
    good, bad = bag.split_errors()
    with bk.Tallies() as counts:
        records, rejects = bk.compute(good, bad, scheduler="sync")
    assert records == [30]
    assert [(each["input"], each["error"]) for each in rejects] == [(None, "ZeroDivisionError")]
    assert "is_large" in rejects[0]["operation"]
    assert counts == {"small": 3}


@pytest.mark.parametrize("way", ["records leave", "a state", "an exchange", "both"])
def test_the_attempt_of_a_worker_that_is_killed_counts_nothing(tmp_path: Path, way: str) -> None:
    """It is killed at the first record of a task, in the middle, and at the last, when all others have counted."""

    def dies_once(number: int) -> int:
        bk.tally("seen")
        if number in (0, 25, 39) and not (tmp_path / str(number)).exists():
            (tmp_path / str(number)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    bag = bk.range(40, npartitions=4).map(dies_once).filter(lambda number: number % 4, reason="fourth")
    asked = {
        "records leave": [bag],
        "a state": [bag.sum()],
        "an exchange": [bag.groupby(abs)],
        "both": [bag, bag.frequencies()],
    }
    with bk.Tallies() as counts, bk.Profile() as profile:
        got = bk.compute(*asked[way], scheduler="processes", workers=2, on_error="collect")
    assert {path.name for path in tmp_path.iterdir()} == {"0", "25", "39"}
    assert got[0].tallies == counts == profile.tallies() == {"seen": 40, "fourth": 10}
