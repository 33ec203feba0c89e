"""Records that hardly ever come twice: a task need not put them into a table, which would not be shorter.

Putting a record into a table that no cache holds takes longer than all else that becomes of it, and tasks that come
later have to do it again. So a task looks at some of its records first, and at some of the keys as it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from bagkit.exchange.packing import Integers, Texts, are_large_integers
from bagkit.exchange.states import States
from bagkit.exchange.tabling import Table
from bagkit.exchange.weight import are_new
from bagkit.flow.buckets import SPREAD

_LOOKED_AT = 16
"""One key in this many is looked at, to see whether it comes again."""
_TOGETHER = 4096
"""How many records are added together: they are in a near cache still."""
_CHECKED = 1 << 14
"""Records between two decisions about that."""
_MANY = 1 << 16
"""Keys for which it pays to look at some first."""
_PLAIN = frozenset({str, int, bool, bytes, type(None)})
"""Types of records that can be put into any table, so that it may be done later."""


class MostlyDistinct:
    """Adds plain records to `states` as they are, while hardly any is there twice; mutable, of one task.

    What comes is added while it is in the processor's cache: a table of all of it would not be. No more than `heap`
    bytes are held. Records wait until there are some thousands: to cut and to pack costs for each time, too. If they
    are `of_text`, they have JSON's types, and their order does not matter.
    """

    def __init__(self, states: States, heap: int | None, of_text: bool = False) -> None:
        self.ended = False
        """Whether what comes from now on should go into a table: records repeat themselves, or are not plain."""
        self._states = states
        self._heap = heap
        self._waiting: list[Any] = []
        self._kinds: set[type] = set()
        """The types of those that wait."""
        self._large = _LargeIntegers() if of_text and states.count == SPREAD else None
        """Others that wait."""
        self._seen: Table = {}
        self._looked, self._known = 0, 0
        self._since = 0
        """Records since the last decision."""

    def take(self, records: Sequence[Any], most: int) -> Sequence[Any]:
        """Add `records`; return those that have to go into a table, all that wait or none: fewer than `most` wait."""
        most = min(most, _TOGETHER)
        if self._large is not None and type(records) is list and are_large_integers(records):
            if self._large.take(records) >= most:
                self._rest_of_large(self._large)
            return ()
        self._waiting += records
        self._kinds.update(map(type, records))
        if not self._kinds <= _PLAIN:  # who puts them into a table finds out at once whether that can be done
            waiting, self._waiting = self._waiting, []
            self.rest()
            self.ended = True
            return waiting
        if len(self._waiting) >= most:
            self.rest()
        return ()

    def rest(self) -> None:
        """Add the records that wait."""
        if self._large is not None:
            self._rest_of_large(self._large)
        if not self._waiting:
            return
        from bagkit.exchange.digest import parts_of

        records, self._waiting = self._waiting, []
        kinds, self._kinds = self._kinds, set()
        parts = parts_of(records, self._states.count, kinds)
        self._states.extend(parts, Texts if kinds == {str} else Integers if kinds == {int} else list)
        # The same keys each time, so that they are seen again when they come again.
        several = self._states.count > 1
        self._look_at(parts.get(0, []) if several else [key for key in records if not hash(key) % _LOOKED_AT])
        self._count(len(records))

    def _rest_of_large(self, large: _LargeIntegers) -> None:
        number, parts = large.rest()
        if number:
            self._states.extend(parts, Integers)
            self._look_at(parts.get(0, []))
            self._count(number)

    def _look_at(self, some: Sequence[Any]) -> None:
        self._seen.update(dict.fromkeys(some))
        self._looked += len(some)

    def _count(self, number: int) -> None:
        self._since += number
        if self._since >= _CHECKED:
            self._decide()

    def _decide(self) -> None:
        self._states.write_if_over(None if self._heap is None else self._heap // 2)
        self.ended = not are_new(len(self._seen) - self._known, self._looked)
        self._looked, self._known, self._since = 0, len(self._seen), 0


class _LargeIntegers:
    """Cuts integers for SPREAD partitions that are their own hash: so the remainder of each says where it goes."""

    def __init__(self) -> None:
        self._parts: list[list[int]] = [[] for _ in range(SPREAD)]
        self._length = 0

    def take(self, integers: list[int]) -> int:
        """Add some more; return how many wait. They were just made, and are in the nearest cache."""
        parts, count = self._parts, len(self._parts)
        for integer in integers:
            parts[integer % count].append(integer)
        self._length += len(integers)
        return self._length

    def rest(self) -> tuple[int, dict[int, list[int]]]:
        """Return how many wait, and the lists of them by the numbers of partitions; then none waits."""
        length, parts = self._length, self._parts
        self._length, self._parts = 0, [[] for _ in range(SPREAD)]
        return length, {number: part for number, part in enumerate(parts) if part}


def has_repetitions(pieces: Sequence[Any]) -> bool:
    """Say whether a table of all `pieces` would be much smaller than they are; of few keys it is soon made anyhow."""
    if sum(map(len, pieces)) < _MANY:
        return True
    some = [key for key in chain.from_iterable(pieces) if not hash(key) % _LOOKED_AT]
    return not are_new(len(set(some)), len(some))
