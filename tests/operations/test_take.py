"""take: how much it reads, and what it says when there is too little."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case
from tests.operations.functions import BadRecord, Counts, Fails
from tests.operations.partitionings import partitions_of

pytestmark = pytest.mark.usefixtures("sync")


@each_case("k", [0, 1, 2, 3, 5, 9, 10])
@each_case("npartitions", [1, 3, 10, 15])
@each_case("optimize", [True, False])
def test_it_works_out_no_partition_more_than_it_needs_and_no_more_than_k_of_each(
    k: int, npartitions: int, optimize: bool
) -> None:
    counts = Counts()
    bag = bk.range(10, npartitions)
    with bk.options(optimize=optimize):
        assert bag.map(counts).take(k) == tuple(range(k))
    expected: list[int] = []
    for part in partitions_of(bag):
        expected += part[:k] if len(expected) < k else []
    assert counts.calls == expected


def test_it_looks_through_filters_and_flatten() -> None:
    counts = Counts()
    bag = bk.range(100, 10).map(counts).filter(lambda x: x % 7 == 6).map(lambda x: [x, x]).flatten()
    assert bag.take(3) == (6, 6, 13)
    assert counts.calls == list(range(20))


def test_it_looks_through_concat_and_skips_empty_partitions() -> None:
    counts = Counts()
    bag = bk.concat([bk.from_sequence([]), bk.range(3, 3), bk.from_sequence([]), bk.range(9, 1)]).map(counts)
    assert bag.take(4) == (0, 1, 2, 0)
    assert counts.calls == [0, 1, 2, 0, 1, 2, 3]


def test_errors_beyond_do_not_matter() -> None:
    bag = bk.range(10, 3).map(Fails(2))
    assert bag.take(2) == (0, 1)
    with pytest.raises(BadRecord):
        bag.take(3)


@pytest.mark.parametrize("npartitions", [1, 2, 3, -1])
def test_it_looks_at_the_first_npartitions(npartitions: int) -> None:
    counts = Counts()
    bag = bk.range(9, 3).map(counts)
    looked = 3 if npartitions == -1 else npartitions
    assert bag.take(100, npartitions=npartitions, warn=False) == tuple(range(3 * looked))
    assert counts.calls == list(range(3 * looked))
    lazy = bag.take(100, npartitions=npartitions, compute=False)
    assert lazy.npartitions == 1
    assert lazy.compute() == list(range(3 * looked))


class TestWarning:
    def test_it_comes_when_there_are_fewer(self) -> None:
        with pytest.warns(bk.ShortTakeWarning, match=r"^take: asked for 5 records, and found 3$") as caught:
            assert bk.range(3, 2).take(5) == (0, 1, 2)
        assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match=r"asked for 5 records, and found 3"):
            bk.range(9, 3).take(5, npartitions=1)

    def test_it_can_be_left_out(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert bk.range(3, 2).take(5, warn=False) == (0, 1, 2)
            assert bk.range(3, 2).take(3) == (0, 1, 2)
            assert bk.from_sequence([]).take(0) == ()


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_on_workers(scheduler: str) -> None:
    with bk.options(scheduler=scheduler, workers=2):
        bag = bk.range(1000, 50).map(str)
        assert bag.take(3) == ("0", "1", "2")
        assert bag.take(30, npartitions=2) == tuple(map(str, range(30)))
        assert bag.frequencies().take(1) == (("0", 1),)


class TestErrorsOnWorkers:
    """A later partition fails first, while the first one is at work; its records may be enough all the same."""

    @pytest.fixture(params=["threads", "processes", "executor"])
    def bag(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[bk.Bag[int]]:
        failed = tmp_path / "failed"

        def first_or_fail(number: int) -> int:
            if number > 1:
                failed.touch()
                raise BadRecord(number)
            while not failed.exists():
                time.sleep(0.001)
            return number

        with ThreadPoolExecutor(2) as pool:
            scheduler = pool if request.param == "executor" else request.param
            with bk.options(scheduler=scheduler, workers=2):
                yield bk.range(4, npartitions=2).map(first_or_fail)

    def test_those_beyond_do_not_matter(self, bag: bk.Bag[int]) -> None:
        assert bag.take(1) == (0,)
        assert bag.take(2) == (0, 1)
        with pytest.raises(BadRecord, match="2"):
            bag.take(3)
        assert bag.map(str).take(2) == ("0", "1")

    def test_the_first_of_several_is_raised(self, bag: bk.Bag[int]) -> None:
        with pytest.raises(ZeroDivisionError):
            bag.map(lambda number: 1 // number).take(2)

    def test_it_reads_on_behind_tasks_that_others_need(self, bag: bk.Bag[int]) -> None:
        numbers = bk.concat([bk.range(2, npartitions=2).distinct(), bag])
        assert sorted(numbers.take(4)) == [0, 0, 1, 1]
        with pytest.raises(BadRecord):
            numbers.take(5)


def test_of_reductions() -> None:
    assert bk.from_sequence("hello").frequencies().topk(2, 1).take(1) == (("l", 2),)


@pytest.mark.parametrize("k", [-1, 1.5, "3", None, True])
def test_k_is_checked(k: Any) -> None:
    with pytest.raises(bk.PlanError, match=r"^take: k is .*; expected an int of 0 or more$"):
        bk.range(3, 1).take(k)


@pytest.mark.parametrize("npartitions", [0, -2, 4, 1.0, None, True])
def test_npartitions_are_checked(npartitions: Any) -> None:
    with pytest.raises(bk.PlanError, match=r"^take: npartitions is .*; expected -1, or 1 to 3$"):
        bk.range(3, 3).take(1, npartitions=npartitions)


def test_of_options() -> None:
    bag = bk.range(6, 2).map(Fails(1))
    with bk.options(on_error="skip"), pytest.warns(bk.SkippedRecordsWarning, match=r"^1 record"):
        assert bag.take(3) == (0, 2, 3)


class TestOptions:
    def test_they_hold_for_the_call(self) -> None:
        bag = bk.from_sequence(["1", "two", "3", "4"], 2).map(int)
        with bk.options(scheduler="sync"), pytest.warns(bk.SkippedRecordsWarning, match="1 record"):
            assert bag.take(2, on_error="skip") == (1, 3)
        with pytest.raises(bk.OptionError, match="no option is called 'worker'"):
            bag.take(1, worker=3)  # type: ignore[call-overload]

    def test_those_that_can_not_be_are_refused(self) -> None:
        bag = bk.range(3, 2)
        with pytest.raises(bk.PlanError, match=r"take: 'workers' is an option of compute, and compute=False"):
            bag.take(1, compute=False, workers=2)  # type: ignore[call-overload]
        for call in (bag.take, bag.take_sample):
            with pytest.raises(bk.PlanError, match=r"on_error is 'collect'; expected 'raise' or 'skip'"):
                call(1, on_error="collect")
