"""Records that are nested about as deep as json.loads can follow, and deeper than pickle can."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

DEPTHS = [1, 400, *range(940, 1010), 100_000]
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "read": lambda bag: bag,
    "count": lambda bag: bag.count(),
    "map": lambda bag: bag.map(len),
    "filter": lambda bag: bag.filter(len),
    "frequencies": lambda bag: bag.map(len).frequencies(),
    "groupby": lambda bag: bag.groupby(len),
    "sort_by": lambda bag: bag.sort_by(len),
    "distinct": lambda bag: bag.distinct(len),
    "topk": lambda bag: bag.topk(2, len),
}
SENT: dict[str, Callable[[Any], Any]] = {
    "compute": lambda bag: bag,
    "groupby": lambda bag: bag.groupby(lambda record: record["id"] % 2),
    "sort_by": lambda bag: bag.sort_by("id"),
    "topk": lambda bag: bag.topk(30, "id"),
    "distinct": lambda bag: bag.distinct("id"),
    "join": lambda bag: bag.join(bk.from_sequence([{"id": 2}], npartitions=1), "id"),
    "fold": lambda bag: bag.fold(lambda found, record: [*found, record], lambda a, b: a + b, initial=[]),
}


def fits(depth: int) -> bool:
    try:
        json.loads("[" * depth + "]" * depth)
    except RecursionError:
        return False
    return True


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("deep") / "deep.json"
    path.write_text("".join(f"{'[' * depth}{']' * depth}\n" for depth in DEPTHS))
    return str(path)


def skipped_lines(bag: Any, scheduler: str) -> list[int]:
    got = bag.compute(scheduler=scheduler, on_error="collect")
    assert {type(failure.error) for failure in got.failures} == {RecursionError}
    return [failure.place.line for failure in got.failures]


def test_the_same_records_fail_everywhere(path: str) -> None:
    found = {
        (name, scheduler): skipped_lines(operation(bk.read_json(path)), scheduler)
        for number, (name, operation) in enumerate(OPERATIONS.items())
        for scheduler in ("sync", ("threads", "processes")[number % 2])
    }
    first, *others = found.values()
    assert all(lines == first for lines in others), found
    assert first[-1] == len(DEPTHS)
    assert all(line - 1 not in [DEPTHS.index(depth) for depth in DEPTHS if fits(depth)] for line in first), (
        "those that json.loads takes from here are parsed"
    )


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_result_that_pickle_can_not_follow_says_which_record() -> None:
    bag = bk.from_sequence([1, 2, 50_000, 3], npartitions=1).map(nested)
    with pytest.raises(bk.NotPicklableError) as caught:
        bag.compute(scheduler="processes")
    assert "partition 0: `[2]` of the result's batch 0 is nested too deeply to be pickled" in str(caught.value)
    assert "hint: scheduler='threads'" in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(bag.compute(scheduler="threads", on_error="skip")) == 4


def deep_trees(number: int) -> dict[str, Any]:
    return {"id": number, "tree": nested(50_000 if number == 2 else 3)}


@pytest.mark.parametrize("operation", SENT)
def test_also_where_it_is_sent_to_other_workers(operation: str) -> None:
    bag = SENT[operation](bk.from_sequence(range(4), npartitions=2).map(deep_trees))
    with pytest.raises(bk.NotPicklableError) as caught:
        bag.compute(scheduler="processes", workers=1, on_error="skip")
    assert "['tree']` of the result" in str(caught.value)
    assert "it is in {'id': 2, 'tree': [[[...]]]}" in caught.value.__notes__


def test_what_makes_text_of_each_record_skips_it_everywhere(tmp_path: Path) -> None:
    def deeper_trees(number: int) -> dict[str, Any]:  # Python 3.14 goes deeper, as far as the stack does
        return {"id": number, "tree": nested(1_000_000 if number == 2 else 3)}

    bag = bk.from_sequence(range(4), npartitions=2).map(deeper_trees)
    for scheduler in ("sync", "threads", "processes"):
        with pytest.warns(bk.SkippedRecordsWarning, match="record 0, partition 1"):
            bag.map(json.dumps).compute(scheduler=scheduler, on_error="skip")
        with pytest.warns(bk.SkippedRecordsWarning, match="record 0, partition 1"):
            bag.to_jsonl(tmp_path / scheduler, scheduler=scheduler, on_error="skip")


def checked(number: int) -> dict[str, Any]:
    return deep_trees(int("no number" if number == 0 else number))


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("method", ["to_dataframe", "to_arrow"])
def test_a_record_that_is_too_deep_for_columns_has_its_place(method: str, scheduler: str) -> None:
    bag = bk.from_sequence(range(4), npartitions=1).map(checked)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(bk.ColumnTypeError) as error:
            getattr(bag, method)(scheduler=scheduler, on_error="skip")
    assert "the record is nested too deeply for columns" in str(error.value)
    assert any("record 2, partition 0" in note for note in error.value.__notes__)
    assert len(caught) == 1
