"""How an exchange becomes tasks: every task of the inputs splits its records, every partition collects its own.

    records of task 1 ─ split ─┐        ┌─ buckets for 0 ─ collect 0 ─ what follows
                               ├─ deal ─┤
    records of task 2 ─ split ─┘        └─ buckets for 1 ─ collect 1 ─ what follows

A split leaves one value, in which are its buckets; the deal gives to each partition its buckets of all of them. So N
tasks and M partitions are N + M tasks, keys and needs: nothing here is made N × M times.

Where a first look is needed (sort_by), the splitting waits until a task of its own has seen all samples. Where one
partition becomes one, nothing is sent: both halves are done by the task that has the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.flow.buckets import Dealing
from bagkit.lower.graph import Graph, Key, Task
from bagkit.lower.in_turn import sum_known, weight_of, work_of_one
from bagkit.lower.pending import Pending, TaskMaker
from bagkit.lower.resize import resize
from bagkit.plan.kinds import Exchange, SampledExchange
from bagkit.plan.node import Plan
from bagkit.work.steps import Collecting, Into
from bagkit.work.works import Bounding, Cutting


def exchanged(lowering: TaskMaker, plan: Plan) -> list[Pending]:
    """Return the partitions of an exchange, and add the tasks that split for them."""
    op, count = plan.op, plan.npartitions
    assert isinstance(op, Exchange), op
    shared = lowering.read_once(plan)
    if shared is not None:
        several = len(plan.inputs) > 1  # then each task has left one value for each of them
        made = [[(keys[side],) for keys in shared] for side in range(len(plan.inputs))] if several else [shared]
        tasks, weight = len(made) * len(shared), sum_known(lowering.weights[keys[0]] for keys in shared)
    else:
        sides = [resize(lowering.inputs(child, inside=False), lowering.sharers(plan)) for child in plan.inputs]
        tasks, weight = sum(map(len, sides)), sum_known(weight_of(one) for side in sides for one in side)
        if tasks == count == 1 and lowering.policies[plan] == "raise":
            return [lowering.then(plan, (sides[0][0],))]
        made = [_split(lowering, plan, op, side, pending, tasks) for side, pending in enumerate(sides)]
    dealt = [_dealt(lowering, plan, op, _bounded(lowering, op, keys, count)) for keys in made]
    share = None if weight is None else weight // count
    return [lowering.collected(Collecting(op, tasks), plan, needs, share) for needs in zip(*dealt, strict=True)]


def _dealt(lowering: TaskMaker, plan: Plan, op: Exchange, made: tuple[Key, ...]) -> tuple[Key, ...]:
    """Return for each partition the key of its buckets of all tasks of an input, which have `made` buckets."""
    stage = lowering.stage(f"deal {op.label}")
    keys = tuple([(stage, number) for number in range(plan.npartitions)])
    work, label = Dealing(len(keys)), f"deal buckets of {op.label}"
    lowering.tasks.append(Task(keys, work, None, made, label, steps=(op.label,)))
    return keys


def _split(
    lowering: TaskMaker, plan: Plan, op: Exchange, side: int, pending: Sequence[Pending], tasks: int
) -> list[tuple[Key, ...]]:
    """Add the tasks that split the input number `side`; return the key of the value that each leaves."""
    stage = lowering.stage(f"split {op.label}")
    into = Into(op, tasks, side, plan.npartitions, lowering.policies[plan], lowering.memory(op))
    made = [keys_left((stage, number), into) for number in range(len(pending))]
    for one, keys in zip(pending, made, strict=True):
        lowering.split(one, into, keys)
    return made


def left_for_exchanges(graph: Graph) -> set[Key]:
    """Return the keys of what tasks leave for exchanges. A sort cuts what it has looked at, and deals that."""
    taking = [task for task in graph.tasks if isinstance(work_of_one(task.work), (Dealing, Cutting))]
    return {need for task in taking for need in task.needs}


def keys_left(key: tuple[Any, ...], into: Into) -> tuple[Key, ...]:
    """Return the keys of what a task leaves that ends with `into`."""
    if isinstance(into.op, SampledExchange):
        return (*key, "records"), (*key, "sample")
    return (key,)


def _bounded(lowering: TaskMaker, op: Exchange, made: Sequence[tuple[Key, ...]], count: int) -> tuple[Key, ...]:
    """Return the keys of the buckets of tasks that have `made` them, or else records and a sample: those are cut."""
    if not isinstance(op, SampledExchange):
        return tuple([key for (key,) in made])
    stage = lowering.stage(f"cut {op.label}")
    bounds = (stage, "bounds")
    samples = tuple([sample for _, sample in made])
    lowering.tasks.append(
        Task((bounds,), Bounding(op, count), None, samples, f"bounds of {op.label}", steps=(op.label,))
    )
    keys, cutting = tuple([(stage, number) for number in range(len(made))]), Cutting(op, count)
    for key, (records, _) in zip(keys, made, strict=True):
        task = Task((key,), cutting, None, (records, bounds), f"cut for {op.label}", steps=(op.label,))
        lowering.tasks.append(task)
        lowering.weights[key] = lowering.weights.get(records)
    return keys
