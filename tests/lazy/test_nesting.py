"""Lazy values inside of containers: what is found in one place is found in all, and what can't be is refused in all."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dask
import pytest

import bagkit as bk
from tests.each_case import each_case

pytestmark = pytest.mark.usefixtures("sync")


class Pair(NamedTuple):
    left: Any
    right: Any


Old = namedtuple("Old", "left right")


@dataclass
class Point:
    x: Any
    y: Any = 1


@dataclass(frozen=True, slots=True)
class Frozen:
    parts: Any


@dataclass
class OwnInit:
    x: Any
    more: Any = field(init=False)

    def __init__(self, start: Any) -> None:
        self.x = start
        self.more = [start]


Make = Callable[[Any], Any]

CONTAINERS: dict[str, Make] = {
    "itself": lambda x: x,
    "list": lambda x: [x, 1],
    "tuple": lambda x: (1, x),
    "set": lambda x: {x, 1},
    "frozenset": lambda x: frozenset([x]),
    "value of a dict": lambda x: {"a": x},
    "key of a dict": lambda x: {x: "a"},
    "OrderedDict": lambda x: OrderedDict([("b", x), ("a", 1)]),
    "defaultdict": lambda x: defaultdict(list, a=x),
    "deque": lambda x: deque([x, 1], maxlen=3),
    "slice": lambda x: slice(None, x, 2),
    "NamedTuple": lambda x: Pair(x, 2),
    "namedtuple": lambda x: Old(1, x),
    "dataclass": lambda x: Point(x),
    "frozen dataclass": lambda x: Frozen(x),
    "dataclass with an init of its own": lambda x: OwnInit(x),
    "containers in containers": lambda x: [1, {"a": (x, [Pair(x, {x}), Point([x])]), x: Frozen({x: x})}],
}
"""What makes a container around a value."""

HASHABLE = {"set", "frozenset", "key of a dict", "containers in containers"}
"""Containers of values that can be hashed."""

USED_UP: dict[str, Make] = {
    "iterator of a list": lambda x: iter([x, 1]),
    "iterator of a tuple": lambda x: iter((x, 1)),
    "iterator of a set": lambda x: iter({x}),
    "generator": lambda x: (part for part in [x, 1]),
    "iterator in a dict": lambda x: {"a": iter([x])},
    "generator of plain values in a list": lambda x: [x, (n for n in (1, 2))],
}
"""What can be iterated over once; each task gets another one."""

LAZY: dict[str, Callable[[], Any]] = {
    "item": lambda: bk.range(5, 2).sum(),
    "delayed": lambda: bk.delayed(int)("10"),
    "delayed attribute": lambda: bk.delayed(10).real,
    "dask's delayed": lambda: dask.delayed(int)("10"),
}
"""Lazy values that compute to 10."""


def shown(value: Any) -> Any:
    """Return what can be compared with another: for an iterator the list of what is left of it."""
    if isinstance(value, Iterator):
        return ["iterator", *value]
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return [type(value).__name__, *map(shown, value)]
    return value


class Holder:
    def shown(self, value: Any) -> Any:
        return shown(value)


def one() -> bk.Bag[int]:
    return bk.from_sequence([0], npartitions=1)


ENTRIES: dict[str, Callable[[Any], Any]] = {
    "delayed call": lambda c: bk.delayed(shown)(c),
    "delayed call by name": lambda c: bk.delayed(shown)(value=c),
    "pure delayed call": lambda c: bk.delayed(shown, pure=True)(c),
    "delayed value": lambda c: bk.delayed(shown)(bk.delayed(c)),
    "method of a delayed value": lambda c: bk.delayed(Holder()).shown(c),
    "call of a delayed value": lambda c: bk.delayed(lambda: shown)()(c),
    "Bag.map": lambda c: one().map(lambda _, c: shown(c), c),
    "Bag.map by name": lambda c: one().map(lambda _, c: shown(c), c=c),
    "Bag.flat_map": lambda c: one().flat_map(lambda _, c: [shown(c)], c),
    "Bag.starmap by name": lambda c: one().map(lambda n: (n,)).starmap(lambda _, c: shown(c), c=c),
    "Bag.map_partitions": lambda c: one().map_partitions(lambda _, c: [shown(c)], c),
    "Bag.map_partitions by name": lambda c: one().map_partitions(lambda _, c: [shown(c)], c=c),
    "Bag.map_partitions_with_info": lambda c: one().map_partitions_with_info(lambda _, __, c: [shown(c)], c),
    "Bag.map_partitions_with_info by name": lambda c: one().map_partitions_with_info(lambda _, __, c: [shown(c)], c=c),
    "map": lambda c: bk.map(lambda c, _: shown(c), c, one()),
    "map_partitions": lambda c: bk.map_partitions(lambda c, _: [shown(c)], c, one()),
    "Item.apply": lambda c: one().sum().apply(lambda _, c: shown(c), c),
    "Item.apply by name": lambda c: one().sum().apply(lambda _, c: shown(c), c=c),
}
"""Where a container can be an argument: a lazy value of what is shown of it, or the bag of that alone."""

TOGETHER: dict[str, Callable[[Any], Any]] = {
    "compute": lambda c: bk.compute(c)[0],
    "persist": lambda c: bk.compute(*bk.persist(c))[0],
    "optimize": lambda c: bk.compute(*bk.optimize(c))[0],
}
"""What takes a container and gives it, with values in it, in the end."""


def found(lazy: Any) -> Any:
    value = lazy.compute()
    return value[0] if isinstance(lazy, bk.Bag) else value


@each_case("lazy", LAZY)
@each_case("container", [*CONTAINERS, *USED_UP])
def test_what_is_found_in_one_place_is_found_in_all(container: str, lazy: str) -> None:
    make = {**CONTAINERS, **USED_UP}[container]
    expected = shown(make(10))
    for name, entry in ENTRIES.items():
        made = entry(make(LAZY[lazy]()))
        for time in ("first", "second") if container in USED_UP else ("only",):
            assert found(made) == expected, f"{name}, for the {time} time"
    for name, together in TOGETHER.items():
        assert shown(together(make(LAZY[lazy]()))) == expected, name


@pytest.mark.parametrize("container", CONTAINERS)
def test_visualize_draws_what_is_inside(container: str) -> None:
    assert '"sum"' in bk.visualize(CONTAINERS[container](bk.range(5, 2).sum())).mermaid


@pytest.mark.parametrize("container", ["list", "set", "namedtuple", "frozen dataclass", "iterator of a list"])
@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_in_workers(container: str, scheduler: str) -> None:
    make = {**CONTAINERS, **USED_UP}[container]
    bag = bk.from_sequence(range(4), npartitions=2)
    with bk.options(scheduler=scheduler, workers=2):
        got = bag.map_partitions(lambda _, c: [shown(c)], make(bk.range(5, 2).sum())).compute()
    assert got == [shown(make(10))] * 2


@pytest.mark.parametrize("container", [name for name in CONTAINERS if name not in ("itself", "slice")])
def test_what_holds_nothing_lazy_is_the_object_itself(container: str) -> None:
    given = CONTAINERS[container](10)
    bag = one()
    for lazy in (
        bk.delayed(lambda c: c is given)(given),
        bag.map(lambda _, c: c is given, given),
        bag.map(lambda _, c: c is given, c=given),
        bag.map(lambda _, c, total: c is given, given, bag.sum()),
        bag.map_partitions(lambda _, c, total: [c is given], given, bag.sum()),
        bag.sum().apply(lambda _, c: c is given, given),
    ):
        assert found(lazy) is True
    assert bk.compute(given)[0] is given


@pytest.mark.parametrize("container", CONTAINERS)
def test_several_values_each_in_its_place(container: str) -> None:
    make = CONTAINERS[container]
    numbers = bk.range(5, 2)
    row = numbers.map(
        lambda n, low, *rest, high: (n, low, *map(shown, rest), shown(high)),
        numbers.min(), make(numbers.max()), numbers.map(str), make(numbers.count()), high=make(numbers.sum()),
    )  # fmt: skip
    assert row.compute() == [(n, 0, *map(shown, (make(4), str(n), make(5))), shown(make(10))) for n in range(5)]


class TestBags:
    @pytest.mark.parametrize("container", [name for name in CONTAINERS if name not in HASHABLE])
    def test_are_lists_where_whole_values_are_taken(self, container: str) -> None:
        make = CONTAINERS[container]
        assert found(bk.delayed(shown)(make(bk.range(3, 2)))) == shown(make([0, 1, 2]))
        assert bk.compute(make(bk.range(3, 2)))[0] == make([0, 1, 2])

    @each_case("container", [name for name in CONTAINERS if name != "itself"])
    @each_case("entry", [name for name in ENTRIES if "elayed" not in name])
    def test_are_refused_where_records_or_values_are_taken(self, container: str, entry: str) -> None:
        with pytest.raises(
            bk.PlanError, match=r"^\w+: a bag stands where only values and items can; hint: for all of its records"
        ):
            ENTRIES[entry](CONTAINERS[container](bk.range(3, 2)))


class TestPlainValuesOnly:
    @each_case("container", CONTAINERS)
    @each_case("lazy", [*LAZY, "bag"])
    def test_lazy_ones_are_refused(self, container: str, lazy: str) -> None:
        value = CONTAINERS[container](LAZY[lazy]() if lazy != "bag" else bk.range(2, 1))
        bag = one()
        for call in (
            lambda: bag.fold(max, initial=value),
            lambda: bag.foldby(abs, max, value),
            lambda: bag.foldby(abs, max, 0, max, value),
            lambda: bag.accumulate(max, initial=value),
            lambda: bag.map(lambda n: (n, n)).aggregate_by_key(value, max, max),
            lambda: bag.pluck("a", value),
            lambda: bag.map(str).str.replace("0", value),
        ):
            with pytest.raises(bk.PlanError, match=r"^[\w.]+: .* is not computed yet; expected a plain value; hint: "):
                call()


class TestDepth:
    def test_deep_plain_data_are_handed_on(self) -> None:
        deep: list[Any] = []
        for _ in range(5_000):
            deep = [deep]
        assert found(bk.delayed(len)(deep)) == 1
        assert found(one().map(lambda _, c: len(c), deep)) == 1
        assert found(one().map(lambda _, c: len(c), c=deep)) == 1
        assert found(one().sum().apply(lambda _, c: len(c), deep)) == 1
        assert bk.compute(deep)[0] is deep

    def test_data_that_contain_themselves_are_handed_on(self) -> None:
        loop: dict[str, Any] = {"a": 1}
        loop["itself"] = [loop]
        assert found(bk.delayed(len)(loop)) == 2
        assert found(one().map(lambda _, c: len(c), loop)) == 2
        assert found(one().map(lambda _, c: len(c), c=loop)) == 2
        assert found(one().map_partitions(lambda _, c: [len(c)], loop)) == 2
        assert bk.compute(loop)[0] is loop

    @pytest.mark.parametrize("entry", [*ENTRIES, *TOGETHER])
    def test_a_lazy_value_in_there_is_refused(self, entry: str) -> None:
        loop: list[Any] = [bk.range(5, 2).sum()]
        loop.append({"itself": loop})
        with pytest.raises(bk.PlanError, match=r"^\w+: there is a lazy value in a list that contains itself, or is"):
            {**ENTRIES, **TOGETHER}[entry](loop)


def test_other_objects_are_not_asked_for_a_plan() -> None:
    class Job:
        @property
        def plan(self) -> Any:
            raise RuntimeError("it would take an hour")

    job = Job()
    assert found(one().map(lambda _, j: type(j).__name__, job)) == "Job"
    assert found(bk.delayed(lambda j: type(j).__name__)(job)) == "Job"
