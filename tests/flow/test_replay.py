"""What can be read once: each of its users reads it from its beginning, on every scheduler and partitioning."""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case

SCHEDULERS = ("sync", "threads", "processes")
TEXT = "0\n1\n2\n"


class Own:
    """An iterator with attributes and a method."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.at = 0

    def __iter__(self) -> Own:
        return self

    def __next__(self) -> int:
        if self.at == self.count:
            raise StopIteration
        self.at += 1
        return self.at - 1

    def rest(self) -> list[int]:
        return list(self)


class OverGenerator:
    """An iterator that can't be copied, and has no methods."""

    def __init__(self, count: int) -> None:
        self._inside = (number for number in range(count))

    def __iter__(self) -> OverGenerator:
        return self

    def __next__(self) -> int:
        return next(self._inside)


class OverGeneratorWithRest(OverGenerator):
    def rest(self) -> list[int]:
        return list(self)


class Items:
    def __getitem__(self, index: int) -> int:
        return [0, 1, 2][index]


def until_nine(numbers: list[int]) -> Iterator[int]:
    return iter(numbers.pop, 9)


ITERATORS: dict[str, Callable[[], Any]] = {
    "list": lambda: iter([0, 1, 2]),
    "tuple": lambda: iter((0, 1, 2)),
    "range": lambda: iter(range(3)),
    "set": lambda: iter({0, 1, 2}),
    "dict": lambda: iter({0: 0, 1: 1, 2: 2}),
    "values of a dict": lambda: iter({0: 0, 1: 1, 2: 2}.values()),
    "text": lambda: iter("012"),
    "deque": lambda: iter(deque([0, 1, 2])),
    "reversed list": lambda: reversed([2, 1, 0]),
    "reversed range": lambda: reversed(range(3)),
    "__getitem__": lambda: iter(Items()),
    "function and sentinel": lambda: until_nine([9, 2, 1, 0]),
    "tee": lambda: itertools.tee([0, 1, 2])[0],
    "repeat": lambda: itertools.repeat(0, 3),
    "chain": lambda: itertools.chain([0], [1, 2]),
    "generator": lambda: (number for number in range(3)),
    "StringIO": lambda: io.StringIO(TEXT),
    "BytesIO": lambda: io.BytesIO(TEXT.encode()),
    "csv": lambda: csv.reader(TEXT.splitlines()),
    "own": lambda: Own(3),
    "over a generator": lambda: OverGenerator(3),
}


@each_case("scheduler", SCHEDULERS)
@each_case("make", ITERATORS.values())
def test_each_reader_begins_at_the_beginning(make: Callable[[], Any], scheduler: str) -> None:
    with bk.options(scheduler=scheduler, workers=2), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pickling what itertools makes
        expected = list(make())
        value = bk.delayed(make)()
        assert bk.compute(bk.from_delayed([value]), bk.from_delayed([value]).count()) == (expected, 3)
        value = bk.delayed(make)()
        assert bk.compute(bk.delayed(list)(value), bk.delayed(list)(value)) == (expected, expected)
        for npartitions in (1, 2):
            bag = bk.range(3, npartitions=npartitions)
            value = bk.delayed(make)()
            assert bag.map(lambda record, given: list(given), value).compute() == [expected] * 3
            assert bag.map(lambda record, given: list(given), given=value).compute() == [expected] * 3


@each_case("scheduler", SCHEDULERS)
def test_matches_which_can_not_be_sent(scheduler: str) -> None:
    value = bk.delayed(re.finditer)("a", "aaa")
    starts = bk.from_delayed([value]).map(lambda match: match.start())
    if scheduler != "processes":
        assert bk.compute(starts, starts.count(), scheduler=scheduler) == ([0, 1, 2], 3)
        return
    with pytest.raises(bk.NotPicklableError, match=r"finditer: `\[0\]` of the result is a re.Match"):
        bk.compute(starts, bk.delayed(list)(value), scheduler=scheduler)


@each_case("scheduler", SCHEDULERS)
@each_case("npartitions", (1, 3))
def test_iterators_that_are_written_as_arguments(npartitions: int, scheduler: str) -> None:
    bag = bk.range(3, npartitions=npartitions)
    makes = (iter, reversed, lambda numbers: map(abs, numbers), lambda numbers: (number for number in numbers))
    with bk.options(scheduler=scheduler, workers=2):
        for make in makes:
            expected = list(make([0, 1]))
            assert bag.map(lambda record, given: list(given), make([0, 1])).compute() == [expected] * 3
            total = bk.delayed(sum)(make([0, 1]))
            assert total.compute() == total.compute() == 1
        pairs = bag.map(lambda record: (record,))
        assert pairs.starmap(lambda record, given: list(given), given=iter([0, 1])).compute() == [[0, 1]] * 3
        assert bag.map(lambda record, given: next(given[0]), [iter([7, 8])]).compute() == [7, 7, 7]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@each_case("scheduler", SCHEDULERS)
def test_methods_are_there_for_who_calls_them(scheduler: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    with bk.options(scheduler=scheduler, workers=2):
        for make, read in (
            (lambda: open(path), lambda file: file.read()),  # noqa: SIM115
            (lambda: io.StringIO(TEXT), lambda file: file.read()),
            (lambda: Own(3), lambda own: (own.rest(), own.count, isinstance(own, Own))),
        ):
            expected = read(make())
            assert bk.delayed(read)(bk.delayed(make)()).compute() == expected
            value = bk.delayed(make)()
            got = bk.compute(bk.delayed(read)(value), bk.delayed(read)(value), bk.from_delayed([value]).count())
            assert got == (expected, expected, 3)
            assert bk.range(2, 1).map(lambda _, given: read(given), value).compute() == [expected] * 2  # noqa: B023


def test_what_can_not_be_copied_is_what_it_is() -> None:
    value = bk.delayed(OverGeneratorWithRest)(3)
    with bk.options(scheduler="sync"):
        first, second = bk.compute(bk.delayed(lambda own: own.rest())(value), bk.delayed(lambda own: own.rest())(value))
        assert (first, second) == ([0, 1, 2], [])  # they share it
        bag = bk.from_delayed([value])
        assert bk.compute(bag, bag.count()) == ([0, 1, 2], 3)


def test_a_file_to_write_to_is_the_file() -> None:
    file = io.StringIO()
    bk.range(3, 2).map(lambda number, file: file.write(str(number)), file).compute(scheduler="sync")
    assert file.getvalue() == "012"
    made = bk.delayed(lambda: file)()
    assert made.compute(scheduler="sync") is file


def test_one_without_an_end() -> None:
    value = bk.delayed(itertools.count)()
    for scheduler in ("sync", "threads"):
        got = bk.compute(bk.from_delayed([value]).take(2, compute=False), bk.delayed(next)(value), scheduler=scheduler)
        assert [list(got[0]), got[1]] == [[0, 1], 0]
