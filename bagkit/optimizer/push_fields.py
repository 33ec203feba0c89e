"""Tells parsers, and sources of records, which fields anyone reads."""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson
from bagkit.ops.parts_of_records import Columns
from bagkit.plan.columns import ColumnSource
from bagkit.plan.kinds import ALL, Fields, PerPartition, Source, union
from bagkit.plan.node import Plan, rewrite, walk
from bagkit.plan.split_errors import Described, SplitErrors


def push_fields(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Give each ParseJson the fields that all its users together read.

        pluck('name')           pluck('name')
          parse_json       =>     parse_json(fields: name)

    What `read_json(columns=)` leaves out is not parsed then, so nothing has to be left out.

    A source of columns reads only those, and rejects have no others; where `split_errors` may want a whole record back
    they have all. So has a parser whose lines a reject does not know: below what works on other records than one.

    Each op says what it needs of its input, to give what is wanted of it. Declines where any user reads whole records:
    the user who computes the bag does, and so does a function whose bytecode does not show what it reads.
    """
    wanted = wanted_of_each(roots)
    splits = [plan for plan in walk(*roots) if isinstance(plan.op, SplitErrors)]
    whole = set(walk(*splits))
    never_made_again = whole.difference(*map(_made_again, splits))

    def narrowed(plan: Plan) -> Plan:
        fields = wanted.get(plan, ALL)
        if isinstance(plan.op, ParseJson) and fields is not ALL and plan not in never_made_again:
            return Plan(replace(plan.op, fields=fields), plan.inputs)
        if isinstance(plan.op, ColumnSource) and fields is not ALL and plan not in whole:
            return Plan(plan.op.narrowed(fields))
        match plan:
            case Plan(Columns(columns), (Plan(ParseJson() as parser) as below,)) if parser.gives_records_of_fields:
                # Nothing else uses that parser, so it gives what is asked of these columns.
                return Plan(replace(parser, columns=columns), below.inputs)
        return plan

    def narrowed_rejects(plan: Plan) -> Plan:
        fields = wanted.get(plan, ALL)
        if isinstance(plan.op, Described) and fields is not ALL and plan not in whole:
            return Plan(replace(plan.op, fields=fields), plan.inputs)
        return plan

    # They go first: below them stands what `split_errors` wants whole, or a parser, so all is as it was asked about.
    return rewrite(rewrite(roots, narrowed_rejects), narrowed)


def _made_again(split: Plan) -> list[Plan]:
    """Return the parser that makes whole records again, of the lines of a source, where one fails below `split`."""
    (below,) = split.inputs
    while isinstance(below.op, PerPartition) and below.op.per_record:
        if isinstance(below.op, ParseJson) and isinstance(below.inputs[0].op, Source):
            return [below]
        (below,) = below.inputs
    return []


def wanted_of_each(roots: tuple[Plan, ...]) -> dict[Plan, Fields]:
    """Return what is wanted of each plan by all that use it."""
    nothing: Fields = frozenset()
    wanted: dict[Plan, Fields] = dict.fromkeys(walk(*roots), nothing)
    wanted.update(dict.fromkeys(roots, ALL))
    for plan in reversed(tuple(wanted)):
        for below in plan.inputs:
            wanted[below] = union(wanted[below], plan.op.demand(wanted[plan]))
    return wanted
