"""Steps: ops on what other steps give. Graphs are made of them, and tasks run them.

Steps are shared by all tasks of a stage. What is a task's own comes as `part` and `inputs`, which the leaves of the
tree take in order, first leaf first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.plan.kinds import BlockParser, Exchange, Op, PerPartition, Reduction, Source


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An op on what other steps give."""

    op: Op
    inputs: tuple[Step, ...] = ()
    policy: str = "raise"
    """What happens to records that fail in it: raise, skip or collect."""
    done_too: tuple[Op, ...] = ()
    """Operations of the user's that the op does too, after its own."""
    memory: int | None = None
    """How many bytes a task may hold for it; None for any number."""

    def ops(self) -> Iterator[Op]:
        """Yield the ops, the inputs' before its own; of what branches go on from once."""
        if isinstance(self.op, Joined):
            yield from self._ops_of_branches()
            return
        for step in self.inputs:
            yield from step.ops()
        yield self.op

    def own_ops(self) -> list[Op]:
        """Return the ops that a record may fail in when it fails in this step: a parser reads its source itself."""
        source = [] if self.parser is None else [self.inputs[0].op]
        return [*source, self.op, *self.done_too]

    def _ops_of_branches(self) -> Iterator[Op]:
        trunk, *steps = self.inputs
        yield from trunk.ops()
        for step in steps:
            for child in step.inputs:
                if all(child is not each for each in self.inputs):
                    yield from child.ops()
            yield step.op

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
        return isinstance(self.op, PerPartition) and bool(self.op.per_record) and self.inputs[0].elementwise


@dataclass(frozen=True)
class TaskRecords(Op):
    """Leaf: the records of other tasks. Its part says how many of the inputs are its."""

    label: str = ""
    error_label: str = ""

    can_raise = False


@dataclass(frozen=True)
class Finish(Op):
    """Leaf: the result of a reduction, made of states. Its part says how many of the inputs are its."""

    reduction: Reduction
    tasks: int = 1
    """How many states come together in one task."""

    @property
    def label(self) -> str:
        return self.reduction.label

    @property
    def error_label(self) -> str:
        return self.reduction.error_label

    def user_functions(self) -> tuple[Any, ...]:
        return self.reduction.user_functions()


@dataclass(frozen=True)
class Value(Op):
    """Leaf: the value of another task."""

    can_raise = False
    label = "value"


@dataclass(frozen=True)
class Joined(Op):
    """What branches of the same records lead to. Its inputs are the records, then the steps above in their order."""

    can_raise = False
    label = "joined"


@dataclass(frozen=True, eq=False)
class Collecting(Op):
    """Leaf: the records of one partition of an exchange. Its part says of how many bags: an input each."""

    exchange: Exchange
    tasks: int

    @property
    def label(self) -> str:
        return self.exchange.label

    @property
    def error_label(self) -> str:
        return self.exchange.error_label

    def user_functions(self) -> tuple[Any, ...]:
        return self.exchange.user_functions()


@dataclass(frozen=True, eq=False)
class Into:
    """The end of a task: its records go into the state of a reduction, or into the buckets of an exchange."""

    op: Reduction | Exchange
    tasks: int = 1
    """How many such states come together in one task."""
    side: int = 0
    """The number of the exchange's input."""
    count: int = 1
    """How many buckets there are."""
    policy: str = "raise"
    """What happens to records that it fails on."""
    memory: int | None = None
    """How many bytes the task may hold for it; None for any number."""

    @property
    def label(self) -> str:
        """What it is, for people."""
        return self.op.label


def bare_step(step: Step, known: dict[int, Step] | None = None) -> Step:
    """Return `step` with sources that carry no pieces: what crosses to other processes. `known` are made already."""
    known = {} if known is None else known
    if id(step) not in known:
        op = step.op.bare() if isinstance(step.op, Source) else step.op
        known[id(step)] = replace(step, op=op, inputs=tuple(bare_step(child, known) for child in step.inputs))
    return known[id(step)]
