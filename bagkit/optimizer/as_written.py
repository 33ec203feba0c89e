"""Keeps the passes away from plans that are to run as they were written."""

from __future__ import annotations

from bagkit.ops.calls import DelayedCall, as_written
from bagkit.plan.node import Plan, rewrite, walk

Hidden = dict[int, Plan]
"""The calls whose inputs are hidden, by the ids of their ops."""


def hide(roots: tuple[Plan, ...]) -> tuple[tuple[Plan, ...], Hidden]:
    """Take the inputs from the calls of `to_delayed(optimize_graph=False)`; return those calls as they were too.

    str                     str
      as written     =>       as written
        map(json.loads)
          read_text('a')
    """
    hidden = {id(plan.op): plan for plan in walk(*roots) if _is_fence(plan)}
    if not hidden:
        return roots, hidden
    return rewrite(roots, lambda plan: Plan(plan.op) if id(plan.op) in hidden else plan), hidden


def show(roots: tuple[Plan, ...], hidden: Hidden) -> tuple[Plan, ...]:
    """Give the calls their inputs back."""
    return rewrite(roots, lambda plan: hidden.get(id(plan.op), plan)) if hidden else roots


def _is_fence(plan: Plan) -> bool:
    return isinstance(plan.op, DelayedCall) and plan.op.function is as_written
