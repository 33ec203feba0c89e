"""Bags that are made of values: of sequences, numbers, delayed values, other bags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bagkit.bag import Bag
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.lazily import Lazily
from bagkit.lazy.nesting import plan_of
from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.io.input import memory
    from bagkit.item import Item
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.ops import calls
else:
    memory = Lazily("bagkit.io.input.memory")
    calls = Lazily("bagkit.ops.calls")

T = TypeVar("T")


@front_door
def from_sequence(seq: Iterable[T], partition_size: int | None = None, npartitions: int | None = None) -> Bag[T]:
    """Make a bag of values that are in memory.

    Give one of the two sizes, or neither for up to 100 partitions, and up to 250 of more than 6,400 records.

    Args:
        seq: A list or another iterable. It is read to its end at once.
        partition_size: How many records go into one partition, from 1 up.
        npartitions: How many partitions there are to be, from 1 up. All have as many records, and the last one what is
            left; where that would make fewer partitions, they differ by one record at the most.

    Returns:
        A bag of the elements, in order.

    Raises:
        PlanError: Both sizes are given, or one is not a whole number from 1 up; or `seq` can't be iterated over, is a
            table or a path.

    >>> import bagkit as bk
    >>> bk.from_sequence("abcdefg", npartitions=3).map_partitions("".join).compute(scheduler="sync")
    ['abc', 'def', 'g']
    """
    return Bag(Plan(memory.plan_sequence(seq, partition_size, npartitions)))


@front_door
def range(n: int, npartitions: int) -> Bag[int]:  # noqa: A001  (the name that dask.bag's users know)
    """Make a bag of the numbers from 0 to just before `n`. Each is made when it is needed.

    Args:
        n: How many numbers, from 0 up.
        npartitions: How many partitions there are to be, from 1 up.

    Returns:
        A bag of ints.

    Raises:
        PlanError: An argument has a value that is not allowed.

    >>> import bagkit as bk
    >>> bk.range(5, npartitions=2).compute(scheduler="sync")
    [0, 1, 2, 3, 4]
    """
    return Bag(Plan(memory.plan_range(n, npartitions)))


@overload
def from_delayed(
    values: Delayed[Iterable[T]] | Item[Iterable[T]] | Iterable[Delayed[Iterable[T]] | Item[Iterable[T]]],
) -> Bag[T]: ...
@overload
def from_delayed(values: Any) -> Bag[Any]: ...
@front_door
def from_delayed(values: Any) -> Bag[Any]:
    """Make a bag of delayed values: each computes to the records of one partition.

    Args:
        values: A delayed value, an Item or a future of a Client, or a list or another iterable of them. Each computes
            to a list or another iterable.

    Returns:
        A bag with a partition for each value.

    Raises:
        PlanError: `values` has something else in it; or when the bag is computed: a value is text, a dict, or can't be
            iterated over.

    >>> import bagkit as bk
    >>> letters = bk.delayed(list)
    >>> bk.from_delayed([letters("ab"), letters("c")]).map(str.upper).compute(scheduler="sync")
    ['A', 'B', 'C']
    """
    alone = isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable)
    if not isinstance(values, (list, tuple)) and (alone or plan_of(values) is not None):
        values = [values]
    plans, odd = _plans(values, of_values=True)
    if odd or not plans:
        raise PlanError(
            f"from_delayed: got {', '.join(odd[:5]) or 'nothing'}; expected one delayed value or item, or a list of "
            "them; hint: bagkit.delayed(function)(arguments) makes one"
        )
    parts = tuple([Plan(calls.PartitionOf(), (plan,)) for plan in plans])
    return Bag(parts[0] if len(parts) == 1 else Plan(Concat(), parts))


@front_door
def concat(bags: Iterable[Bag[T]]) -> Bag[T]:
    """Put the partitions of several bags behind each other.

    Args:
        bags: A list of bags.

    Returns:
        A bag of the records of all bags, in order: an empty one of no bags.

    Raises:
        PlanError: Something in `bags` is not a bag.

    >>> import bagkit as bk
    >>> bk.concat([bk.range(2, 1), bk.range(3, 1)]).compute(scheduler="sync")
    [0, 1, 0, 1, 2]
    """
    # A bag can be iterated over, but that would compute it.
    if plan_of(bags) is not None or not isinstance(bags, Iterable):
        raise PlanError(f"concat: got a {type(bags).__name__}; expected one bag or more, in a list")
    plans, odd = _plans(bags, of_values=False)
    if odd:
        raise PlanError(f"concat: got {', '.join(odd)}; expected one bag or more, in a list")
    return Bag(Plan(Concat(), tuple(plans))) if plans else from_sequence([])


def _plans(things: Iterable[object], of_values: bool) -> tuple[list[Plan], list[str]]:
    """Return the plans of `things`, which are to be values, or else bags; and the types of all that are not."""
    plans: list[Plan] = []
    odd = []
    for each in things:
        plan = plan_of(each)
        if plan is not None and plan.op.gives_value is of_values:
            plans.append(plan)
        else:
            odd.append(type(each).__name__)
    return plans, odd
