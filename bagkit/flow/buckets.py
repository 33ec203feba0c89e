"""What tasks leave for the partitions of an exchange: N tasks leave N values, and one task makes of them M.

    Buckets    the value of one task: a bucket for each partition that gets something of it
    Dealing    the work of the one task between both halves: to each partition its buckets of all tasks

So tasks, keys and needs grow with N + M. Dealing runs no function and looks into no bucket: a scheduler whose values
are somewhere else says where they are instead (`dealt` in crossing/values.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bagkit.light_classes import dataclass

if TYPE_CHECKING:
    from bagkit.flow.report import Report

SPREAD = 61
"""How many partitions there are where bagkit chooses their number. Tables of a few of the keys stay in a processor's
cache; and it is a prime, which hardly any numbers are all multiples of, so that they need no mixing."""


class Buckets:
    """The buckets of one task by their numbers. What has nothing in it is false, and is left out.

    >>> buckets = Buckets([["a"], [], ["b", "c"]])
    >>> buckets.filled
    {0: ['a'], 2: ['b', 'c']}
    >>> buckets[2], buckets[1]
    ((['b', 'c'],), ())
    """

    __slots__ = ("count", "filled")

    def __init__(self, each: Sequence[Any] | Mapping[int, Any], count: int | None = None) -> None:
        """Take a bucket for each of `count` partitions, or by its number those that have something."""
        self.count = len(each) if count is None else count
        """How many partitions there are."""
        numbered = each.items() if isinstance(each, Mapping) else enumerate(each)
        self.filled = {number: bucket for number, bucket in numbered if bucket}

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        """Return the bucket for a partition in a tuple, which is empty if there is none."""
        return (self.filled[number],) if number in self.filled else ()


@dataclass(frozen=True, slots=True)
class Dealing:
    """A Work: of the Buckets of several tasks, for each of `count` partitions the list of its buckets, in order."""

    count: int

    def __call__(self, part: Any, inputs: Sequence[Buckets], report: Report) -> Any:
        dealt: list[list[Any]] = [[] for _ in range(self.count)]
        for buckets in inputs:
            for number, bucket in buckets.filled.items():
                dealt[number].append(bucket)
        return dealt if self.count > 1 else dealt[0]


def together(*several: Iterable[Any]) -> list[Any]:
    """Return what is in `several` tuples of buckets.

    >>> together(("a",), (), ("b",))
    ['a', 'b']
    """
    return [bucket for buckets in several for bucket in buckets]
