"""The work of one task: a tree of steps over what the task is given, and what becomes of the records at its end.

Steps are shared by all tasks of a stage; what is a task's own comes as `part` and `inputs`, which the leaves of the
tree take in order, first leaf first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, NoReturn

from bagkit.errors import StoppedEarlyError
from bagkit.kernels.guard import GUARD_BATCH, End, Late, Made, Mark, StoppedEarly, checked, guarded
from bagkit.kernels.replay import reading, replayed
from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block, Place, Stream, batched
from bagkit.lower.exchange import Collecting, Splitting, blocks_of, exchanged_here
from bagkit.lower.failures import Failure, add_place, failed_operation, user_code
from bagkit.lower.graph import Batches
from bagkit.plan.kinds import BlockParser, Call, Exchange, Op, Pairing, PerPartition, Reduction, Source

RESULT_BATCH = 2048
"""Records that leave a task together."""

USER_ERRORS = (Exception, SystemExit, KeyboardInterrupt, BaseExceptionGroup)
"""What gets a note of its place; not GeneratorExit, with which a reader says that it wants no more."""

FAILURES_SHOWN = 3
"""Skipped records that a task describes; the others are only counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An op on what other steps give."""

    op: Op
    inputs: tuple[Step, ...] = ()
    policy: str = "raise"
    """What becomes of records that fail in it: raise, skip or collect."""

    def ops(self) -> Iterator[Op]:
        """Yield the ops, those of inputs first."""
        for step in self.inputs:
            yield from step.ops()
        yield self.op

    @property
    def parser(self) -> BlockParser | None:
        """The op, if it parses blocks straight off a source."""
        if isinstance(self.op, BlockParser) and isinstance(self.inputs[0].op, Source):
            return self.op
        return None

    @property
    def elementwise(self) -> bool:
        """Whether it is one source with only elementwise ops on it."""
        if isinstance(self.op, Source):
            return True
        return isinstance(self.op, PerPartition) and self.op.elementwise and self.inputs[0].elementwise


@dataclass(frozen=True)
class Gather(Op):
    """Leaf: the records of other tasks. Its part says how many of the inputs are its."""

    name: str

    can_raise = False

    @property
    def label(self) -> str:
        return self.name


@dataclass(frozen=True)
class Finish(Op):
    """Leaf: the result of a reduction, made of states. Its part says how many of the inputs are its."""

    reduction: Reduction

    @property
    def label(self) -> str:
        return self.reduction.label

    def user_functions(self) -> tuple[Any, ...]:
        return self.reduction.user_functions()


@dataclass(frozen=True)
class Value(Op):
    """Leaf: the value of another task."""

    can_raise = False

    @property
    def label(self) -> str:
        return "value"


@dataclass(frozen=True, slots=True)
class TaskOrigin:
    """Records that another task made."""

    name: str
    before: int

    def place(self, index: int, record: Any) -> Place:
        return Place(source=f"the result of {self.name}", index=self.before + index, record=record)


Given = tuple[Step, Sequence[Block]]
"""A step, and the records that it gives, which were made before."""
_NOTHING_GIVEN: tuple[Step | None, Sequence[Block]] = (None, ())


class Run:
    """One run of a tree of steps; mutable, of the one task that makes it."""

    def __init__(
        self,
        part: Sequence[Any],
        inputs: Sequence[Any],
        report: Report,
        suspect: tuple[Step, Late] | None = None,
        given: Given | None = None,
    ) -> None:
        self.suspect = suspect
        """The step with a reduction that raised Late, and that. If it is given, the run only looks for the record."""
        self._parts = iter(part)
        self._inputs = iter(inputs)
        self._report = report
        self._streams: list[Stream] = []
        self._given, self._blocks = given if given is not None else _NOTHING_GIVEN
        self._final: Exception | None = None
        """An error that no policy further out may skip."""

    # Records ------------------------------------------------------------------------------------------------------

    def records(self, step: Step, batch: int = 1) -> Iterator[Any]:
        """Return the records that `step` gives, checked or guarded to their end.

        With a `batch` larger than 1 records are pulled ahead, so only where none of what follows can fail on one.
        """
        records, ends = self._open(step)
        if step.policy == "raise":
            return checked(records, ends)
        return guarded(records, ends, self._on_failure(step, step.policy), batch)

    def _open(self, step: Step) -> tuple[Iterator[Any], Sequence[End]]:
        """Return the records of `step`, and where they come out of."""
        op = step.op
        if step is self._given:
            return self._stream(self._blocks)
        if isinstance(op, Source) or step.parser is not None:
            return self._stream(self.blocks(step))
        if isinstance(op, Gather):
            return self._stream(self._gathered(op, [next(self._inputs) for _ in range(next(self._parts))]))
        if isinstance(op, (Collecting, Exchange)):
            return self._stream(blocks_of(self._exchanged(op, step), partial(TaskOrigin, op.label)))
        if isinstance(op, (Reduction, Finish)):
            made = batched(iter(self.value(step)), RESULT_BATCH)
            return self._stream(blocks_of(made, partial(TaskOrigin, op.label)))
        if isinstance(op, Pairing):
            return self._open_pairing(op, step)
        assert isinstance(op, PerPartition), op
        return self._open_per_partition(op, step)

    def _exchanged(self, op: Collecting | Exchange, step: Step) -> Iterator[Sequence[Any]]:
        if isinstance(op, Collecting):
            return op.lists(next(self._parts), self._inputs, self._report)
        return exchanged_here(op, self.records(step.inputs[0]), self._report)

    def _open_per_partition(self, op: PerPartition, step: Step) -> tuple[Iterator[Any], Sequence[End]]:
        below = step.inputs[0]
        if below.parser is not None and below is not self._given and (merged := below.parser.merged(op)) is not None:
            return self._stream(self._parsed(merged, below.inputs[0].op))
        if not op.elementwise:
            # It may pull ahead, or stop early: what comes before is secured now, and what comes after begins anew.
            return self._made(op.run(self.records(below)), step)
        records, ends = self._open(below)
        if op.policy and op.policy != step.policy:
            # One record at a time: what fails further on must find its place, so nothing may be pulled ahead.
            on_failure = self._give_up if op.policy == "raise" else self._on_failure(below, op.policy)
            return guarded(records, ends, on_failure, batch=1), ends
        if not op.resumes and step.policy != "raise":
            records = guarded(op.opened(records), ends, self._on_failure(step, step.policy), batch=1)
        return op.run(records), ends

    def blocks(self, step: Step) -> Iterator[Block]:
        """Yield the records of `step` in blocks: the source's own, where nothing but a parser is on it."""
        if isinstance(step.op, Source):
            return step.op.read(next(self._parts), self._report, raw=False)
        if step.parser is not None:
            return self._parsed(step.parser, step.inputs[0].op)
        return blocks_of(batched(self.records(step), RESULT_BATCH), partial(TaskOrigin, step.op.label))

    def _parsed(self, parser: BlockParser, source: Op) -> Iterator[Block]:
        assert isinstance(source, Source), source
        return map(parser.parse, source.read(next(self._parts), self._report, raw=source.gives_raw_lines))

    def _open_pairing(self, op: Pairing, step: Step) -> tuple[Iterator[Any], Sequence[End]]:
        if not op.bags:
            made = list(op.run((), [self.value(child) for child in step.inputs]))
            return self._stream([Block(made, TaskOrigin(op.label, 0))])
        # Each bag is secured by itself: a record that fails in one must not put it out of step with the others.
        opened = [self._made(self.records(child), step) for child in step.inputs[: op.bags]]
        values = [self.value(child) for child in step.inputs[op.bags :]]
        records = op.run([records for records, _ in opened], values)
        # That a bag which is read first has no more says nothing of a record that fails later.
        going = opened[: op.bags - op.read_first]
        return (records, [end for _, ends in going for end in ends]) if going else self._made(records, step)

    def _made(self, records: Iterator[Any], step: Step) -> tuple[Iterator[Any], Sequence[End]]:
        """Return `records`, whose own errors and end are not those of a record, with an End of theirs."""
        if step.policy == "raise":
            mark = Mark()
            return chain(records, mark), [mark]
        made = Made(records)
        return made, [made]

    def _stream(self, blocks: Iterable[Block]) -> tuple[Iterator[Any], Sequence[End]]:
        stream = Stream(blocks, self._report.read)
        self._streams.append(stream)
        return stream.records(), [stream]

    def _gathered(self, op: Gather, parts: Sequence[Batches]) -> Iterator[Block]:
        for batches in parts:
            before = 0
            for batch in batches:
                yield Block(batch, TaskOrigin(op.name, before))
                before += len(batch)

    # Values -------------------------------------------------------------------------------------------------------

    def value(self, step: Step) -> Any:
        """Return the single value that `step` gives, or the iterable of a reduction that gives a bag."""
        op = step.op
        if isinstance(op, Value):
            return reading(next(self._inputs))
        if isinstance(op, Finish):
            states = [next(self._inputs) for _ in range(next(self._parts))]
            return op.reduction.within(self._report).finish_all(states)
        if isinstance(op, Reduction):
            return op.within(self._report).finish_all([self._inner_state(op, step)])
        assert isinstance(op, Call), op
        return op.call([self.value(child) for child in step.inputs])

    def _inner_state(self, op: Reduction, step: Step) -> Any:
        if self.suspect is not None and step is self.suspect[0]:
            self.try_each(op, step.inputs[0])
            raise self.suspect[1]  # none fails alone
        try:
            return self.state(op, step.inputs[0])
        except Late as late:
            self.suspect = step, late
            raise

    def state(self, end: Reduction | Splitting, step: Step) -> Any:
        """Return the state of `end` over the records of `step`."""
        parser = step.parser if step is not self._given else None
        if isinstance(end, Reduction) and parser is not None and (faster := end.over(parser)) is not None:
            parser, end = faster
            step = replace(step, op=parser)
        return self._chunk(end)(self.records(step, GUARD_BATCH))

    def _chunk(self, end: Reduction | Splitting) -> Callable[[Iterator[Any]], Any]:
        return end.within(self._report).chunk

    def try_each(self, end: Reduction | Splitting, step: Step) -> None:
        """Give `end` each record of `step` alone, so that it raises at the one which is at fault."""
        deque(map(Trial(self._chunk(end)), self.records(step)), maxlen=0)

    def state_of_good_records(self, end: Reduction | Splitting, step: Step, policy: str) -> Any:
        """Return the state of `end` over those records of `step` that it does not fail on even alone."""
        made = Made(self.records(step))
        tried = map(Trial(self._chunk(end)), made)
        return self._chunk(end)(guarded(tried, [made], self._on_failure(Step(end, (step,)), policy), batch=1))

    # Failures -----------------------------------------------------------------------------------------------------

    def place(self) -> Place | None:
        """Return where the record is that was handed out last."""
        places = [stream.place() for stream in self._streams]
        return next((place for place in reversed(places) if place is not None), None)

    def _on_failure(self, step: Step, policy: str) -> Callable[[Exception], None]:
        ops = tuple(step.ops())

        def note(error: Exception) -> None:
            if error is self._final:
                raise error
            self._report.skipped += policy == "skip"
            if policy == "collect" or len(self._report.failures) < FAILURES_SHOWN:
                kept = stopped_early(ops) if isinstance(error, StoppedEarly) else error
                failure = Failure(self.place(), failed_operation(error, ops), kept, collected=policy == "collect")
                self._report.failures.append(failure)

        return note

    def _give_up(self, error: Exception) -> NoReturn:
        self._final = error
        raise error


