"""What a task is given that makes several partitions, one after the other, and the values that each has.

The part of such a task has the entries of the first partition, of the second and so on, and at its end Places: for each
partition where the values are that it needs, among those that the task is given. What several need is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from bagkit.flow.batches import InTurns
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass

T = TypeVar("T")
P = TypeVar("P")

Places = tuple[tuple[int, ...], ...]
"""For each partition the numbers of what it needs; -1 is the last value that the task itself has made by then, and so
on."""


def in_one_row(part: Sequence[Any], inputs: Sequence[Any]) -> tuple[Sequence[Any], list[Any], int]:
    """Return the entries of all partitions, what they need, as often as they need it, and how many there are.

    >>> in_one_row(("a", "b", ((1, 0), (2, 0))), ["both", "first", "second"])
    (['a', 'b'], ['first', 'both', 'second', 'both'], 2)
    """
    *entries, places = part
    return entries, [inputs[place] for own in places for place in own], len(places)


def one_by_one(part: Sequence[Any]) -> Iterator[tuple[tuple[Any, ...], tuple[int, ...]]]:
    """Yield the part of each partition, and the places of what it needs.

    >>> list(one_by_one(("a", "b", ((1, 0), (2, 0)))))
    [(('a',), (1, 0)), (('b',), (2, 0))]
    """
    *entries, places = part
    width = len(entries) // len(places)
    for number, own in enumerate(places):
        yield tuple(entries[number * width : (number + 1) * width]), own


@dataclass(frozen=True, slots=True, eq=False)
class EachInTurn:
    """A Work: does `work` for one partition after the other. Each has values of its own."""

    work: Callable[[Any, Sequence[Any], Report], Any]
    width: int
    """How many values each has."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        values = _Values(self, part, inputs, report)
        return values if len(values) > 1 else next(values.made())


class _Values(InTurns):
    """The values of all partitions: what one has is stored before the next is begun."""

    def __init__(self, each: EachInTurn, part: Any, inputs: Sequence[Any], report: Report) -> None:
        self._each = each
        self._part = part
        self._inputs = inputs
        self._report = report

    def __len__(self) -> int:
        return self._each.width * len(self._part[-1])

    def stored(
        self, part: Callable[[list[Any], int, bool], P], whole: Callable[[list[P]], T], single: Callable[[Any], T]
    ) -> list[T]:
        """Return all values, as the others do."""
        return [stored for made in self.made() for stored in self._stored(made, part, whole, single)]

    def made(self) -> Iterator[Any]:
        """Yield what the work gives for each partition."""
        before: tuple[Any, ...] = ()
        for own, places in one_by_one(self._part):
            self._report.next_turn()
            inputs = [self._inputs[place] if place >= 0 else before[place] for place in places]
            made = self._each.work(own, inputs, self._report)
            yield made
            before = (made,) if self._each.width == 1 else tuple(made) if isinstance(made, tuple) else ()

    def _stored(
        self,
        made: Any,
        part: Callable[[list[Any], int, bool], P],
        whole: Callable[[list[P]], T],
        single: Callable[[Any], T],
    ) -> list[T]:
        if isinstance(made, InTurns):
            return made.stored(part, whole, single)
        return [single(value) for value in ((made,) if self._each.width == 1 else made)]
