"""What happens when a record fails: it is raised with its place, or noted and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from types import CoroutineType
from typing import Any, NoReturn

from bagkit.errors import TooManyErrorsError, attribute, put, too_many_errors
from bagkit.flow.blocks import Block, Place, placed, places_of
from bagkit.flow.report import Report
from bagkit.flow.stopped import NO_FAILURES, Blameless, StoppedEarly, Unawaited
from bagkit.flow.untold import Untold
from bagkit.light_classes import dataclass
from bagkit.plan.going_on import Note
from bagkit.plan.head import Head
from bagkit.plan.kinds import Op
from bagkit.plan.split_errors import SplitErrors
from bagkit.tracebacks import clear_ended, keep_users_frames
from bagkit.work.failures import Failure, add_place, failed_operation, stopped_early, unawaited
from bagkit.work.rejecting import Waiting, steps_below
from bagkit.work.steps import Into, Step
from bagkit.work.telling import Telling

USER_ERRORS = (Exception, SystemExit, KeyboardInterrupt, BaseExceptionGroup)
"""What gets a note of its place; not GeneratorExit, with which a reader says that it wants no more."""

WAITING_ERRORS = (Exception, SystemExit, BaseExceptionGroup)
"""What is raised after the records before it went through the later steps; who presses Ctrl-C does not wait."""

FAILURES_SHOWN = 3
"""Skipped records that a task describes for each op that they failed in; the others are only counted."""


class Unplaced(Exception):
    """An error in taking records: one of them is at fault, and it is not known which. It never leaves its task."""

    def __init__(self, into: Into, error: Exception) -> None:
        super().__init__(into, error)
        self.into = into
        self.error = error


class Failing:
    """What one run of a task has to say about failures; mutable, of that run."""

    def __init__(self, report: Report) -> None:
        self.report = report
        """What the task says beside its value: among it how many records were left out, and some of them."""
        self._told: BaseException | None = None
        """The error that says already where it was."""
        self.whole = report.most is None
        """Whether blocks may stay whole in which failures are noted."""
        self.shown: Counter[int] = Counter()
        """How many of the skipped records are described that failed in an op, by its id."""
        self._telling: dict[tuple[int, ...], Telling] = {}
        """What tells failures in some ops, by their ids."""
        self._waiting: dict[int, Waiting] = {}
        """Where records go that fail in a step, by its id, and what the steps give them to."""

    def rejected_below(self, step: Step) -> Waiting:
        """Return what fails below `step`, which splits errors, from now on."""
        if id(step) not in self._waiting:
            assert isinstance(step.op, SplitErrors), step.op
            waiting = self._waiting[id(step)] = Waiting(step.op.written)
            for below in steps_below(step):
                self._waiting[id(below)] = waiting
                waiting.by_block &= getattr(below.op, "per_record", "one") != "many"
        return self._waiting[id(step)]

    def waiting_of(self, step: Step) -> Waiting | None:
        """Return where records go that `step` rejects; None if it does not, or no step gives them on."""
        return self._waiting.get(id(step)) if step.policy == "reject" else None

    def passes(self, op: Op) -> None:
        """Take note that the task's records go through `op`."""
        per_record = getattr(op, "per_record", "one")
        if isinstance(op, Head) or per_record not in ("one", "some", "same"):
            self.comes_one_by_one()  # after a flatten, failures of one place could not be put in order

    def comes_one_by_one(self) -> None:
        """Take note that some of the records may be enough: those behind them have not failed."""
        self.whole = False

    def fail_in(self, ops: Sequence[Op], policy: str, place: Place | None, error: BaseException) -> None:
        """Raise `error` of one of `ops`, or note it."""
        if policy not in ("skip", "collect") or not isinstance(error, Exception) or type(error) in NO_FAILURES:
            self.raise_in(ops, place, error)
        self.report.skipped += policy == "skip"
        self.shown[id(ops[-1])] += 1
        if policy == "collect" or self.shown[id(ops[-1])] <= FAILURES_SHOWN:
            operation, kept = self.telling_of(ops).kept(error)
            place = None if place is None else place.to_keep()
            self.report.failures.append(Failure(place, operation, kept, collected=policy == "collect"))
        self.report.lost += 1
        most = self.report.most
        if most is not None and self.report.lost > most:
            raise too_many_errors(self.report.lost, "", most, self.report.first_failure()) from None

    def telling_of(self, ops: Sequence[Op]) -> Telling:
        """Return what tells failures in `ops`."""
        key = tuple(map(id, ops))
        telling = self._telling.get(key)
        if telling is None:
            telling = self._telling[key] = Telling(ops)
        return telling

    def note_damage(self, step: Step) -> None:
        """Note what the source of `step` has found to be damaged, and was asked to go on without."""
        for place, error in self.report.damage:
            label, collected = step.op.error_label, step.policy == "collect"
            keep_users_frames(error)
            self.report.failures.append(Failure(place, label, error, collected, is_damage=True))
        self.report.damage.clear()

    def has_told(self, error: BaseException) -> bool:
        """Return whether it is known already where `error` was."""
        return error is self._told

    def raise_in(self, ops: Iterable[Op], place: Place | None, error: BaseException) -> NoReturn:
        """Raise `error`, with notes on the one of `ops` that it arose in, and where; unless it has them."""
        if isinstance(error, Unplaced):
            ops, error = [error.into.op], error.error
        if isinstance(error, Blameless):
            place, error = None, error.error
        if error is self._told or isinstance(error, TooManyErrorsError):
            _raise(error)
        ops = list(ops)
        if isinstance(error, (StoppedEarly, StopIteration, Unawaited)):
            self._told = unawaited(ops) if isinstance(error, Unawaited) else stopped_early(ops)
            add_place(self._told, place, "")
            raise self._told from None
        self._told = error
        add_place(error, place, _operation(error, ops))
        _raise(error)


