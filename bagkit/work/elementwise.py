"""How ops work on blocks record by record: their function is called for a whole block, by a loop in C.

`list.extend` keeps what came before an exception. So the number of results says which record has failed, and for which
one the function raised StopIteration. The records before it go on first, so of several errors that one is raised which
a run record by record would raise. Nothing is paid for that while nothing fails.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import chain, islice, starmap
from types import CoroutineType, FrameType
from typing import Any, TypeVar

from bagkit.flow.blocks import Block, chosen_from, flattened_from, made_of, places_chosen_from
from bagkit.flow.report import Figures
from bagkit.flow.sample import PATIENCE, Clock, upto
from bagkit.flow.stopped import NO_FAILURES, StoppedEarly
from bagkit.plan.going_on import Further, GoesOn, Note, put_further
from bagkit.plan.kinds import OnRecords
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, StepFails
from bagkit.work.pace import Pace

T = TypeVar("T")


Row = tuple[Block, Sequence[Sequence[Any]]]
"""Records of one bag, and those beside them of others."""


Chosen = Callable[[Block, Sequence[Any]], Block]
"""Gives the block of those records whose flags are true."""


def _further(function: OnRecords, columns: Sequence[Sequence[Any]], fail: StepFails) -> Further:
    if isinstance(function, GoesOn):
        return function.further(columns[0], fail.shows_frames)
    if type(function) is partial and (function.func is map or function.func is starmap):
        return partial(put_further, function(*columns))
    return partial(_put_anew, function, columns)


def _put_anew(
    function: OnRecords, columns: Sequence[Sequence[Any]], found: list[Any], start: int, note: Note | None = None
) -> None:
    """Begin anew behind a record that has failed: of what the function gives a generator may be a part, which ends."""
    found.extend(function(*[column[start:] for column in columns] if start else columns))


def _error(
    further: Further, found: list[Any], start: int, count: int, note: Note | None = None, noted: Sequence[Any] = ()
) -> BaseException | None:
    """Put to `found` what is made of the records from `start` on, up to one that fails; return its error.

    With a `note`, which puts to `noted`, it may go on behind that.
    """
    missing = start - len(found) - len(noted)
    try:
        further(found, start, note)
    except USER_ERRORS as error:
        return error
    return None if missing + len(found) + len(noted) == count else StoppedEarly()


def _given(
    function: OnRecords, rows: Iterator[Row], fail: StepFails, figures: Figures, chosen: Chosen = chosen_from
) -> Iterator[tuple[list[Any], Block]]:
    """Yield what `function` gives, with the records that it is given for: in several parts where records have failed.

    `chosen` gives the block of those that have not, where that stays whole.

    While nothing fails, neither this nor `ones` and `some` hold a block that is on its way through later steps. So a
    record goes when the last step that uses it is done, and large ones are not held once for each step.
    """
    for row in rows:
        further, found = _further(function, (row[0].records, *row[1]), fail), list[Any]()
        noted: list[Any] = []
        note = fail.noting(row[0], noted) if fail.keeps else None
        error = _error(further, found, 0, len(row[0].records), note, noted)
        if error is None and not noted:
            if found and type(found[-1]) is CoroutineType:
                fail.refuse_coroutines(row[0], found)
            given = [(found, row[0])]
            del row, further, found, note, noted
            yield given.pop()
        else:
            if note is not None:
                rest = _given_without(row[0], further, fail, figures, chosen, found, error, note, noted)
            else:
                rest = _given_further(row[0], further, fail, figures, found, error)
            del row, further, found, note, noted, error
            yield from _forgotten(rest)
            del rest


def _forgotten(given: Generator[T, None, None]) -> Iterator[T]:
    """Yield what `given` yields, and then let its frame go of the block that it is about.

    The frame stays with an error that is kept, since a traceback leads to it.
    """
    frame: FrameType = given.gi_frame  # type: ignore[attr-defined]
    yield from given
    frame.clear()


def _given_further(
    block: Block, further: Further, fail: StepFails, figures: Figures, found: list[Any], error: BaseException | None
) -> Generator[tuple[list[Any], Block], None, None]:
    start, end = 0, len(block.records)
    while True:
        if found and (error is None or isinstance(error, WAITING_ERRORS)):
            yield found, block.part(start, start + len(found))
        if error is None:
            return
        waited_for = fail(block, start + len(found), error)
        figures.note(1, 0)
        start += len(found) + 1
        if waited_for:
            yield [], block.part(0, 0)
        if start == end:
            return
        found = []
        error = _error(further, found, start, end)


def _given_without(
    block: Block,
    further: Further,
    fail: StepFails,
    figures: Figures,
    chosen: Chosen,
    found: list[Any],
    error: BaseException | None,
    note: Note,
    noted: list[Any],
) -> Generator[tuple[list[Any], Block], None, None]:
    """Yield in one part what comes through, though records between have failed: each part costs the later steps."""
    count = len(block.records)
    while error is not None:
        index = len(found) + len(noted)
        if index == count or not isinstance(error, Exception) or type(error) in NO_FAILURES:
            flags = _flags(count, noted)
            fail.noted(block, noted)
            if found and isinstance(error, WAITING_ERRORS):
                yield found, chosen_from(block, bytes(flags[:index]).ljust(count, b"\0"))
            fail(block, index, error)
        note(index, error)
        error = _error(further, found, index + 1, count, note, noted) if index + 1 < count else None
    flags = _flags(count, noted)
    figures.note(len(noted), 0)
    given = [(found, chosen(block, flags))] if found else []
    if fail.noted(block, noted) and not found:
        given.append(([], block.part(0, 0)))
    del block, further, chosen, found, note, noted, flags  # records that are done with go, as where none has failed
    while given:
        yield given.pop()


def _flags(count: int, noted: Sequence[Any]) -> bytearray:
    """Return for each record whether it has come through."""
    flags = bytearray(b"\1") * count
    for each in noted:
        flags[each[0]] = 0
    return flags


def ones(function: OnRecords, rows: Iterator[Row], fail: StepFails, figures: Figures) -> Iterator[Block]:
    """Return the blocks of what `function` gives for each record."""
    return map(partial(_made, figures), _given(function, rows, fail, figures, places_chosen_from))


def _made(figures: Figures, given: tuple[list[Any], Block]) -> Block:
    found, block = given
    figures.note(len(found), len(found))
    return made_of(block, found)


def some(function: OnRecords, rows: Iterator[Row], fail: StepFails, figures: Figures) -> Iterator[Block]:
    """Yield the blocks of the records for which `function` gives what is true."""
    for flags, block in _given(function, rows, fail, figures):
        chosen = _chosen(flags, block)
        if not chosen:  # a flag is neither true nor false
            yield from _forgotten(_chosen_one_by_one(flags, block, fail, figures))
            del flags, block
            continue
        figures.note(len(flags), len(chosen[0].records))
        is_asked_for = bool(chosen[0].records) or not flags
        del flags, block
        if is_asked_for:
            yield chosen.pop()


def _chosen(flags: Sequence[Any], block: Block) -> list[Block]:
    """Return a list with the block of the records that are asked for; empty where a flag raises an exception."""
    try:
        return [chosen_from(block, flags)]
    except Exception:
        return []


def _chosen_one_by_one(
    flags: Sequence[Any], block: Block, fail: StepFails, figures: Figures
) -> Generator[Block, None, None]:
    for index, flag in enumerate(flags):
        try:
            kept = bool(flag)
        except Exception as error:
            fail(block, index, error)
            kept = False
        figures.note(1, kept)
        if kept:
            yield block.part(index, index + 1)


AT_ONCE = 1 << 16
"""Elements of lists that are put into one list."""
_LISTS: frozenset[type] = frozenset({list, tuple})


def many(function: OnRecords, rows: Iterator[Row], fail: StepFails, figures: Figures, pace: Pace) -> Iterator[Block]:
    """Yield the blocks of the elements of what `function` gives for each record."""
    clock = figures.report.clock(PATIENCE)
    for iterables, block in _given(function, rows, fail, figures):
        if _LISTS.issuperset(map(type, iterables)):
            counts = list(map(len, iterables))
            if sum(counts) <= AT_ONCE:  # none of them can fail, and all that they give is there
                if not counts:  # what has failed waits for it
                    yield block
                    continue
                elements = [flattened_from(block, counts, list(chain.from_iterable(iterables)))]
                figures.note(len(iterables), len(elements[0].records))
                del iterables, block
                yield from upto(clock, pace.cut(elements.pop()))
                continue
        yield from _forgotten(_flattened(iterables, block, fail, figures, pace, clock))
        del iterables, block


def _flattened(
    iterables: Sequence[Any], block: Block, fail: StepFails, figures: Figures, pace: Pace, clock: Clock | None
) -> Generator[Block, None, None]:
    """Yield blocks of what iterators give. No more is taken of one than a block may have, for it may have no end."""
    found: list[Any] = []
    counts: list[int] = []
    first = 0
    figures.note(len(iterables), 0)
    for index, iterable in enumerate(iterables):
        counts.append(0)
        iterator: Iterator[Any] | None = None
        error: BaseException | None = None
        given, more = 0, True
        while more:
            before, size = len(found), pace.size
            try:
                iterator = iter(iterable) if iterator is None else iterator
                found.extend(islice(iterator, max(0, size - before)))
            except USER_ERRORS as raised:
                error = raised
            given += len(found) - before
            counts[-1] += len(found) - before
            more = error is None and len(found) >= size
            if found and (more or isinstance(error, WAITING_ERRORS)):
                figures.note(0, len(found))
                yield from upto(clock, pace.cut(flattened_from(block, counts, found, first)))
                found, counts, first = [], [0], index
                if clock is not None and clock.is_over:
                    figures.cut = True
                    return
        if error is not None:
            fail(block, index, error, given)
    if found:
        figures.note(0, len(found))
        yield from upto(clock, pace.cut(flattened_from(block, counts, found, first)))
