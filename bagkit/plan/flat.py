"""A plan as a flat list, for pickling: plans can be deeper than pickle goes down."""

from __future__ import annotations

from bagkit.plan.kinds import Op
from bagkit.plan.node import Plan, walk

Flat = list[tuple[Op, tuple[int, ...]]]


def flat(root: Plan) -> Flat:
    """Return the ops of `root` and of all below it, each with the numbers of its inputs, which come before it."""
    numbers: dict[Plan, int] = {}
    nodes: Flat = []
    for plan in walk(root):
        numbers[plan] = len(nodes)
        nodes.append((plan.op, tuple(numbers[part] for part in plan.inputs)))
    return nodes


def unflat(nodes: Flat) -> Plan:
    """Return the plan that `nodes` were made of."""
    plans: list[Plan] = []
    for op, inputs in nodes:
        plans.append(Plan(op, tuple(plans[number] for number in inputs)))
    return plans[-1]
