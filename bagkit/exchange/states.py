"""What a task leaves of the tables that it filled, for each partition that keys go to: in memory, or on disk.

A State is the list of its pieces in the order of the input: Buckets on disk first, then tables, and lists of keys or of
records that are in no table yet, texts and integers packed. What was written is merged where it is read, as in an
exchange, so no process holds more than it may. What does that is imported by those who need it: few tables are so
large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from bagkit.exchange.packing import Integers, Texts
from bagkit.exchange.spill import Bucket, Room
from bagkit.exchange.tabling import Packed, Table, Tabling, one_nan
from bagkit.exchange.weight import weight

State = list[Packed | Bucket]


class States:
    """The states of one task for `count` partitions; few of these may get something. Mutable, of that task."""

    def __init__(self, tabling: Tabling, room: Room, count: int) -> None:
        self.count = count
        self.each: dict[int, State] = {}
        """By the numbers of partitions; none for those that get nothing."""
        self._tabling = tabling
        self._room = room

    @property
    def nbytes(self) -> int:
        """About how many bytes the pieces in memory take."""
        return sum(map(weight, chain.from_iterable(map(in_memory, self.each.values()))))

    def add(self, table: Table) -> None:
        """Add the parts of `table`; raises Late for a key that has no digest, if there are several partitions."""
        table = one_nan(table, self._tabling)
        parts = {0: table} if table else {}
        if self.count > 1:
            from bagkit.exchange.digest import parts_of

            each = parts_of(table, self.count)
            parts = {number: {key: table[key] for key in keys} for number, keys in each.items()}
        for number, part in parts.items():
            self.each.setdefault(number, []).append(self._tabling.packed(part))

    def extend(self, parts: Mapping[int, list[Any]], kind: type[list[Any] | Texts | Integers]) -> None:
        """Add lists of records to the last pieces of their partitions, in pieces of the `kind` where they can be."""
        for number, part in parts.items():
            state = self.each.setdefault(number, [])
            try:
                _grow(state, part, kind)
            except (UnicodeEncodeError, OverflowError, ImportError):  # lone surrogates, more than 64 bits, no msgspec
                _grow(state, part, list)

    def write_if_over(self, most: int | None) -> None:
        """Write what is in memory if it takes more than `most` bytes."""
        if most is not None and self.nbytes > most:
            self.write()

    def finish(self) -> dict[int, State]:
        """Return the states by the numbers of partitions.

        What is in memory stays there if it is little, and nothing was written before.
        """
        if any(isinstance(piece, Bucket) for piece in chain.from_iterable(self.each.values())):
            self.write()
        room = self._room
        if room.heap is not None and room.rest is not None:
            # What tasks leave for one partition comes together, and a table has each key once, so parts are alike.
            self.write_if_over(min(room.heap, room.rest * self.count))
        return self.each

    def write(self) -> None:
        """Write all pieces that are in memory."""
        from bagkit.exchange.group import Piles

        held = {number: pieces for number, state in self.each.items() if (pieces := in_memory(state))}
        number = sum(map(len, chain.from_iterable(held.values())))
        if not number:
            return
        nbytes = self.nbytes / number
        # Some at a time: entries, and what pickling remembers of them, take more than the table itself.
        step = max(1, int(self._room.frame // nbytes))
        rests = {number: entries_of(pieces, self._tabling) for number, pieces in held.items()}
        piles = Piles(self._room)
        while some := {number: found for number, rest in rests.items() if (found := list(islice(rest, step)))}:
            piles.write(some, len, int(nbytes * sum(map(len, some.values()))))
        piles.close()
        for number, pieces in held.items():
            state = self.each[number]
            del state[len(state) - len(pieces) :]
        for number, bucket in piles.buckets.items():
            self.each[number].append(bucket)


def _grow(state: State, part: list[Any], kind: type[list[Any] | Texts | Integers]) -> None:
    last: Any = state[-1] if state else None
    if type(last) is kind:
        last.extend(part)
    else:
        state.append(kind(part))


def in_memory(state: Sequence[Packed | Bucket]) -> list[Packed]:
    """Return the pieces of `state` that are in memory."""
    return [piece for piece in state if not isinstance(piece, Bucket)]


def entries_of(pieces: Iterable[Packed], tabling: Tabling) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the content of `pieces` as `(key, cell)`, as an exchange writes and merges it."""
    for piece in pieces:
        if isinstance(piece, dict):
            for key, value in piece.items():
                yield key, [value]
        else:
            for key in piece:
                yield key, [tabling.alone]
