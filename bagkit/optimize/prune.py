"""Takes out ops that change nothing."""

from __future__ import annotations

from bagkit.ops.elementwise import Head
from bagkit.ops.regroup import Concat, Repartition
from bagkit.plan.node import Plan, rewrite


def prune(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Take out a repartition into as many partitions as there are, a concat of one bag, a head of a shorter head."""
    return rewrite(roots, _prune)


def _prune(plan: Plan) -> Plan:
    match plan:
        case Plan(Repartition(count), (below,)) if below.npartitions == count:
            return below
        case Plan(Concat(), (below,)):
            return below
        case Plan(Head(k), (Plan(Head(shorter)) as below,)) if shorter <= k:
            return below
    return plan
