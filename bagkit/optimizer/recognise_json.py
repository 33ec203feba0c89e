"""`map(json.loads)` of the records of a source becomes a parser of whole blocks."""

from __future__ import annotations

from bagkit.json.standard import is_standard_loads
from bagkit.ops.elementwise import Map, MapLines, ParseJson
from bagkit.plan.kinds import PerPartition, Source
from bagkit.plan.node import Plan, rewrite


def recognise_json(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Replace a map of `json.loads` by ParseJson, which gives and raises exactly the same.

        map(json.loads)             parse_json
          read_text('a.json')  =>     read_text('a.json')

    Operations that work record by record may stand between it and the source, such as a filter on lines.

    Declines with keyword arguments (`parse_float=`), which the fast parser does not know, and for every other function:
    `orjson.loads` makes floats of large integers, so it is not the same. What a program has put in the place of
    `json.loads`, or of the decoder below it, is another function too.
    """
    return rewrite(roots, _recognise)


def _recognise(plan: Plan) -> Plan:
    match plan:
        case Plan(Map(function, kwargs), (below,)) if not kwargs and is_standard_loads(function) and _is_read(below):
            return Plan(ParseJson(of_lines=isinstance(plan.op, MapLines)), plan.inputs)
    return plan


def _is_read(plan: Plan) -> bool:
    """Return whether the records are of one source, or made of them one by one."""
    while isinstance(plan.op, PerPartition) and plan.op.per_record:
        (plan,) = plan.inputs
    return isinstance(plan.op, Source)
