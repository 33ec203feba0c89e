"""If all consumers of a read look up fields, and calculate, the parser gives objects with attributes.

    parse_json(attributes: age, name) ─┬─ pluck('name') ─ frequencies        objects are made faster than dicts
                                       └─ filter(lambda) ─ count

Declines where anyone does anything else with the records. No such object leaves its task. Where all who look a field up
pluck it with the same plain default, a record may lack it: its object has the default.
"""

from __future__ import annotations

from dataclasses import replace

from bagkit.ops.elementwise import ParseJson
from bagkit.plan.fields import in_order
from bagkit.plan.kinds import ALL, Field, PerPartition, Reduction
from bagkit.work.several import End, Several
from bagkit.work.steps import Into


def with_attributes(work: Several) -> Several:
    """Return the work as it is, or with a parser that gives objects and steps that take them."""
    trunk, parser = work.trunk, work.trunk.op
    if not isinstance(parser, ParseJson) or trunk.parser is None or parser.fields is ALL or not parser.fields:
        return work
    from bagkit.ops.by_attributes import defaults_of  # few programs of the shortest need it

    names = in_order(parser.fields)
    ops = _on_objects(work, names)
    if ops is None:
        return work
    defaults = defaults_of(ops.values(), names)
    made = {id(trunk): replace(trunk, op=replace(parser, attributes=names, defaults=defaults))}
    for step in work.steps:
        inputs = tuple([made.get(id(below), below) for below in step.inputs])
        made[id(step)] = replace(step, op=ops.get(id(step), step.op), inputs=inputs)
    ends = tuple([End(made[id(end.step)], end.to) for end in work.ends])
    return Several(made[id(trunk)], tuple([made[id(step)] for step in work.steps]), ends)


def _on_objects(work: Several, names: tuple[Field, ...]) -> dict[int, PerPartition] | None:
    """Return what does as the op of each step that gets objects, by its id; None where that is not known of all."""
    from bagkit.ops.by_attributes import FilterObjects, on_objects

    found: dict[int, PerPartition] = {}
    objects = {id(work.trunk)}
    for step in work.steps:
        if objects.isdisjoint(map(id, step.inputs)):
            continue
        op = on_objects(step.op, names) if isinstance(step.op, PerPartition) and len(step.inputs) == 1 else None
        if op is None:
            return None
        found[id(step)] = op
        if isinstance(op, FilterObjects):
            objects.add(id(step))
    if any(id(end.step) in objects and not _counts(end) for end in work.ends):
        return None
    return found


def _counts(end: End) -> bool:
    """Return whether an end reads nothing of its records."""
    return isinstance(end.to, Into) and isinstance(end.to.op, Reduction) and end.to.op.demand(ALL) == frozenset()
