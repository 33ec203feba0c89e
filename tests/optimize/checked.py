"""Runs the passes one by one, and checks the plan between all of them."""

from __future__ import annotations

from bagkit.optimizer import PASSES, optimize
from bagkit.optimizer.check import check_kept, check_legal
from bagkit.plan.node import Plan


def check_passes(*roots: Plan) -> None:
    """Raise PlanError where a pass makes a plan that is not legal, or changes what it must keep."""
    check_legal(roots)
    before = roots
    for rule in PASSES:
        after = optimize(roots, until=rule.__name__)
        check_legal(after)
        check_kept(before, after)
        before = after
