"""Going through a bag record by record."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import bagkit as bk
from tests.operations.functions import BadRecord, Counts, Fails


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_all_records_in_order(scheduler: str) -> None:
    with bk.options(scheduler=scheduler, workers=2):
        bag = bk.range(5000, 7).map(str)
        assert list(bag) == list(map(str, range(5000)))
        assert [*bag.filter(lambda x: False)] == []
        assert dict(bk.from_sequence("aab").frequencies()) == {"a": 2, "b": 1}


def test_partitions_are_worked_out_as_they_are_needed() -> None:
    counts = Counts()
    with bk.options(scheduler="sync"):
        records = iter(bk.range(9, 3).map(counts))
        assert counts.calls == []
        assert next(records) == 0
        assert counts.calls == [0, 1, 2]
        assert list(itertools.islice(records, 3)) == [1, 2, 3]
        assert counts.calls == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_one_may_stop(scheduler: str) -> None:
    with bk.options(scheduler=scheduler, workers=2):
        for record in bk.range(5000, 50):
            if record == 700:
                break
        assert record == 700


def test_two_iterators_do_not_disturb_each_other() -> None:
    with bk.options(scheduler="sync"):
        bag = bk.range(4, 2).map(abs)
        assert list(zip(bag, bag, strict=True)) == [(n, n) for n in range(4)]
        assert [(x, y) for x in bag for y in bag] == [(x, y) for x in range(4) for y in range(4)]


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_records_before_an_error_come_first(scheduler: str) -> None:
    found: list[Any] = []
    with bk.options(scheduler=scheduler, workers=2), pytest.raises(BadRecord):
        found.extend(bk.range(9, 3).map(Fails(4)))
    # Workers run ahead, and the first error ends the run.
    assert found == [0, 1, 2] or (scheduler != "sync" and found == [])


def test_a_generator_of_batches_is_an_iterator() -> None:
    with bk.options(scheduler="sync"):
        records = iter(bk.range(3, 1))
        assert iter(records) is records
        assert list(records) == [0, 1, 2]
        assert list(records) == []
