"""Filters that stand before whole records take objects, which are made faster than dicts."""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import Filter, ParseJson
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.plan.fields import in_order
from bagkit.plan.kinds import ALL, PerPartition
from bagkit.plan.node import Plan, rewrite, shared_ops


def filter_objects(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a ParseJson give filters objects of what they read, where whole records are made of the lines they keep.

        parse_json, of what is left       parse_json, of what is left
          filter(lambda)             =>     filter(lambda)
            parse_json(first: age)            parse_json(first: age, as attributes)
              read_text('a.json')               read_text('a.json')

    Where a run makes whole records at once, filters are given these.

    Declines where a filter does more than look fields up and calculate, and where others use what filters keep.
    """
    shared = shared_ops(roots)

    def give(plan: Plan) -> Plan:
        op = plan.op
        return (_on_objects(plan, op, shared) or plan) if isinstance(op, CompleteJson) else plan

    return rewrite(roots, give)


def _on_objects(plan: Plan, complete: CompleteJson, shared: set[int]) -> Plan | None:
    filters: list[PerPartition] = []
    (below,) = plan.inputs
    while isinstance(below.op, Filter):
        filters.append(below.op)
        (below,) = below.inputs
    parser = below.op
    if not isinstance(parser, ParseJson) or not parser.first or parser.attributes or complete.parser.fields is not ALL:
        return None
    if shared & {id(parser), *map(id, filters)}:
        return None
    from bagkit.ops.by_attributes import on_attributes  # few programs of the shortest need it

    attributes = in_order(parser.first)
    made = Plan(replace(parser, attributes=attributes), below.inputs)
    for op in reversed(filters):
        other = on_attributes(op, attributes)
        if other is None:
            return None
        made = Plan(other, (made,))
    return Plan(replace(complete, parser=replace(complete.parser, attributes=attributes)), (made,))
