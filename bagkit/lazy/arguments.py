"""The arguments of an operation: which are bags, which are single values, which are plain."""

from __future__ import annotations

from typing import Any

from bagkit.errors import PlanError
from bagkit.ops.pairing import Slot
from bagkit.plan.node import Plan


def plan_of(argument: Any) -> Plan | None:
    """Return the plan of a bag, an item or a delayed value, also of dask's own, None for anything else."""
    plan = getattr(argument, "plan", None)
    if isinstance(plan, Plan):
        return plan
    if hasattr(type(argument), "__dask_graph__"):
        from bagkit.lazy.dask_inputs import plan_of_dask

        return plan_of_dask(argument)
    return None


def bag_plan(operation: str, argument: Any) -> Plan:
    """Return the plan of a bag; raise PlanError for anything else."""
    plan = plan_of(argument)
    if plan is None or plan.op.gives_value:
        raise PlanError(
            f"{operation}: got {type(argument).__name__}; expected a bag; hint: from_sequence(...) makes one of a list"
        )
    return plan


def holds_plan(argument: Any) -> bool:
    """Return whether `argument` is a bag or an item, or a list, tuple or dict with one in it."""
    waiting, seen = [argument], set[int]()
    while waiting:
        value = waiting.pop()
        if type(value) not in (list, tuple, dict):
            if plan_of(value) is not None:
                return True
        elif id(value) not in seen:  # one that contains itself is plain data too
            seen.add(id(value))
            waiting.extend(value.values() if type(value) is dict else value)
    return False


class ArgumentPlans:
    """Collects the plans among the arguments of one call; mutable, of that call."""

    def __init__(self, operation: str, bags: bool) -> None:
        self._operation = operation
        self._allow_bags = bags
        self.bags: list[Plan] = []
        self.values: list[Plan] = []

    def slot(self, argument: Any, top: bool = True) -> Any:
        """Return `argument` with a Slot for each bag, and for each item also inside lists, tuples and dicts."""
        plan = plan_of(argument)
        if plan is not None and plan.op.gives_value:
            self.values.append(plan)
            return Slot("value", len(self.values) - 1)
        if plan is not None:
            if not (top and self._allow_bags):
                raise PlanError(
                    f"{self._operation}: a bag stands where only values and items can; "
                    "hint: for all of its records at once, reduce it first, as in bag.fold(...) or bag.distinct()"
                )
            self.bags.append(plan)
            return Slot("bag", len(self.bags) - 1)
        if type(argument) in (list, tuple):
            return type(argument)([self.slot(part, top=False) for part in argument])
        if type(argument) is dict:
            return {key: self.slot(value, top=False) for key, value in argument.items()}
        return argument


def plan_arguments(
    operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, bags: bool = True
) -> tuple[ArgumentPlans, tuple[Any, ...], dict[str, Any]]:
    """Return the plans among the arguments, and the arguments with Slots in their place.

    Raises PlanError for a bag inside a list, tuple or dict, or where there can be none, and for what contains itself.
    """
    plans = ArgumentPlans(operation, bags)
    try:
        slotted = tuple(plans.slot(argument) for argument in args)
        named = {name: plans.slot(argument) for name, argument in kwargs.items()}
    except RecursionError:
        raise PlanError(
            f"{operation}: an argument is nested too deeply, or contains itself; "
            "hint: functools.partial(function, ...) hands it on without a look inside"
        ) from None
    return plans, slotted, named
