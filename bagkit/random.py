"""Samples of a fixed size, as bags of one partition."""

from __future__ import annotations

from typing import Any, TypeVar

from bagkit.bag import Bag
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.lazy.arguments import plan_of

T = TypeVar("T")

__all__ = ["choices", "sample"]


@front_door
def sample(population: Bag[T], k: int, split_every: int | bool | None = None, seed: int | None = None) -> Bag[T]:
    """Return the bag of `k` different records of `population`, each set of them as likely as any, in no order.

    Computing it raises ValueError where there are fewer than `k`. The same `seed` and partitions give the same sample.

    >>> import bagkit as bk
    >>> from bagkit import random
    >>> random.sample(bk.range(100, npartitions=4), k=3, seed=5).compute(scheduler="sync")
    [11, 21, 33]
    """
    return _bag("sample", population)._sampled("sample", k, seed, split_every, replace=False)


@front_door
def choices(population: Bag[T], k: int = 1, split_every: int | bool | None = None, seed: int | None = None) -> Bag[T]:
    """Return the bag of `k` records of `population`, each chosen of all of them.

    Computing it raises EmptyBagError where there are none. The same `seed` and partitions give the same choices.

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
