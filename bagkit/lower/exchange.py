"""How an exchange becomes tasks: every task of the inputs splits its records, every partition collects its own.

    records of task 1 ─ split ─┬─ bucket 0 ─┐
                               └─ bucket 1 ─┼─┐
    records of task 2 ─ split ─┬─ bucket 0 ─┴─┼─ collect 0 ─ what follows
                               └─ bucket 1 ───┴─ collect 1 ─ what follows

Where a first look is needed (sort_by), the splitting waits until a task of its own has seen all samples. Where one
partition becomes one, nothing is sent: both halves are done by the task that has the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bagkit.lower.graph import Key, Task
from bagkit.lower.resize import resize
from bagkit.plan.kinds import Exchange
from bagkit.plan.node import Plan, rewrite, walk
from bagkit.work.steps import Collecting, Into
from bagkit.work.works import Bounding, Cutting

if TYPE_CHECKING:
    from bagkit.lower.lower import Lowering, Pending


def exchanged(lowering: Lowering, plan: Plan) -> list[Pending]:
    """Return the partitions of an exchange, and add the tasks that split for them."""
    op, count = plan.op, plan.npartitions
    assert isinstance(op, Exchange), op
    sides = [resize(lowering.inputs(child), lowering.sharers(plan)) for child in plan.inputs]
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
    into = Into(op, tasks, side, count, lowering.policy(plan))
    rows = [[(stage, number, bucket) for bucket in range(count)] for number in range(len(pending))]
    if not op.samples:
        for one, row in zip(pending, rows, strict=True):
            lowering.split(one, into, tuple(row))
        return [list(row) for row in rows]
    prepared = [((stage, number, "records"), (stage, number, "sample")) for number in range(len(pending))]
    for one, keys in zip(pending, prepared, strict=True):
        lowering.split(one, into, keys)
    bounds = (stage, "bounds")
    samples = tuple(sample for _, sample in prepared)
    lowering.tasks.append(Task((bounds,), Bounding(op, count), None, samples, f"bounds of {op.label}"))
    cutting = Cutting(op, count)
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
