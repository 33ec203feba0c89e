"""Lines of JSON that a writer would write as they are become no records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Filter, OnErrorFor, ParseJson
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.plan.kinds import ALL, Source
from bagkit.plan.node import Plan, rewrite, shared_ops

if TYPE_CHECKING:
    from bagkit.json.line_shapes import Notation

encoding = Lazily("bagkit.ops.encoding")
line_shapes = Lazily("bagkit.json.line_shapes")


def copy_lines(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a CompleteJson give lines in place of records where a writer on it would make the same lines of these.

        encode_json                            encode_json
          parse_json, of what is left            parse_json, of what is not written as it is
            filter(lambda)               =>        filter(lambda)
              parse_json(first: age)                 parse_json(first: age)
                read_text('a.json')                    read_text('a.json')

    A writer is `to_jsonl`, or `map(json.dumps)` straight under `to_textfiles`. Without a filter the parser first reads
    nothing: it sees whether lines are JSON. A run looks at the lines, and makes records of all of them where few are
    written as they are.

    Declines where something else stands between, which could change records; where only some fields are written; where
    others use the records too; for `json.dumps` with sorted keys, and for text that is not written in UTF-8.
    """
    shared = shared_ops(roots)

    def copy(plan: Plan) -> Plan:
        if encoding.has_made(plan.op, "EncodeJson"):
            below = _copying(plan.inputs[0], shared, line_shapes.Notation())
        elif encoding.has_made(plan.op, "EncodeText") and plan.op.passes_lines:
            below = _dumping(plan.inputs[0], shared)
        else:
            return plan
        return plan if below is None else Plan(replace(plan.op, copies=True), (below,))

    return rewrite(roots, copy)


def _dumping(plan: Plan, shared: set[int]) -> Plan | None:
    """Return `plan`, which gives the lines of `json.dumps`, with bytes for those that are copied."""
    if id(plan.op) in shared:
        return None
    match plan:
        case Plan(OnErrorFor(), (below,)):
            dumping = _dumping(below, shared)
            return None if dumping is None else plan.with_inputs((dumping,))
        case Plan(op, (below,)) if encoding.has_made(op, "DumpJson") and not op.style.sort_keys:
            copying = _copying(below, shared, line_shapes.Notation(op.style.spaces, op.style.ascii_only))
            return None if copying is None else Plan(replace(op, copies=True), (copying,))
    return None


def _copying(plan: Plan, shared: set[int], notation: Notation) -> Plan | None:
    """Return `plan` with lines among its records; None where that can't be."""
    if id(plan.op) in shared:
        return None
    match plan:
        case Plan(OnErrorFor(), (below,)):
            copying = _copying(below, shared, notation)
            return None if copying is None else plan.with_inputs((copying,))
        case Plan(ParseJson(fields, first=None) as parser, (Plan(Source()),)) if fields is ALL and parser.gives_records:
            first = replace(parser, first=frozenset(), copies=notation)
            return Plan(CompleteJson(parser, copies=True), (Plan(first, plan.inputs),))
        case Plan(CompleteJson(parser), (below,)) if parser.fields is ALL:
            kept = _parsing_first(below, notation)
            return None if kept is None else Plan(CompleteJson(parser, copies=True), (kept,))
    return None


def _parsing_first(plan: Plan, notation: Notation) -> Plan | None:
    """Return filters whose parser gives the fields that they read, and tells which lines are written as they are."""
    match plan:  # no other uses these: filters that others use too are given whole records
        case Plan(ParseJson() as parser):
            return Plan(replace(parser, copies=notation), plan.inputs)
        case Plan(Filter(), (below,)):
            parsing = _parsing_first(below, notation)
            return None if parsing is None else plan.with_inputs((parsing,))
    return None
