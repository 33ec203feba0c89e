"""A foldby that looks up two fields takes objects with attributes, which are made faster than dicts."""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson
from bagkit.ops.tables import ToTable
from bagkit.plan.node import Plan, rewrite, shared_ops


def fold_attributes(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a ParseJson give the fields that a foldby on it looks up as attributes.

        foldby('name', add_age)               foldby('name', add_age)
          parse_json(fields: age, name)  =>     parse_json(attributes: name, age)
            read_text('a.json')                   read_text('a.json')

    Declines where the fold does anything with a record but look up its key and one other field; and where others use
    the records too.
    """
    shared = shared_ops(roots)

    def fold(plan: Plan) -> Plan:
        match plan:
            case Plan(ToTable() as table, (Plan(ParseJson() as parser, source),)):
                folding = table.of_attributes
                if folding is not None and parser.gives_records_of_fields and id(parser) not in shared:
                    below = Plan(replace(parser, attributes=folding.names), source)
                    return Plan(replace(table, tabling=folding), (below,))
        return plan

    return rewrite(roots, fold)
