"""Steps that branch off the same records: each block goes through all of them before the next is made.

What several steps use is made once for a block, and kept until the next block. Where branches meet again, one may be
ahead of the other: what it gave waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import tee
from typing import Any, Protocol

from bagkit.flow.blocks import Block, made_of
from bagkit.flow.rejected import AllRejected
from bagkit.flow.replay import is_plain
from bagkit.flow.report import Figures
from bagkit.plan.kinds import OnRecords, Pairing, PerPartition
from bagkit.work.elementwise import Row
from bagkit.work.failing import USER_ERRORS, WAITING_ERRORS, Failing
from bagkit.work.rows import Rows
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
