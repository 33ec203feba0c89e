"""A join whose pairs go to functions that only look fields up and calculate takes objects in place of records."""

from __future__ import annotations

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Filter, Flatten, Map, ParseJson, StarMap
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.optimizer.filter_first import parser_below
from bagkit.optimizer.objects_of_fields import given_objects
from bagkit.plan.kinds import ALL, PerPartition
from bagkit.plan.node import Plan, rewrite, shared_ops

grouping = Lazily("bagkit.ops.grouping")


def objects_in_joins(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a ParseJson give objects to a join with a small table, if the code of what takes its pairs is known.

        map(lambda)                             map(lambda)
          flatten                                 flatten
            join('name'), read: age         =>      join('name'), read: age
              parse_json(fields: age, name)           parse_json(attributes: age, name)
                read_text('a.json')                     read_text('a.json')

    Filters may stand between, and below the join.

    Declines where a function, or the key, does anything else; where the rows of the table are not known before the run,
    or have values of types that JSON does not have; and where others use the records or pairs too.
    """
    shared = shared_ops(roots)

    def give(plan: Plan) -> Plan:
        return (_given(plan, shared) or plan) if isinstance(plan.op, (Map, StarMap)) else plan

    return rewrite(roots, give)


def _given(plan: Plan, shared: set[int]) -> Plan | None:
    """Return what takes pairs on a join that takes objects; None if that can't be."""
    takers: list[PerPartition] = []
    while isinstance(plan.op, Filter if takers else (Map, StarMap)):
        takers.append(plan.op)
        (plan,) = plan.inputs
        if id(plan.op) in shared:
            return None
    if not isinstance(plan.op, Flatten) or not grouping.has_made(plan.inputs[0].op, "Match"):
        return None
    (join,) = plan.inputs
    if len(join.inputs) > 1 or id(join.op) in shared:
        return None
    from bagkit.ops.by_attributes import on_objects  # few programs need these
    from bagkit.ops.pairs_of_objects import match_objects

    below = _objects(join.inputs[0], shared)
    if below is None:
        return None
    attributes = parser_below(below).attributes
    match = match_objects(join.op, attributes)
    if match is None:
        return None
    made = Plan(plan.op, (Plan(match, (below,)),))
    for taker in reversed(takers):
        op = on_objects(taker, attributes, of_pairs=True)
        if op is None:
            return None
        made = Plan(op, (made,))
    return made


def _objects(plan: Plan, shared: set[int]) -> Plan | None:
    """Return a parser, and filters on it, that give objects; None if that can't be."""
    if not isinstance(plan.op, (Filter, CompleteJson, ParseJson)) or id(plan.op) in shared:
        return None
    if isinstance(plan.op, CompleteJson) and plan.op.parser.fields is ALL:
        return None
    return given_objects(plan, shared, learns=False)
