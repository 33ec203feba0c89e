"""Tables by key: frequencies, distinct and foldby, of which not everything need fit into memory.

fill   records -> a state for each partition that keys go to
join   several states -> one: tables become one table where that fits, else all is kept as it is
lists  a state -> lists of records of the result, keys in the order of first sight
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from bagkit.kernels.guard import at_once
from bagkit.kernels.spill import MOST_AT_ONCE, Bucket, Frame, Held, Meter, Room, SpillFile, read_frame
from bagkit.kernels.states import State, States, entries_of, in_memory
from bagkit.kernels.stream import batched
from bagkit.kernels.tabling import Folding, Table, Tabling, one_nan
from bagkit.kernels.texts import Texts
from bagkit.kernels.unseen import add_unseen, are_new, has_repetitions
from bagkit.kernels.weight import Scale, weight

_NOTHING: Any = object()
_LIST = 2048
"""Records handed on together."""
_TRIED = 8192
"""Records put into a table before it is known whether that makes less of them."""


def fill(records: Iterator[Any], tabling: Tabling, room: Room, count: int = 1) -> list[State]:
    """Return the states of `records` for `count` partitions.

    Records are pulled one at a time: if one fails, it is the last one pulled, or Late is raised.
    """
    states = States(tabling, room, count)
    table: Table = {}
    scale = Scale(room.heap)
    put = 0
    trying = tabling.takes_lists and room.tasks > 1  # of one task nothing is sent before it is in a table
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
                states.add(table)
                states.write()
                table, records = {}, chain(others, records)
            elif trying and put >= _TRIED:
                trying = False
                if are_new(len(table), put):
                    states.add(table)
                    table = {}
                    strange = add_unseen(states, records, step, room.heap)
                    with at_once():
                        tabling.put(table, strange)
        states.add(table)
        return states.finish()


def _put_known(table: Table, records: Iterator[Any], folding: Folding, room: Room) -> Iterator[Any]:
    """Fold those of `records` into `table` whose keys are there; return the others, which wait on disk.

    So each key is folded in one go, from one initial value, however little memory there is. Only where values grow
    until the table takes twice its room does it stop before the end, with the rest of the records behind the others.
    """
    key, binop, value, most = folding.key, folding.binop, folding.value, 2 * (room.heap or 0)
    meter, frames, others = Meter(room.heap), list[Frame](), list[Any]()
    with room.file() as file:
        for number, record in enumerate(folding.whole(records), 1):
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
            joined.each = [pieces]
        return joined.finish()[0]
    for piece in pieces:
        joined.each[0].append(piece)
        joined.write()
    return joined.each[0]


def _are_in_memory(pieces: Sequence[Any]) -> bool:
    return not any(isinstance(piece, Bucket) for piece in pieces)


def _merged(pieces: Sequence[Any], tabling: Tabling) -> Table:
    """Return the table of all `pieces`, which are in memory."""
    table = tabling.merge(pieces)
    return table if all(type(piece) is Texts for piece in pieces) else one_nan(table, tabling)


def lists(state: State, tabling: Tabling, room: Room) -> Iterator[list[Any]]:
    """Yield the records that `state` stands for."""
    if not state:
        return
    if _are_in_memory(state) and (room.heap is None or sum(map(weight, in_memory(state))) <= room.heap):
        one = len(state) == 1 and isinstance(state[0], dict) and not tabling.in_one_go
        table: Any = state[0] if one else _merged(state, tabling)
        yield from batched(iter(tabling.result(table)), _LIST)
        return
    from bagkit.kernels.group import Meeting, merge_by_key

    begin = tabling.begin if isinstance(tabling, Folding) and tabling.merge_initial else None
    meeting = Meeting(tabling.meet, begin)
    for entries in merge_by_key([[_bucket(piece, tabling) for piece in state]], meeting, room):
        yield list(tabling.result({key: cell[0] for key, cell in entries}))


def _bucket(piece: Any, tabling: Tabling) -> Bucket:
    if isinstance(piece, Bucket):
        return piece
    return Bucket(rest=list(entries_of([piece], tabling)), rest_nbytes=weight(piece))
