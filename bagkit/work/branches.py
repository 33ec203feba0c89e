"""Steps that branch off the same records: each block goes through all of them before the next is made.

What several steps use is made once for a block, and kept until the next block. Where branches meet again, one may be
ahead of the other: what it gave waits. So do records of several bags that are taken side by side.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import tee
from typing import Any, Protocol

from bagkit.flow.blocks import Block, made_of
from bagkit.flow.rejected import AllRejected
from bagkit.flow.replay import is_plain
from bagkit.flow.report import Figures
from bagkit.plan.kinds import OnRecords, Op, Pairing, PerPartition
from bagkit.work.elementwise import Row
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, Failing
from bagkit.work.steps import Step


class StepRun(Protocol):
    """A run, as far as branches ask it."""

    failing: Failing

    def value(self, step: Step) -> Any:
        """Return the single value that `step` gives."""

    def next_figures(self) -> Figures:
        """Return the figures of the next step."""

    def each(self, step: Step, function: OnRecords, rows: Iterator[Row], figures: Figures) -> Iterator[Block]:
        """Yield what `function`, the op of `step`, makes of each row of records."""

    def through(
        self, step: Step, function: OnRecords | None, blocks: Iterator[Block], figures: Figures
    ) -> Iterator[Block]:
        """Yield what `function`, the op of `step`, makes of each record; without a function records pass."""


class Rows:
    """Cuts blocks of several bags to the same lengths; what one has more than the others waits. Mutable, of one run."""

    def __init__(self, op: Pairing, failing: Failing, figures: Figures) -> None:
        self._figures = figures
        self._op = op
        self._failing = failing
        self._waiting: list[deque[Block]] = [deque() for _ in range(op.bags - op.read_first)]

    def of(self, columns: Sequence[Iterator[Block]]) -> Iterator[Row]:
        """Yield rows until one of `columns` has no more, and nothing of it waits."""
        while True:
            for waiting, column in zip(self._waiting, columns, strict=True):
                if not waiting and (block := next(column, None)) is not None:
                    waiting.append(block)
            if not all(self._waiting):
                return
            length = min(len(waiting[0].records) for waiting in self._waiting)
            row = [waiting.popleft() for waiting in self._waiting]
            for waiting, block in zip(self._waiting, row, strict=True):
                if length < len(block.records):
                    waiting.appendleft(block.part(length, len(block.records)))
            parts = [block.part(0, length) for block in row]
            self._figures.taken += length * (len(parts) - 1)  # what is made of each row counts as one
            made = [(made_of(parts[-1], parts[0].records), [part.records for part in parts[1:]])]
            del row, parts, block
            yield made.pop()  # without a hold on it, as in all steps

    def wait(self, columns: Sequence[Iterator[Block]]) -> None:
        """Keep what is left of `columns` for the next rows."""
        for waiting, column in zip(self._waiting, columns, strict=True):
            waiting.extend(column)

    def end(self) -> None:
        """Take note that there is no more; raises ValueError where one bag ends before another."""
        sample = self._failing.report.sample
        if any(self._waiting) and (sample is None or sample.is_whole):
            self._failing.raise_in([self._op], None, _uneven(self._op, self._waiting))


def to_the_end(rows: Rows, columns: Sequence[Iterator[Block]]) -> Iterator[Row]:
    """Yield the rows of whole bags; raises ValueError where one ends before another."""
    yield from rows.of(columns)
    rows.end()


def _uneven(op: Op, waiting: Sequence[deque[Block]]) -> ValueError:
    ended = [not blocks for blocks in waiting]
    short, long = ended.index(True) + 1, ended.index(False) + 1
    return ValueError(
        f"{op.label.partition('(')[0]}: the bags have different numbers of records in a partition; got fewer in bag "
        f"{short} than in bag {long}; expected as many in each; hint: filter, flatten and repartition both or neither "
        "of them"
    )


Made = tuple[list[Block], BaseException | None]
"""The blocks that a step gave for one block, and the error that came then."""


class Branches:
    """The steps above some records in one run; mutable, of that run."""

    def __init__(self, run: StepRun, trunk: Step, steps: Sequence[Step], tops: Sequence[Step]) -> None:
        """Begin `steps`, which stand in order above `trunk`; `tops` are their consumers."""
        self._run = run
        self._trunk = trunk
        self._block: Block | None = None
        self._begun: dict[int, OnRecords] = {}
        """The functions of steps that have one."""
        self._figures: dict[int, Figures] = {}
        self._rows: dict[int, Rows] = {}
        for step in steps:
            self._begin(step)
        users = Counter(map(id, tops))
        for step in steps:
            users.update(map(id, step.inputs))
        self._shared = {id(step) for step in steps if users[id(step)] > 1}
        self._made: dict[int, Made] = {}
        self._opaque = {id(step) for step in (trunk, *steps) if any(op.opaque for op in step.ops())}
        """Steps whose records may be iterators: functions of the user's have made them."""
        self._paths = {id(top): path for top in tops if (path := self._path(top)) is not None}

    def _path(self, step: Step) -> list[tuple[Step, OnRecords | None, Figures]] | None:
        """Return the steps up to one with what they have begun, if they follow each other and no other uses them."""
        path: list[tuple[Step, OnRecords | None, Figures]] = []
        while step is not self._trunk:
            if isinstance(step.op, Pairing) or id(step) in self._shared:
                return None
            path.insert(0, (step, self._begun.get(id(step)), self._figures[id(step)]))
            (step,) = step.inputs
        return path

    def _begin(self, step: Step) -> None:
        op = step.op
        self._run.failing.passes(op)
        if isinstance(op, Pairing):
            values = [self._run.value(child) for child in step.inputs[op.bags :]]
            self._figures[id(step)] = self._run.next_figures()
            self._rows[id(step)] = Rows(op, self._run.failing, self._figures[id(step)])
            try:
                self._begun[id(step)] = op.begin((), values)
            except USER_ERRORS as error:
                self._run.failing.raise_in([op], None, error)
            return
        assert isinstance(op, PerPartition), op
        self._figures[id(step)] = self._run.next_figures()
        if op.per_record != "same":
            self._begun[id(step)] = op.begin()

    def feed(self, block: Block) -> None:
        """Take the next block of the records that all begin with."""
        self._block = self._for_many(self._trunk, block)
        self._made.clear()

    def end(self) -> None:
        """Take note that there are no more records; raises ValueError where bags side by side were not as long."""
        for rows in self._rows.values():
            rows.end()
        self.let_go()

    def let_go(self) -> None:
        """Hold the block no longer: memory of records that went is taken for the next ones, while it is in a cache."""
        self._block = None  # an error that is kept leads to this, and must not hold the records
        self._made.clear()

    def given(self, step: Step) -> Iterator[Block]:
        """Yield what `step` gives for the block."""
        path = self._paths.get(id(step)) if step is not self._trunk else ()
        if path is not None:
            assert self._block is not None
            blocks: Iterator[Block] = iter((_for_one(self._block),))
            for each, function, figures in path:
                blocks = self._run.through(each, function, blocks, figures)
            return blocks
        return self._again(step) if id(step) in self._shared else self._making(step)

    def _again(self, step: Step) -> Iterator[Block]:
        if id(step) not in self._made:
            blocks, error = _all_of(self._making(step))
            self._made[id(step)] = [self._for_many(step, block) for block in blocks], error
        blocks, error = self._made[id(step)]
        yield from map(_for_one, blocks)
        if error is not None:
            raise error

    def _for_many(self, step: Step, block: Block) -> Block:
        """Return `block` with iterators that can be copied, in place of iterators with one reader."""
        if type(block.records) is AllRejected:
            return block
        kinds = set(map(type, block.records)) if id(step) in self._opaque else ()
        plain = {kind for kind in kinds if is_plain(kind)}
        if not plain:
            return block
        records = [tee(record, 1)[0] if type(record) in plain else record for record in block.records]
        return _Copied(records, made_of(block, records).origin)

    def _making(self, step: Step) -> Iterator[Block]:
        op, figures = step.op, self._figures[id(step)]
        if isinstance(op, Pairing):
            return self._run.each(step, self._begun[id(step)], self._rows_of(step, op), figures)
        return self._run.through(step, self._begun.get(id(step)), self.given(step.inputs[0]), figures)

    def _rows_of(self, step: Step, op: Pairing) -> Iterator[Row]:
        rows, columns = self._rows[id(step)], [self.given(child) for child in step.inputs[: op.bags]]
        yield from rows.of(columns)
        rows.wait(columns)


class _Copied(Block):
    """A block with iterators: each user gets copies."""


def _for_one(block: Block) -> Block:
    """Return `block` for one of its users."""
    if type(block) is not _Copied:
        return block
    return Block([copy(record) if type(record) is _TEE else record for record in block.records], block.origin)


_TEE: type = type(tee(())[0])


def _all_of(blocks: Iterator[Block]) -> Made:
    found: list[Block] = []
    try:
        for block in blocks:
            found.append(block)
    except WAITING_ERRORS as error:
        return found, error
    return found, None
