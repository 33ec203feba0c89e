"""Bags, items and delayed values inside of containers: found, and replaced by holes for what they compute to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, FunctionType, GeneratorType, NoneType
from typing import Any

from bagkit.errors import PlanError
from bagkit.lazy.arguments import plan_of
from bagkit.plan.node import Plan
from bagkit.plan.template import CopyWith, Hole, Nest, as_dict, as_ordered_dict, as_slice

ATOMS = frozenset({
    int, float, complex, str, bytes, bool, NoneType, FunctionType, BuiltinFunctionType, type, range, bytearray,
})  # fmt: skip
"""Types whose values have nothing inside, so that most arguments are done with at one look."""


class Lift:
    """Takes the lazy values out of arguments; mutable, of one call."""

    __slots__ = ("plans",)

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        """The plans found, in the order of the numbers of their holes."""

    def hole(self, plan: Plan, owner: Any) -> Hole:
        """Return the hole for the value of `owner`, whose plan is `plan`."""
        self.plans.append(plan)
        return Hole(len(self.plans) - 1)

    def template(self, value: Any) -> Any:
        """Return `value` with holes for lazy values, also inside of containers; itself if there are none.

        Lists, tuples, sets, dicts, slices, dataclasses, namedtuples, iterators of lists and the like, and generators
        are searched; a generator is used up here.
        """
        kind = type(value)
        if kind in ATOMS:
            return value
        open_up = _OPENERS.get(kind)
        if open_up is not None:
            parts, make = open_up(value)
            return self._nest(value, parts, make)
        plan = plan_of(value)
        if plan is not None:
            return self.hole(plan, value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._nest(value, value, kind._make)
        if is_dataclass(value):
            names = tuple(field.name for field in fields(value) if hasattr(value, field.name))
            return self._nest(value, [getattr(value, name) for name in names], CopyWith(value, names))
        return value

    def argument(self, value: Any, traverse: bool) -> Any:
        """Return `value` with holes for lazy values, without `traverse` only if it is one itself."""
        plan = None if traverse else plan_of(value)
        if plan is not None:
            return self.hole(plan, value)
        return self.template(value) if traverse else value

    def _nest(self, value: Any, parts: Sequence[Any], make: Callable[[list[Any]], Any]) -> Any:
        once = make is iter  # another one for each time that it is computed
        if not once and ATOMS.issuperset(map(type, parts)):
            return value
        before = len(self.plans)
        template = self.template
        try:
            inner = [template(part) for part in parts]
        except RecursionError:
            raise PlanError(
                f"a {type(value).__name__} among the arguments is nested too deeply, or contains itself; "
                "hint: delayed(value, traverse=False) does not look inside"
            ) from None
        return Nest(make, inner) if once or len(self.plans) > before else value


def _iterator(value: Any) -> tuple[Sequence[Any], Callable[[list[Any]], Any]]:
    rest = value.__reduce__()  # the iterator stays where it is
    left = list(rest[1][0])
    return left[rest[2] :] if len(rest) > 2 else left, iter


_OPENERS: dict[type, Callable[[Any], tuple[Sequence[Any], Callable[[list[Any]], Any]]]] = {
    list: lambda value: (value, list),
    tuple: lambda value: (value, tuple),
    set: lambda value: (list(value), set),
    frozenset: lambda value: (list(value), frozenset),
    dict: lambda value: ([part for pair in value.items() for part in pair], as_dict),
    OrderedDict: lambda value: ([part for pair in value.items() for part in pair], as_ordered_dict),
    slice: lambda value: ((value.start, value.stop, value.step), as_slice),
    type(iter([])): _iterator,
    type(iter(())): _iterator,
    type(iter(set())): _iterator,
    GeneratorType: lambda value: (list(value), iter),
}
"""For each container that is searched: what is in it, and what makes another one."""
