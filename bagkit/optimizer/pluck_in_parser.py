"""A pluck straight on a parser of JSON is done by the parser."""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson, Pluck
from bagkit.plan.node import Plan, rewrite, shared_ops
from bagkit.sentinels import NOT_GIVEN


def pluck_in_parser(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Replace a pluck on a ParseJson by a ParseJson that gives the values of the field, and makes no record for them.

        pluck('name')                      parse_json(value: name)
          parse_json(fields: name)   =>      read_text('a.json')
            read_text('a.json')

    Declines with a default, which a record without the field asks for; and where others use the records too:
    `lower/attributes.py` has a way for those.
    """
    shared = shared_ops(roots)

    def join(plan: Plan) -> Plan:
        match plan:
            case Plan(Pluck(_, default) as pluck, (Plan(ParseJson() as parser, source),)):
                if default is NOT_GIVEN and parser.gives_records_of_fields and id(parser) not in shared:
                    return Plan(replace(parser, plucked=pluck), source)
        return plan

    return rewrite(roots, join)
