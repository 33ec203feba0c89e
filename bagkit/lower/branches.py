"""How a shared read becomes tasks: one for each partition of the records, with a key for each answer.

records of task 1 ─┬─ count ─────── state
                   ├─ groupby ───── a bucket for each partition
                   └─ pluck('a') ── records, which leave the task a batch at a time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bagkit.light_classes import dataclass
from bagkit.lower.attributes import with_attributes
from bagkit.lower.exchange import keys_left
from bagkit.lower.graph import Key
from bagkit.lower.in_turn import with_needs
from bagkit.lower.pending import Pending, TaskMaker
from bagkit.lower.resize import resize
from bagkit.lower.shared_reads import Meeting, SharedRead
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import Exchange, Pairing, Reduction, Sink
from bagkit.plan.node import Plan
from bagkit.work.several import End, GivenOn, Several, Written
from bagkit.work.steps import Into, Step, bare_step

To = Into | GivenOn | Written


@dataclass(frozen=True, slots=True)
class _Inner:
    """The steps above some records, in order, and the step of each plan."""

    steps: tuple[Step, ...]
    of: dict[Plan, Step]
    needs: tuple[Key, ...]
    """The values that the steps take, in order."""


def made_once(lowering: TaskMaker, read: SharedRead) -> dict[Plan, list[tuple[Key, ...]]]:
    """Add the tasks of a shared read; return for each end and each output its keys in each task."""
    below = lowering.pending(read.records, inside=True)
    below = resize(below, lowering.sharers(*read.ends)) if read.alike else below
    plans = [*read.outs, *[plan for plan in read.ends for _ in range(_sides(plan))]]
    to = {plan: _to(lowering, plan, len(below)) for plan in read.ends}
    label = " and ".join(["records" for _ in read.outs[:1]] + [plan.op.label for plan in read.ends])
    places = [lowering.writing(plan.op)[1] for plan in read.ends if isinstance(plan.op, Sink)]
    stage = lowering.stage(label)
    works: dict[tuple[int, bool], tuple[Several, _Inner]] = {}
    found: dict[Plan, list[tuple[Key, ...]]] = {plan: [()] * len(below) for plan in plans}
    for number, one in enumerate(below):
        kind = id(one.step), bool(one.turns)
        if kind not in works:
            inner = _inner(lowering, read.records, read.inner, one.step)
            works[kind] = replace(_work(read, one.step, inner, to), in_turn=kind[1]), inner
        work, inner = works[kind]
        keys: list[Key] = []
        for place, (plan, end) in enumerate(zip(plans, work.ends, strict=True)):
            key = (stage, place, number)
            its: tuple[Key, ...] = keys_left(key, end.to) if isinstance(end.to, Into) else (key,)
            found[plan][number] += its
            keys.extend(its)
        one = with_needs(one, inner.needs)
        lowering.add(work, one, tuple(keys), label, tuple([its[number] for its in places]))
    return found


def met(lowering: TaskMaker, meeting: Meeting) -> list[Pending]:
    """Return the partitions of a pairing whose bags are made of the same records."""
    found = []
    for one in lowering.pending(meeting.records, inside=True):
        inner = _inner(lowering, meeting.records, meeting.inner, one.step)
        step = lowering.joined(one.step, inner.steps)
        found.append(replace(one, step=step, needs=(*one.needs, *inner.needs)))
    return found


def _inner(lowering: TaskMaker, records: Plan, plans: Sequence[Plan], trunk: Step) -> _Inner:
    """Return the steps of `plans`, which stand above the `records` that `trunk` makes."""
    of = {records: trunk}
    steps: dict[int, Step] = {}
    needs: list[Key] = []
    for plan in plans:
        op = plan.op
        if isinstance(op, ChainMark):
            of[plan] = of[plan.inputs[0]]
            continue
        bags = plan.inputs[: op.bags] if isinstance(op, Pairing) else plan.inputs
        values = [lowering.value(value) for value in plan.inputs[len(bags) :]]
        needs += [key for value in values for key in value.needs]
        of[plan] = lowering.above(plan, (*[of[bag] for bag in bags], *[value.step for value in values]))
        steps[id(of[plan])] = of[plan]
    return _Inner(tuple(steps.values()), of, tuple(needs))


def _sides(plan: Plan) -> int:
    """Return how many times an end of a shared read takes records: a join of records with themselves does twice."""
    return len(plan.inputs) if isinstance(plan.op, Exchange) else 1


def _to(lowering: TaskMaker, plan: Plan, tasks: int) -> list[To]:
    """Return where an end of a shared read has its records go, for each side; `tasks` is how many tasks there are."""
    op, sides = plan.op, _sides(plan)
    if isinstance(op, Sink):
        return [Written(op.bare(), lowering.writing(op)[0])]
    assert isinstance(op, (Reduction, Exchange)), op
    policy = lowering.policies[plan]
    return [lowering.into(op, sides * tasks, policy, plan.npartitions, side) for side in range(sides)]


def _work(read: SharedRead, trunk: Step, inner: _Inner, to: dict[Plan, list[To]]) -> Several:
    ends = [End(inner.of[plan], GivenOn()) for plan in read.outs]
    ends += [End(inner.of[plan.inputs[side]], each) for plan in read.ends for side, each in enumerate(to[plan])]
    known: dict[int, Step] = {}
    bare = bare_step(trunk, known)
    steps = tuple([bare_step(step, known) for step in inner.steps])
    return with_attributes(Several(bare, steps, tuple([End(bare_step(e.step, known), e.to) for e in ends])))
