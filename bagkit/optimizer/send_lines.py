"""Records go through an exchange as the lines they were read from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import ParseJson
from bagkit.ops.parts_of_records import CompleteJson, WithLines
from bagkit.optimizer.filter_first import giving, parser_below
from bagkit.plan.kinds import ALL, Fields, Source, union
from bagkit.plan.node import Plan, rewrite, shared_ops

grouping = Lazily("bagkit.ops.grouping")
if TYPE_CHECKING:
    from bagkit.ops import fields_read as reading
else:
    reading = Lazily("bagkit.ops.fields_read")


def send_lines(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have tasks that split or sort records parse what the key reads, and send lines; those who collect parse them.

        groupby('name')                groupby('name')
          parse_json           =>        parse_json, later
            read_text('a.json')            parse_json(first: name)
                                             read_text('a.json')

    Filters may stand between. Where a key could change what it is given, a list or a dict, whole records go.

    Declines where records are something else than a parser on a source makes them, or others use them too, and where it
    can't be known what the key reads.
    """
    shared = shared_ops(roots)

    def send(plan: Plan) -> Plan:
        op = plan.op
        if not grouping.has_made(op, "ByKey", "SortBy") or not op.keys_of_records:
            return plan
        keyed = zip(plan.inputs, op.keys_of_records, strict=True)
        sides = [_with_lines(side, reading.fields_read(key), shared) for side, key in keyed]
        if not any(sides):
            return plan
        parsers = tuple([side.op.parser if side and isinstance(side.op, WithLines) else None for side in sides])
        inputs = tuple([side or below for side, below in zip(sides, plan.inputs, strict=True)])
        return Plan(replace(op, parsers=parsers), inputs)

    return rewrite(roots, send)


def _with_lines(plan: Plan, read: Fields, shared: set[int]) -> Plan | None:
    """Return the plan of `plan`'s records in two parts, first the fields that are `read`; None if that can't be."""
    if read is ALL or not read:
        return None
    match plan:
        case Plan(ParseJson() as parser, (Plan(Source()),)) if parser.gives_records and id(parser) not in shared:
            return Plan(WithLines(parser), (giving(plan, replace(parser, first=read)),))
        case Plan(CompleteJson(parser), (kept,)) if id(plan.op) not in shared:
            first = union(read, parser_below(kept).first)
            assert first is not ALL
            return Plan(WithLines(parser), (giving(kept, replace(parser, first=first)),))
    return None
