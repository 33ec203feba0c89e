"""Lines of JSON that a writer would write as they are become no records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import OnErrorFor, ParseJson
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.optimizer.filter_first import giving, parser_below
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
            below = _below_policies(plan.inputs[0], shared, partial(_copying, line_shapes.Notation()))
        elif encoding.has_made(plan.op, "EncodeText") and plan.op.passes_lines:
            below = _below_policies(plan.inputs[0], shared, partial(_dumping, shared))
        else:
            return plan
        return plan if below is None else Plan(replace(plan.op, copies=True), (below,))

    return rewrite(roots, copy)


def _below_policies(plan: Plan, shared: set[int], change: Callable[[Plan], Plan | None]) -> Plan | None:
    """Return `plan` with what `change` makes of the plan below its policies for errors; None where that can't be."""
    if id(plan.op) in shared:
        return None
    if not isinstance(plan.op, OnErrorFor):
        return change(plan)
    below = _below_policies(plan.inputs[0], shared, change)
    return None if below is None else plan.with_inputs((below,))


def _dumping(shared: set[int], plan: Plan) -> Plan | None:
    """Return `plan`, which gives the lines of `json.dumps`, with bytes for those that are copied."""
    op: Any = plan.op
    if not encoding.has_made(op, "DumpJson") or op.style.sort_keys:
        return None
    notation = line_shapes.Notation(op.style.spaces, op.style.ascii_only)
    copying = _below_policies(plan.inputs[0], shared, partial(_copying, notation))
    return None if copying is None else Plan(replace(op, copies=True), (copying,))


def _copying(notation: Notation, plan: Plan) -> Plan | None:
    """Return `plan` with lines among its records; None where that can't be."""
    match plan:
        case Plan(ParseJson(fields, first=None) as parser, (Plan(Source()),)) if fields is ALL and parser.gives_records:
            first = replace(parser, first=frozenset(), copies=notation)
            return Plan(CompleteJson(parser, copies=True), (Plan(first, plan.inputs),))
        case Plan(CompleteJson(parser), (kept,)) if parser.fields is ALL:  # no other uses its filters
            kept = giving(kept, replace(parser_below(kept), copies=notation))
            return Plan(CompleteJson(parser, copies=True), (kept,))
    return None
