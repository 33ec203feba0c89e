"""Turns a plan into a graph of tasks: one function for each kind of op makes its partitions.

What is not a task yet is `Pending`: the steps to run and what to run them on. Steps pile up on it until something
needs the records or the value: a reduction's state, the user, a node that several others use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from bagkit.errors import PlanError
from bagkit.lower.calls import CallTasks
from bagkit.lower.graph import Graph, Key, Task, Work, shown_pieces
from bagkit.lower.in_turn import in_one_task, needs_once, sum_known, weight_of
from bagkit.lower.pending import Pending
from bagkit.lower.policies import error_policies
from bagkit.lower.resize import JOIN_BYTES, are_many, is_exact, least_tasks, resize
from bagkit.lower.sinks import Foreseen, Writings
from bagkit.ops.calls import DelayedCall, SinkPart
from bagkit.ops.elementwise import ParseJson
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import (
    Call,
    Exchange,
    MemorySource,
    Op,
    Pairing,
    PerPartition,
    Reduction,
    Regroup,
    Scan,
    Sink,
    Source,
    picked,
    shares,
)
from bagkit.plan.node import Plan, count_uses
from bagkit.work.chain import Chain
from bagkit.work.steps import Finish, Into, Joined, Step, TaskRecords, Value, bare_step
from bagkit.work.works import AllWritten, Combine, OneWritten, Split, WithLast, Write

if TYPE_CHECKING:
    from bagkit.lower.shared_reads import Meeting, SharedRead
    from bagkit.work.several import Several


DEEPEST = 64
"""Ops on top of each other that one task has. What makes tasks goes down by recursion, and so does Python's own code
for iterators of iterators, which nothing stops from overflowing the stack of the process."""


def lower(
    roots: Sequence[Plan],
    *,
    on_error: str = "raise",
    exact: bool = False,
    joins: bool = True,
    writings: Writings | Foreseen | None = None,
    workers: int = 1,
    memory: Callable[[], int] | None = None,
) -> tuple[Graph, list[list[Key]]]:
    """Return the graph of `roots`, and for each root the keys of its partitions, or of its one value.

    An op without a chain mark above it is a task of its own. With `exact` the partitions are those that users see,
    neither cut nor joined; without `joins` each delayed call is a task of its own. `writings` has the sinks below.
    `workers` is how many tasks run at a time, as far as that is known. `memory` says how many bytes each may hold.
    """
    lowering = Lowering(roots, on_error, joins, writings, workers, exact, memory)
    keys = [lowering.keys(root, exact) for root in roots]
    if not joins:
        return Graph(lowering.tasks), keys
    return Graph(in_one_task(lowering.tasks, lowering.weights, least_tasks(lowering.workers), JOIN_BYTES)), keys


class Lowering:
    """The tasks made so far; mutable, of the one call of `lower` that makes it."""

    def __init__(
        self, roots: Sequence[Plan], on_error: str, joins: bool, writings: Writings | Foreseen | None,
        workers: int, exact: bool, memory: Callable[[], int] | None,
    ) -> None:  # fmt: skip
        self.tasks: list[Task] = []
        self.weights: dict[Key, int | None] = {}
        """Of how many bytes of input tasks make what they leave, by its keys."""
        self._uses = count_uses(*roots)
        self.policies = error_policies(roots, on_error)
        self._writings = writings
        self._memory = None if memory is None else cache(memory)
        self._keys: dict[Plan, list[Key]] = {}
        self._records: dict[Plan, list[Pending]] = {}
        self._steps: dict[tuple[int, ...], Step] = {}
        self._works: dict[tuple[int, int, bool], Chain] = {}
        self._labels: dict[tuple[int, int], tuple[str, ...]] = {}
        self._alive: list[object] = []
        """What ids stand for in the memos above; kept, so that none is given to something else."""
        self._stages = 0
        self._sunk: dict[Plan, dict[int, Key]] = {}
        """For each sink the keys of what it writes now."""
        self._calls = CallTasks(self._uses, self.tasks, joins)
        self._shared_reads: dict[Plan, SharedRead] = {}
        self._meetings: dict[Plan, Meeting] = {}
        self._read: dict[Plan, list[tuple[Key, ...]]] = {}
        """For each end and output of a shared read the keys of its values: of one task after the other."""
        self._cut = _too_deep(self._uses)
        if not self._cut and any(uses > 1 for uses in self._uses.values()):  # what is cut has its own records kept
            from bagkit.lower.shared_reads import shared_reads

            self._shared_reads, self._meetings = shared_reads(
                self._uses, self.policies, exact=exact, writable=self._is_to_write_all
            )
        self.workers = self._known_workers(workers)
        for plan in self._uses:  # what is below comes first
            if isinstance(plan.op, DelayedCall):
                self._calls.add(plan, self.keys)
            elif plan in self._cut:
                if self.policies[plan] == "reject":
                    raise PlanError(
                        f"split_errors: there are more than {DEEPEST} operations before it; "
                        "hint: split errors in the middle too: good, bad = ..., then go on with good"
                    )
                self._materialised(plan, inside=True)

    def _known_workers(self, workers: int) -> int:
        """Return how many workers tasks may depend on: 1 where it would be seen in the result."""
        ops = [plan.op for plan in self._uses]
        reads_files = any(isinstance(op, Source) and not isinstance(op, MemorySource) for op in ops)
        if workers == 1 or not (reads_files or are_many(workers)):
            return 1
        from bagkit.lower.generators import hold_generator

        found = (op.user_functions() for op in ops if not isinstance(op, DelayedCall))
        return 1 if hold_generator(chain.from_iterable(found)) else workers

    # What partitions are made of ------------------------------------------------------------------------------------

    def keys(self, plan: Plan, exact: bool = False) -> list[Key]:
        """Return the keys of the partitions of `plan`, or of its value, making its tasks unless they are made."""
        if isinstance(plan.op, DelayedCall):
            return [self._calls.key(plan)]
        if exact or plan in self._shared_reads:
            return self._materialised(plan)
        if plan not in self._keys:
            pending = self.pending(plan, inside=False)
            if not plan.op.gives_value:
                pending = resize(pending, self.workers)
            self._keys[plan] = self._make(pending, None, plan.op.gives_value)
        return self._keys[plan]

    def inputs(self, plan: Plan, inside: bool, repeated: bool = False) -> list[Pending]:
        """Return the partitions of an input: still pending where the plan says that they are one task with the op.

        What is `repeated` is used more than once by the op itself.
        """
        if isinstance(plan.op, MemorySource):
            return self.pending(plan, inside)  # there is nothing to read, so nothing to read twice
        together = inside or isinstance(plan.op, (ChainMark, Exchange, Reduction, Regroup))
        if repeated or self._uses[plan] > 1 or not together or plan in self._cut:
            return self._gathered(plan)
        return self.pending(plan, inside)

    def _gathered(self, plan: Plan) -> list[Pending]:
        if plan not in self._records:  # of a bag's delayed values each asks for all of them, and picks one
            named = plan.inputs[0] if isinstance(plan.op, ChainMark) else plan
            step = self._leaf(TaskRecords(named.op.label, named.op.error_label), plan)
            keys = self._materialised(plan)
            self._records[plan] = [Pending(step, (1,), (key,), self.weights.get(key)) for key in keys]
        return self._records[plan]

    def _materialised(self, plan: Plan, inside: bool = False) -> list[Key]:
        """Return the keys of exactly the partitions that users see, of a plan that may be `inside` of a chain."""
        if isinstance(plan.op, DelayedCall):
            return [self._calls.key(plan)]
        if plan in self._shared_reads and not isinstance(plan.op, (Exchange, Reduction, Sink)):
            return [key for (key,) in self.read_once(plan) or ()]
        if plan not in self._keys:
            self._keys[plan] = self._make(self.pending(plan, inside), None, plan.op.gives_value)
        return self._keys[plan]

    def pending(self, plan: Plan, inside: bool) -> list[Pending]:
        op = plan.op
        if plan in self._meetings:
            from bagkit.lower.branches import met

            return met(self, self._meetings[plan])
        if isinstance(op, ChainMark):
            return self.inputs(plan.inputs[0], inside=True)
        if isinstance(op, Source):
            # A source can have records that fail too: bytes that do not decode, rows of the wrong length.
            step = self._shared((id(plan), id(type(op))), Step(op, (), self.policies[plan]), plan)
            return [Pending(step, (pieces,)) for pieces in op.pieces()]
        if isinstance(op, PerPartition):
            return [self.then(plan, (child,)) for child in self.inputs(plan.inputs[0], inside)]
        if isinstance(op, Scan):
            return self._scanned(plan, inside)
        if isinstance(op, Pairing):
            return self._pending_pairing(op, plan, inside)
        if isinstance(op, Reduction):
            return [self._pending_reduction(op, plan, inside)]
        if isinstance(op, Sink):
            return [self._pending_sink(op, plan, inside)]
        if isinstance(op, SinkPart):
            return [self._pending_sink_part(op, plan.inputs[0], inside)]
        if isinstance(op, Call):
            return [self.then(plan, tuple(self.value(child) for child in plan.inputs))]
        if isinstance(op, Exchange):
            from bagkit.lower.exchange import exchanged

            return exchanged(self, plan)
        assert isinstance(op, Regroup), op
        if op.picks is not None:
            repeats = isinstance(op.picks, tuple) and len(set(op.picks)) < len(op.picks)
            first, *others = [self.inputs(child, inside, repeats) for child in plan.inputs]
            return picked(op.picks, [*chain(first, *others)] if others else first)
        return self._repartitioned(self.inputs(plan.inputs[0], inside), plan)

    def _pending_pairing(self, op: Pairing, plan: Plan, inside: bool) -> list[Pending]:
        bags = [self.inputs(child, inside) for child in plan.inputs[: op.bags]]
        values = tuple(self.value(child) for child in plan.inputs[op.bags :])
        rows = zip(*bags, strict=True) if bags else [()]
        return [self.then(plan, (*row, *values)) for row in rows]

    def _pending_reduction(self, op: Reduction, plan: Plan, inside: bool) -> Pending:
        states = self.read_once(plan)
        if states is not None:
            return self._finished(op, min(len(states), op.split_every or len(states)), [key for (key,) in states])
        pending = self.inputs(plan.inputs[0], inside)
        if op.when_cut != "other":
            pending = resize(pending, self.sharers(plan))
        # With a policy the state is a task of its own: one that can be made again without the records that fail.
        policy = self.policies[plan]
        if len(pending) == 1 and policy == "raise":
            return self.then(plan, (pending[0],))
        into = self.into(op, len(pending), policy)
        return self._finished(op, into.tasks, self._make(pending, into, gives_value=True))

    def _finished(self, op: Reduction, tasks: int, states: list[Key]) -> Pending:
        states = self._combined(op, tasks, states)
        return Pending(self._leaf(Finish(op, tasks), op, self.memory(op)), (len(states),), tuple(states), None)

    def _pending_sink(self, op: Sink, plan: Plan, inside: bool) -> Pending:
        parts, keys = self._written(op, plan, inside)
        values = tuple(Step(Value()) for _ in keys)
        step = self._shared((id(plan),), Step(AllWritten(op, tuple(filter(None, parts))), values), plan)
        return Pending(step, (), tuple(keys.values()))

    def _pending_sink_part(self, op: SinkPart, sink: Plan, inside: bool) -> Pending:
        assert isinstance(sink.op, Sink)
        parts, keys = self._written(sink.op, sink, inside)
        key, part = keys.get(op.number), parts[op.number]
        if key is not None:
            return Pending(self._shared((id(op),), Step(op, (Step(Value()),)), op), (), (key,))
        assert part is not None, "what is asked for is wanted"
        return Pending(self._shared((id(op),), Step(OneWritten(op, part[1])), op))

    def _written(self, op: Sink, plan: Plan, inside: bool) -> tuple[Sequence[tuple[bool, Any] | None], dict[int, Key]]:
        """Return what is known of the partitions of a sink, and the keys of those that are written now."""
        assert self._writings is not None, "who has sinks lowered has begun them"
        number, parts = self._writings.of(op)
        if plan in self._sunk:
            return parts, self._sunk[plan]
        read = self.read_once(plan)
        keys = self._sunk[plan] = {} if read is None else {n: key for n, (key,) in enumerate(read)}
        if read is not None:
            return parts, keys
        stage, bare = self.stage(op.label), op.bare()
        works: dict[int, Write] = {}
        for n, (part, one) in enumerate(zip(parts, self.inputs(plan.inputs[0], inside), strict=True)):
            if part is None or part[0]:
                continue
            chain = self._work(one.step, None, gives_value=False)
            work = works.setdefault(id(chain), Write(chain, bare, number))
            keys[n] = (stage, len(keys))
            task = self._task(work, one, (keys[n],))
            label, labels = f"{task.label} → {op.label}", (*task.steps, op.label)
            self.tasks.append(replace(task, part=(*one.part, part[1]), label=label, steps=labels))
        return parts, keys

    def value(self, plan: Plan) -> Pending:
        (key,) = self._materialised(plan)
        return Pending(self._leaf(Value(), Value), (), (key,))

    def _repartitioned(self, pending: list[Pending], plan: Plan) -> list[Pending]:
        count = plan.npartitions
        if count == len(pending):
            return pending
        if count > len(pending):
            return self._split(pending, plan)
        ends = shares(len(pending), count)
        if all(one.step is pending[0].step for one in pending) and pending[0].step.elementwise:
            pieces = [tuple(piece for one in pending[a:b] for piece in one.part[0]) for a, b in ends]
            return [Pending(pending[0].step, (some,)) for some in pieces]
        step = self._leaf(TaskRecords(plan.op.label, plan.op.error_label), plan)
        keys = self._make(pending, None, gives_value=False)
        several = [tuple(keys[a:b]) for a, b in ends]
        return [Pending(step, (len(some),), some, sum_known(map(self.weights.get, some))) for some in several]

    def _split(self, pending: list[Pending], plan: Plan) -> list[Pending]:
        step = self._leaf(TaskRecords(plan.op.label, plan.op.error_label), plan)
        stage = self.stage(plan.op.label)
        keys: list[Key] = []
        works: dict[int, Split] = {}
        for number, (one, (start, end)) in enumerate(zip(pending, shares(plan.npartitions, len(pending)), strict=True)):
            chain = self._work(one.step, None, gives_value=False)
            work = works.setdefault(id(chain), Split(chain))
            made = tuple((stage, number, n) for n in range(end - start))
            self.tasks.append(replace(self._task(work, one, made), part=(*one.part, len(made))))
            keys.extend(made)
        return [Pending(step, (1,), (key,), self.weights[key]) for key in keys]

    def _scanned(self, plan: Plan, inside: bool) -> list[Pending]:
        stage, gather = self.stage(plan.op.label), self._leaf(TaskRecords(plan.op.label, plan.op.error_label), plan)
        from bagkit.ops.sequences import Accumulate

        assert isinstance(plan.op, Accumulate), plan.op
        works: dict[int, WithLast] = {}
        scanned: list[Pending] = []
        before: tuple[Pending, ...] = ()
        for number, one in enumerate(self.inputs(plan.inputs[0], inside)):
            pending = self.then(plan, (one, *before))
            chain = self._work(pending.step, None, gives_value=False)
            work = works.setdefault(id(chain), WithLast(chain) if before else WithLast(chain, plan.op.leading))
            records, last = (stage, number), (stage, number, "last")
            self.tasks.append(self._task(work, pending, (records, last)))
            scanned.append(Pending(gather, (1,), (records,), self.weights[records]))
            before = (Pending(self._leaf(Value(), Value), (), (last,)),)
        return scanned

    # What shares a read ---------------------------------------------------------------------------------------------

    def read_once(self, plan: Plan) -> list[tuple[Key, ...]] | None:
        if plan not in self._shared_reads:
            return None
        if plan not in self._read:
            from bagkit.lower.branches import made_once

            self._read.update(made_once(self, self._shared_reads[plan]))
        return self._read[plan]

    def above(self, plan: Plan, steps: tuple[Step, ...]) -> Step:
        op = plan.op
        step = Step(op, steps, self.policies[plan], _done_too(op), self.memory(op))
        return self._shared((id(op), *map(id, steps)), step, op)

    def joined(self, trunk: Step, steps: tuple[Step, ...]) -> Step:
        return self._shared((id(trunk), *map(id, steps)), Step(Joined(), (trunk, *steps)), (trunk, steps))

    def add(self, work: Several, one: Pending, keys: tuple[Key, ...], label: str, where: tuple[Any, ...]) -> None:
        task = self._task(work, one, keys)
        steps = self._labels[id(work), 0] = self._labels.get((id(work), 0)) or work.labels()
        self.tasks.append(replace(task, part=(*task.part, *where), label=f"{task.label} → {label}", steps=steps))

    def into(self, op: Reduction | Exchange, count: int, policy: str, buckets: int = 1, side: int = 0) -> Into:
        together = op.split_every if isinstance(op, Reduction) else None
        into = Into(op, min(count, together or count), side, buckets, policy, self.memory(op))
        self._alive.append(into)
        return into

    def writing(self, op: Sink) -> tuple[int, list[Any]]:
        assert self._writings is not None
        number, parts = self._writings.of(op)
        return number, [part[1] for part in parts if part is not None]

    def _is_to_write_all(self, op: Sink) -> bool:
        return self._writings is not None and all(part is not None and not part[0] for part in self._writings.of(op)[1])

    # What exchanges are made of -------------------------------------------------------------------------------------

    def sharers(self, *plans: Plan) -> int:
        return self.workers if all(map(is_exact, plans)) else 1

    def memory(self, op: Op) -> int | None:
        if self._memory is None or not isinstance(op, (Exchange, Reduction)):
            return None
        from bagkit.ops.tables import ToTable

        return self._memory() if isinstance(op, (Exchange, ToTable)) else None

    def collected(self, op: Op, plan: Plan, needs: tuple[Key, ...], weight: int | None) -> Pending:
        return Pending(self._leaf(op, plan, self.memory(plan.op)), (len(needs),), needs, weight)

    def split(self, one: Pending, into: Into, keys: tuple[Key, ...]) -> None:
        self._alive.append(into)
        self.tasks.append(self._task(self._work(one.step, into, False, bool(one.turns)), one, keys))

    # Tasks ----------------------------------------------------------------------------------------------------------

    def _make(self, pending: Sequence[Pending], into: Into | None, gives_value: bool) -> list[Key]:
        """Make a task of each of `pending`; return their keys."""
        if not pending:
            return []
        stage = self.stage((into or pending[0].step.op).label)
        keys: list[Key] = []
        for number, one in enumerate(pending):
            key = (stage, number)
            self.tasks.append(self._task(self._work(one.step, into, gives_value, bool(one.turns)), one, (key,)))
            keys.append(key)
        return keys

    def _task(self, work: Work, one: Pending, keys: tuple[Key, ...]) -> Task:
        into = work.into if isinstance(work, Chain) else None
        steps = self._step_labels(one.step, into)
        pieces = [piece for part in one.part if isinstance(part, tuple) for piece in part]
        needs, places = needs_once(one.needs, one.turns) if one.turns else (one.needs, ())
        weight = weight_of(one)
        self.weights.update(dict.fromkeys(keys, weight if weight is None else weight // len(keys)))
        return Task(
            keys,
            work,
            (*one.part, places) if places else one.part,
            needs,
            " → ".join(steps),
            shown_pieces(pieces),
            sum(piece.weight for piece in pieces),
            (id(work), pieces[0].partition) if any(getattr(piece, "is_share", False) for piece in pieces) else None,
            steps,
        )

    def _step_labels(self, step: Step, into: Into | None = None) -> tuple[str, ...]:
        """Return the labels of all steps below one, its own, and the label of where its records go."""
        ids = (id(step), id(into))
        if ids not in self._labels:
            self._alive += (step, into)
            self._labels[ids] = tuple([op.label for op in step.ops()] + ([into.label] if into is not None else []))
        return self._labels[ids]

    def _combined(self, op: Reduction, tasks: int, states: list[Key]) -> list[Key]:
        """Add levels of the tree until one step can take all states that are left."""
        work, width = Combine(op, tasks, self.memory(op)), op.split_every
        while width is not None and len(states) > width:
            stage, made = self.stage(op.label), list[Key]()
            for number, start in enumerate(range(0, len(states), width)):
                key = (stage, number)
                needs = tuple(states[start : start + width])
                self.tasks.append(Task((key,), work, None, needs, f"combine {op.label}", steps=(op.label,)))
                self.weights[key] = sum_known(map(self.weights.get, needs))
                made.append(key)
            states = made
        return states

    def stage(self, label: str) -> str:
        self._stages += 1
        return f"{self._stages}: {label}"

    # Steps and works are shared: one crosses to a worker once, however many tasks use it ------------------------------

    def _leaf(self, op: Op, of: object, memory: int | None = None) -> Step:
        return self._shared((id(of), id(type(op))), Step(op, memory=memory), of)

    def then(self, plan: Plan, inputs: tuple[Pending, ...]) -> Pending:
        step = self.above(plan, tuple(child.step for child in inputs))
        part = tuple(entry for child in inputs for entry in child.part)
        weight = sum_known(child.weight for child in inputs)
        return Pending(step, part, tuple(key for child in inputs for key in child.needs), weight)

    def _shared(self, ids: tuple[int, ...], step: Step, of: object) -> Step:
        if ids not in self._steps:
            self._steps[ids] = step
            self._alive.append(of)
        return self._steps[ids]

    def _work(self, step: Step, into: Into | None, gives_value: bool, in_turn: bool = False) -> Chain:
        ids = (id(step), id(into), in_turn)
        if ids not in self._works:
            self._works[ids] = Chain(bare_step(step), into, gives_value, in_turn)
        return self._works[ids]


def _too_deep(uses: Mapping[Plan, int]) -> set[Plan]:
    """Return the plans that are tasks because there is so much below them."""
    depths: dict[Plan, int] = {}
    cut: set[Plan] = set()
    for plan in uses:  # what is below comes first
        if isinstance(plan.op, (DelayedCall, Sink)):  # what writes is a task anyway
            depths[plan] = 0
            continue
        depths[plan] = 1 + max([depths[below] for below in plan.inputs], default=0)
        if depths[plan] > DEEPEST:
            cut.add(plan)
            depths[plan] = 0
    return cut


def _done_too(op: Op) -> tuple[Op, ...]:
    return (op.plucked,) if isinstance(op, ParseJson) and op.plucked is not None else ()
