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
