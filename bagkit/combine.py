"""Several bags side by side: zip, map and map_partitions, apart from code that uses Python's own zip and map."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, TypeVar, overload

from bagkit.bag import Bag
from bagkit.errors import PlanError
from bagkit.front_doors import front_door
from bagkit.lazy.arguments import Operands
from bagkit.lazy.nesting import plan_of
from bagkit.ops.sequences import Zip
from bagkit.plan.node import Plan
from bagkit.signatures import BY_NAME, given_function

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
U = TypeVar("U")


@overload
def zip(a: Bag[A], b: Bag[B], /) -> Bag[tuple[A, B]]: ...  # noqa: A001  (dask.bag's name)
@overload
def zip(a: Bag[A], b: Bag[B], c: Bag[C], /) -> Bag[tuple[A, B, C]]: ...  # noqa: A001
@overload
def zip(*bags: Bag[A]) -> Bag[tuple[A, ...]]: ...  # noqa: A001
@front_door
def zip(*bags: Bag[Any]) -> Bag[Any]:  # noqa: A001
    """Put the records at the same place of several bags into one tuple.

    Args:
        *bags: Bags with the same number of partitions, and as many records in each partition. The same bag may come
            twice.

    Returns:
        A bag of tuples.

    Raises:
        PlanError: Something is not a bag, or the bags have different numbers of partitions.
        ValueError: When the bag is computed: partitions have different numbers of records.

    >>> import bagkit as bk
    >>> b = bk.range(3, npartitions=2)
    >>> bk.zip(b, b.map(str)).compute(scheduler="sync")
    [(0, '0'), (1, '1'), (2, '2')]
    """
    plans = [plan for plan in builtins.map(plan_of, bags) if plan is not None and not plan.op.gives_value]
    if not bags or len(plans) < len(bags):
        odd = [type(bag).__name__ for bag in bags if not isinstance(bag, Bag)]
        raise PlanError(f"zip: got {', '.join(odd) or 'nothing'}; expected one bag or more")
    plan = Plan(Zip(len(bags)), tuple(plans))
    _ = plan.npartitions  # bags that do not match are an error of this call
    return Bag(plan)


@front_door
def map(func: Callable[..., U] = BY_NAME, /, *args: Any, **kwargs: Any) -> Bag[U]:  # noqa: A001  (dask.bag's name)
    """Call `func` with the records at the same place of several bags.

    Args:
        func: The function to call. Can also be given by name, as `func=`.
        *args: The arguments of `func`. For a bag, it gets one record after the other. Anything else is the same for
            every call; an Item or a delayed value is computed first.
        **kwargs: The same, by name.

    Returns:
        A bag of what `func` returns.

    Raises:
        PlanError: `func` can't be called, no argument is a bag, or the bags have different numbers of partitions.

    >>> import bagkit as bk
    >>> b = bk.range(3, npartitions=2)
    >>> bk.map(pow, 2, b).compute(scheduler="sync")
    [1, 2, 4]
    """
    return _over_bags("map", given_function("map", func, kwargs), args, kwargs)


@front_door
def map_partitions(func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Bag[Any]:
    """Call `func` once for each partition, with the partitions of several bags side by side.

    Args:
        func: The function to call. Can also be given by name, as `func=`.
        *args: The arguments of `func`. For a bag, it gets the list of a partition's records. Anything else is the same
            for every call; an Item or a delayed value is computed first.
        **kwargs: The same, by name.

    Returns:
        A bag with as many partitions. Where `func` returns a list, a generator or another iterable, its elements are
        the records. Text, bytes, a dict or a single value is one record.

    Raises:
        PlanError: `func` can't be called, no argument is a bag, or the bags have different numbers of partitions.

    >>> import bagkit as bk
    >>> b = bk.range(5, npartitions=2)
    >>> bk.map_partitions(lambda one, other: sum(one) * len(other), b, b).compute(scheduler="sync")
    [2, 27]
    """
    return _over_bags("map_partitions", given_function("map_partitions", func, kwargs), args, kwargs)


def _over_bags(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bag[Any]:
    operands = Operands(name, args, kwargs)
    if not operands.bags:
        raise PlanError(f"{name}: no argument is a bag; expected one or more; hint: from_sequence(...) makes one")
    return Bag(operands.call(func))
