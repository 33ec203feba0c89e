"""If all consumers of a read look up fields, and calculate, the parser gives objects with attributes.

    parse_json(attributes: age, name) ─┬─ pluck('name') ─ frequencies        objects are made faster than dicts
                                       └─ filter(lambda) ─ count

Declines where anyone does anything else with the records. No such object leaves its task.
"""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson
from bagkit.plan.fields import in_order
from bagkit.plan.kinds import ALL, Field, PerPartition, Reduction
from bagkit.work.several import End, Several
from bagkit.work.steps import Into, Step


def with_attributes(work: Several) -> Several:
    """Return the work as it is, or with a parser that gives objects and steps that take them."""
    trunk, parser = work.trunk, work.trunk.op
    if not isinstance(parser, ParseJson) or trunk.parser is None or parser.fields is ALL or not parser.fields:
        return work
    from bagkit.ops.by_attributes import FilterAttributes  # few programs of the shortest need it

    names = in_order(parser.fields)
    made = {id(trunk): replace(trunk, op=replace(parser, attributes=names))}
    objects = {id(trunk)}
    for step in work.steps:
        takes_objects = not objects.isdisjoint(map(id, step.inputs))
        op = _on_objects(step, names) if takes_objects else step.op
        if op is None:
            return work
        if takes_objects and isinstance(op, FilterAttributes):
            objects.add(id(step))
        made[id(step)] = replace(step, op=op, inputs=tuple([made.get(id(below), below) for below in step.inputs]))
    if any(id(end.step) in objects and not _counts(end) for end in work.ends):
        return work
    ends = tuple([End(made[id(end.step)], end.to) for end in work.ends])
    return Several(made[id(trunk)], tuple([made[id(step)] for step in work.steps]), ends)


def _on_objects(step: Step, names: tuple[Field, ...]) -> PerPartition | None:
    """Return what does as the op of `step` with objects; None where that is not known."""
    from bagkit.ops.by_attributes import on_attributes

    return on_attributes(step.op, names) if isinstance(step.op, PerPartition) and len(step.inputs) == 1 else None


def _counts(end: End) -> bool:
    """Return whether an end reads nothing of its records."""
    return isinstance(end.to, Into) and isinstance(end.to.op, Reduction) and end.to.op.demand(ALL) == frozenset()
