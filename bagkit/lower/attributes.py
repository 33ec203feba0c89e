"""If all consumers of a read only pluck fields, the parser gives objects with attributes, made faster than dicts.

    parse_json(fields: age, name) ─┬─ pluck('age') ─ max          records are objects with attributes
                                   └─ pluck('name') ─ frequencies

Declines where anyone reads the records in another way. No such object leaves its task.
"""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson, Pluck, PluckAttribute
from bagkit.plan.fields import in_order
from bagkit.plan.kinds import ALL, Reduction
from bagkit.sentinels import NOT_GIVEN
from bagkit.work.several import End, Several
from bagkit.work.steps import Into, Step


def with_attributes(work: Several) -> Several:
    """Return the work as it is, or with a parser that gives objects and steps that take them."""
    trunk, parser = work.trunk, work.trunk.op
    if not isinstance(parser, ParseJson) or trunk.parser is None or parser.fields is ALL or not parser.fields:
        return work
    names = tuple(field for field in in_order(parser.fields) if isinstance(field, str))
    if len(names) < len(parser.fields):
        return work  # declines because someone reads what is inside of a field, and does not pluck it
    if not all(_plucks(step, trunk, names) for step in work.steps) or not all(_counts(end, trunk) for end in work.ends):
        return work
    made = {id(trunk): replace(trunk, op=replace(parser, attributes=names))}
    for step in work.steps:
        op = step.op
        if step.inputs[0] is trunk and isinstance(op, Pluck):
            op = PluckAttribute(op.key, number=names.index(op.key))
        made[id(step)] = replace(step, op=op, inputs=tuple([made.get(id(below), below) for below in step.inputs]))
    ends = tuple([End(made[id(end.step)], end.to) for end in work.ends])
    return Several(made[id(trunk)], tuple([made[id(step)] for step in work.steps]), ends)


def _plucks(step: Step, trunk: Step, names: tuple[str, ...]) -> bool:
    """Return whether a step takes a field of the records of `trunk`, or nothing of them itself."""
    op = step.op
    if all(below is not trunk for below in step.inputs):
        return True
    return isinstance(op, Pluck) and op.default is NOT_GIVEN and op.key in names


def _counts(end: End, trunk: Step) -> bool:
    """Return whether an end reads nothing of the records of `trunk`."""
    if end.step is not trunk:
        return True
    return isinstance(end.to, Into) and isinstance(end.to.op, Reduction) and end.to.op.demand(ALL) == frozenset()
