"""One run of a tree of steps: blocks of records flow from its leaves to whoever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, cast

from bagkit.flow import replay
from bagkit.flow.batches import Batches
from bagkit.flow.blocks import Block, Handing, batched, lines_of, made_of, result_of
from bagkit.flow.buckets import Buckets
from bagkit.flow.report import Figures, Report
from bagkit.flow.sample import PATIENCE, upto
from bagkit.plan.head import Head
from bagkit.plan.kinds import (
    BlockParser,
    Call,
    Completion,
    Exchange,
    LaterCompletion,
    MemorySource,
    OnRecords,
    Pairing,
    PerPartition,
    Placing,
    Reduction,
    Returning,
    SampledExchange,
    Source,
    Ways,
)
from bagkit.plan.split_errors import Choosing, SplitErrors
from bagkit.visible import one_line
from bagkit.work.branches import Branches, Rows, to_the_end
from bagkit.work.elementwise import Row, many, ones, some
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, Failing, StepFails
from bagkit.work.late import Late, Rest
from bagkit.work.pace import SOME, Pace, Wanted
from bagkit.work.rejecting import chosen_blocks, returned, with_rejected
from bagkit.work.steps import Collecting, Finish, Into, Joined, Step, TaskRecords, Value
from bagkit.work.taking import state_of, task_room

LIST = 2048
"""Records that reductions and exchanges hand on together."""
COUNTED = 0.05
"""Seconds in which a source is read on, once a sample is enough, to count its records."""
NOT_AT_ONCE = "lines that can't be taken all at once"


class TaskRun:
    """One run of steps; mutable, of the one task that makes it."""

    def __init__(
        self, part: Sequence[Any], inputs: Sequence[Any], report: Report, answers: int = 1, turns: int = 1
    ) -> None:
        report.begin()
        self._turns = turns
        """How many partitions it is given, one after the other."""
        self._known: Iterator[Figures] = iter(())
        """The figures of steps that run again, for the next partition."""
        self.failing = Failing(report)
        self._parts = iter(part)
        self._inputs = iter(inputs)
        self._report = report
        self._wanted = Wanted(answers=answers)
        self._readers: list[Generator[Block]] = []

    def close(self) -> None:
        """Close what its sources and it have open: a run that fails or is given up leaves no file to the collector."""
        for reader in self._readers:
            with suppress(*USER_ERRORS):  # nobody wants the rest of the file
                reader.close()
        self._report.close_files()
        self._parts = self._inputs = iter(())  # errors that are kept lead to this, and must not hold the records

    # Records ------------------------------------------------------------------------------------------------------

    def blocks(self, step: Step) -> Iterator[Block]:
        """Yield the records that `step` gives."""
        op = step.op
        self.failing.passes(op)
        if isinstance(op, Source):
            figures = self.next_figures()
            return self._read(
                StepFails(self.failing, step), figures, self._reading(step, figures, next(self._parts), raw=False)
            )
        if isinstance(op, PerPartition):
            return self._per_partition(step, op)
        if isinstance(op, Pairing):
            return self._pairing(step, op)
        if isinstance(op, Joined):
            return self._joined(step)
        return self._cut(*self._made(step))

    def all_blocks(self, step: Step) -> Iterator[Block]:
        """Yield the records that `step`, the last one, gives for each of the partitions of the task."""
        first = self.blocks(step)
        return first if self._turns == 1 else self._in_turn(step, first, tuple(self._report.figures))

    def _in_turn(self, step: Step, blocks: Iterator[Block], figures: Sequence[Figures]) -> Iterator[Block]:
        left, sample = step.op.k if isinstance(step.op, Head) else None, self._report.sample
        for turn in range(self._turns):
            if turn:
                if sample is not None and sample.is_over:
                    figures[0].cut = True
                    return
                self._known = iter(figures)
                blocks = self.blocks(step)
            for block in blocks:
                left = None if left is None else left - len(block.records)
                yield block
            if left is not None and left <= 0:  # nobody takes more of the partitions together than of one
                return

    def next_figures(self) -> Figures:
        """Return the figures of the next step: each has the next ones after all its inputs, as the labels stand."""
        return next(self._known, None) or self._report.next_step()

    def _cut(self, figures: Figures, blocks: Iterable[Block]) -> Iterator[Block]:
        pace, clock = Pace(self._wanted), self._report.clock()
        for block in blocks:
            figures.note(0, len(block.records))
            yield from upto(clock, pace.cut(block))
        figures.note(0, 0)

    def _read(self, fail: StepFails, figures: Figures, reading: Iterator[tuple[Block, Block]]) -> Iterator[Block]:
        """Yield what a source reads; where its lines could not be decoded in one go, that is done one by one."""
        for part, read in reading:
            if read.parse is None:
                figures.note(0, len(part.records))
                yield part
                continue
            figures.took_care(len(part.records), NOT_AT_ONCE)
            for block in ones(partial(map, read.parse), iter([(part, ())]), fail, figures):
                figures.taken = 0  # lines are what it reads, not what it is given
                yield block
            figures.taken = 0

    def _parse(
        self,
        fail: StepFails,
        read_figures: Figures,
        figures: Figures,
        parser: BlockParser,
        reading: Iterator[tuple[Block, Block]],
    ) -> Iterator[Block]:
        """Yield what a parser makes of the lines that a source reads."""
        last: Block | None = None
        parsing, stumbled = parser.begin(), False
        late = Late(parsing.unchanged)
        for part, read in reading:
            if read is not last:
                last, ways = read, parsing.ways(read)
                if self._report.sample is not None:
                    self._report.sample.look(figures, read.records)
            quick, why = ways.quick, NOT_AT_ONCE
            read_figures.given += len(part.records)
            if ways.first is not None and quick is not None and late.pays():
                seen = late.first(ways.first, read, part, Rest(late, quick, ways.careful))
                if seen is not None:
                    figures.note(len(part.records), len(part.records))
                    yield seen
                    continue
            if quick is not None and not stumbled:
                try:
                    found = [made_of(part, quick(part.records))]
                except Exception as error:  # whatever it was, the careful way says it better, or finds nothing wrong
                    why = one_line(error)
                else:
                    figures.note(len(found[0].records), len(found[0].records))
                    yield found.pop()
                    continue
            # Where one line is wrong the next blocks have such lines too: they are not begun twice.
            stumbled = yield from _with_care(fail, figures, ways, part, why)

    def _reading(self, step: Step, figures: Figures, pieces: Sequence[Any], raw: bool) -> Iterator[tuple[Block, Block]]:
        """Yield small blocks of what a source reads, each with the large one that it is a part of."""
        source = step.op
        assert isinstance(source, Source), source
        pace, clock = Pace(self._wanted), self._report.clock()
        figures.reads = True
        blocks, in_memory = source.read(pieces, self._report, raw=raw), isinstance(source, MemorySource)
        if isinstance(blocks, Generator):
            self._readers.append(blocks)
        while True:
            try:
                read = next(blocks, None)
            except USER_ERRORS as error:
                self.failing.raise_in([source], None, error)
            if self._report.damage:
                self.failing.note_damage(step)
            figures.note(0, 0)
            if self._report.reads_again:
                figures.reads_again += self._report.reads_again
                self._report.reads_again = 0
            if read is None:
                return
            for part in upto(clock, pace.cut(read)):
                yield part, read
                if in_memory or len(part.records) < SOME:  # a block, or all there is, may take very long
                    self._report.read(0)
            figures.nbytes += read.nbytes
            self._report.read(read.nbytes)
            if clock is not None and clock.is_over:
                figures.given += len(read.records) - clock.passed
                self._pass_over(figures, blocks)
                return

    def _pass_over(self, figures: Figures, blocks: Iterator[Block]) -> None:
        """Count some more of the input of a sample: compressed files are read in large pieces."""
        end = perf_counter() + COUNTED
        figures.cut = True
        try:
            for read in blocks:
                figures.given += len(read.records)
                figures.nbytes += read.nbytes
                if perf_counter() >= end:
                    break
            else:
                figures.cut = False
        except USER_ERRORS:
            pass  # which a run of all would meet
        figures.note(0, 0)

    # What ops make of records -------------------------------------------------------------------------------------

    def _per_partition(self, step: Step, op: PerPartition) -> Iterator[Block]:
        below = step.inputs[0]
        parser = step.parser
        if parser is not None:
            read, parsed = self.next_figures(), self.next_figures()
            reading = self._reading(below, read, next(self._parts), raw=True)
            return self._parse(StepFails(self.failing, step), read, parsed, parser, reading)
        blocks = self.blocks(below)
        figures = self.next_figures()
        if isinstance(op, Head):
            return self._limited(blocks, figures, op.k)
        if isinstance(op, Completion):
            complete = self._with_lines if isinstance(op, LaterCompletion) else self._complete
            return complete(StepFails(self.failing, step), blocks, figures)
        if op.per_record:
            return self.through(step, None if op.per_record == "same" else op.begin(), blocks, figures)
        return self._whole(step, figures, op.begin, [Handing(blocks, figures)])

    def _complete(self, fail: StepFails, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
        """Yield whole records in place of what filters were given of them."""
        for block in blocks:
            found = lines_of(block)
            if found is None:
                yield _passed(figures, block)
                continue
            lines, first = found
            rest: Rest = first.late
            try:
                whole = [Block(rest.late.rest(rest.quick, lines), block.origin)]
            except Exception as error:  # json.loads takes it
                figures.took_care(len(lines), one_line(error))
            else:
                figures.note(len(lines), len(lines))
                yield whole.pop()
                continue
            rows: Iterator[Row] = iter([(Block(lines, block.origin), ())])
            yield from ones(partial(map, rest.careful), rows, fail, figures)

    def _with_lines(self, fail: StepFails, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
        """Yield records in two parts: what filters and keys read of them, and their lines, or else all of them."""
        for block in blocks:
            found = lines_of(block)
            if found is not None and set(map(type, found[0])) == {bytes}:
                figures.note(len(block.records), len(block.records))
                yield made_of(block, list(zip(block.records, found[0], strict=True)))
                continue
            for whole in self._complete(fail, iter((block,)), figures):
                yield made_of(whole, list(zip(whole.records, whole.records, strict=True)))

    def through(
        self, step: Step, function: OnRecords | None, blocks: Iterator[Block], figures: Figures
    ) -> Iterator[Block]:
        op = step.op
        if isinstance(op, SplitErrors):
            return with_rejected(self.failing.rejected_below(step), blocks, figures)
        if isinstance(op, Choosing) and isinstance(step.inputs[0].op, SplitErrors):
            return chosen_blocks(op, blocks, figures)
        if function is None:
            return map(partial(_passed, figures), blocks)
        if isinstance(op, Returning):
            blocks = returned(cast("Placing", function), blocks)
        return self.each(step, function, map(_row_of, blocks), figures)

    def each(self, step: Step, function: OnRecords, rows: Iterator[Row], figures: Figures) -> Iterator[Block]:
        op = step.op
        assert isinstance(op, (PerPartition, Pairing)), op
        if op.per_record == "one":
            return ones(function, rows, StepFails(self.failing, step), figures)
        if op.per_record == "some":
            return some(function, rows, StepFails(self.failing, step), figures)
        return many(function, rows, StepFails(self.failing, step), figures, Pace(self._wanted))

    def _limited(self, blocks: Iterator[Block], figures: Figures, number: int) -> Iterator[Block]:
        """Yield the first `number` records; no more than these are asked for."""
        outer = self._wanted.number
        while number:
            self._wanted.number, self._wanted.cut = number if outer is None else min(number, outer), 0
            block = next(blocks, None)
            self._wanted.number = outer
            if block is None:
                return
            taken, block = len(block.records), block.part(0, number)
            number -= len(block.records)
            figures.note(taken, len(block.records))
            yield block

    def _whole(
        self, step: Step, figures: Figures, begin: Callable[[], OnRecords], handings: Sequence[Handing]
    ) -> Iterator[Block]:
        """Yield what a function gives for all records of a partition. If it raises, no record is to be left out."""
        pace, before, clock = Pace(self._wanted), 0, self._report.clock(PATIENCE)
        found: list[Any] = []
        try:
            made = iter(begin()(*[handing.records() for handing in handings]))
            while True:
                found = []
                found.extend(islice(made, pace.size))
                figures.note(0, len(found))
                if not found:
                    return
                yield from upto(clock, pace.cut(Block(found, result_of(step.op.error_label, before))))
                before += len(found)
                if clock is not None and clock.is_over:
                    figures.cut = True
                    return
        except WAITING_ERRORS as error:
            raised = error
        if found:
            yield Block(found, result_of(step.op.error_label, before))
        place = next((place for place in map(Handing.place, handings) if place is not None), None)
        self.failing.raise_in([step.op], place, raised)

    def _pairing(self, step: Step, op: Pairing) -> Iterator[Block]:
        bags = [self.blocks(child) for child in step.inputs[: op.bags]]
        values = [self.value(child) for child in step.inputs[op.bags :]]
        figures = self.next_figures()
        together = bags[: op.bags - op.read_first]
        read = [list(Handing(blocks, figures).records()) for blocks in bags[op.bags - op.read_first :]]
        begin = partial(op.begin, read, values)
        if not op.per_record:
            return self._whole(step, figures, begin, [Handing(blocks, figures) for blocks in together])
        try:
            function = begin()
        except USER_ERRORS as error:
            self.failing.raise_in([op], None, error)
        return self.each(step, function, to_the_end(Rows(op, self.failing, figures), together), figures)

    def _joined(self, step: Step) -> Iterator[Block]:
        """Yield what the last step gives that branches of the same records lead to."""
        trunk, *steps = step.inputs
        blocks = self.blocks(trunk)
        branches = Branches(self, trunk, steps, steps[-1:])

        def made() -> Iterator[Block]:
            for block in blocks:
                branches.feed(block)
                yield from branches.given(steps[-1])
                del block
                branches.let_go()
            branches.end()

        return made()

    # What is not made of records one by one -----------------------------------------------------------------------

    def _made(self, step: Step) -> tuple[Figures, Iterator[Block]]:
        op = step.op
        if isinstance(op, TaskRecords):
            parts = [next(self._inputs) for _ in range(next(self._parts))]
            return self.next_figures(), self._gathered(op, parts)
        if isinstance(op, Collecting):
            return self.next_figures(), self._listed(step, self._collected(step, op, next(self._parts)))
        if isinstance(op, Exchange):
            blocks = self.blocks(step.inputs[0])
            figures = self.next_figures()
            return figures, self._listed(step, self._exchanged_here(op, step.memory, figures, blocks))
        assert isinstance(op, (Reduction, Finish)), op
        figures, value = self._valued(step)
        return figures, self._listed(step, batched(iter(value), LIST))

    def _gathered(self, op: TaskRecords, parts: Sequence[Batches]) -> Iterator[Block]:
        for batches in parts:
            before = 0
            for batch in batches:
                yield Block(batch, result_of(op.error_label, before))
                before += len(batch)

    def _listed(self, step: Step, lists: Iterator[Sequence[Any]]) -> Iterator[Block]:
        """Yield blocks of lists that an op makes of all that it was given."""
        before = 0
        try:
            for records in lists:
                yield Block(records, result_of(step.op.error_label, before))
                before += len(records)
        except USER_ERRORS as error:
            raised = error
        else:
            return
        self.failing.raise_in([step.op], None, raised)

    def _collected(self, step: Step, op: Collecting, count: int) -> Iterator[Sequence[Any]]:
        sides = [next(self._inputs) for _ in range(count)]
        return op.exchange.collect(sides, task_room(self._report, step.memory, op.tasks))

    def _exchanged_here(
        self, exchange: Exchange, memory: int | None, figures: Figures, blocks: Iterator[Block]
    ) -> Iterator[Sequence[Any]]:
        """Yield what an exchange makes of the records of the only partition."""
        state = state_of(self.failing, Into(exchange, memory=memory), blocks, figures)
        if isinstance(exchange, SampledExchange):
            prepared, sample = state
            state = Buckets(exchange.cut(prepared, exchange.bounds([sample], 1)), 1)
        yield from exchange.collect([state[0]], task_room(self._report, memory, 1))

    # Values -------------------------------------------------------------------------------------------------------

    def value(self, step: Step) -> Any:
        """Return the single value that `step` gives, or the iterable of a reduction that gives a bag.

        An iterator that another task gave is a Replay.
        """
        return self._valued(step)[1]

    def _valued(self, step: Step) -> tuple[Figures, Any]:
        op = step.op
        if isinstance(op, Value):
            return self.next_figures(), next(self._inputs)
        try:
            if isinstance(op, Finish):
                states = [next(self._inputs) for _ in range(next(self._parts))]
                figures = self.next_figures()
                value = op.reduction.finish(states, task_room(self._report, step.memory, op.tasks))
            elif isinstance(op, Reduction):
                figures, state = self._reduced(Into(op, memory=step.memory), step.inputs[0])
                value = op.finish([state], task_room(self._report, step.memory, 1))
            else:
                assert isinstance(op, Call), op
                values = [replay.reading(self.value(child)) for child in step.inputs]
                figures = self.next_figures()
                value = op.call(values)
        except USER_ERRORS as error:
            raised = error
        else:
            figures.note(0, 0)
            return figures, value
        return self.failing.raise_in([op], None, raised)

    def state(self, into: Into, step: Step) -> Any:
        """Return the state of a reduction, or the buckets of an exchange, of all records of `step`."""
        blocks = self.all_blocks(step)
        return state_of(self.failing, into, blocks, self.next_figures())

    def _reduced(self, into: Into, step: Step) -> tuple[Figures, Any]:
        blocks = self.blocks(step)
        figures = self.next_figures()
        return figures, state_of(self.failing, into, blocks, figures)


def _passed(figures: Figures, block: Block) -> Block:
    """Count the records that pass a step unchanged."""
    figures.note(len(block.records), len(block.records))
    return block


def _with_care(fail: StepFails, figures: Figures, ways: Ways, part: Block, why: str) -> Generator[Block, None, bool]:
    """Yield what a parser makes of lines that may be wrong; return whether it took some of them with care."""
    lines, in_turn = iter([(part, ())]), ways.in_turn
    if in_turn is None:
        figures.took_care(len(part.records), why)
        yield from ones(partial(map, ways.careful), lines, fail, figures)
        return False
    before = told = in_turn.with_care
    for block in ones(in_turn, lines, fail, figures):
        if in_turn.with_care > told:
            figures.took_care(in_turn.with_care - told, why)
            told = in_turn.with_care
        given = [block]
        del block  # records go when the last step that uses them is done, as where no line is wrong
        yield given.pop()
    return in_turn.with_care > before


def _row_of(block: Block) -> Row:
    return block, ()
