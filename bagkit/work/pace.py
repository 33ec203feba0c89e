"""How many records go through the steps of a task at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from itertools import chain
from time import perf_counter
from typing import Any

from bagkit.flow.blocks import Block
from bagkit.light_classes import dataclass

SOME = 64
"""Records of a block that takes no long time. As many whole records of JSON stay in a processor's cache on their way
through the steps, where a thousand do not."""
MOST = 512
"""Records of a block of small values, for which the steps' own time would count. Even if each is a list, there are
fewer than the 700 after which the garbage collector looks at them."""
MANY = 2048
"""The same of values for which nearly nothing is done, where the garbage collector waits for more: in workers. Lines
that are read together are a block then, and their list is not cut."""
FEW = 4
"""A part of this of a block may be left over, and goes with it: of large lines the 128 KiB that are read may have just
more than SOME."""
QUICK = 1.2e-6
"""Seconds for a record; what takes less is a small value."""
INSTANT = 0.4e-6
"""Seconds for a record for which nearly nothing is done: one field is parsed and counted."""
FAIR = 0.002
"""Seconds in which a block of a few records may become one of SOME: what makes large records takes longer."""
QUICKLY = 4
"""How many times larger the next block is where even that takes no longer than FAIR; twice as large elsewhere."""
LONG = 0.05
"""Seconds. Blocks that take longer have fewer records, down to one, for functions may be slow. The time in which other
processes have the processor counts too, so this is more than they are given at a time."""


@dataclass(slots=True)
class Wanted:
    """How many records those who take them still need, before they say so again; None for all. Mutable, of one task."""

    number: int | None = None
    answers: int = 1
    """How many take each record: a small value takes them that many times as long."""
    cut: int = 0
    """Records that were made for that, and were not enough: a filter may leave none of them."""

    @property
    def most(self) -> int | None:
        """How many records to make next, at the most."""
        return None if self.number is None else max(1, self.number, self.cut)


class Pace:
    """Cuts records into blocks, small at first, that take a good time; mutable, of one task."""

    __slots__ = ("_most", "_size", "_wanted")

    def __init__(self, wanted: Wanted) -> None:
        self._most = MANY if gc.get_threshold()[0] > MANY else MOST
        self._size = 1
        self._wanted = wanted

    @property
    def size(self) -> int:
        """How many records the next block may have."""
        most = self._wanted.most
        return self._size if most is None else min(self._size, most)

    def cut(self, block: Block) -> Iterator[Block]:
        """Yield `block` in parts. The time until the next is asked for says how long that may be."""
        start, end = 0, len(block.records)
        while start < end:
            part = [block.part(start, self._stop(start, end))]
            number = len(part[0].records)
            start += number
            if start == end:
                del block  # who takes its last part may let go of the records
            self._wanted.cut += number
            begin = perf_counter()
            yield part.pop()
            self._learn(perf_counter() - begin, number)

    def _stop(self, start: int, end: int) -> int:
        """Return where the next part ends. A few records more than a part may have are no part of their own, for each
        part costs the steps their own time; but those who take records get no more than they want."""
        stop = start + self.size
        if self._wanted.most is None and end - stop <= self._size // FEW:
            return end
        return stop

    def _learn(self, seconds: float, number: int) -> None:
        if seconds > LONG:
            self._size = max(1, self._size // 2)
        elif number >= self._size and seconds < self._short(number):
            faster = QUICKLY if self._size < SOME and seconds * QUICKLY < FAIR else 2
            self._size = min(self._most, self._size * faster)

    def _short(self, number: int) -> float:
        """Return in how many seconds a block must go for twice as large ones to come."""
        if self._size < SOME:
            return FAIR
        return (QUICK if self._size < MOST else INSTANT) * self._wanted.answers * number


def records_of(blocks: Sequence[Block]) -> list[Any]:
    """Return the records of several blocks in one list."""
    first = blocks[0].records
    if len(blocks) == 1 and type(first) is list:
        return first
    return list(chain.from_iterable([block.records for block in blocks]))
