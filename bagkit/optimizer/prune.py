"""Takes out ops that change nothing."""

from __future__ import annotations

from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan, rewrite, shared_ops


def prune(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Take out a concat of one bag, and a concat in a concat.

        concat                             concat
          concat                             read_text('a')
            read_text('a')                   read_text('b')
            read_text('b')           =>      read_text('c')
          read_text('c')

    A loop that adds one file at a time makes hundreds of concats, each in the next. Declines for a concat that others
    use too: what it is made of would be used more than once then.
    """
    shared = shared_ops(roots)

    def pruned(plan: Plan) -> Plan:
        match plan:
            case Plan(Concat(), (below,)):
                return below
            case Plan(Concat(), bags):
                return plan.with_inputs(tuple(part for bag in bags for part in _parts(bag, shared)))
        return plan

    return rewrite(roots, pruned)


def _parts(bag: Plan, shared: set[int]) -> tuple[Plan, ...]:
    return bag.inputs if isinstance(bag.op, Concat) and id(bag.op) not in shared else (bag,)
