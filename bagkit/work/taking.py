"""How the records of a task become the state of a reduction, or the buckets of an exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from time import perf_counter
from typing import Any, NoReturn

from bagkit.errors import TaskError, attribute
from bagkit.exchange.spill import Held, Room, SpillError
from bagkit.flow.blocks import Block, Handing, PlacesOf
from bagkit.flow.buckets import Buckets
from bagkit.flow.report import Figures, Report
from bagkit.flow.takings import AllAtOnce, PlacedTaking, UntilEnough
from bagkit.flow.tallies import counting
from bagkit.plan.kinds import Exchange, SampledExchange, Taking
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, Failing, Unplaced
from bagkit.work.pace import records_of
from bagkit.work.steps import Into

RUN = 48
"""Records that are taken together at the least: the loops of most reductions are in C, and begin anew for each call.

Blocks of 64 come alone, also where some of their records have failed: to put two together takes longer than two calls.
"""
LONG = 0.01
"""Seconds after which records are taken, however few there are."""
RECORDS_FAIL = "records on which it fails"


def task_room(report: Report, memory: int | None, tasks: int) -> Room:
    """Return what a task may use, where `tasks` of them leave something unwritten at the same time."""
    return Room(memory, report.directory, report.dumps, tasks, report.files)


def state_of(failing: Failing, into: Into, blocks: Iterator[Block], figures: Figures) -> Any:
    """Return what is made of the records of `blocks`.

    Raises Unplaced where a record fails that must be looked for, or left out.
    """
    with Held():
        taking = start(failing, into)
        if isinstance(taking, AllAtOnce):
            return _state_of_all(failing, into, taking, blocks, figures)
        reducing = Reducing(failing, into, taking, figures)
        raised = None
        try:
            reducing.take(blocks)
        except WAITING_ERRORS as error:
            raised = error
        try:
            reducing.flush()  # a record that came before the one that failed may fail too
            if raised is not None:
                raise raised
        finally:
            del raised  # its traceback leads to this frame
        return reducing.state()


def start(failing: Failing, into: Into) -> Taking:
    """Return what takes the records of one task."""
    op, room = into.op, task_room(failing.report, into.memory, into.tasks)
    taking = op.split(into.side, into.count, room) if isinstance(op, Exchange) else op.start(room)
    if isinstance(taking, (AllAtOnce, UntilEnough)):
        failing.comes_one_by_one()
    return taking


class Reducing:
    """Makes the state of a reduction, or the buckets of an exchange, some blocks at a time; mutable, of one run."""

    def __init__(self, failing: Failing, into: Into, taking: Taking, figures: Figures) -> None:
        self.figures = figures
        self.done = False
        """Whether more records change nothing."""
        self._failing = failing
        self._into = into
        self._taking = taking
        self._until = taking if isinstance(taking, UntilEnough) else None
        self._waiting: list[Block] = []
        self._count = 0
        self._begin = perf_counter()

    def take(self, blocks: Iterator[Block]) -> None:
        """Take the records of `blocks`, until it is done; the last ones may wait for more."""
        for block in blocks:
            self._waiting.append(block)
            self._count += len(block.records)
            del block  # its memory is taken for the next one, while it is in a cache; errors that are kept hold this
            if self._until is not None:
                self.flush()
                self.done = self._until.is_done()
                if self.done:
                    return
            elif self._count >= RUN or perf_counter() - self._begin > LONG:
                self.flush()

    def flush(self) -> None:
        """Take the records that wait."""
        waiting, self._waiting, self._count, self._begin = self._waiting, [], 0, perf_counter()
        if waiting:
            self._take(waiting)

    def _take(self, blocks: Sequence[Block]) -> None:
        records, raised, taking = records_of(blocks), None, self._taking
        try:
            if isinstance(taking, PlacedTaking):
                taking.take_placed(records, PlacesOf(blocks))
            else:
                taking.take(records)
        except USER_ERRORS as error:
            raised = error
        if raised is not None:  # no more in the `except`: what functions raise now would have the error as its context
            try:
                if self._into.policy == "raise" and not _is_blameless(raised):
                    _blame(self._failing, self._into, taking, blocks, raised)
                _give_up(self._failing, self._into, raised)
            finally:
                del raised  # its traceback leads to this frame
        self.figures.note(len(records), 0)

    def state(self) -> Any:
        """Return the state of what has taken all records.

        Raises Unplaced where a record must be looked for, or left out.
        """
        into = self._into
        try:
            made = self._taking.state()
        except Exception as error:
            _give_up(self._failing, into, error)
        self.figures.note(0, 0)
        splits = isinstance(into.op, Exchange) and not isinstance(into.op, SampledExchange)
        return Buckets(made, into.count) if splits else made


def _state_of_all(failing: Failing, into: Into, taking: AllAtOnce, blocks: Iterator[Block], figures: Figures) -> Any:
    handing = Handing(blocks, figures)
    try:
        state = taking.state_of(handing.records())
    except USER_ERRORS as error:
        if into.policy != "raise" and isinstance(error, Exception) and not failing.has_told(error):
            _give_up(failing, into, error)
        failing.raise_in([into.op], handing.place(), error)
    figures.note(0, 0)
    return state


def _give_up(failing: Failing, into: Into, error: BaseException) -> NoReturn:
    """Raise `error` as one whose record must be looked for, unless no record is to blame: of a full disk, say."""
    blameless = _is_blameless(error) or (into.policy == "raise" and isinstance(error, (TaskError, MemoryError)))
    if blameless or not isinstance(error, Exception):
        failing.raise_in([into.op], None, error)
    raise Unplaced(into, error) from None


def _is_blameless(error: BaseException) -> bool:
    """Return whether no record is at fault, and none has to be looked for."""
    return not isinstance(error, Exception) or isinstance(attribute(error, "__cause__"), SpillError)


def _blame(failing: Failing, into: Into, taking: Taking, blocks: Sequence[Block], error: BaseException) -> None:
    """Raise `error` with the place of the record that it is about: known, or one of `blocks` that raises it again."""
    known: int | None = getattr(taking, "failed_at", None)
    place = None if known is None else PlacesOf(blocks).at(known)
    if place is not None:
        failing.raise_in([into.op], place, error)
    tried: Callable[[Any], None]
    for tried in (lambda record: _alone(failing, into, record), lambda record: taking.take([record])):
        for block in blocks:
            for index, record in enumerate(block.records):
                if _raised_by(tried, record) is type(error):
                    failing.raise_in([into.op], block.place(index), error)


def _raised_by(tried: Callable[[Any], None], record: Any) -> type[Exception] | None:
    """Return the type of what `tried` raises for `record`."""
    try:
        tried(record)
    except Exception as error:
        return type(error)
    return None


def _alone(failing: Failing, into: Into, record: Any) -> None:
    """Make a state of `record` alone; raises what is wrong with it. What it counts is counted when it is taken."""
    with counting():
        taking = start(failing, into)
        if isinstance(taking, AllAtOnce):
            taking.state_of(iter((record,)))
            return
        taking.take([record])
        taking.state()


def careful_state_of(failing: Failing, into: Into, blocks: Iterator[Block], figures: Figures) -> Any:
    """Return the state of the records that do not fail alone; the policy says what happens to the others."""
    good = _good(failing, into, blocks, figures)
    with Held():
        taking = start(failing, into)
        if isinstance(taking, AllAtOnce):
            state = taking.state_of(chain.from_iterable(good))
            figures.note(0, 0)
            return state
        for records in good:
            taking.take(records)
        return Reducing(failing, into, taking, figures).state()


def _good(failing: Failing, into: Into, blocks: Iterator[Block], figures: Figures) -> Iterator[list[Any]]:
    for block in blocks:
        if not block.records:
            continue
        figures.took_care(len(block.records), RECORDS_FAIL)
        good = []
        for index, record in enumerate(block.records):
            try:
                _alone(failing, into, record)
            except Exception as error:
                failing.fail_in([into.op], into.policy, block.place(index), error)
            else:
                good.append(record)
        figures.note(len(block.records), 0)
        if good:
            yield good
            figures.note(0, 0)
        del block, record, good  # errors that are kept hold this frame
