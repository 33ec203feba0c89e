"""Tables by key: the states of frequencies, distinct and foldby, which need not fit into memory.

    fill   records -> a state: one table, or what was written each time that there was no room for more
    join   several states -> one: tables become one table where that fits, else all is kept as it is
    lists  a state -> lists of records of the result, keys in the order of first sight

A state is the list of its pieces in the order of the input; a piece is a table in memory or a Bucket on disk. A table
is a dict, or once it is full, and of keys alone, a list of them, which takes less room and less time to send.
What was written is merged where it is read, as that of an exchange is, so no process holds more than it may. What
does that is imported by those who need it: few tables are so large.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from bagkit.kernels.fold import add_counts, started
from bagkit.kernels.guard import StoppedEarly
from bagkit.kernels.spill import (
    MOST_AT_ONCE,
    SAMPLE,
    Bucket,
    Frame,
    Held,
    Meter,
    Room,
    SpillFile,
    deep_size,
    read_frame,
)
from bagkit.kernels.stream import batched

if TYPE_CHECKING:
    from bagkit.kernels.group import Gathering

Table = dict[Any, Any]
Packed = Table | list[Any]
State = list[Packed | Bucket]

_count_into: Callable[[Any, Iterable[Any]], None] = Counter.update
"""The loop of Counter, in C; it works on a dict too."""
_NOTHING: Any = object()
_AT_FIRST = 256
"""Records put into a table before its first weighing."""
_LIST = 2048
"""Records handed on together."""
_OFTEN = 64
"""Batches between two weighings of a table that gets no longer: its values may."""
_MAY_BE_NAN = ("float", "Decimal")


class Counting:
    """How often each record occurs."""

    in_one_go = False
    """Whether tables must not be merged before all are there."""

    @property
    def gathering(self) -> Gathering:
        """How what was written is merged."""
        from bagkit.kernels.group import Count

        return Count()

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Count `records` into `table`."""
        _count_into(table, records)

    def merge(self, tables: Sequence[Any]) -> Table:
        """Return the counts of all `tables` together."""
        return add_counts(tables)

    def meet(self, one: Any, other: Any) -> Any:
        """Return the value of two keys that are one."""
        return one + other

    def packed(self, table: Table) -> Packed:
        """Return `table` as it is kept and sent."""
        return table

    def result(self, table: Any) -> Iterable[Any]:
        """Return the records that a table stands for."""
        pairs: Iterable[Any] = table.items()
        return pairs


@dataclass(frozen=True, slots=True)
class Seeing:
    """The first record of each key; without a key the records are the keys, and nothing is kept beside them."""

    key: Callable[[Any], Any] | None = None

    in_one_go = False

    @property
    def gathering(self) -> Gathering:
        """How what was written is merged."""
        from bagkit.kernels.group import First

        return First()

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Put those of `records` into `table` whose keys are not there."""
        if self.key is None:
            deque(map(table.setdefault, records), maxlen=0)
            return
        key = self.key
        for record in records:
            value = key(record)
            if value not in table:
                table[value] = record

    def merge(self, tables: Sequence[Any]) -> Table:
        """Return what is first in all `tables`."""
        if self.key is None:
            return dict.fromkeys(chain.from_iterable(tables))
        total = dict(tables[0])
        for table in islice(tables, 1, None):
            for value, record in table.items():
                total.setdefault(value, record)
        return total

    def meet(self, one: Any, other: Any) -> Any:
        """Return the value of two keys that are one."""
        return one

    def packed(self, table: Table) -> Packed:
        """Return `table` as it is kept and sent."""
        return list(table) if self.key is None else table

    def result(self, table: Any) -> Iterable[Any]:
        """Return the records that a table stands for."""
        records: Iterable[Any] = table if self.key is None else table.values()
        return records


@dataclass(frozen=True, slots=True)
class Folding:
    """What the records of a key are folded to.

    `initial` (in a tuple, if there is one) starts each key of a table, `merge_initial` each key of the merged tables;
    one that can be called makes it.
    """

    key: Callable[[Any], Any]
    binop: Callable[[Any, Any], Any]
    combine: Callable[[Any, Any], Any]
    initial: tuple[Any, ...] = ()
    merge_initial: tuple[Any, ...] = ()

    @property
    def gathering(self) -> Gathering:
        """How what was written is merged."""
        from bagkit.kernels.group import Fold

        return Fold(self.binop, self.combine, merge_zero=self.merge_initial)

    @property
    def in_one_go(self) -> bool:
        """Whether tables must not be merged before all are there: a value that starts the merging counts once."""
        return bool(self.merge_initial)

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Fold `records` into `table`."""
        key, binop = self.key, self.binop
        for record in records:
            value = key(record)
            try:
                total = table[value]
            except KeyError:
                table[value] = binop(started(self.initial[0]), record) if self.initial else record
            else:
                table[value] = binop(total, record)

    def merge(self, tables: Sequence[Any]) -> Table:
        """Return what `combine` makes of the values of each key in all `tables`."""
        total: Table = {}
        if self.merge_initial:
            for key in chain.from_iterable(tables):
                if key not in total:
                    total[key] = started(self.merge_initial[0])
        for table in tables:
            for key, value in table.items():
                total[key] = self.meet(total[key], value) if key in total else value
        return total

    def meet(self, one: Any, other: Any) -> Any:
        """Return the value of two keys that are one."""
        try:
            return self.combine(one, other)
        except StopIteration:
            raise StoppedEarly from None

    def packed(self, table: Table) -> Packed:
        """Return `table` as it is kept and sent."""
        return table

    def result(self, table: Any) -> Iterable[Any]:
        """Return the records that a table stands for."""
        pairs: Iterable[Any] = table.items()
        return pairs


