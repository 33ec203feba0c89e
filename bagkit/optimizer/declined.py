"""Says why passes could not skip or copy lines, or parse less, for people who look at a plan. Runs do not use it."""

from __future__ import annotations

from collections.abc import Iterator

from bagkit.ops.elementwise import Filter, OnErrorFor, ParseJson
from bagkit.ops.encoding import EncodeJson
from bagkit.ops.fields_read import fields_read
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.ops.text import MatchGlob
from bagkit.ops.texts_needed import texts_needed
from bagkit.optimizer import optimize
from bagkit.optimizer.whole_records import why_whole_records
from bagkit.plan.kinds import ALL, MemorySource, PerPartition, Source
from bagkit.plan.node import Plan, count_uses, walk


def why_not(*roots: Plan) -> str:
    """Return a line for each function that is given whole records, filter on bytes and copy of lines not made."""
    found = dict.fromkeys([*why_whole_records(roots), *_reasons(optimize(roots, until="copy_lines"))])
    return "".join(["\n\nnot done:\n", *[f"\n{reason}" for reason in found]]) if found else ""


def _reasons(roots: tuple[Plan, ...]) -> Iterator[str]:
    shared = {plan for plan, number in count_uses(*roots).items() if number > 1}
    for plan in walk(*roots):
        op = plan.op
        if isinstance(op, EncodeJson) and not op.copies and (reason := _not_copied(plan.inputs[0], shared)):
            yield f"copying lines for to_jsonl: {reason}"
        if isinstance(op, (Filter, MatchGlob)) and (reason := _not_searched(op, plan.inputs[0], shared)):
            yield f"looking for a text before lines are decoded: {reason}"


def _not_searched(op: Filter | MatchGlob, below: Plan, shared: set[Plan]) -> str:
    """Return why a filter on lines is given all of them; nothing where it is not, or they are no lines of files."""
    source = below.op
    if not isinstance(source, Source) or isinstance(source, MemorySource) or getattr(source, "texts", None) != ():
        return ""
    if below in shared:
        return f"others read all lines of {source.label} too"
    texts = texts_needed(op)
    if not texts:
        return f"{op.label} may keep a line whatever is in it, as far as its code shows"
    return f"the lines of {source.label} can't be told in bytes, by their encoding, their ends or include_path"


def _not_copied(plan: Plan, shared: set[Plan]) -> str:
    """Return why records of JSON are made to be written; nothing where they are no lines of JSON."""
    reason = ""
    while isinstance(plan.op, PerPartition) and not isinstance(plan.op, ParseJson):
        reason = reason or _between(plan, shared)
        (plan,) = plan.inputs
    if not isinstance(plan.op, ParseJson):
        return ""
    if reason:
        return reason
    if plan.op.fields is not ALL:
        return "only some fields of the records are written"
    if plan in shared:
        return "others use the records too"
    return "" if isinstance(plan.inputs[0].op, Source) else f"{plan.inputs[0].op.label} makes the lines"


def _between(plan: Plan, shared: set[Plan]) -> str:
    op = plan.op
    if plan in shared:
        return f"others use what {op.label} gives too"
    if isinstance(op, Filter):
        unknown = op.predicate is None or fields_read(op.predicate) is ALL
        return f"it can't be told what {op.label} reads of a record, or whether it changes it" if unknown else ""
    if isinstance(op, CompleteJson):
        return "" if op.parser.fields is ALL else "only some fields of the records are written"
    return "" if isinstance(op, OnErrorFor) else f"{op.label} stands before it"
