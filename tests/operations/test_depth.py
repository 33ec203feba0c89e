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
