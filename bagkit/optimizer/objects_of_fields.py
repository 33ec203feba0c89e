"""Filters and maps that do no more than look fields up and calculate take objects, which are made faster than dicts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bagkit.ops.elementwise import Filter, Map, ParseJson, Pluck
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.ops.tables import ByTable, ToTable
from bagkit.plan.fields import in_order, within
from bagkit.plan.kinds import ALL, Field, PerPartition, Reduction
from bagkit.plan.node import Plan, rewrite, shared_ops, walk


def objects_of_fields(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a ParseJson give objects to filters and a map or pluck, if the code of their functions is known.

        map(lambda)                                   map(lambda)
          filter(lambda)                                filter(lambda)
            parse_json(fields: address.city, age)  =>     parse_json(attributes: address.city, age)
              read_text('a.json')                           read_text('a.json')

    So in front of a reduction that reads nothing, as count does, and of a foldby that looks up nothing but its key and
    one other field. A field that is only plucked, with a plain default, may be missing: then the object has the
    default. Where whole records are made of the lines that filters keep, the filters take objects; where a run makes
    whole records at once, they are given these.

        parse_json, of what is left       parse_json, of what is left
          filter(lambda)             =>     filter(lambda)
            parse_json(first: age)            parse_json(first: age, as attributes)
              read_text('a.json')               read_text('a.json')

    Declines where a function does anything else; where the map does not come next, so that others would see objects;
    and where others use the records too.
    """
    shared = shared_ops(roots)
    keys = {id(plan.inputs[0].op) for plan in walk(*roots) if isinstance(plan.op, (ToTable, ByTable))}

    def give(plan: Plan) -> Plan:
        op = plan.op
        if isinstance(op, (Map, Pluck)) or (isinstance(op, CompleteJson) and op.parser.fields is ALL):
            return given_objects(plan, shared, learns=id(op) in keys) or plan
        folding = op.of_attributes if isinstance(op, ToTable) else None
        if folding is None and not (isinstance(op, Reduction) and op.demand(ALL) == frozenset() and _filters(plan)):
            return plan
        names = () if folding is None else folding.names
        below = None if id(plan.inputs[0].op) in shared else given_objects(plan.inputs[0], shared, bool(names), names)
        if below is None:
            return plan
        return Plan(replace(op, tabling=folding) if isinstance(op, ToTable) and folding else op, (below,))

    return rewrite(roots, give)


def _filters(plan: Plan) -> bool:
    return isinstance(plan.inputs[0].op, Filter)


def given_objects(plan: Plan, shared: set[int], learns: bool, names: tuple[Field, ...] = ()) -> Plan | None:
    """Return `plan` and the filters below it on a parser that gives objects; None if that can't be.

    The attributes begin with `names`.
    """
    ops: list[PerPartition] = []
    top, parser = plan, None
    while not isinstance(plan.op, ParseJson):
        if not isinstance(plan.op, (Map, Pluck, Filter, CompleteJson)) or (ops and id(plan.op) in shared):
            return None
        if ops and isinstance(plan.op, (Map, Pluck)):
            return None
        ops.append(plan.op)
        parser = plan.op.parser if isinstance(plan.op, CompleteJson) else parser
        (plan,) = plan.inputs
    below, read = plan.op, (parser or plan.op).fields
    if read is ALL and isinstance(top.op, CompleteJson):
        read = below.first
    if below.plucked is not None or below.attributes or not read or id(below) in shared:
        return None
    from bagkit.ops.by_attributes import defaults_of, on_objects  # few programs of the shortest need it

    attributes = (*names, *in_order(read.difference(names)))
    defaults = defaults_of([op for op in ops if not isinstance(op, CompleteJson)], attributes)
    learnt = (names or in_order(within(top.op.demand(ALL), read))) if learns else ()
    giving = partial(replace, attributes=attributes, learns=learnt, defaults=defaults)
    made = Plan(giving(below), plan.inputs)
    for op in reversed(ops):
        other = replace(op, parser=giving(op.parser)) if isinstance(op, CompleteJson) else on_objects(op, attributes)
        if other is None:
            return None
        made = Plan(other, (made,))
    return made
