"""Lines of JSON that `to_jsonl` would write as they are become no records."""

from __future__ import annotations

from dataclasses import replace

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Filter, OnErrorFor, ParseJson
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.plan.kinds import ALL, Source
from bagkit.plan.node import Plan, rewrite, shared_ops

encoding = Lazily("bagkit.ops.encoding")


def copy_lines(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a CompleteJson give lines in place of records where an EncodeJson on it would make the same lines of these.

        encode_json                            encode_json
          parse_json, of what is left            parse_json, of what is not written as it is
            filter(lambda)               =>        filter(lambda)
              parse_json(first: age)                 parse_json(first: age)
                read_text('a.json')                    read_text('a.json')

    Without a filter the parser first reads nothing: it sees whether lines are JSON. A run looks at the lines, and makes
    records of all of them where few are written as they are.

    Declines where something else stands between, which could change records; where only some fields are written; and
    where others use the records too.
    """
    shared = shared_ops(roots)

    def copy(plan: Plan) -> Plan:
        if not encoding.has_made(plan.op, "EncodeJson"):
            return plan
        below = _copying(plan.inputs[0], shared)
        return plan if below is None else Plan(replace(plan.op, copies=True), (below,))

    return rewrite(roots, copy)


def _copying(plan: Plan, shared: set[int]) -> Plan | None:
    """Return `plan` with lines among its records; None where that can't be."""
    if id(plan.op) in shared:
        return None
    match plan:
        case Plan(OnErrorFor(), (below,)):
            copying = _copying(below, shared)
            return None if copying is None else plan.with_inputs((copying,))
        case Plan(ParseJson(fields, first=None) as parser, (Plan(Source()),)) if fields is ALL and parser.gives_records:
            first = replace(parser, first=frozenset(), copies=True)
            return Plan(CompleteJson(parser, copies=True), (Plan(first, plan.inputs),))
        case Plan(CompleteJson(parser), (below,)) if parser.fields is ALL:
            kept = _parsing_first(below)
            return None if kept is None else Plan(CompleteJson(parser, copies=True), (kept,))
    return None


def _parsing_first(plan: Plan) -> Plan | None:
    """Return filters whose parser gives the fields that they read, and tells which lines are written as they are."""
    match plan:  # no other uses these: filters that others use too are given whole records
        case Plan(ParseJson() as parser):
            return Plan(replace(parser, copies=True), plan.inputs)
        case Plan(Filter(), (below,)):
            parsing = _parsing_first(below)
            return None if parsing is None else plan.with_inputs((parsing,))
    return None
