"""How methods make bags and items: what every family of methods stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bagkit.errors import PlanError
from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import Operands
from bagkit.plan.kinds import Op, Reduction
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.io.input import partition_info
else:
    partition_info = Lazily("bagkit.io.input.partition_info")

T_co = TypeVar("T_co", covariant=True)


def check_now(operation: str, compute: bool, options: Mapping[str, Any]) -> None:
    """Raise PlanError for options of an operation that computes at once, if it does not, or can't hand on failures."""
    if not compute and options:
        raise PlanError(
            f"{operation}: {next(iter(options))!r} is an option of compute, and compute=False; "
            "hint: give it to compute(...) later"
        )
    if options.get("on_error") == "collect":
        raise PlanError(
            f"{operation}: on_error is 'collect'; expected 'raise' or 'skip'; "
            "hint: bag.compute(on_error='collect') returns the failures too"
        )


class Making(Generic[T_co]):
    """Holds a plan, and puts ops on it."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        if not isinstance(plan, Plan):
            raise PlanError(
                f"Bag: got {type(plan).__name__}; expected a plan; hint: bagkit.from_sequence(records) makes a bag"
            )
        self.plan = plan

    @property
    def npartitions(self) -> int:
        """How many partitions the bag has.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=4).npartitions
        4
        """
        return self.plan.npartitions

    def _bag(self, plan: Plan) -> Bag[Any]:
        bag: Any = type(self)(plan)  # the class that all families are part of
        return bag  # type: ignore[no-any-return]

    def _keys(self, plan: Plan) -> Bag[Any]:
        raise NotImplementedError  # Bag has it: the class of keys is a Bag itself

    def _with_plan(self, plan: Plan) -> Bag[Any]:
        return self._bag(plan)

    def _then(self, op: Op) -> Bag[Any]:
        return self._bag(Plan(op, (self.plan,)))

    def _reduce(self, op: Reduction) -> Item[Any]:
        return Item(Plan(op, (self.plan,)))

    def _with_info(self, op: Op, *values: Plan) -> Bag[Any]:
        """Return the bag of a pairing of this bag's records with the PartitionInfo of each partition."""
        return self._bag(Plan(op, (self.plan, partition_info.with_info(self.plan), *values)))

    def _operands(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
        return Operands(name, args, kwargs, first=self.plan)
