"""A function that raises StopIteration never ends the data as if there were no more records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.operations.functions import stops
from tests.pairwise import rows

RECORDS = list(range(10))
PLACES = {"first": 0, "middle": 4, "before the last of a partition": 3, "last": 9}


class StopsAtIter:
    """A record that raises StopIteration when it is to be iterated over."""

    def __init__(self, number: int, on: int) -> None:
        self.number = number
        self.on = on

    def __iter__(self) -> Iterator[int]:
        if self.number == self.on:
            raise StopIteration
        return iter([self.number])


def stop_of_two(on: int) -> Callable[[Any, Any], Any]:
    def binop(state: Any, record: Any) -> Any:
        if record == on:
            raise StopIteration
        return record

    return binop


def stop_in_partition(on: int) -> Callable[[Any], Any]:
    def function(records: Any) -> Any:
        if on in records:
            raise StopIteration
        return list(records)

    return function


def raise_stop(*arguments: Any) -> Any:
    raise StopIteration


OPERATIONS: dict[str, Callable[[Any, int], Any]] = {
    "map": lambda b, n: b.map(stops(n)),
    "map keyword": lambda b, n: b.map(lambda x, y: stops(n)(x), y=1),
    "map, map": lambda b, n: b.map(stops(n)).map(str),
    "map item": lambda b, n: b.map(lambda x, total: stops(n)(x), b.sum()),
    "map two bags": lambda b, n: b.map(lambda x, y: stops(n)(x), b),
    "map two bags, first stops": lambda b, n: b.map(stops(n)).map(lambda x, y: x, b),
    "map two bags, second stops": lambda b, n: b.map(lambda x, y: x, b.map(stops(n))),
    "map two bags, both stop": lambda b, n: b.map(stops(n)).map(lambda x, y: x, b.map(stops(n))),
    "map three bags, third stops": lambda b, n: b.map(lambda x, y, z: x, b, b.map(stops(n))),
    "map bag as keyword": lambda b, n: b.map(lambda x, y: x, y=b.map(stops(n))),
    "starmap": lambda b, n: b.map(lambda x: (x,)).starmap(stops(n)),
    "starmap item": lambda b, n: b.map(lambda x: (x,)).starmap(lambda x, t: stops(n)(x), t=b.sum()),
    "filter": lambda b, n: b.filter(stops(n)),
    "filter, everything else out": lambda b, n: b.filter(stops(n, then=lambda x: False)),
    "remove": lambda b, n: b.remove(stops(n)),
    "flatten": lambda b, n: b.map(lambda x: StopsAtIter(x, n)).flatten(),
    "flatten, map": lambda b, n: b.map(lambda x: [x, x]).flatten().map(stops(n)),
    "map, flatten": lambda b, n: b.map(stops(n, then=lambda x: [x, x])).flatten(),
    "map_partitions": lambda b, n: b.map_partitions(stop_in_partition(n)),
    "map_partitions item": lambda b, n: b.map_partitions(lambda p, t: stop_in_partition(n)(p), b.sum()),
    "map, map_partitions": lambda b, n: b.map(stops(n)).map_partitions(list),
    "map_partitions, map": lambda b, n: b.map_partitions(list).map(stops(n)),
    "map_partitions of an iterator": lambda b, n: b.map_partitions(lambda p: iter(p)).map(stops(n)),
    "count": lambda b, n: b.map(stops(n)).count(),
    "sum": lambda b, n: b.map(stops(n)).sum(),
    "min": lambda b, n: b.map(stops(n)).min(),
    "max": lambda b, n: b.map(stops(n)).max(),
    "mean": lambda b, n: b.map(stops(n)).mean(),
    "var": lambda b, n: b.map(stops(n)).var(),
    "any": lambda b, n: b.map(stops(n, then=lambda x: False)).any(),
    "all": lambda b, n: b.map(stops(n, then=lambda x: True)).all(),
    "frequencies": lambda b, n: b.map(stops(n)).frequencies(),
    "distinct": lambda b, n: b.map(stops(n)).distinct(),
    "distinct key": lambda b, n: b.distinct(stops(n)),
    "topk": lambda b, n: b.map(stops(n)).topk(2),
    "topk key": lambda b, n: b.topk(2, stops(n)),
    "topk(1) key": lambda b, n: b.topk(1, stops(n)),
    "topk(all) key": lambda b, n: b.topk(20, stops(n)),
    "fold": lambda b, n: b.map(stops(n)).fold(max),
    "fold binop": lambda b, n: b.fold(stop_of_two(n), max, initial=0),
    "fold combine": lambda b, n: b.fold(max, raise_stop),
    "foldby": lambda b, n: b.map(stops(n)).foldby(lambda x: x % 2, max),
    "foldby key": lambda b, n: b.foldby(stops(n), max),
    "foldby binop": lambda b, n: b.foldby(lambda x: 0, stop_of_two(n), 0, max),
    "foldby combine": lambda b, n: b.foldby(lambda x: 0, max, combine=raise_stop),
    "foldby initial": lambda b, n: b.foldby(lambda x: 0, max, raise_stop),
    "reduction": lambda b, n: b.map(stops(n)).reduction(list, list),
    "reduction perpartition": lambda b, n: b.reduction(lambda p: stop_in_partition(n)(list(p)), list),
    "reduction aggregate": lambda b, n: b.reduction(list, raise_stop),
    "reduction aggregate in a tree": lambda b, n: b.reduction(list, raise_stop, split_every=2),
    "apply": lambda b, n: b.sum().apply(raise_stop),
    "repartition": lambda b, n: b.map(stops(n)).repartition(7),
    "repartition, joined": lambda b, n: b.map(stops(n)).repartition(1),
    "concat": lambda b, n: bk.concat([b.map(stops(n)), b]),
    "concat, map": lambda b, n: bk.concat([b, b]).map(stops(n)),
    "on_error, map": lambda b, n: b.on_error("skip").map(stops(n)),
    "map, on_error": lambda b, n: b.map(stops(n)).on_error("raise").map(str),
    "take(compute=False)": lambda b, n: b.map(stops(n)).take(10, compute=False),
    "chained": lambda b, n: b.map(stops(n)).frequencies().topk(3, 1),
}


# With one partition there is nothing to combine.
COMBINING = [name for name in OPERATIONS if "combine" in name]
OTHERS = [name for name in OPERATIONS if name not in COMBINING]


@pytest.mark.parametrize(
    ("operation", "place", "npartitions"), [*rows(OTHERS, PLACES, (1, 3)), *rows(COMBINING, PLACES, (3,))]
)
def test_it_is_an_error(operation: str, place: str, npartitions: int) -> None:
    made = OPERATIONS[operation](bk.from_sequence(RECORDS, npartitions=npartitions), PLACES[place])
    for optimize in (True, False):
        with pytest.raises(bk.StoppedEarlyError, match=r"StopIteration"):
            made.compute(scheduler="sync", optimize=optimize)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_it_is_an_error_on_workers(scheduler: str) -> None:
    bag = bk.from_sequence(RECORDS, npartitions=3)
    for made in (bag.map(stops(9)), bag.distinct(stops(3)), bag.fold(max, raise_stop)):
        with pytest.raises(bk.StoppedEarlyError, match=r"StopIteration"):
            made.compute(scheduler=scheduler, workers=2)


def test_take_that_reaches_it_raises() -> None:
    with bk.options(scheduler="sync"):
        bag = bk.from_sequence(RECORDS, npartitions=2).map(stops(3))
        assert bag.take(3) == (0, 1, 2)
        with pytest.raises(bk.StoppedEarlyError):
            bag.take(4)


def test_iteration_that_reaches_it_raises() -> None:
    with bk.options(scheduler="sync"), pytest.raises(bk.StoppedEarlyError):
        list(bk.from_sequence(RECORDS, npartitions=2).map(stops(3)))


def test_any_and_all_that_know_before_do_not_get_there() -> None:
    bag = bk.from_sequence([1, 2, 3, 4], npartitions=1).map(stops(4))
    assert bag.any().compute(scheduler="sync") is True
    assert bag.map(lambda x: x > 1).all().compute(scheduler="sync") is False


def test_the_message_names_the_function_and_the_place() -> None:
    bag = bk.from_sequence(RECORDS, npartitions=2).map(str.strip and stops(7)).map(lambda x: x)
    with pytest.raises(bk.StoppedEarlyError) as caught:
        bag.compute(scheduler="sync")
    assert str(caught.value) == (
        "map(Fails): it raised StopIteration, which would have ended the data as if there were no more; "
        "hint: next(iterator, default) never raises it"
    )
    assert caught.value.__notes__ == ["at from_sequence, record 2, partition 1", "record: 7"]


@pytest.mark.parametrize("optimize", [True, False])
def test_the_message_names_operations_as_they_were_written(tmp_path: Path, optimize: bool) -> None:
    """Not as passes and writers made them: `dump_json`, `encode_json(default=...)`."""
    bag = bk.from_sequence([{1}])
    way: dict[str, Any] = {"scheduler": "sync", "optimize": optimize}
    with pytest.raises(bk.StoppedEarlyError, match=r"^map\(json.dumps\): it raised"):
        bag.map(json.dumps, default=stops({1})).compute(**way)
    with pytest.raises(bk.StoppedEarlyError, match=r"^to_jsonl: it raised"):
        bag.to_jsonl(tmp_path, default=stops({1}), **way)


def test_iterators_that_end_are_no_error() -> None:
    bag = bk.from_sequence([3, 0, 2], npartitions=2)
    assert bag.map(lambda x: iter(range(x))).flatten().compute(scheduler="sync") == [0, 1, 2, 0, 1]
    assert bag.map_partitions(iter).compute(scheduler="sync") == [3, 0, 2]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_failure_that_is_kept_has_the_error_that_says_so(scheduler: str) -> None:
    bag = bk.from_sequence(RECORDS, npartitions=2).map(stops(3))
    found = bag.compute(on_error="collect", scheduler=scheduler, workers=2)
    assert found.result == [record for record in RECORDS if record != 3]
    assert [type(failure.error) for failure in found.failures] == [bk.StoppedEarlyError]
