"""Samples of a fixed size, as bags of one partition."""

from __future__ import annotations

from typing import Any, TypeVar

from bagkit.bag import Bag
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.lazy.nesting import plan_of

T = TypeVar("T")

__all__ = ["choices", "sample"]


@front_door
def sample(population: Bag[T], k: int, split_every: int | bool | None = None, seed: int | None = None) -> Bag[T]:
    """Take `k` different records by chance. Each set of `k` records is as likely as any other.

    Args:
        population: The bag to take from.
        k: How many records to take, from 0 up.
        split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at once.
            The result is the same; a smaller number needs less memory where partial results are large.
        seed: A whole number for the same choice each time, on every scheduler, as long as the bag has the same
            partitions. None draws a new seed at this call.

    Returns:
        A bag of one partition with `k` records, in no order.

    Raises:
        PlanError: `population` is not a bag, or another argument has a value that is not allowed.
        ValueError: When the bag is computed: there are fewer than `k` records.

    >>> import bagkit as bk
    >>> from bagkit import random
    >>> random.sample(bk.range(100, npartitions=4), k=3, seed=5).compute(scheduler="sync")
    [11, 21, 33]
    """
    return _bag("sample", population)._sampled("sample", k, seed, split_every, replace=False)


@front_door
def choices(population: Bag[T], k: int = 1, split_every: int | bool | None = None, seed: int | None = None) -> Bag[T]:
    """Take `k` records by chance, each one from all records, so the same record can come again.

    Args:
        population: The bag to take from.
        k: How many records to take, from 0 up. Default: 1.
        split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at once.
            The result is the same; a smaller number needs less memory where partial results are large.
        seed: A whole number for the same choice each time, on every scheduler, as long as the bag has the same
            partitions. None draws a new seed at this call.

    Returns:
        A bag of one partition with `k` records, in no order.

    Raises:
        PlanError: `population` is not a bag, or another argument has a value that is not allowed.
        EmptyBagError: When the bag is computed: it has no records.

    >>> import bagkit as bk
    >>> from bagkit import random
    >>> random.choices(bk.range(100, npartitions=4), k=3, seed=5).compute(scheduler="sync")
    [13, 55, 67]
    """
    return _bag("choices", population)._sampled("choices", k, seed, split_every, replace=True)


def _bag(operation: str, population: Any) -> Bag[Any]:
    plan = plan_of(population)
    if plan is None or plan.op.gives_value:
        raise PlanError(f"{operation}: the population is of type {type(population).__name__}; expected a bag")
    return population if isinstance(population, Bag) else Bag(plan)


def __dir__() -> list[str]:
    return ["__doc__", "__name__", *__all__]
