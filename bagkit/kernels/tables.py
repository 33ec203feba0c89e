"""Tables by key: the states of frequencies, distinct and foldby, which need not fit into memory.

    fill   records -> for each partition that keys go to a state: what was written when there was no room, and the rest
    join   several states -> one: tables become one table where that fits, else all is kept as it is
    lists  a state -> lists of records of the result, keys in the order of first sight

A state is the list of its pieces in the order of the input: Buckets on disk, then tables in memory, and lists of keys
or of records that are not in a table yet, texts packed. That is how keys alone are sent; and where hardly any record is
there twice, a task leaves it to those who have all of them to put them into a table (see _add_unseen).
What was written is merged where it is read, as that of an exchange is, so no process holds more than it may. What
does that is imported by those who need it: few tables are so large.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from sys import getsizeof
from typing import Any

from bagkit.kernels.fold import add_count, started
from bagkit.kernels.guard import Late, StoppedEarly
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
from bagkit.kernels.texts import Texts, packed

Table = dict[Any, Any]
Packed = Table | list[Any] | Texts
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
_TRIED = 8192
"""Records put into a table before it is known whether that makes less of them."""
_LOOKED_AT = 16
"""Of so many keys one is looked at, to see whether it comes again."""
_MANY = 1 << 16
"""Keys for which it pays to look at some first."""
_CHECKED = 4
"""Batches between two decisions about that."""
_PLAIN = frozenset({str, int, bool, bytes, type(None)})
"""Types of records that can be put into any table, so that it may be done later."""


class Counting:
    """How often each record occurs."""

    alone: Any = 1
    """The value of a record in a list."""
    takes_lists = True
    """Whether records can be in a list, to be put into a table later."""
    in_one_go = False
    """Whether tables must not be merged before all are there."""

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Count `records` into `table`."""
        _count_into(table, records)

    def merge(self, tables: Sequence[Any]) -> Table:
        """Return the counts of all `tables` together."""
        total: Table = {}
        for table in tables:
            if isinstance(table, dict):
                add_count(total, table)
            else:
                _count_into(total, table)
        return total

    def meet(self, one: Any, other: Any) -> Any:
        """Return the value of two keys that are one."""
        return one + other

    def packed(self, table: Table) -> Packed:
        """Return `table` as it is kept and sent."""
        return table

    def result(self, table: Table) -> Iterable[Any]:
        """Return the records that a table stands for."""
        return table.items()


@dataclass(frozen=True, slots=True)
class Seeing:
    """The first record of each key; without a key the records are the keys, and nothing is kept beside them."""

    key: Callable[[Any], Any] | None = None

    alone = None
    in_one_go = False

    @property
    def takes_lists(self) -> bool:
        """Whether records can be in a list, to be put into a table later."""
        return self.key is None

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Put those of `records` into `table` whose keys are not there."""
        if self.key is None:
            deque(map(table.setdefault, records), maxlen=0)
            return
        key = self.key
        try:
            for record in records:
                value = key(record)
                if value not in table:
                    table[value] = record
        except StopIteration:
            raise StoppedEarly from None

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
        return packed(table) if self.key is None else table

    def result(self, table: Table) -> Iterable[Any]:
        """Return the records that a table stands for."""
        return table if self.key is None else table.values()


@dataclass(frozen=True, slots=True)
class Folding:
    """What the records of a key, or their `value`s, are folded to.

    `initial` (in a tuple, if there is one) starts each key of a table, `merge_initial` each key of the merged tables;
    one that can be called makes it.
    """

    key: Callable[[Any], Any]
    binop: Callable[[Any, Any], Any]
    combine: Callable[[Any, Any], Any]
    initial: tuple[Any, ...] = ()
    merge_initial: tuple[Any, ...] = ()
    value: Callable[[Any], Any] | None = None

    alone = None
    takes_lists = False

    @property
    def in_one_go(self) -> bool:
        """Whether tables must not be merged before all are there: a value that starts the merging counts once."""
        return bool(self.merge_initial)

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Fold `records` into `table`."""
        key, binop, value = self.key, self.binop, self.value
        try:
            for record in records:
                name = key(record)
                one = record if value is None else value(record)
                try:
                    total = table[name]
                except KeyError:
                    table[name] = binop(started(self.initial[0]), one) if self.initial else one
                else:
                    table[name] = binop(total, one)
        except StopIteration:
            raise StoppedEarly from None

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

    def result(self, table: Table) -> Iterable[Any]:
        """Return the records that a table stands for."""
        return table.items()


