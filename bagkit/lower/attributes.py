"""Where all who share a read pluck fields, the parser gives objects with attributes: they are made faster than dicts.

    parse_json(fields: age, name) ─┬─ pluck('age') ─ max          records are objects with attributes
                                   └─ pluck('name') ─ frequencies

Declines where anyone reads the records in another way. No such object leaves its task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bagkit.ops.elementwise import ParseJson, Pluck, PluckAttribute
from bagkit.plan.fields import in_order
from bagkit.plan.kinds import ALL
from bagkit.sentinels import NOT_GIVEN
from bagkit.work.steps import Into, Step

End = tuple[Step, Into]


def with_attributes(step: Step, ends: Sequence[End]) -> tuple[Step, Sequence[End]]:
    """Return the step that gives the shared records, and the ends of all who share them: as they are, or faster."""
    parser = step.op
    if not isinstance(parser, ParseJson) or step.parser is None or parser.fields is ALL or not parser.fields:
        return step, ends
    names = tuple(field for field in in_order(parser.fields) if isinstance(field, str))
    if len(names) < len(parser.fields):
        return step, ends  # declines because someone reads what is inside of a field, and does not pluck it
    faster = replace(step, op=replace(parser, attributes=names))
    found = [(_on_attributes(last, into, step, faster, names), into) for last, into in ends]
    changed = [(last, into) for last, into in found if last is not None]
    return (faster, changed) if len(changed) == len(ends) else (step, ends)


def _on_attributes(last: Step, into: Into, step: Step, faster: Step, names: tuple[str, ...]) -> Step | None:
    """Return `last` on objects with attributes; None where it does something else with the records."""
    if last is step:
        return faster if into.op.demand(ALL) == frozenset() else None
    path = [last]
    while path[-1].inputs[0] is not step:
        path.append(path[-1].inputs[0])
    pluck = path.pop()
    op = pluck.op
    if not isinstance(op, Pluck) or op.default is not NOT_GIVEN or op.key not in names:
        return None
    made = replace(pluck, op=PluckAttribute(op.key, attribute=f"field_{names.index(op.key)}"), inputs=(faster,))
    for above in reversed(path):
        made = replace(above, inputs=(made,))
    return made
