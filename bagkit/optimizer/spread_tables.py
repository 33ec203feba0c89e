"""Counts keys in several partitions, if only their number is asked for and not their order."""

from __future__ import annotations

from bagkit.ops.elementwise import OnErrorFor
from bagkit.ops.tables import ToTable
from bagkit.plan.kinds import ALL, Op, PerPartition, Reduction
from bagkit.plan.node import Plan, rewrite, shared_ops

MOST_BUCKETS = 16_000
"""How many values tasks may leave for these partitions; to look after more takes longer than the work."""


def spread_tables(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Make a table by key in several partitions instead of one, if what follows does not ask for its order.

        count                      count
          distinct            =>     distinct(npartitions=61)
            read_text('*.txt')         read_text('*.txt')

    Declines for keys of unknown types, which may be equal only in the process that made them; for a bag of one
    partition; and where others use the table too, which would be made twice.
    """
    shared = shared_ops(roots)

    def spread(plan: Plan) -> Plan:
        if not _in_any_order(plan.op):
            return plan
        between: list[PerPartition] = []
        below = plan.inputs[0]
        while isinstance(below.op, PerPartition) and below.op.per_record and not isinstance(below.op, OnErrorFor):
            if id(below.op) in shared:
                return plan
            between.append(below.op)
            below = below.inputs[0]
        if id(below.op) in shared or not isinstance(below.op, ToTable):
            return plan
        found = _spread(below.op, below.inputs[0], only_number=not between and not plan.op.user_functions())
        if found is None:
            return plan
        for op in reversed(between):
            found = Plan(op, (found,))
        return plan.with_inputs((found,))

    return rewrite(roots, spread)


def _in_any_order(op: Op) -> bool:
    """Return whether `op` gives the same in whatever order the records come: it reads nothing of them."""
    return isinstance(op, Reduction) and op.when_cut != "other" and op.demand(ALL) == frozenset()


def _spread(table: ToTable, bag: Plan, only_number: bool) -> Plan | None:
    most = MOST_BUCKETS // bag.npartitions
    if bag.npartitions == 1 or most < 2 or not table.plain_keys or not bag.gives_plain:
        return None
    return Plan(table.spread(most, only_number), (bag,))
