"""Tables by key: frequencies, distinct and foldby. They may be larger than memory.

Filling  records -> a state for each partition that keys go to
join     several states -> one: tables become one table where that fits, else all is kept as it is
lists    a state -> lists of records of the result, keys in the order of first sight
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import length_hint
from typing import Any

from bagkit.exchange.mostly_distinct import MostlyDistinct, has_repetitions
from bagkit.exchange.packing import Integers, Texts
from bagkit.exchange.spill import MOST_AT_ONCE, Bucket, Frame, Meter, Room, read_frame
from bagkit.exchange.states import State, States, entries_of, in_memory
from bagkit.exchange.tabling import Folding, Table, Tabling, one_nan
from bagkit.exchange.weight import TableScale, are_new, weight
from bagkit.flow.blocks import batched

_LIST = 2048
"""Records handed on together."""
_TRIED = 8192
"""Records put into a table before it is known whether that makes less of them."""


class Filling:
    """Puts records into tables, and gives a state for each of `count` partitions; mutable, of one task.

    Records that are `of_text` have types that JSON has.
    """

    def __init__(self, tabling: Tabling, room: Room, count: int = 1, of_text: bool = False) -> None:
        self._tabling = tabling
        self._room = room
        self._states = States(tabling, room, count)
        self._of_text = of_text
        self._table: Table = {}
        self._scale = TableScale(room.heap)
        self._put = 0
        self._trying = tabling.takes_lists and room.tasks > 1  # of one task nothing is sent before it is in a table
        self._listing: MostlyDistinct | None = None
        """Takes records as they are, while hardly any is there twice."""
        self.failed_at: int | None = None
        """At which of the records that came last a fold has raised; None where that is not known."""
        self._known: KnownOnly | None = None
        """Takes records where the table is full, and keys must be folded in one go."""

    def take(self, records: Sequence[Any]) -> None:
        """Put some records more; if it raises, one of them is at fault."""
        start, self.failed_at = 0, None
        while start < len(records):
            stop = start + self._scale.step
            self._take(records if start == 0 and stop >= len(records) else records[start:stop], start)
            start = stop

    def _fold(self, records: Sequence[Any], before: int) -> None:
        """Put records into the table one by one, `before` of those that came last are in it; know which one fails."""
        reading = iter(records)
        try:
            self._tabling.put(self._table, reading)
        except Exception:
            self.failed_at = before + len(records) - length_hint(reading) - 1
            raise

    def _take(self, records: Sequence[Any], before: int) -> None:
        if self._known is not None:
            if self._known.take(self._table, records):
                self._begin_again()
            return
        if self._listing is not None:
            records = self._listing.take(records, self._scale.step)
            if self._listing.ended:
                self._listing = None
        if not records:
            return
        if isinstance(self._tabling, Folding):
            self._fold(records, before)
        else:
            self._tabling.put(self._table, records)
        self._put += len(records)
        if self._scale.is_full(self._table):
            if isinstance(self._tabling, Folding) and self._tabling.initial:
                self._known = KnownOnly(self._tabling, self._room)
            else:
                self._leave_table()
        elif self._trying and self._put >= _TRIED:
            self._trying = False
            if are_new(len(self._table), self._put):
                self._states.add(self._table)
                self._table = {}
                self._listing = MostlyDistinct(self._states, self._room.heap, self._of_text)

    def _leave_table(self) -> None:
        self._states.add(self._table)
        self._states.write()
        self._table = {}

    def _begin_again(self) -> None:
        """Put the table away, and the records whose keys are not in it into a new one."""
        known, self._known = self._known, None
        assert known is not None
        self._leave_table()
        for records in known.others():
            try:
                self.take(records)
            except Exception:
                self.failed_at = None  # it is one of those that waited, and none that came last
                raise

    def state(self) -> dict[int, State]:
        """Return the states by the numbers of partitions, of those that get something."""
        if self._listing is not None:
            self._listing.rest()
            self._listing = None
        while self._known is not None:
            self._begin_again()
        self._states.add(self._table)
        return self._states.finish()


class KnownOnly:
    """Folds those records into a full table whose keys are there; the others wait on disk.

    So each key is folded in one go, from one initial value, however little memory there is. Only where values grow
    until the table takes twice its room does it stop before the end. Mutable, of one task.
    """

    def __init__(self, folding: Folding, room: Room) -> None:
        self._folding = folding
        self._meter = Meter(room.heap)
        self._most = 2 * (room.heap or 0)
        self._file = room.file()
        self._frames: list[Frame] = []
        self._others: list[Any] = []
        self._number = 0

    def take(self, table: Table, records: Sequence[Any]) -> bool:
        """Fold some records; return whether `table` takes too much now."""
        key, binop, value = self._folding.key, self._folding.binop, self._folding.value
        before = self._number // MOST_AT_ONCE
        for record in self._folding.whole(iter(records)):
            name = key(record)
            if name in table:
                table[name] = binop(table[name], record if value is None else value(record))
            else:
                self._wait(record)
        self._number += len(records)
        return self._number // MOST_AT_ONCE > before and weight(table) > self._most

    def _wait(self, record: Any) -> None:
        self._others.append(record)
        if len(self._others) >= self._meter.step:
            self._meter.add(self._others)
            self._frames.append(self._file.write(self._others, self._meter.nbytes))
            self._others, self._meter.nbytes = [], 0

    def others(self) -> Iterator[list[Any]]:
        """Yield the records that waited."""
        self._file.close()
        for frame in self._frames:
            yield read_frame(frame)
        self._file.remove()
        yield self._others


def join(states: Iterable[State], tabling: Tabling, room: Room, last: bool = False) -> State:
    """Return the state of several that come one after the other.

    Where they are the `last`, what is in memory is left to `lists`, which merges it anyhow.
    """
    pieces = list(chain.from_iterable(states))
    if tabling.in_one_go or len(pieces) < 2:
        return pieces
    joined = States(tabling, room, 1)
    if _are_in_memory(pieces):
        if last:
            return pieces
        # How folded values are put together, their rounding too, must not hang on what a look at some keys says.
        if not tabling.takes_lists or has_repetitions(pieces):
            joined.add(_merged(pieces, tabling))
        else:
            joined.each[0] = pieces
        return joined.finish().get(0, [])
    state = joined.each[0] = []
    for piece in pieces:
        state.append(piece)
        joined.write()
    return state


def _are_in_memory(pieces: Sequence[Any]) -> bool:
    return not any(isinstance(piece, Bucket) for piece in pieces)


def _merged(pieces: Sequence[Any], tabling: Tabling) -> Table:
    """Return the table of all `pieces`, which are in memory."""
    table = tabling.merge(pieces)
    return table if all(type(piece) in (Texts, Integers) for piece in pieces) else one_nan(table, tabling)


def lists(state: State, tabling: Tabling, room: Room, only_number: bool = False) -> Iterator[list[Any]]:
    """Yield the records that `state` stands for; where only their number matters, None may stand for each."""
    if not state:
        return
    if _are_in_memory(state) and (room.heap is None or sum(map(weight, in_memory(state))) <= room.heap):
        one = len(state) == 1 and isinstance(state[0], dict) and not tabling.in_one_go
        table: Any = state[0] if one else _merged(state, tabling)
        yield from ([[None] * len(table)] if only_number else batched(iter(tabling.result(table)), _LIST))
        return
    from bagkit.exchange.group import MeetingValues, merge_by_key

    begin = tabling.begin if isinstance(tabling, Folding) and tabling.merge_initial else None
    meeting = MeetingValues(tabling.meet, begin)
    for entries in merge_by_key([[_bucket(piece, tabling) for piece in state]], meeting, room):
        yield list(tabling.result({key: cell[0] for key, cell in entries}))


def _bucket(piece: Any, tabling: Tabling) -> Bucket:
    if isinstance(piece, Bucket):
        return piece
    return Bucket(rest=list(entries_of([piece], tabling)), rest_nbytes=weight(piece))
