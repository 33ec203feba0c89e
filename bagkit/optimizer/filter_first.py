"""Filters run before the parser builds fields that only later operations read."""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import Filter, ParseJson
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.plan.fields import within
from bagkit.plan.kinds import ALL, Fields, Source, union
from bagkit.plan.node import Plan, rewrite, shared_ops


def filter_first(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a ParseJson give filters on it only the fields that they read, and make the records of the lines they keep.

        map(whole)                     map(whole)
          filter(lambda)                 parse_json, of what is left
            parse_json           =>        filter(lambda)
              read_text('a.json')            parse_json(first: age)
                                               read_text('a.json')

    A run looks at the time it takes, and gives whole records at once where filters keep too many of them. What a filter
    could change, a list or a dict, it is given as a part of the whole record.

    Declines where the parser does not stand on a source, where it can't be known what a filter reads, where what
    follows reads nothing else, and where others use the records too.
    """
    shared = shared_ops(roots)

    def put_first(plan: Plan) -> Plan:
        if not isinstance(plan.op, Filter) or plan.op.predicate is None:
            return plan
        below, read = plan.inputs[0], plan.op.reads
        match below:
            case Plan(ParseJson() as parser, (Plan(Source()),)) if parser.gives_records and id(parser) not in shared:
                return _completed(plan, below, parser, read) or plan
            case Plan(CompleteJson(parser), (kept,)) if id(kept.op) not in shared:
                before = parser_below(kept).first
                return _completed(plan, kept, parser, union(read, before or frozenset())) or plan
        return plan

    return rewrite(roots, put_first)


def _completed(plan: Plan, below: Plan, parser: ParseJson, first: Fields) -> Plan | None:
    """Return the filter `plan` on the plan below, which gives `first`, and behind it the whole records of `parser`."""
    if first is ALL or not first:
        return None
    if parser.fields is not ALL and parser.fields == within(parser.fields, first):
        return plan.with_inputs((giving(below, parser),))
    whole = CompleteJson(parser, error_label=plan.op.error_label)
    return Plan(whole, (plan.with_inputs((giving(below, replace(parser, first=first)),)),))


def giving(plan: Plan, parser: ParseJson) -> Plan:
    """Return filters on a parser with another one in its place."""
    if isinstance(plan.op, ParseJson):
        return Plan(parser, plan.inputs)
    return plan.with_inputs((giving(plan.inputs[0], parser),))


def parser_below(plan: Plan) -> ParseJson:
    """Return the parser that filters stand on."""
    while not isinstance(plan.op, ParseJson):
        (plan,) = plan.inputs
    return plan.op
