"""The same records in other partitions, and single values made of single values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from heapq import heappop, heappush
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.ops.functions import OfFunction
from bagkit.plan.kinds import Call, Regroup
from bagkit.plan.template import fill_arguments
from bagkit.signatures import checked_count


@dataclass(frozen=True)
class Concat(Regroup):
    """`concat(bags)`: the partitions of one bag after the partitions of another."""

    picks = slice(None)
    label = "concat"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return sum(inputs)


@dataclass(frozen=True)
class Repartition(Regroup):
    """`repartition(npartitions)`: neighbours joined, or partitions split into equal parts."""

    count: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", checked_count("repartition", "npartitions", self.count))

    @property
    def label(self) -> str:
        return f"repartition({self.count})"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return self.count


@dataclass(frozen=True)
class Partitions(Regroup):
    """Some partitions of a bag, from `start` up to `stop`."""

    start: int
    stop: int

    @property
    def picks(self) -> slice:  # type: ignore[override]  # it depends on the op
        return slice(self.start, self.stop)

    @property
    def label(self) -> str:
        return f"partitions[{self.start}:{self.stop}]"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Pick(Regroup):
    """The partitions of a bag with the numbers given, in that order, each as often as it is given."""

    picks: tuple[int, ...]

    @property
    def label(self) -> str:
        shown = ", ".join(map(str, self.picks[:6])) + (", ..." if len(self.picks) > 6 else "")
        return f"partitions[[{shown}]]"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.picks)


@dataclass(frozen=True)
class Shard(Regroup):
    """`shard(k, of=n)`: the partitions of one of several programs that share a bag."""

    number: int
    of: int
    picks: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"shard({self.number}, of={self.of})"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.picks)


def dealt(weights: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Return `count` lists of the numbers of `weights`, each of about the same weight: the largest are dealt first.

    >>> dealt([5, 1, 4, 2], 2), dealt([0, 0, 0], 2)
    ([(0, 1), (2, 3)], [(0, 2), (1,)])
    """
    heap = [(0, 0, number) for number in range(count)]
    found: list[list[int]] = [[] for _ in range(count)]
    for at in sorted(range(len(weights)), key=lambda at: (-weights[at], at)):
        weight, parts, number = heappop(heap)
        found[number].append(at)
        heappush(heap, (weight + weights[at], parts + 1, number))
    return [tuple(sorted(numbers)) for numbers in found]


def even_shares(total: int, count: int) -> list[int]:
    """Return `count` numbers that add up to `total` and differ by one at the most, larger ones spread evenly.

    >>> even_shares(10, 3), even_shares(2, 4)
    ([3, 3, 4], [0, 1, 0, 1])
    """
    return [total * (n + 1) // count - total * n // count for n in range(count)]


@dataclass(frozen=True)
class Apply(OfFunction, Call):
    """`item.apply(function)`: what the function returns for the item's value, and for other values beside it."""

    operation = "apply"
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def call(self, values: Sequence[Any]) -> Any:
        args, kwargs = fill_arguments(self.args, self.kwargs, values)
        return self.function(*args, **kwargs)
