"""The arguments of operations on bags: which are bags, which are single values, which are plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bagkit.errors import MismatchError, PlanError
from bagkit.lazy.nesting import Lift, plan_of
from bagkit.ops.pairing import BagArgument, Paired
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole, fill


class Operands(Lift):
    """The arguments of one call of an operation, with columns for bags and holes for single values.

    A bag stands by itself, where `bags` says that it can; a bag inside of a container is a PlanError. `first` is the
    plan of the bag that the operation is a method of, and the first argument.
    """

    __slots__ = ("_allow_bags", "args", "bags", "kwargs")

    def __init__(
        self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], *,
        first: Plan | None = None, bags: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(operation)
        self._allow_bags = bags
        self.bags: list[Plan] = [] if first is None else [first]
        """The plans of the bags, in the order of the numbers of their columns."""
        given = map(self._operand, args)
        self.args: tuple[Any, ...] = tuple(given) if first is None else (BagArgument(0), *given)
        self.kwargs = {name: self._operand(argument) for name, argument in kwargs.items()}

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The plans of the bags, then the plans of the single values."""
        return (*self.bags, *self.plans)

    def call(self, function: Callable[..., Any]) -> Plan:
        """Return the plan of the operation with a function; raise PlanError for bags that do not match."""
        plan = Plan(Paired(self._operation, function, len(self.bags), self.args, self.kwargs), self.inputs)
        _ = plan.npartitions
        return plan

    def hole(self, plan: Plan, owner: Any) -> Hole:
        """Return the hole for a single value; raise PlanError for a bag."""
        if not plan.op.gives_value:
            raise PlanError(
                f"{self._operation}: a bag stands where only values and items can; "
                "hint: for all of its records at once, reduce it first, as in bag.fold(...) or bag.distinct()"
            )
        return super().hole(plan, owner)

    def _operand(self, argument: Any) -> Any:
        plan = plan_of(argument) if self._allow_bags else None
        if plan is None or plan.op.gives_value:
            return self.template(argument)
        self.changed = True
        self.bags.append(plan)
        return BagArgument(len(self.bags) - 1)


class OnlyPlain(Lift):
    """Refuses lazy values, where an operation can't wait for them."""

    __slots__ = ("_hint", "_what")

    def __init__(self, operation: str, what: str, hint: str) -> None:
        super().__init__(operation)
        self._what = what
        self._hint = hint

    def hole(self, plan: Plan, owner: Any) -> Hole:
        """Raise PlanError."""
        raise PlanError(
            f"{self._operation}: {self._what} is not computed yet; expected a plain value; hint: {self._hint}"
        )


def only_plain(operation: str, what: str, value: Any, hint: str) -> Any:
    """Return `value`; raise PlanError if it is a lazy value, or one is inside of it."""
    return fill(OnlyPlain(operation, what, hint).template(value), ())


def starting_value(operation: str, what: str, value: Any) -> Any:
    """Return the `value` that a fold starts with; raise PlanError if it is not computed yet."""
    return only_plain(operation, what, value, f"{what}=value.compute() computes it first")


def bag_plan(operation: str, argument: Any) -> Plan:
    """Return the plan of a bag; raise MismatchError for anything else."""
    plan = plan_of(argument)
    if plan is None or plan.op.gives_value:
        raise MismatchError(
            f"{operation}: got {type(argument).__name__}; expected a bag; hint: from_sequence(...) makes one of a list"
        )
    return plan
