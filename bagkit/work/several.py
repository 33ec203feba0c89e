"""The work of a task that makes records once for several answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Any

from bagkit.exchange.spill import Held
from bagkit.flow.batches import Emit, InTurns
from bagkit.flow.blocks import Block
from bagkit.flow.report import Report
from bagkit.flow.tallies import uncounted
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import SampledExchange, Sink
from bagkit.work.branches import Branches
from bagkit.work.chain import leave_now
from bagkit.work.failing import WAITING_ERRORS, Unplaced
from bagkit.work.in_turn import in_one_row
from bagkit.work.run import TaskRun
from bagkit.work.steps import Into, Joined, Step
from bagkit.work.taking import Reducing, careful_state_of, start
from bagkit.work.writing import Writing


@dataclass(frozen=True, slots=True)
class GivenOn:
    """An end of a branch: its records leave the task."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """An end of a branch: its records are written. The last elements of the task's part say where, one for each."""

    sink: Sink
    number: int
    """Of the sink in the run."""


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """The last step of a branch, and where its records go."""

    step: Step
    to: Into | GivenOn | Written

    @property
    def width(self) -> int:
        """How many values it gives."""
        into = self.to
        return 2 if isinstance(into, Into) and isinstance(into.op, SampledExchange) else 1


@dataclass(frozen=True, eq=False)
class Several:
    """A Work: the records of `trunk` through the `steps` above it, block by block, to all `ends`."""

    trunk: Step
    steps: tuple[Step, ...]
    ends: tuple[End, ...]
    in_turn: bool = False
    """Whether a task has several partitions, as a Chain may have."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        leaving, number = dict[int, bool](), 0
        for end in self.ends:
            if isinstance(end.to, GivenOn):
                leaving[number] = end.step.op.plain == "parsed" and not self._is_opaque
            number += end.width
        running = partial(_Running, self, part, inputs, report)
        if leaving:
            return InTurns(number, leaving, lambda emit: running(emit).values())
        values = running(_nowhere).values()
        return tuple(values) if number > 1 else values[0]

    @property
    def _is_opaque(self) -> bool:
        """Whether code of the user's may change its records."""
        takers = [end.to.op for end in self.ends if isinstance(end.to, Into)]
        return any(op.opaque for op in (*self.trunk.ops(), *[step.op for step in self.steps], *takers))

    def labels(self) -> tuple[str, ...]:
        """Return the labels of its steps, as they begin."""
        ends = [end.to.sink if isinstance(end.to, Written) else end.to for end in self.ends]
        labels = [op.label for op in Step(Joined(), (self.trunk, *self.steps)).ops()]
        return (*labels, *[end.label for end in ends if not isinstance(end, GivenOn)])

    @property
    def sinks(self) -> list[int]:
        """The numbers of the sinks that it writes for."""
        return [end.to.number for end in self.ends if isinstance(end.to, Written)]


def _nowhere(number: int, batch: list[Any]) -> None:
    raise AssertionError("no records leave the task")


