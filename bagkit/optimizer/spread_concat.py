"""Brings elementwise ops from behind a concat to each of its bags, where they join the reading."""

from __future__ import annotations

from functools import partial

from bagkit.ops.regroup import Concat
from bagkit.plan.kinds import PerPartition
from bagkit.plan.node import Plan, rewrite, shared_ops


def spread_concat(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Apply a per-partition op to each bag of a concat instead of to the concat.

        map(json.loads)                concat
          concat                         map(json.loads)
            read_text('a.json')    =>      read_text('a.json')
            read_text('b.json')          map(json.loads)
                                           read_text('b.json')

    Declines where others use the concat too: they would read everything again.
    """
    return rewrite(roots, partial(_spread, shared_ops(roots)))


def _spread(shared: set[int], plan: Plan) -> Plan:
    match plan:
        case Plan(PerPartition() as op, (Plan(Concat() as concat, bags),)) if id(concat) not in shared:
            return Plan(concat, tuple(_spread(shared, Plan(op, (bag,))) for bag in bags))
    return plan