Tabling = Counting | Seeing | Folding


# In memory, or on disk ------------------------------------------------------------------------------------------------


def fill(records: Iterator[Any], tabling: Tabling, room: Room, count: int = 1) -> list[State]:
    """Return the states of `records` for each of `count` partitions.

    Records are pulled one at a time: if one fails, it is the last one pulled, or Late is raised.
    """
    states: list[State] = [[] for _ in range(count)]
    table: Table = {}
    scale = Scale(room.heap)
    trying = tabling.takes_lists and room.tasks > 1  # else nothing is sent before it is in a table
    put = 0
    with Held():
        while (first := next(records, _NOTHING)) is not _NOTHING:
            step = scale.step
            tabling.put(table, (first,))
            tabling.put(table, islice(records, step - 1))
            put += step
            if scale.is_full(table):
                others: Iterator[Any] = iter(())
                if isinstance(tabling, Folding) and tabling.initial:
                    others = _put_known(table, records, tabling, room)
                _add(states, table, tabling)
                _write(states, tabling, room)
                table, records = {}, chain(others, records)
            elif trying and put >= _TRIED:
                trying = False
                if _are_new(len(table), put):
                    _add(states, table, tabling)
                    table = {}
                    strange = _add_unseen(states, records, step, room)
                    with at_once():
                        tabling.put(table, strange)
    _add(states, table, tabling)
    if room.rest is not None and (_weight_of(states) > room.rest or any(map(_is_written, chain(*states)))):
        _write(states, tabling, room)
    return states


def _are_new(found: int, number: int) -> bool:
    """Say whether a table that found so many keys in a `number` of records saves too little to go on with it."""
    return 4 * found > 3 * number


def _add_unseen(states: Sequence[State], records: Iterator[Any], step: int, room: Room) -> list[Any]:
    """Add plain records to `states`, as they are, while hardly any is there twice; return those that are not plain.

    What is pulled is added while it is in the processor's cache: a table of all of it would not be. Ends, perhaps
    before the records do, where they repeat themselves, are not plain, or take more room than there is.
    """
    seen: Table = {}
    looked, known = 0, 0
    for number in itertools.count(1):
        batch = list(islice(records, step))
        kinds = set(map(type, batch))
        if not batch or not kinds <= _PLAIN:
            return batch
        parts = _parts(batch, len(states))
        try:
            pieces: list[Any] = list(map(Texts, parts)) if kinds == {str} else parts
        except UnicodeEncodeError:
            return batch
        _extend(states, pieces)
        if room.heap is not None and 2 * _weight_of(states) > room.heap:
            return []
        # The same keys each time, so that they are seen again when they come again.
        some = parts[0] if len(parts) > 1 else [key for key in batch if not hash(key) % _LOOKED_AT]
        seen.update(dict.fromkeys(some))
        looked += len(some)
        if number % _CHECKED == 0:
            if not _are_new(len(seen) - known, looked):
                return []
            looked, known = 0, len(seen)
    raise AssertionError("counting has an end")


def _extend(states: Sequence[State], pieces: Sequence[Any]) -> None:
    """Add `pieces` to the last ones of `states`."""
    for state, piece in zip(states, pieces, strict=True):
        last: Any = state[-1] if state else None
        if type(last) is type(piece):
            last.extend(piece)
        elif piece:
            state.append(piece)


@contextmanager
def at_once() -> Iterator[None]:
    """Raise Late for an error about one of many records."""
    try:
        yield
    except Exception as error:
        raise Late(error) from error


def _put_known(table: Table, records: Iterator[Any], folding: Folding, room: Room) -> Iterator[Any]:
    """Fold those of `records` into `table` whose keys are there; return the others, which wait on disk.

    So each key is folded in one go, from one initial value, however little memory there is. Only where values grow
    until the table takes twice its room does it stop before the end, with the rest of the records behind the others.
    """
    key, binop, value, most = folding.key, folding.binop, folding.value, 2 * (room.heap or 0)
    meter, frames, others = Meter(room.heap), list[Frame](), list[Any]()
    with room.file() as file:
        for number, record in enumerate(records, 1):
            name = key(record)
            if name in table:
                table[name] = binop(table[name], record if value is None else value(record))
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
    joined: State = []
    if any(map(_is_written, pieces)):
        for piece in pieces:
            joined.append(piece)
            _write([joined], tabling, room)
        return joined
    if _has_repetitions(pieces):
        _add([joined], _merged(pieces, tabling), tabling)
    else:
        joined += pieces
    if room.rest is not None and _weight_of([joined]) > room.rest:
        _write([joined], tabling, room)
    return joined


