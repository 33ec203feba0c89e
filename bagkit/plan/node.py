"""The plan: what the user asked for, as a graph of frozen nodes. It knows nothing of what any op does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from operator import is_
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Op


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Plan:
    """An op and the plans it works on; two plans are the same only if they are one object, so sharing is visible."""

    op: Op
    inputs: tuple[Plan, ...] = ()
    _npartitions: int | None = field(default=None, init=False, repr=False)

    @property
    def npartitions(self) -> int:
        """How many partitions the result has, as users see them; 1 for a single value."""
        stack = [self] if self._npartitions is None else []
        while stack:  # and no recursion, for plans can be deep
            plan = stack[-1]
            # A value has one whatever is below it.
            below = () if plan.op.gives_value else plan.inputs
            unknown = [part for part in below if part._npartitions is None]
            if unknown:
                stack.extend(unknown)
                continue
            stack.pop()
            count = 1 if plan.op.gives_value else plan.op.npartitions(tuple([part._npartitions or 0 for part in below]))
            object.__setattr__(plan, "_npartitions", count)
        assert self._npartitions is not None
        return self._npartitions

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_list, (_as_list(self),)  # plans can be deeper than pickle goes down

    @property
    def gives_plain(self) -> bool:
        """Whether its records are known to be plain."""
        plan = self
        while plan.op.plain == "as given":
            (plan,) = plan.inputs
        return plan.op.plain in ("always", "parsed")

    def with_inputs(self, inputs: tuple[Plan, ...]) -> Plan:
        """Return this plan on other `inputs`: itself if they are the ones it has."""
        if len(inputs) == len(self.inputs) and all(map(is_, inputs, self.inputs)):
            return self
        return Plan(self.op, inputs)


Listed = list[tuple[Op, tuple[int, ...]]]


def _as_list(root: Plan) -> Listed:
    """Return the ops of `root` and of all below it, each with the numbers of its inputs, which come before it."""
    numbers: dict[Plan, int] = {}
    nodes: Listed = []
    for plan in walk(root):
        numbers[plan] = len(nodes)
        nodes.append((plan.op, tuple(numbers[part] for part in plan.inputs)))
    return nodes


def _of_list(nodes: Listed) -> Plan:
    """Return the plan that `nodes` were made of."""
    plans: list[Plan] = []
    for op, inputs in nodes:
        plans.append(Plan(op, tuple(plans[number] for number in inputs)))
    return plans[-1]


def walk(*roots: Plan) -> Iterator[Plan]:
    """Yield each plan below `roots` once, its inputs before it."""
    seen: set[Plan] = set()
    stack = list(reversed(roots))
    while stack:
        plan = stack[-1]
        # A plan comes up a second time when all its inputs are done.
        below = [part for part in plan.inputs if part not in seen] if plan.inputs and plan not in seen else ()
        if below:
            stack.extend(reversed(below))
            continue
        stack.pop()
        if plan not in seen:
            seen.add(plan)
            yield plan


def rewrite(roots: tuple[Plan, ...], rule: Callable[[Plan], Plan]) -> tuple[Plan, ...]:
    """Return `roots` with `rule` applied to each plan once, inputs first; what was shared stays shared."""
    done: dict[Plan, Plan] = {}
    for plan in walk(*roots):
        done[plan] = rule(plan.with_inputs(tuple(done[part] for part in plan.inputs)))
    return tuple(done[root] for root in roots)


def count_uses(*roots: Plan) -> dict[Plan, int]:
    """Return how many plans (and roots) use each plan below `roots`."""
    uses = dict.fromkeys(walk(*roots), 0)
    for plan in tuple(uses):
        for part in plan.inputs:
            uses[part] += 1
    for root in roots:
        uses[root] += 1
    return uses


def shared_ops(roots: tuple[Plan, ...]) -> set[int]:
    """Return the ids of the ops below `roots` whose plans several use: rewriting may make new plans, not new ops."""
    return {id(plan.op) for plan, number in count_uses(*roots).items() if number > 1}


def users_of(plans: Collection[Plan]) -> dict[Plan, list[Plan]]:
    """Return for each of `plans`, among which are all their inputs, those that work on it."""
    users: dict[Plan, list[Plan]] = {plan: [] for plan in plans}
    for plan in plans:
        for below in plan.inputs:
            users[below].append(plan)
    return users
