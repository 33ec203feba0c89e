"""Makes lists of generators where they have to be sent or are read more than once."""

from __future__ import annotations

from inspect import isgeneratorfunction

from bagkit.ops.calls import DelayedCall
from bagkit.ops.elementwise import Map, StarMap
from bagkit.ops.pairing import Paired
from bagkit.plan.kinds import Op
from bagkit.plan.node import Plan, rewrite, walk

_ONE_FIELD = frozenset({"?"})


def materialise_generators(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Return `roots` with lists for the generators that would leave a task.

    It is not one of the passes, because it changes the result: it is done with the optimiser off too.
    """
    waiting = [*roots, *[part for plan in walk(*roots) if isinstance(plan.op, DelayedCall) for part in plan.inputs]]
    seen = set(waiting)
    generators = set()
    while waiting:
        plan = waiting.pop()
        if _gives_generators(plan.op):
            generators.add(plan)
        elif not plan.op.gives_value and plan.op.demand(_ONE_FIELD) == _ONE_FIELD:  # it hands on what it is given
            waiting += [part for part in plan.inputs if part not in seen]
            seen.update(plan.inputs)
    if not generators:
        return roots
    return rewrite(roots, lambda plan: Plan(Map(list), (plan,)) if plan in generators else plan)


def _gives_generators(op: Op) -> bool:
    """Return whether the records of `op` are generators: of one process, and to be read once."""
    if not isinstance(op, (Map, StarMap, Paired)) or op.per_record != "one":
        return False
    try:
        return isgeneratorfunction(op.function)
    except Exception:  # an object that can be called, whose own code has been asked for its attributes
        return False
