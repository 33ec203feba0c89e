"""Functions that are async: nobody would wait for what they give, so each operation says what to write."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest
import toolz

import bagkit as bk
from tests.each_case import each_case


async def fetch(*args: Any, **kwargs: Any) -> Any:
    await asyncio.sleep(0)
    return args[0]


async def several(record: Any) -> Any:
    yield record


class Fetcher:
    async def __call__(self, record: Any) -> Any:
        return record

    async def method(self, record: Any) -> Any:
        return record


def bag() -> bk.Bag[int]:
    return bk.range(4, npartitions=2)


CALLS: dict[str, Callable[[Any], Any]] = {
    "map": lambda f: bag().map(f),
    "map with more": lambda f: bag().map(f, bag()),
    "filter": lambda f: bag().filter(f),
    "remove": lambda f: bag().remove(f),
    "flat_map": lambda f: bag().flat_map(f),
    "starmap": lambda f: bag().starmap(f),
    "map_partitions": lambda f: bag().map_partitions(f),
    "fold": lambda f: bag().fold(f),
    "foldby": lambda f: bag().foldby(abs, f, 0),
    "foldby's key": lambda f: bag().foldby(f, max, 0),
    "groupby": lambda f: bag().groupby(f),
    "sort_by": lambda f: bag().sort_by(f),
    "topk": lambda f: bag().topk(1, key=f),
    "distinct": lambda f: bag().distinct(f),
    "accumulate": lambda f: bag().accumulate(f),
    "reduction": lambda f: bag().reduction(f, sum),
    "apply": lambda f: bag().sum().apply(f),
    "delayed": lambda f: bk.delayed(f),
}


@each_case("call", CALLS.values(), ids=CALLS)
def test_each_operation_refuses_them(call: Callable[[Any], Any]) -> None:
    for function in (fetch, functools.partial(fetch, 1), toolz.curry(fetch), Fetcher(), Fetcher().method):
        with pytest.raises(bk.PlanError, match=r"is an async function, and nobody waits.*asyncio\.run"):
            call(function)
    with pytest.raises(bk.PlanError, match="is an async generator function, and nobody waits"):
        call(several)


def test_what_the_hints_say_works() -> None:
    assert bag().map(lambda record: asyncio.run(fetch(record))).compute(scheduler="sync") == [0, 1, 2, 3]

    async def all_of(records: list[int]) -> list[int]:
        return await asyncio.gather(*map(fetch, records))

    found = bag().map_partitions(lambda records: asyncio.run(all_of(records)))
    assert found.compute(scheduler="sync") == [0, 1, 2, 3]


def test_calls_of_a_client() -> None:
    with bk.Client(workers=1) as client, pytest.raises(bk.PlanError, match="submit: fetch is an async function"):
        client.submit(fetch, 1)


def hidden(*args: Any) -> Any:
    return fetch(*args)


PAIRS = [(1, 2), (1, 3), (2, 4), (2, 5)]
HIDDEN: dict[str, Callable[[], Any]] = {
    "map": lambda: bag().map(hidden),
    "filter": lambda: bag().filter(hidden),
    "filter with a reason": lambda: bag().filter(hidden, reason="odd"),
    "remove": lambda: bag().remove(hidden),
    "remove with a reason": lambda: bag().remove(hidden, reason="odd"),
    "fold": lambda: bag().fold(hidden),
    "fold from a value": lambda: bag().fold(hidden, initial=0),
    "fold's combine": lambda: bag().fold(max, hidden),
    "foldby": lambda: bag().foldby(lambda record: 1, hidden),
    "foldby's key": lambda: bag().foldby(hidden, max),
    "foldby's combine": lambda: bag().foldby(lambda record: 1, max, 0, hidden, 0),
    "reduction": lambda: bag().reduction(hidden, list),
    "reduction's aggregate": lambda: bag().reduction(sum, hidden),
    "reduce_by_key": lambda: bk.from_sequence(PAIRS, npartitions=1).reduce_by_key(hidden),
    "groupby": lambda: bag().groupby(hidden),
    "sort_by": lambda: bag().sort_by(hidden),
    "topk": lambda: bag().topk(1, key=hidden),
    "distinct": lambda: bag().distinct(hidden),
    "join": lambda: bag().join(bag(), hidden),
    "join with a list": lambda: bag().join([1], abs, hidden),
    "partition_by": lambda: bag().partition_by(hidden),
    "tap": lambda: bag().tap(hidden),
    "key_by": lambda: bag().key_by(hidden),
    "map_values": lambda: bk.from_sequence(PAIRS, npartitions=1).map_values(hidden),
    "flat_map_values": lambda: bk.from_sequence(PAIRS, npartitions=1).flat_map_values(hidden),
    "map_partitions": lambda: bag().map_partitions(hidden),
    "map_partitions_with_info": lambda: bag().map_partitions_with_info(hidden),
}


@pytest.mark.filterwarnings("ignore:coroutine 'fetch' was never awaited")
@each_case("name", HIDDEN)
def test_functions_that_return_coroutines_end_the_run(name: str) -> None:
    for scheduler in ("sync", "processes") if name in ("remove", "fold", "groupby") else ("sync",):
        for policy in ("raise", "skip", "collect"):
            with pytest.raises(bk.TaskError, match="the function returned a coroutine, and nobody waits for it; hint"):
                HIDDEN[name]().compute(scheduler=scheduler, on_error=policy)


@pytest.mark.parametrize("first", [0, 1])
def test_records_that_fail_beside_the_first_which_is_looked_at_by_itself(first: int) -> None:
    def fails(number: int) -> int:
        if number in (0, 4, 9):
            raise ValueError
        return number

    numbers = bk.from_sequence(range(first, 10), npartitions=1)
    wanted = [number for number in range(first, 10) if number not in (0, 4, 9)]
    pairs = numbers.map(lambda number: (1, number))
    for bag in (numbers.tap(fails), numbers.key_by(fails).values(), pairs.map_values(fails).values()):
        found = bag.compute(scheduler="sync", on_error="collect")
        assert found.result == wanted
        assert [failure.place.index for failure in found.failures] == [index - first for index in (0, 4, 9)][first:]


def test_remove_is_told_of_the_first_record_that_stops() -> None:
    """The first record is looked at by itself; what it raises is still of it."""
    for wrong in (0, 3):
        bag_of_all = bk.from_sequence([0, 3, 5], npartitions=1)
        with pytest.raises(bk.StoppedEarlyError, match=r"remove\(lambda\)") as caught:
            bag_of_all.remove(lambda record, wrong=wrong: next(iter(())) if record == wrong else False).compute(
                scheduler="sync"
            )
        assert f"record: {wrong}" in caught.value.__notes__