def _has_repetitions(pieces: Sequence[Any]) -> bool:
    """Say whether a table of all `pieces` would be much smaller than they are; of few keys it is soon made anyhow."""
    if sum(map(len, pieces)) < _MANY:
        return True
    some = [key for key in chain.from_iterable(pieces) if not hash(key) % _LOOKED_AT]
    return not _are_new(len(set(some)), len(some))


def _merged(pieces: Sequence[Any], tabling: Tabling) -> Table:
    """Return the table of all `pieces`, which are in memory."""
    table = tabling.merge(pieces)
    return table if all(type(piece) is Texts for piece in pieces) else one_nan(table, tabling)


def lists(state: State, tabling: Tabling, room: Room) -> Iterator[list[Any]]:
    """Yield the records that `state` stands for."""
    if not state:
        return
    if not any(map(_is_written, state)) and (room.heap is None or _weight_of([state]) <= room.heap):
        one = len(state) == 1 and isinstance(state[0], dict) and not tabling.in_one_go
        table: Any = state[0] if one else _merged(state, tabling)
        yield from batched(iter(tabling.result(table)), _LIST)
        return
    from bagkit.kernels.group import Meeting, merge_by_key

    buckets = [
        piece
        if isinstance(piece, Bucket)
        else Bucket(rest=list(_entries_of(piece, tabling)), rest_nbytes=weight(piece))
        for piece in state
    ]
    meeting = Meeting(tabling.meet, tabling.merge_initial if isinstance(tabling, Folding) else ())
    for entries in merge_by_key([buckets], meeting, room):
        yield list(tabling.result({key: cell[0] for key, cell in entries}))


def _add(states: Sequence[State], table: Table, tabling: Tabling) -> None:
    """Add the parts of `table` to the `states` of the partitions that its keys go to."""
    table = one_nan(table, tabling)
    if len(states) == 1:
        parts: Sequence[Table] = [table]
    else:
        parts = [{key: table[key] for key in keys} for keys in _parts(table, len(states))]
    for state, part in zip(states, parts, strict=True):
        if part:
            state.append(tabling.packed(part))


def _parts(keys: Collection[Any], count: int) -> list[list[Any]]:
    """Return `keys` in lists, for the partitions that they go to."""
    if count == 1:
        return [list(keys)]
    from bagkit.kernels.digest import numbers_of

    parts: list[list[Any]] = [[] for _ in range(count)]
    put = [part.append for part in parts]
    with at_once():
        for key, number in zip(keys, numbers_of(keys), strict=True):
            put[number % count](key)
    return parts


def _is_written(piece: Packed | Bucket) -> bool:
    return isinstance(piece, Bucket)


def _weight_of(states: Iterable[State]) -> int:
    """Return about how many bytes those pieces take that are in memory."""
    return sum(map(weight, chain.from_iterable(map(_in_memory, states))))


def _in_memory(state: State) -> list[Packed]:
    return [piece for piece in state if not isinstance(piece, Bucket)]


def _write(states: Sequence[State], tabling: Tabling, room: Room) -> None:
    """Write all pieces of `states` that are in memory."""
    from bagkit.kernels.group import Piles

    held = list(map(_in_memory, states))
    number = sum(map(len, chain.from_iterable(held)))
    if not number:
        return
    each = _weight_of(states) / number
    # Some at a time: entries, and what pickling remembers of them, take more than the table itself.
    step = max(1, int(room.frame // each))
    rests = [chain.from_iterable(_entries_of(piece, tabling) for piece in pieces) for pieces in held]
    with Piles(len(states), room) as piles:
        while any(some := [list(islice(rest, step)) for rest in rests]):
            piles.write(some, len, int(each * sum(map(len, some))))
    for state, pieces, bucket in zip(states, held, piles.buckets, strict=True):
        del state[len(state) - len(pieces) :]
        if bucket.frames:
            state.append(bucket)


def _entries_of(piece: Packed, tabling: Tabling) -> Iterator[tuple[Any, list[Any]]]:
    if isinstance(piece, dict):
        return ((key, [value]) for key, value in piece.items())
    return ((key, [tabling.alone]) for key in piece)


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
    if isinstance(table, Texts):
        return table.nbytes
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
