"""`map(json.loads)` straight on a source becomes a parser of whole blocks."""

from __future__ import annotations

from bagkit.json.standard import is_standard_loads
from bagkit.ops.elementwise import Map, MapLines, ParseJson
from bagkit.plan.kinds import Source
from bagkit.plan.node import Plan, rewrite


def recognise_json(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Replace a map of `json.loads` over a source by ParseJson, which gives and raises exactly the same.

        map(json.loads)             parse_json
          read_text('a.json')  =>     read_text('a.json')

    Declines with keyword arguments (`parse_float=`), which the fast parser does not know, and for every other function:
    `orjson.loads` makes floats of large integers, so it is not the same. What a program has put in the place of
    `json.loads`, or of the decoder below it, is another function too.
    """
    return rewrite(roots, _recognise)


def _recognise(plan: Plan) -> Plan:
    match plan:
        case Plan(Map(function, kwargs), (Plan(Source()),)) if not kwargs and is_standard_loads(function):
            return Plan(ParseJson(of_lines=isinstance(plan.op, MapLines)), plan.inputs)
    return plan
