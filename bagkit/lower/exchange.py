"""How an exchange becomes tasks: every task of the inputs splits its records, every partition collects its own.

    records of task 1 ─ split ─┬─ bucket 0 ─┐
                               └─ bucket 1 ─┼─┐
    records of task 2 ─ split ─┬─ bucket 0 ─┴─┼─ collect 0 ─ what follows
                               └─ bucket 1 ───┴─ collect 1 ─ what follows

Where a first look is needed (sort_by), the splitting waits until a task of its own has seen all samples. Where one
partition becomes one, nothing is sent: both halves are done by the task that has the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bagkit.kernels.report import Report
from bagkit.kernels.spill import Room
from bagkit.kernels.stream import Block
from bagkit.lower.failures import add_place, failed_operation
from bagkit.lower.graph import Key, Task
from bagkit.lower.resize import resize
from bagkit.plan.kinds import Exchange, Op
from bagkit.plan.node import Plan, rewrite, walk

if TYPE_CHECKING:
    from bagkit.lower.lower import Lowering, Pending


def room_of(exchange: Exchange, report: Report, tasks: int = 1) -> Room:
    """Return what a task of `exchange` may use, where so many `tasks` leave something unwritten."""
    return Room(exchange.memory, report.directory, report.dumps, tasks)


@dataclass(frozen=True, eq=False)
class Splitting(Op):
    """What a chain ends in: its records by the partitions that they go to."""

    exchange: Exchange
    side: int
    count: int
    tasks: int

    @property
    def label(self) -> str:
        return self.exchange.label

    def user_functions(self) -> tuple[Any, ...]:
        return self.exchange.user_functions()

    def within(self, report: Report) -> SplittingWithin:
        """Return it as the task of `report` does it."""
        return SplittingWithin(self, report)


@dataclass(frozen=True, eq=False, slots=True)
class SplittingWithin:
    """A Splitting of one task."""

    splitting: Splitting
    report: Report

    def chunk(self, records: Iterator[Any]) -> Any:
        """Return what the task has for each partition; or its records and a sample of them."""
        exchange, count = self.splitting.exchange, self.splitting.count
        room = room_of(exchange, self.report, self.splitting.tasks)
        if exchange.samples:
            return exchange.prepare(records, room)
        made = exchange.split(self.splitting.side, records, count, room)
        return made if count > 1 else made[0]


@dataclass(frozen=True, eq=False)
class Collecting(Op):
    """Leaf: the records of one partition. Its part says how many of the inputs are buckets of each bag."""

    exchange: Exchange
    tasks: int

    @property
    def label(self) -> str:
        return self.exchange.label

    def user_functions(self) -> tuple[Any, ...]:
        return self.exchange.user_functions()

    def lists(self, counts: Sequence[int], inputs: Iterator[Any], report: Report) -> Iterator[Sequence[Any]]:
        """Return the records in lists."""
        sides = [[next(inputs) for _ in range(count)] for count in counts]
        return self.exchange.collect(sides, room_of(self.exchange, report, self.tasks))


def exchanged_here(exchange: Exchange, records: Iterator[Any], report: Report) -> Iterator[Sequence[Any]]:
    """Yield lists of what `exchange` makes of the records of the only partition."""
    room = room_of(exchange, report)
    if exchange.samples:
        prepared, sample = exchange.prepare(records, room)
        buckets = exchange.split(0, prepared, 1, room, exchange.bounds([sample], 1))
    else:
        buckets = exchange.split(0, records, 1, room)
    yield from exchange.collect([buckets], room)


def blocks_of(lists: Iterator[Sequence[Any]], origin: Callable[[int], Any]) -> Iterator[Block]:
    """Yield blocks of `lists`, whose origins are told how many records went before."""
    before = 0
    for records in lists:
        yield Block(records, origin(before))
        before += len(records)


@dataclass(frozen=True, eq=False)
class Bounding:
    """A Work: from the samples of all tasks, what tells where a record belongs."""

    exchange: Exchange
    count: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        return noting(self.exchange, lambda: self.exchange.bounds(inputs, self.count))


@dataclass(frozen=True, eq=False)
class Cutting:
    """A Work: the prepared records of one task by the partitions that they go to."""

    exchange: Exchange
    count: int
    tasks: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        prepared, bounds = inputs
        room = room_of(self.exchange, report, self.tasks)
        made = noting(self.exchange, lambda: self.exchange.split(0, prepared, self.count, room, bounds))
        return made if self.count > 1 else made[0]


def noting(exchange: Exchange, function: Callable[[], Any]) -> Any:
    """Return what `function` gives, noting on an error that it was in `exchange`."""
    try:
        return function()
    except Exception as error:
        add_place(error, None, failed_operation(error, [exchange]))
        raise


def exchanged(lowering: Lowering, plan: Plan) -> list[Pending]:
    """Return the partitions of an exchange, and add the tasks that split for them."""
    op, count = plan.op, plan.npartitions
    assert isinstance(op, Exchange), op
    sides = [resize(lowering.inputs(child)) for child in plan.inputs]
    tasks = sum(map(len, sides))
    if tasks == count == 1 and lowering.policy(plan) == "raise":
        return [lowering.here(plan, sides[0][0])]
    rows = [_split(lowering, plan, op, side, pending, tasks) for side, pending in enumerate(sides)]
    counts = [len(pending) for pending in sides]
    return [
        lowering.collected(Collecting(op, tasks), plan, counts, tuple(row[number] for side in rows for row in side))
        for number in range(count)
    ]


def _split(
    lowering: Lowering, plan: Plan, op: Exchange, side: int, pending: Sequence[Pending], tasks: int
) -> list[list[Key]]:
    """Add the tasks that split the input number `side`; return for each the keys of its buckets."""
    count = plan.npartitions
    stage = lowering.stage(f"split {op.label}")
    end = Splitting(op, side, count, tasks)
    rows = [[(stage, number, bucket) for bucket in range(count)] for number in range(len(pending))]
    if not op.samples:
        for one, row in zip(pending, rows, strict=True):
            lowering.split(one, end, tuple(row), lowering.policy(plan))
        return [list(row) for row in rows]
    prepared = [((stage, number, "records"), (stage, number, "sample")) for number in range(len(pending))]
    for one, keys in zip(pending, prepared, strict=True):
        lowering.split(one, end, keys, lowering.policy(plan))
    bounds = (stage, "bounds")
    samples = tuple(sample for _, sample in prepared)
    lowering.tasks.append(Task((bounds,), Bounding(op, count), None, samples, f"bounds of {op.label}"))
    cutting = Cutting(op, count, tasks)
    for row, (records, _) in zip(rows, prepared, strict=True):
        lowering.tasks.append(Task(tuple(row), cutting, None, (records, bounds), f"cut for {op.label}"))
    return [list(row) for row in rows]


def with_memory(roots: tuple[Plan, ...], memory: Callable[[], int]) -> tuple[Plan, ...]:
    """Return `roots` with ops that hold at most `memory()` bytes in each task."""
    if not any(plan.op.limited for plan in walk(*roots)):
        return roots
    limit = memory()
    return rewrite(roots, lambda plan: _limited(plan, limit))


def _limited(plan: Plan, limit: int) -> Plan:
    if not plan.op.limited:
        return plan
    op: Any = plan.op
    return Plan(replace(op, memory=limit), plan.inputs)