class _Running:
    """One call of a Several; mutable, of that call."""

    def __init__(self, work: Several, part: Any, inputs: Sequence[Any], report: Report, emit: Emit) -> None:
        count = len(part) - len(work.sinks)
        self._part: Sequence[Any] = part[:count]
        places = iter(part[count:])
        self._work = work
        self._inputs = inputs
        self._turns = 1
        if work.in_turn:
            self._part, self._inputs, self._turns = in_one_row(self._part, inputs)
        self._report = report
        self._run, self._blocks, self._branches = self._begun(report)
        self._takers: list[_Taker] = []
        number = 0
        for end in work.ends:
            if isinstance(end.to, GivenOn):
                self._takers.append(_Emitter(partial(emit, number), report))
            elif isinstance(end.to, Into):
                self._takers.append(_Reducer(self._run, end.to))
            else:
                self._takers.append(_Writer(self._run, end.step, end.to, next(places), report))
            number += end.width

    def _begun(self, report: Report) -> tuple[TaskRun, Iterator[Block], Branches]:
        run, work = TaskRun(self._part, self._inputs, report, len(self._work.ends), self._turns), self._work
        blocks = run.all_blocks(work.trunk)
        return run, blocks, Branches(run, work.trunk, work.steps, [end.step for end in work.ends])

    def values(self) -> list[Any]:
        """Return the values of all ends, once all records went there; None for those whose records left."""
        with Held(), closing(self._run), ExitStack() as stack:
            writers = {n: taker.writing for n, taker in enumerate(self._takers) if isinstance(taker, _Writer)}
            for writing in writers.values():
                stack.enter_context(writing)
            try:
                self._pass()
                values = [self._values_of(*each) for each in zip(self._work.ends, self._takers, strict=True)]
                for n, writing in writers.items():
                    values[n] = (writing.seal(),)
                return list(chain.from_iterable(values))
            except Unplaced as error:
                unplaced = error
        for end in self._work.ends:
            if end.to is unplaced.into:
                self._state_again(end, unplaced.into, None)  # which looks for the record
        return self._run.failing.raise_in([], None, unplaced)

    def _pass(self) -> None:
        """Let each block go to all ends."""
        raised: BaseException | None = None
        ends = [(end.step, taker) for end, taker in zip(self._work.ends, self._takers, strict=True)]
        try:
            for block in self._blocks:
                self._branches.feed(block)
                for step, taker in ends:
                    if not taker.done:
                        taker.take(self._branches.given(step))
                if all(taker.done for taker in self._takers):
                    return
                del block  # errors that are kept hold this frame
                self._branches.let_go()
            self._branches.end()
        except WAITING_ERRORS as error:
            raised = error
        for taker in self._takers:  # a record that came before the one that failed may fail too
            taker.flush()
        if raised is not None:
            raise raised

    def _values_of(self, end: End, taker: _Taker) -> Sequence[Any]:
        if not isinstance(end.to, Into):
            return (None,)
        assert isinstance(taker, _Reducer)
        try:
            state, fails = taker.state(), False
        except Unplaced:
            if end.to.policy == "raise":
                raise
            fails = True
        if fails:  # no more in the `except`, for what is raised now would have the error as its context
            state = self._state_again(end, end.to, taker)
        return (state,) if end.width == 1 else state

    def _state_again(self, end: End, into: Into, taker: _Reducer | None) -> Any:
        """Make the state of `taker` of what does not fail alone; without one, raise the error of a record."""
        report = Report(sample=self._report.sample)  # of its own: what fails on the way is noted already
        run, blocks, branches = self._begun(report)

        def given() -> Iterator[Block]:
            for block in blocks:
                branches.feed(block)
                yield from branches.given(end.step)

        again = uncounted(given())
        with closing(run):
            if taker is None:
                return careful_state_of(run.failing, into, again, run.next_figures())
            taker.figures.note(0, 0)
            taker.figures.tallies = None  # all its records are taken again
            return careful_state_of(self._run.failing, into, again, taker.figures)


class _Taker:
    """Takes what an end is given, block by block; mutable, of one call."""

    done = False
    """Whether more records change nothing."""

    def take(self, blocks: Iterator[Block]) -> None:
        """Take what the end is given of one block of the records."""
        raise NotImplementedError

    def flush(self) -> None:
        """Do with all records what is to be done with them."""


class _Emitter(_Taker):
    """Has records leave the task."""

    def __init__(self, emit: Callable[[list[Any]], None], report: Report) -> None:
        self._report = report
        self._emit = emit
        self._found: list[Any] = []
        self._begin = perf_counter()

    def take(self, blocks: Iterator[Block]) -> None:
        for block in blocks:
            self._found += block.records
            if leave_now(self._found, self._begin):
                self.flush()

    def flush(self) -> None:
        if self._found:
            self._emit(self._found)
            self._report.resume()
        self._found, self._begin = [], perf_counter()


class _Writer(_Taker):
    """Writes records."""

    def __init__(self, run: TaskRun, below: Step, to: Written, where: Any, report: Report) -> None:
        self.writing = Writing(run, below, to.sink, to.number, where, report)

    def take(self, blocks: Iterator[Block]) -> None:
        self.writing.take(blocks)


class _Reducer(Reducing, _Taker):
    """Makes the state of an end. If a record fails that must be left out, the other ends go on."""

    def __init__(self, run: TaskRun, into: Into) -> None:
        super().__init__(run.failing, into, start(run.failing, into), run.next_figures())
        self._unplaced: Unplaced | None = None

    def _take(self, blocks: Sequence[Block]) -> None:
        if self._unplaced is not None:
            return
        try:
            super()._take(blocks)
        except Unplaced as error:
            if self._into.policy == "raise":
                raise
            self.figures.note(0, 0)  # before others take what was counted for theirs
            self._unplaced = error

    def state(self) -> Any:
        if self._unplaced is not None:
            raise self._unplaced
        return super().state()
