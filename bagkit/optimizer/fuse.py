"""Marks the ops that become one task: a source, and the ops that work on its partitions one by one."""

from __future__ import annotations

from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import MemorySource, Pairing, PerPartition, Source
from bagkit.plan.node import Plan, count_uses, rewrite, users_of, walk


def fuse(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Put a chain mark above each run of sources, per-partition ops and pairings.

        frequencies                  frequencies
          pluck('name')         =>     chain (14 partitions)
            parse_json                   pluck('name')
              read_text('a')             parse_json
                                         read_text('a')

    A plan that several others use is a chain of its own, so a file is read once. `lower/shared_reads.py` says which of
    them work on its blocks in the same task; for the others its records are kept.
    """
    uses = count_uses(*roots)
    users = users_of(uses)
    tops = {
        plan
        for plan, number in uses.items()
        if _chains(plan)
        and ((number != 1 and not isinstance(plan.op, MemorySource)) or not any(map(_chains, users[plan])))
    }
    order = iter(walk(*roots))  # the order in which rewrite visits, which sees new plans in place of these

    def mark(plan: Plan) -> Plan:
        return Plan(ChainMark(), (plan,)) if next(order) in tops else plan

    return rewrite(roots, mark)


def _chains(plan: Plan) -> bool:
    return isinstance(plan.op, (Source, PerPartition, Pairing))
