"""Takes out ops that change nothing."""

from __future__ import annotations

from bagkit.ops.regroup import Concat, Repartition
from bagkit.plan.node import Plan, rewrite


def prune(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Take out a repartition into as many partitions as there are, and a concat of one bag."""
    return rewrite(roots, _prune)


def _prune(plan: Plan) -> Plan:
    match plan:
        case Plan(Repartition(count), (below,)) if below.npartitions == count:
            return below
        case Plan(Concat(), (below,)):
            return below
    return plan
