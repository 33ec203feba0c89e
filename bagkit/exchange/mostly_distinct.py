"""Records that hardly ever come twice: a task need not put them into a table, which would not be shorter.

Putting a record into a table that no cache holds takes longer than all else that becomes of it, and tasks that come
later have to do it again. So a task looks at some of its records first, and at some of the keys as it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from bagkit.exchange.packing import Integers, Texts
from bagkit.exchange.states import States
from bagkit.exchange.tabling import Table
from bagkit.exchange.weight import are_new

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
    bytes are held. Records wait until there are some thousands: to cut and to pack costs for each time, too.
    """

    def __init__(self, states: States, heap: int | None) -> None:
        self.ended = False
        """Whether what comes from now on should go into a table: records repeat themselves, or are not plain."""
        self._states = states
        self._heap = heap
        self._waiting: list[Any] = []
        self._kinds: set[type] = set()
        """The types of those that wait."""
        self._seen: Table = {}
        self._looked, self._known = 0, 0
        self._since = 0
        """Records since the last decision."""

    def take(self, records: Sequence[Any], most: int) -> Sequence[Any]:
        """Add `records`; return those that have to go into a table, all that wait or none: fewer than `most` wait."""
        self._waiting += records
        self._kinds.update(map(type, records))
        if not self._kinds <= _PLAIN:  # who puts them into a table finds out at once whether that can be done
            self.ended = True
            return self._waiting
        if len(self._waiting) >= min(most, _TOGETHER):
            self.rest()
        return ()

    def rest(self) -> None:
        """Add the records that wait."""
        from bagkit.exchange.digest import parts_of

        records, self._waiting = self._waiting, []
        kinds, self._kinds = self._kinds, set()
        count = self._states.count
        parts = parts_of(records, count, kinds)
        self._states.extend(parts, Texts if kinds == {str} else Integers if kinds == {int} else list)
        # The same keys each time, so that they are seen again when they come again.
        some = parts.get(0, []) if count > 1 else [key for key in records if not hash(key) % _LOOKED_AT]
        self._seen.update(dict.fromkeys(some))
        self._looked += len(some)
        self._since += len(records)
        if self._since >= _CHECKED:
            self._decide()

    def _decide(self) -> None:
        self._states.write_if_over(None if self._heap is None else self._heap // 2)
        self.ended = not are_new(len(self._seen) - self._known, self._looked)
        self._looked, self._known, self._since = 0, len(self._seen), 0


def has_repetitions(pieces: Sequence[Any]) -> bool:
    """Say whether a table of all `pieces` would be much smaller than they are; of few keys it is soon made anyhow."""
    if sum(map(len, pieces)) < _MANY:
        return True
    some = [key for key in chain.from_iterable(pieces) if not hash(key) % _LOOKED_AT]
    return not are_new(len(set(some)), len(some))