Tabling = Counting | Seeing | Folding


# In memory, or on disk ------------------------------------------------------------------------------------------------


def fill(records: Iterator[Any], tabling: Tabling, room: Room) -> State:
    """Return the state of `records`, which are pulled one at a time."""
    state: State = []
    table: Table = {}
    scale = Scale(room.heap)
    with Held():
        while (first := next(records, _NOTHING)) is not _NOTHING:
            tabling.put(table, (first,))
            tabling.put(table, islice(records, scale.step - 1))
            if not scale.is_full(table):
                continue
            others: Iterator[Any] = iter(())
            if isinstance(tabling, Folding) and tabling.initial:
                others = _put_known(table, records, tabling, room)
            state.append(_written(one_nan(table, tabling), room))
            table, records = {}, chain(others, records)
    return _kept(state, tabling.packed(one_nan(table, tabling)), room)


def _put_known(table: Table, records: Iterator[Any], folding: Folding, room: Room) -> Iterator[Any]:
    """Fold those of `records` into `table` whose keys are there; return the others, which wait on disk.

    So each key is folded in one go, from one initial value, however little memory there is. Only where values grow
    until the table takes twice its room does it stop before the end, with the rest of the records behind the others.
    """
    key, binop, most = folding.key, folding.binop, 2 * (room.heap or 0)
    meter, frames, others = Meter(room.heap), list[Frame](), list[Any]()
    with room.file() as file:
        for number, record in enumerate(records, 1):
            value = key(record)
            if value in table:
                table[value] = binop(table[value], record)
            else:
                others.append(record)
            if len(others) >= meter.step:
                meter.add(others)
                frames.append(file.write(others, meter.nbytes))
                others, meter.nbytes = [], 0
            if number % MOST_AT_ONCE == 0 and weight(table) > most:
                break
    return chain(_read_back(frames, file), others)


def _read_back(frames: Sequence[Frame], file: SpillFile) -> Iterator[Any]:
    for frame in frames:
        yield from read_frame(frame)
    file.remove()


def join(states: Iterable[State], tabling: Tabling, room: Room) -> State:
    """Return the state of several that come one after the other."""
    pieces = list(chain.from_iterable(states))
    if tabling.in_one_go or len(pieces) < 2:
        return pieces
    if any(isinstance(piece, Bucket) for piece in pieces):
        return [piece if isinstance(piece, Bucket) else _written(piece, room) for piece in pieces]
    return _kept([], tabling.packed(one_nan(tabling.merge(pieces), tabling)), room)


def lists(state: State, tabling: Tabling, room: Room) -> Iterator[list[Any]]:
    """Yield the records that `state` stands for."""
    if not state:
        return
    nbytes = [piece.nbytes if isinstance(piece, Bucket) else weight(piece) for piece in state]
    if not any(isinstance(piece, Bucket) for piece in state) and (room.heap is None or sum(nbytes) <= room.heap):
        one = len(state) == 1 and not tabling.in_one_go
        yield from batched(iter(tabling.result(state[0] if one else one_nan(tabling.merge(state), tabling))), _LIST)
        return
    from bagkit.kernels.group import merge_by_key

    buckets = [
        piece if isinstance(piece, Bucket) else Bucket(rest=list(_entries_of(piece)), rest_nbytes=size)
        for piece, size in zip(state, nbytes, strict=True)
    ]
    for entries in merge_by_key([buckets], tabling.gathering, room):
        yield list(tabling.result({key: cell[0] for key, cell in entries}))


def _kept(state: State, table: Packed, room: Room) -> State:
    """Return `state` with `table` as its last piece: in memory if it is little, or on disk, where the others are."""
    if not table:
        return state
    written = room.rest is not None and (bool(state) or weight(table) > room.rest)
    return [*state, _written(table, room) if written else table]


def _written(table: Packed, room: Room) -> Bucket:
    from bagkit.kernels.group import Piles

    nbytes = weight(table)
    # Some at a time: entries, and what pickling remembers of them, take more than the table itself.
    step = max(1, len(table) * room.frame // nbytes)
    with Piles(1, room) as piles:
        for some in batched(_entries_of(table), step):
            piles.write([some], len, nbytes * len(some) // len(table))
    (bucket,) = piles.buckets
    return bucket


def _entries_of(table: Packed) -> Iterator[tuple[Any, list[Any]]]:
    if isinstance(table, list):
        return ((key, [None]) for key in table)
    return ((key, [value]) for key, value in table.items())


def one_nan(table: Table, tabling: Tabling) -> Table:
    """Return `table` with one key for all NaN, which are told apart by where they are in this process's memory."""
    if not any(kind.__name__ in _MAY_BE_NAN or issubclass(kind, float) for kind in set(map(type, table))):
        return table
    from bagkit.kernels.digest import is_nan

    nans = [key for key in table if is_nan(key)]
    if len(nans) < 2:
        return table
    value = table[nans[0]]
    for key in nans[1:]:
        value = tabling.meet(value, table.pop(key))
    table[nans[0]] = value
    return table


# How much a table takes -----------------------------------------------------------------------------------------------


def weight(table: Packed) -> int:
    """Return about how many bytes `table` takes, from its first entries and its last: to go through it takes long."""
    entries: Any = table if isinstance(table, list) else table.items()
    sample = [*islice(entries, SAMPLE // 2), *islice(reversed(entries), SAMPLE // 2)]
    return getsizeof(table) + sum(map(deep_size, sample)) * len(table) // max(1, len(sample))


class Scale:
    """Weighs the table of a task now and then, and says how many records to put into it next; mutable."""

    def __init__(self, heap: int | None) -> None:
        self._heap = heap
        self._length = 0
        self._bytes = 0.0
        """Of an entry, when the table was weighed last."""
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
