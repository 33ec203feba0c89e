"""How much memory a table takes, when it is too much, and whether it saves any."""

from __future__ import annotations

from itertools import islice
from sys import getsizeof
from typing import Any

from bagkit.exchange.packing import Integers, Texts
from bagkit.exchange.spill import MOST_AT_ONCE, SAMPLE, Held, deep_size
from bagkit.exchange.tabling import Packed, Table

_AT_FIRST = 256
"""How many records go into a table before its first weighing."""
_OFTEN = 64
"""How many batches come between two weighings of a table that does not get longer: its values may grow."""


def weight(table: Packed) -> int:
    """Return about how many bytes `table` takes, from its first entries and its last: to go through it takes long."""
    if isinstance(table, (Texts, Integers)):
        return table.nbytes
    entries: Any = table if isinstance(table, list) else table.items()
    sample = [*islice(entries, SAMPLE // 2), *islice(reversed(entries), SAMPLE // 2)]
    return getsizeof(table) + sum(map(deep_size, sample)) * len(table) // max(1, len(sample))


def are_new(found: int, number: int) -> bool:
    """Say whether a table saves too little to go on with it: it `found` that many keys in a `number` of records."""
    return 4 * found > 3 * number


class TableScale:
    """Weighs the table of a task now and then, and says how many records to put into it next; mutable."""

    def __init__(self, heap: int | None) -> None:
        self._heap = heap
        self._length = 0
        self._bytes = 0.0
        """How many bytes an entry took when the table was weighed last."""
        self._batches = 0
        self.step = MOST_AT_ONCE if heap is None else _AT_FIRST

    def is_full(self, table: Table) -> bool:
        """Return whether `table` must be written before more is put into it."""
        if self._heap is None:
            return False
        self._batches += 1
        length = len(table)
        grown = length > 2 * self._length or length < self._length
        if not grown and self._batches < _OFTEN and length * self._bytes < self._heap:
            return False
        nbytes = weight(table)
        self._length, self._bytes, self._batches = length, nbytes / length, 0
        self.step = int(min(MOST_AT_ONCE, max(1, self._heap / 8 // self._bytes)))
        if length > MOST_AT_ONCE:
            Held.add()
        return nbytes >= self._heap
