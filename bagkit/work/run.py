"""One run of a tree of steps: blocks of records flow from its leaves to whoever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

from bagkit.flow import replay
from bagkit.flow.batches import Batches
from bagkit.flow.blocks import Block, Handing, batched, lines_of, made_of
from bagkit.flow.buckets import Buckets
from bagkit.flow.report import Figures, Report
from bagkit.plan.kinds import (
    BlockParser,
    Call,
    Completion,
    Exchange,
    Limit,
    OnRecords,
    Op,
    Pairing,
    PerPartition,
    Reduction,
    Scan,
    Source,
)
from bagkit.visible import one_line
from bagkit.work.elementwise import Fail, Row, many, ones, some
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, Failing
from bagkit.work.late import Late, Rest
from bagkit.work.pace import Pace, Wanted
from bagkit.work.steps import Collecting, Finish, Gather, Into, Step, TaskOrigin, Value
from bagkit.work.taking import room_of, state_of

LIST = 2048
"""Records that reductions and exchanges hand on together."""
NOT_AT_ONCE = "lines that can't be taken all at once"


class Run:
    """One run of steps; mutable, of the one task that makes it."""

    def __init__(self, part: Sequence[Any], inputs: Sequence[Any], report: Report) -> None:
        report.begin()
        self.failing = Failing(report)
        self._parts = iter(part)
        self._inputs = iter(inputs)
        self._report = report
        self._wanted = Wanted()

    # Records ------------------------------------------------------------------------------------------------------

    def blocks(self, step: Step) -> Iterator[Block]:
        """Yield the records that `step` gives."""
        op = step.op
        if isinstance(op, Source):
            figures = self.next_figures()
            return self._read(self._fail(step), figures, self._reading(op, figures, next(self._parts), raw=False))
        if isinstance(op, PerPartition):
            return self._per_partition(step, op)
        if isinstance(op, Pairing):
            return self._pairing(step, op)
        return self._cut(*self._made(step))

    def next_figures(self) -> Figures:
        """Return the figures of the next step: each has the next ones after all its inputs, as the labels stand."""
        return self._report.next_step()

    def _cut(self, figures: Figures, blocks: Iterable[Block]) -> Iterator[Block]:
        pace = Pace(self._wanted)
        for block in blocks:
            figures.note(0, len(block.records))
            yield from pace.cut(block)
        figures.note(0, 0)

    def _read(self, fail: Fail, figures: Figures, reading: Iterator[tuple[Block, Block]]) -> Iterator[Block]:
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
        fail: Fail,
        read_figures: Figures,
        figures: Figures,
        parser: BlockParser,
        reading: Iterator[tuple[Block, Block]],
    ) -> Iterator[Block]:
        """Yield what a parser makes of the lines that a source reads."""
        last: Block | None = None
        late = Late()
        for part, read in reading:
            if read is not last:
                last, (quick, careful), first = read, parser.ways(read), parser.first_way(read)
            why = NOT_AT_ONCE
            read_figures.given += len(part.records)
            if first is not None and quick is not None and late.pays():
                seen = late.first(first, part, Rest(late, quick, careful))
                if seen is not None:
                    figures.note(len(part.records), len(part.records))
                    yield seen
                    continue
            if quick is not None:
                try:
                    found = [made_of(part, quick(part.records))]
                except Exception as error:  # whatever it was, the careful way says it better, or finds nothing wrong
                    why = one_line(error)
                else:
                    figures.note(len(found[0].records), len(found[0].records))
                    yield found.pop()
                    continue
            figures.took_care(len(part.records), why)
            yield from ones(partial(map, careful), iter([(part, ())]), fail, figures)

    def _reading(
        self, source: Source, figures: Figures, pieces: Sequence[Any], raw: bool
    ) -> Iterator[tuple[Block, Block]]:
        """Yield small blocks of what a source reads, each with the large one that it is a part of."""
        pace = Pace(self._wanted)
        blocks = source.read(pieces, self._report, raw=raw)
        while True:
            try:
                read = next(blocks, None)
            except USER_ERRORS as error:
                self.failing.raise_in([source], None, error)
            figures.note(0, 0)
            if read is None:
                return
            for part in pace.cut(read):
                yield part, read
            figures.nbytes += read.nbytes
            self._report.read(read.nbytes)

    def _fail(self, step: Step) -> Fail:
        return partial(self.failing.fail, step)

    # What ops make of records -------------------------------------------------------------------------------------

    def _per_partition(self, step: Step, op: PerPartition) -> Iterator[Block]:
        below = step.inputs[0]
        parser = step.parser
        if parser is not None:
            source = below.op
            assert isinstance(source, Source), source
            read, parsed = self.next_figures(), self.next_figures()
            reading = self._reading(source, read, next(self._parts), raw=source.gives_raw_lines)
            return self._parse(self._fail(step), read, parsed, parser, reading)
        blocks = self.blocks(below)
        figures = self.next_figures()
        if isinstance(op, Limit):
            return self._limited(blocks, figures, op.k)
        if isinstance(op, Completion):
            return self._complete(self._fail(step), blocks, figures)
        if op.policy:
            return map(partial(_passed, figures), blocks)
        if op.per_record:
            return self.through(step, op.begin(), blocks, figures)
        return self._whole(step, figures, op.begin, [Handing(blocks, figures)])

    def _complete(self, fail: Fail, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
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
                rows: Iterator[Row] = iter([(Block(lines, block.origin), ())])
                yield from ones(partial(map, rest.careful), rows, fail, figures)
            else:
                figures.note(len(lines), len(lines))
                yield whole.pop()

    def through(self, step: Step, function: OnRecords, blocks: Iterator[Block], figures: Figures) -> Iterator[Block]:
        """Yield what the op of `step`, which has begun `function`, makes of each record."""
        return self._each(step, function, map(_row_of, blocks), figures)

    def _each(self, step: Step, function: OnRecords, rows: Iterator[Row], figures: Figures) -> Iterator[Block]:
        """Yield what the op of `step`, which has begun `function`, makes of each row of records."""
        op = step.op
        assert isinstance(op, (PerPartition, Pairing)), op
        if op.per_record == "one":
            return ones(function, rows, self._fail(step), figures)
        if op.per_record == "some":
            return some(function, rows, self._fail(step), figures)
        return many(function, rows, self._fail(step), figures, Pace(self._wanted))

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
        pace, before = Pace(self._wanted), 0
        found: list[Any] = []
        try:
            made = iter(begin()(*[handing.records() for handing in handings]))
            while True:
                found = []
                found.extend(islice(made, pace.size))
                figures.note(0, len(found))
                if not found:
                    return
                yield from pace.cut(Block(found, TaskOrigin(step.op.label, before)))
                before += len(found)
        except WAITING_ERRORS as error:
            raised = error
        if found:
            yield Block(found, TaskOrigin(step.op.label, before))
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
        made = self._each(step, function, self._rows(op, together, figures), figures)
        leading = op.leading(values) if isinstance(op, Scan) else ()
        figures.note(0, len(leading))
        return chain([Block(leading, TaskOrigin(op.label, 0))], made) if leading else made

    def _rows(self, op: Op, columns: Sequence[Iterator[Block]], figures: Figures) -> Iterator[Row]:
        """Yield blocks of several bags, cut to the same lengths; raises ValueError where one ends before another."""
        waiting: list[Block | None] = [None] * len(columns)
        while True:
            for number, column in enumerate(columns):
                if waiting[number] is None:
                    waiting[number] = next(column, None)
            blocks = [block for block in waiting if block is not None]
            if not blocks:
                return
            if len(blocks) < len(columns):
                self.failing.raise_in([op], None, _uneven(op, waiting))
            length = min(len(block.records) for block in blocks)
            parts = [block.part(0, length) for block in blocks]
            figures.taken += length * (len(parts) - 1)  # what it makes of each row counts as one
            waiting = [_rest(block, length) for block in blocks]
            row = [(made_of(parts[-1], parts[0].records), [part.records for part in parts[1:]])]
            del blocks, parts
            yield row.pop()

    # What is not made of records one by one -----------------------------------------------------------------------

    def _made(self, step: Step) -> tuple[Figures, Iterator[Block]]:
        op = step.op
        if isinstance(op, Gather):
            parts = [next(self._inputs) for _ in range(next(self._parts))]
            return self.next_figures(), self._gathered(op, parts)
        if isinstance(op, Collecting):
            return self.next_figures(), self._listed(step, self._collected(op.exchange, op.tasks, next(self._parts)))
        if isinstance(op, Exchange):
            blocks = self.blocks(step.inputs[0])
            figures = self.next_figures()
            return figures, self._listed(step, self._exchanged_here(op, figures, blocks))
        assert isinstance(op, (Reduction, Finish)), op
        figures, value = self._valued(step)
        return figures, self._listed(step, batched(iter(value), LIST))

    def _gathered(self, op: Gather, parts: Sequence[Batches]) -> Iterator[Block]:
        for batches in parts:
            before = 0
            for batch in batches:
                yield Block(batch, TaskOrigin(op.name, before))
                before += len(batch)

    def _listed(self, step: Step, lists: Iterator[Sequence[Any]]) -> Iterator[Block]:
        """Yield blocks of lists that an op makes of all that it was given."""
        before = 0
        try:
            for records in lists:
                yield Block(records, TaskOrigin(step.op.label, before))
                before += len(records)
        except USER_ERRORS as error:
            raised = error
        else:
            return
        self.failing.raise_in([step.op], None, raised)

    def _collected(self, exchange: Exchange, tasks: int, count: int) -> Iterator[Sequence[Any]]:
        sides = [next(self._inputs) for _ in range(count)]
        return exchange.collect(sides, room_of(exchange, self._report, tasks))

    def _exchanged_here(self, exchange: Exchange, figures: Figures, blocks: Iterator[Block]) -> Iterator[Sequence[Any]]:
        """Yield what an exchange makes of the records of the only partition."""
        state = state_of(self.failing, Into(exchange), blocks, figures)
        if exchange.samples:
            prepared, sample = state
            state = Buckets(exchange.cut(prepared, exchange.bounds([sample], 1), 1))
        yield from exchange.collect([state[0]], room_of(exchange, self._report, 1))

    # Values -------------------------------------------------------------------------------------------------------

    def value(self, step: Step) -> Any:
        """Return the single value that `step` gives, or the iterable of a reduction that gives a bag."""
        return self._valued(step)[1]

    def _valued(self, step: Step) -> tuple[Figures, Any]:
        op = step.op
        if isinstance(op, Value):
            return self.next_figures(), replay.reading(next(self._inputs))
        try:
            if isinstance(op, Finish):
                states = [next(self._inputs) for _ in range(next(self._parts))]
                figures = self.next_figures()
                value = op.reduction.finish(states, room_of(op.reduction, self._report, op.tasks))
            elif isinstance(op, Reduction):
                figures, state = self._reduced(Into(op), step.inputs[0])
                value = op.finish([state], room_of(op, self._report, 1))
            else:
                assert isinstance(op, Call), op
                values = [self.value(child) for child in step.inputs]
                figures = self.next_figures()
                value = op.call(values)
        except USER_ERRORS as error:
            raised = error
        else:
            figures.note(0, 0)
            return figures, value
        return self.failing.raise_in([op], None, raised)

    def state(self, into: Into, step: Step) -> Any:
        """Return the state of a reduction, or the buckets of an exchange, of the records of `step`."""
        return self._reduced(into, step)[1]

    def _reduced(self, into: Into, step: Step) -> tuple[Figures, Any]:
        blocks = self.blocks(step)
        figures = self.next_figures()
        return figures, state_of(self.failing, into, blocks, figures)


def _passed(figures: Figures, block: Block) -> Block:
    """Count the records that pass a step which does nothing about them."""
    figures.note(len(block.records), len(block.records))
    return block


def _row_of(block: Block) -> Row:
    return block, ()


def _rest(block: Block, start: int) -> Block | None:
    return block.part(start, len(block.records)) if start < len(block.records) else None


def _uneven(op: Op, waiting: Sequence[Block | None]) -> ValueError:
    ended = [block is None for block in waiting]
    short, long = ended.index(True) + 1, ended.index(False) + 1
    return ValueError(
        f"{op.label.partition('(')[0]}: the bags have different numbers of records in a partition; got fewer in bag "
        f"{short} than in bag {long}; expected as many in each; hint: filter, flatten and repartition both or neither "
        "of them"
    )
