"""Finds bags, items and delayed values inside containers, and puts holes for their values in their place.

Everything that takes lazy values among other arguments looks for them here.
"""

from __future__ import annotations

import operator
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from types import BuiltinFunctionType, FunctionType, GeneratorType, NoneType
from typing import Any

from bagkit.errors import PlanError, ask
from bagkit.flow.replay import Replay, is_plain, read_again
from bagkit.plan.node import Plan
from bagkit.plan.template import CopyWith, Hole, Nest, as_default_dict, as_dict, as_ordered_dict, as_slice

ATOMS = frozenset({
    int, float, complex, str, bytes, bool, NoneType, FunctionType, BuiltinFunctionType, type, range, bytearray,
})  # fmt: skip
"""Types of values with nothing inside: most arguments need one look."""

Opened = tuple[Sequence[Any], Callable[[list[Any]], Any]]
"""The parts of a container, and what makes a container of other parts."""


def plan_of(argument: Any) -> Plan | None:
    """Return the plan of a bag, an item, a delayed value or a future, also of dask's own, None for anything else."""
    try:
        if not hasattr(type(argument), "__dask_graph__"):  # all of ours have it
            return _plan_of_future(argument) if "distributed.client" in sys.modules else None
    except PlanError:
        raise
    except Exception:  # of a class of the user's class
        return None
    plan = getattr(argument, "plan", None)
    if isinstance(plan, Plan):
        return plan
    from bagkit.lazy.dask_inputs import plan_of_dask

    return plan_of_dask(argument)


def _plan_of_future(argument: Any) -> Plan | None:
    from bagkit.lazy.dask_inputs import plan_of_future

    return plan_of_future(argument)


class Lift:
    """Takes the lazy values out of arguments; mutable, of one call."""

    __slots__ = ("_operation", "changed", "plans")

    def __init__(self, operation: str = "delayed") -> None:
        self._operation = operation
        """What error messages begin with."""
        self.plans: list[Plan] = []
        """The plans found, in the order of the numbers of their holes."""
        self.changed = False
        """Whether anything was replaced: then arguments are to be filled before they are used."""

    def hole(self, plan: Plan, owner: Any) -> Hole:
        """Return the hole for the value of `owner`, whose plan is `plan`."""
        self.changed = True
        self.plans.append(plan)
        return Hole(len(self.plans) - 1)

    def template(self, value: Any) -> Any:
        """Return `value` with holes for lazy values, also inside of containers; itself if there are none.

        Lists, tuples, sets, deques, dicts and their views, slices, dataclasses, namedtuples, iterators of lists and the
        like, and generators are searched; a generator is used up here. Data that contain themselves are handed on.

        Raises PlanError for a lazy value in what is nested too deeply, or contains itself.
        """
        kind = type(value)
        if kind in ATOMS:
            return value
        if kind not in _OPENERS and (plan := plan_of(value)) is not None:
            return self.hole(plan, value)
        try:
            return self._template(value)
        except RecursionError:
            if not _holds_lazy(value):
                return value
        raise PlanError(
            f"{self._operation}: there is a lazy value in a {type(value).__name__} that contains itself, or is nested "
            "too deeply; hint: hand over the lazy value as an argument of its own"
        )

    def argument(self, value: Any, traverse: bool) -> Any:
        """Return `value` with holes for lazy values, without `traverse` only if it is one itself."""
        plan = None if traverse else plan_of(value)
        if plan is not None:
            return self.hole(plan, value)
        return self.template(value) if traverse else value

    def _template(self, value: Any) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        open_up = _OPENERS.get(kind)
        if open_up is None:
            plan = plan_of(value)
            if plan is not None:
                return self.hole(plan, value)
            open_up = _opener_of_fields(kind)
            if open_up is None:
                value_again = _of_no_container(value)
                self.changed = self.changed or value_again is not value
                return value_again
        parts, make = open_up(value)
        once = make is iter  # one that is used up: another one for each task
        if not once and ATOMS.issuperset(map(type, parts)):
            return value
        inner = list(map(self._template, parts))
        if not once and all(map(operator.is_, inner, parts)):
            return value
        self.changed = True
        return Nest(make, inner)


def _of_no_container(value: Any) -> Any:
    """Return `value`; in place of one of Python's own iterators what gives each call another one to read."""
    return Nest(read_again, [Replay(value, shared=True)]) if is_plain(type(value)) else value


def _opener_of_fields(kind: type) -> Callable[[Any], Opened] | None:
    """Return what opens namedtuples or dataclasses; None for a type of other values."""
    if issubclass(kind, tuple) and ask(kind, "_fields") is not None:
        return _named_tuple
    return _dataclass if ask(kind, "__dataclass_fields__") is not None else None


def _named_tuple(value: Any) -> Opened:
    return value, type(value)._make


def _dataclass(value: Any) -> Opened:
    names = tuple(field.name for field in fields(value) if hasattr(value, field.name))
    return [getattr(value, name) for name in names], CopyWith(value, names)


def _holds_lazy(value: Any) -> bool:
    """Return whether there is a lazy value in `value`, however deep, and if it contains itself."""
    waiting, seen = [value], dict[int, Any]()  # what was seen is held on to, so its id stays its own
    while waiting:
        each = waiting.pop()
        if type(each) in ATOMS or id(each) in seen:
            continue
        seen[id(each)] = each
        if plan_of(each) is not None:
            return True
        open_up = _OPENERS.get(type(each)) or _opener_of_fields(type(each))
        if open_up is not None:
            waiting.extend(open_up(each)[0])
    return False


def _iterator(value: Any) -> Opened:
    rest = value.__reduce__()  # the iterator stays where it is
    left = list(rest[1][0])
    return left[rest[2] :] if len(rest) > 2 else left, iter


def _view(value: Any) -> Opened:
    return list(value), list  # no dict could have the values as its own


_A_DICT: dict[Any, Any] = {}
_VIEWS = [type(view) for each in (_A_DICT, OrderedDict(_A_DICT)) for view in (each.keys(), each.values(), each.items())]

_OPENERS: dict[type, Callable[[Any], Opened]] = {
    list: lambda value: (value, list),
    tuple: lambda value: (value, tuple),
    set: lambda value: (list(value), set),
    frozenset: lambda value: (list(value), frozenset),
    dict: lambda value: ([part for pair in value.items() for part in pair], as_dict),
    OrderedDict: lambda value: ([part for pair in value.items() for part in pair], as_ordered_dict),
    defaultdict: lambda value: (
        [part for pair in value.items() for part in pair],
        partial(as_default_dict, value.default_factory),
    ),
    deque: lambda value: (list(value), partial(deque, maxlen=value.maxlen)),
    **dict.fromkeys(_VIEWS, _view),
    slice: lambda value: ((value.start, value.stop, value.step), as_slice),
    type(iter([])): _iterator,
    type(iter(())): _iterator,
    type(iter(set())): _iterator,
    GeneratorType: lambda value: (list(value), iter),
}
"""For each type of container that is searched: a function for its parts, and a function that makes another one."""