def _raise(error: BaseException) -> NoReturn:
    """Raise `error` with the context that it has: what is being handled here is no news to who reads of it."""
    context = attribute(error, "__context__")
    try:
        raise error
    finally:
        put(error, "__context__", context)


@dataclass(frozen=True, slots=True)
class StepFails:
    """What a run does about records that fail in one step."""

    failing: Failing
    step: Step

    @property
    def keeps(self) -> bool:
        """Whether a block in which records fail stays whole: each of its parts costs the later steps.

        Failures then come out of order if there are several steps, and are put in order by their places.
        """
        if self.step.policy == "reject":
            waiting = self.failing.waiting_of(self.step)
            return waiting is not None and waiting.by_block
        return self.failing.whole and self.step.policy != "raise"

    @property
    def shows_frames(self) -> bool:
        """Whether the frames of what is raised are to be there at once, not only its type and text."""
        step = self.step
        if step.parser is not None:
            return step.policy == "raise"  # a parser of ours has none of the user's
        if len(step.own_ops()) > 1:
            return True  # they tell which of these it was
        return step.policy not in ("reject", "skip") and not (step.policy == "collect" and self.keeps)

    def __call__(self, block: Block, index: int, error: BaseException, given: int = 0) -> bool:
        """Raise `error` of the record number `index` of `block`, or note it, as the step's policy says.

        `given` of its elements have gone on already.

        Return whether many records wait to be handed on: then an empty block should be given, with which they go.
        """
        failing, step = self.failing, self.step
        if type(error) in NO_FAILURES:
            failing.raise_in(step.own_ops(), block.place(index), error)
        if index == len(block.records):  # a signal, as of Ctrl-C, came when all were done: none of them has failed
            failing.raise_in(step.own_ops(), block.place(index - 1) if index else None, error)
        if step.policy == "reject" and isinstance(error, Exception):
            waiting = failing.waiting_of(step)
            if waiting is None:
                failing.raise_in(step.own_ops(), block.place(index), error)  # rather than lose it
            noted: list[Any] = []
            waiting.noting(step, block, noted)(index, error, given)
            return waiting.noted(block, noted)
        failing.fail_in(step.own_ops(), step.policy, block.place(index), error)
        return False

    def refuse_coroutines(self, block: Block, found: Sequence[Any]) -> NoReturn:
        """Raise TaskError for the first coroutine that a function has returned; it is no failure of a record."""
        first = next(index for index, value in enumerate(found) if type(value) is CoroutineType)
        for value in found:
            if type(value) is CoroutineType:
                value.close()  # else each would warn that nobody has awaited it
        ops = self.step.own_ops()
        error = unawaited(ops)
        self.failing.raise_in(ops, block.place(first), error)

    def noting(self, block: Block, noted: list[Any]) -> Note:
        """Return what puts to `noted` a tuple for each record of `block` that fails, where that is kept whole.

        The first value of each is the number of the record; of those that are only counted it is the only one. When all
        are noted, `noted` has to be called. What comes behind the last record is raised, as by a call.
        """
        step = self.step
        waiting = self.failing.waiting_of(step)
        if waiting is not None:
            return waiting.noting(step, block, noted)
        ops, records = step.own_ops(), block.records
        left = None if step.policy == "collect" else FAILURES_SHOWN - self.failing.shown[id(ops[-1])]
        telling, count = self.failing.telling_of(ops), len(records)

        def note(
            index: int, error: BaseException, given: int = 0, untold: Untold | None = None, said: str = ""
        ) -> None:
            if index == count or type(error) in NO_FAILURES:
                raise error
            if left is None:
                if untold is None:
                    noted.append((index, *telling.kept(error)))
                else:
                    noted.append((index, error, untold, records[index]))
            elif len(noted) >= left:
                noted.append((index,))
            else:
                told = telling.kept(error) if error is not untold else telling(error, untold, records[index])
                noted.append((index, *told))

        return note

    def noted(self, block: Block, noted: list[Any]) -> bool:
        """Take what was noted of `block`, and find its places, all in one go; return what a call does."""
        step, report = self.step, self.failing.report
        waiting = self.failing.waiting_of(step)
        if waiting is not None:
            return waiting.noted(block, noted)
        collected = step.policy == "collect"
        report.lost += len(noted)
        if not collected:
            report.skipped += len(noted)
            self.failing.shown[id(step.own_ops()[-1])] += len(noted)
        kept = [each for each in noted if len(each) > 1]
        if kept:
            telling = self.failing.telling_of(step.own_ops())
            places = places_of([(placed(block), [each[0] for each in kept])])
            report.failures += telling.failures(places, kept, collected)
        clear_ended([each[2] for each in kept if len(each) == 3])  # the loop that noted them was at work then
        return False


def _operation(error: BaseException, ops: Sequence[Op]) -> str:
    """Return the label of the op that raised `error`, as far as that can be told."""
    return ops[0].error_label if len(ops) == 1 else failed_operation(error, ops)
