"""Where the records of a state stand, by their number: in little memory, as most stand one after the other."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from bagkit.flow.blocks import Place, Placed, spans, stands_in_lines
from bagkit.profiling.examples import Places


@dataclass(slots=True)
class _Run:
    """Some records of one file, or of another source; mutable, of one state."""

    start: int
    """The number of the first."""
    stop: int
    source: str | None
    has_lines: bool
    first: int | None
    """The line of the first, or its index; None where neither is known."""
    partition: int | None
    """Where there are no lines, whose index it is."""
    further: array[int] | None = None
    """How much further each stands; None where that is one for each."""

    def goes_on_with(self, other: _Run) -> bool:
        """Return whether the records of `other` stand right behind these."""
        return (
            self.further is None
            and other.further is None
            and self.first is not None
            and (self.source, self.has_lines, self.partition, self.first + self.stop - self.start)
            == (other.source, other.has_lines, other.partition, other.first)
        )

    def place(self, number: int) -> Place:
        """Return the place of the record `number`."""
        further = number - self.start if self.further is None else self.further[number - self.start]
        found = None if self.first is None else self.first + further
        if self.has_lines:
            return Place(self.source, line=found)
        return Place(self.source, self.partition, index=found)


class Runs:
    """Where the records of a state stand; mutable."""

    __slots__ = ("_last", "_next", "_number", "_runs")

    def __init__(self) -> None:
        self._last: Placed | None = None
        """The lowest block of the records taken last, if each of its records is a line."""
        self._next = 0
        """The number of the record there that would be next."""
        self._number = 0
        self._runs: list[_Run] = []

    def take(self, places: Places, rows: Sequence[int]) -> None:
        """Take the records of a batch that stand in `rows`."""
        begin = 0
        for placed, below in places.below:
            if len(rows) == places.number:
                self._take_all(placed, below)
                continue
            self.rest()
            for place, further in spans(placed, below):
                end = begin + len(further)
                self._append(place, [further[row - begin] for row in rows if begin <= row < end])
                begin = end

    def _take_all(self, placed: Placed, below: Sequence[int]) -> None:
        if placed is self._last and type(below) is range and below.start == self._next:
            self._runs[-1].stop = self._number = self._number + len(below)
            self._next = below.stop
            return
        for place, further in spans(placed, below):
            self._append(place, further)
        self.rest()
        if type(below) is range and self._runs[-1].further is None and stands_in_lines(placed):
            self._last, self._next = placed, below.stop

    def rest(self) -> None:
        """Let go of the block."""
        self._last = None

    def _append(self, place: Place, further: Sequence[int]) -> None:
        if not further:
            return
        has_lines = place.line is not None
        first = place.line if has_lines else place.index
        start, self._number = self._number, self._number + len(further)
        known: array[int] | None = None
        if type(further) is not range and list(further) != list(range(further[0], further[0] + len(further))):
            known = array("I", further)
        elif first is not None:
            first += further[0]
        partition = None if has_lines else place.partition
        self._join(_Run(start, self._number, place.source, has_lines, first, partition, known))

    def _join(self, run: _Run) -> None:
        if self._runs and self._runs[-1].goes_on_with(run):
            self._runs[-1].stop = run.stop
        else:
            self._runs.append(run)

    def merge(self, other: Runs) -> None:
        """Take in the places of the records behind these, which may change."""
        for run in other._runs:
            run.start += self._number
            run.stop += self._number
            self._join(run)
        self._number += other._number

    def place(self, number: int) -> Place | None:
        """Return the place of the record `number`; None where it is not known."""
        at = bisect_right(self._runs, number, key=_STARTS) - 1
        return self._runs[at].place(number) if at >= 0 and number < self._runs[at].stop else None


_STARTS: Final = attrgetter("start")
