"""One read for several answers: reductions over the same records are one task a partition, which reads them once.

    compute(b.count(), b.pluck("age").max())        read_text ─ parse_json ─┬─ count
                                                                            └─ pluck('age') ─ max

Each reduction takes each block of records, through the ops that are its own. So no record is kept longer than its
block, and none is sent anywhere. That is done where no op can tell where a partition begins, and where all who use the
records reduce them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import PerPartition, Reduction, Source
from bagkit.plan.node import Plan, walk


@dataclass(frozen=True, slots=True)
class SharedRead:
    """A plan whose records only reductions use, and those."""

    records: Plan
    reductions: tuple[Plan, ...]


def shared_reads(uses: Mapping[Plan, int], policies: Mapping[Plan, str]) -> dict[Plan, SharedRead]:
    """Return for each reduction, and for the records that it shares with others, what they share.

    `uses` says how many use each plan, roots counted too; `policies` what happens to records that fail.
    """
    users: dict[Plan, list[Plan]] = {}
    for plan in uses:
        for below in plan.inputs:
            users.setdefault(below, []).append(plan)
    found: dict[Plan, SharedRead] = {}
    for plan, count in uses.items():
        if count < 2 or not isinstance(plan.op, (ChainMark, PerPartition, Source)):
            continue
        if isinstance(plan.op, Source) and plan.op.in_memory:
            continue  # there is nothing to read
        ends = [_reduction_above(user, uses, users) for user in users.get(plan, ())]
        reductions = tuple(end for end in ends if end is not None)
        if len(reductions) == count and all(policies[each] == "raise" for each in (*walk(plan), *reductions)):
            shared = SharedRead(plan, reductions)
            found.update(dict.fromkeys((plan, *reductions), shared))
    return found


def _reduction_above(plan: Plan, uses: Mapping[Plan, int], users: Mapping[Plan, list[Plan]]) -> Plan | None:
    """Return the reduction that `plan` leads to, if none of what is between can tell where a partition begins."""
    while not isinstance(plan.op, Reduction):
        by_record = isinstance(plan.op, ChainMark) or (
            isinstance(plan.op, PerPartition) and plan.op.elementwise and not plan.op.policy
        )
        if not by_record or uses[plan] != 1 or plan not in users:
            return None
        (plan,) = users[plan]
    return plan if plan.op.elementwise else None
