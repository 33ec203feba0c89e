"""What steps hold on to while records go through them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

import bagkit as bk


class Large:
    """What a function makes of a record; `alive` are those that something still refers to."""

    alive: ClassVar[weakref.WeakSet[Large]] = weakref.WeakSet()

    def __init__(self, number: int) -> None:
        assert len(self.alive) == 0, "another one is held"
        self.alive.add(self)
        self.number = number


def number_of(large: Large) -> int:
    return large.number


STEPS: dict[str, Callable[[bk.Bag[int]], bk.Bag[int]]] = {
    "map": lambda b: b.map(Large).map(number_of),
    "twice": lambda b: b.map(Large).map(number_of).map(Large).map(number_of),
    "starmap": lambda b: b.map(lambda n: (n,)).starmap(Large).map(number_of),
    "filter": lambda b: b.filter(lambda n: n >= 0).map(Large).map(number_of).map(Large).map(number_of),
    "remove": lambda b: b.map(Large).map(number_of).remove(lambda n: n < 0).map(Large).map(number_of),
    "flatten": lambda b: b.map(lambda n: [Large(n)]).flatten().map(number_of).map(Large).map(number_of),
    "pairing": lambda b: b.map(Large).map(lambda large, n: large.number, b).map(Large).map(number_of),
    "an item": lambda b: b.map(Large).map(lambda large, n: large.number, b.count()).map(Large).map(number_of),
    "a policy": lambda b: b.map(Large).map(number_of).on_error("skip").map(Large).map(number_of),
}


@pytest.fixture(autouse=True)
def without_a_collector() -> Iterator[None]:
    """Cycles would hide what is held."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def waiting(value: Any) -> Any:
    return value


def starts_to_wait(*values: Any) -> Any:
    return waiting(values)


MADE_OF_COROUTINES: dict[str, Callable[[Any], Any]] = {
    "map": lambda bag: bag.map(starts_to_wait),
    "map, later": lambda bag: bag.map(lambda r: starts_to_wait(r) if r[0] > 1 else r),
    "filter": lambda bag: bag.filter(starts_to_wait),
    "starmap": lambda bag: bag.starmap(starts_to_wait),
    "map, counted": lambda bag: bag.map(starts_to_wait).count(),
}


@pytest.mark.parametrize("name", MADE_OF_COROUTINES)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_coroutines_that_functions_return_are_an_error(name: str, on_error: Any) -> None:
    made = MADE_OF_COROUTINES[name](bk.from_sequence([(1, 2), (3, 4)], npartitions=1))
    for scheduler in ("sync", "processes"):
        with pytest.raises(bk.TaskError, match="the function returned a coroutine, and nobody waits for it; hint") as e:
            made.compute(scheduler=scheduler, workers=1, on_error=on_error)
        assert e.value.__notes__[1] == f"at from_sequence, record {int('later' in name)}, partition 0"


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_a_record_goes_when_the_last_step_that_uses_it_is_done(name: str, optimize: bool) -> None:
    bag = STEPS[name](bk.range(2, npartitions=1))  # the first two records come one by one
    made: Any
    for made, expected in ((bag, [0, 1]), (bag.sum(), 1), (bag.map_partitions(list), [0, 1])):
        assert made.compute(scheduler="sync", optimize=optimize) == expected
