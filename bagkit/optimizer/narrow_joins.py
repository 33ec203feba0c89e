"""A join whose pairs go to a function that shows what it reads of them parses no more of its records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Filter, Flatten, Map, StarMap
from bagkit.plan.kinds import ALL, Fields, Op, union
from bagkit.plan.node import Plan, rewrite, shared_ops, walk
from bagkit.plan.split_errors import SplitErrors

grouping = Lazily("bagkit.ops.grouping")
if TYPE_CHECKING:
    from bagkit.ops import fields_read as reading
else:
    reading = Lazily("bagkit.ops.fields_read")


def narrow_joins(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Tell a join with a small table which fields of the bag's own records are read of its pairs.

        map(lambda)                    map(lambda)
          flatten                        flatten
            join('name')        =>         join('name'), read: age
              parse_json                     parse_json

    Filters may stand between. Declines where it can't be known what a function reads of a pair, where others use the
    pairs too, and below `split_errors`, which gives back pairs for which a function fails.
    """
    splits = [plan.op for plan in walk(*roots) if isinstance(plan.op, SplitErrors)]
    others = shared_ops(roots) | {id(op) for split in splits for op in split.written}

    def narrow(plan: Plan) -> Plan:
        reads = _read_of_pairs(plan.op)
        below = None if reads is ALL else _narrowed(plan.inputs[0], reads, others)
        return plan if below is None else plan.with_inputs((below,))

    return rewrite(roots, narrow)


def _read_of_pairs(op: Op) -> Fields:
    """Return what an op reads of the second record of each pair; ALL where it may hand on more of it."""
    if isinstance(op, Map) and not op.kwargs:
        return reading.fields_of_pair_read(op.function)
    if isinstance(op, StarMap) and not op.kwargs:
        return reading.fields_read(op.function, 2)
    return ALL


def _narrowed(plan: Plan, reads: Fields, others: set[int]) -> Plan | None:
    """Return the plan of pairs whose `reads`, and what filters read, are read; None if that can't be.

    `others` are the ids of ops whose pairs others want.
    """
    if id(plan.op) in others:
        return None
    match plan:
        case Plan(Filter(predicate, reason=None), (below,)) if predicate is not None:
            reads = union(reads, reading.fields_of_pair_read(predicate))
            narrowed = None if reads is ALL else _narrowed(below, reads, others)
            return None if narrowed is None else plan.with_inputs((narrowed,))
        case Plan(Flatten(), (join,)) if grouping.has_made(join.op, "Match") and id(join.op) not in others:
            if all(value.op.demand(frozenset()) is ALL for value in join.inputs[1:]):  # they are asked the same
                return plan.with_inputs((Plan(replace(join.op, reads=reads), join.inputs),))
    return None