class Trial:
    """Lets a record through after the reduction took it alone without raising."""

    def __init__(self, chunk: Callable[[Iterator[Any]], Any]) -> None:
        self._chunk = chunk

    def __call__(self, record: Any) -> Any:
        try:
            self._chunk(iter((record,)))
        except Late as late:
            raise late.error from None
        return record


def stopped_early(ops: Iterable[Op]) -> StoppedEarlyError:
    """Return the error for a function of `ops` that raised StopIteration."""
    functions = [(op.label, function) for op in ops if op.opaque for function in op.user_functions()]
    likely = [label for label, function in functions if user_code(function) is not None]
    labels = " or ".join(dict.fromkeys(likely or [label for label, _ in functions]))
    return StoppedEarlyError(
        f"{labels or 'a function'}: it raised StopIteration, which would have ended the data as if there were no more; "
        "hint: next(iterator, default) never raises it"
    )


@dataclass(frozen=True, eq=False)
class Chain:
    """A Work: runs `step` and gives its records, its value, or with `end` the state of that reduction."""

    step: Step
    end: Reduction | Splitting | None = None
    policy: str = "raise"
    """What becomes of records that `end` fails on."""
    gives_value: bool = False

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report, given: Given | None = None) -> Any:
        run = Run(part, inputs, report, given=given)
        if self.end is None and not self.gives_value:
            return Batches(self._batches(run, part, inputs))
        try:
            return replayed(run.value(self.step)) if self.end is None else run.state(self.end, self.step)
        except USER_ERRORS as error:
            if isinstance(error, Exception) and self.end is not None and self.policy != "raise":
                return self._state_of_good_records(error, part, inputs, report)
            if isinstance(error, Late):
                self._look_for(error, part, inputs, run.suspect, given)
            self.fail(error, run)

    def _batches(self, run: Run, part: Any, inputs: Sequence[Any]) -> Iterator[list[Any]]:
        one_by_one = isinstance(self.step.op, PerPartition) and self.step.op.stands_for_many
        ahead, size = (1, 1) if one_by_one else (GUARD_BATCH, RESULT_BATCH)
        try:
            yield from batched(run.records(self.step, ahead), size)
        except Late as late:
            self._look_for(late, part, inputs, run.suspect)
        except USER_ERRORS as error:
            self.fail(error, run)

    def _state_of_good_records(self, error: Exception, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        """Reduce again, leaving out the records that the reduction fails on even alone."""
        assert self.end is not None
        report.failures.clear()
        report.skipped = report.bytes_read = 0
        again = Run(part, inputs, report)
        try:
            return again.state_of_good_records(self.end, self.step, self.policy)
        except Exception as second:
            self.fail(second, again)

    def _look_for(
        self,
        late: Late,
        part: Any,
        inputs: Sequence[Any],
        suspect: tuple[Step, Late] | None,
        given: Given | None = None,
    ) -> NoReturn:
        """Raise the error of the record that made it, found by going through them once more."""
        again = Run(part, inputs, Report(), suspect, given)
        try:
            if suspect is None and self.end is not None:
                again.try_each(self.end, self.step)
            elif self.gives_value:
                again.value(self.step)
            else:
                deque(again.records(self.step), maxlen=0)
        except Late:
            pass
        except USER_ERRORS as error:
            self.fail(error, again)
        self.fail(late.error, again)  # another time there was none

    def fail(self, error: BaseException, run: Run) -> NoReturn:
        """Raise `error` with notes on where in `run` it arose."""
        ops = (*self.step.ops(), *([self.end] if self.end is not None else ()))
        if isinstance(error, (StoppedEarly, StopIteration)):
            stopped = stopped_early(ops)
            add_place(stopped, run.place(), "")
            raise stopped from None
        add_place(error, run.place(), failed_operation(error, ops))
        raise error


def bare_step(step: Step, known: dict[int, Step] | None = None) -> Step:
    """Return `step` with sources that carry no pieces: what crosses to other processes. `known` are made already."""
    known = {} if known is None else known
    if id(step) not in known:
        op = step.op.bare() if isinstance(step.op, Source) else step.op
        known[id(step)] = replace(step, op=op, inputs=tuple(bare_step(child, known) for child in step.inputs))
    return known[id(step)]
