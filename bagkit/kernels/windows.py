"""Plain functions that put neighbouring records together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice, repeat, tee
from typing import Any


def sliding(size: int, records: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Return each `size` neighbours as a tuple, none for fewer records than that.

    >>> list(sliding(2, "abc"))
    [('a', 'b'), ('b', 'c')]
    """
    shifted = [islice(copy, number, None) for number, copy in enumerate(tee(records, size))]
    return zip(*shifted, strict=False)


def following(size: int, heads: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return for each partition the `size` records that come after it, given each one's first `size` records.

    >>> following(2, ["ab", "", "c", "de"])
    [['c', 'd'], ['c', 'd'], ['d', 'e'], []]
    """
    after: list[list[Any]] = []
    behind: list[Any] = []
    for head in reversed(heads):
        after.append(behind)
        behind = [*head, *behind][:size]
    return after[::-1]


def accumulated(binop: Callable[[Any, Any], Any], records: Iterator[Any], *before: Any) -> Iterator[Any]:
    """Return what `binop` makes of all records up to each; `before` is what it made of those of earlier partitions."""
    totals = accumulate(chain(before, records), binop)  # not initial=, for which None is nothing
    for _ in before:
        next(totals)  # not islice, which lets go of its source when that raises
    return totals


def side_by_side(operation: str, columns: Sequence[Iterator[Any]]) -> list[Iterator[Any]]:
    """Return `columns`, which `map` or `zip` takes, such that one that ends before another raises ValueError there."""
    first, *others = columns
    ends = [_ends_early(operation, number) for number in range(2, len(columns) + 1)]
    return [chain(first, _all_end(operation, others)), *map(chain, others, ends)]


def _all_end(operation: str, others: Sequence[Iterator[Any]]) -> Iterator[Any]:
    nothing = object()
    for number, column in enumerate(others, 2):
        if next(column, nothing) is not nothing:
            raise _uneven(operation, 1, number)
    yield from ()


def _ends_early(operation: str, number: int) -> Iterator[Any]:
    yield from ()
    raise _uneven(operation, number, 1)


def _uneven(operation: str, short: int, long: int) -> ValueError:
    return ValueError(
        f"{operation}: the bags have different numbers of records in a partition; got fewer in bag {short} than in bag "
        f"{long}; expected as many in each; hint: filter, flatten and repartition both or neither of them"
    )


def products(left: Iterable[Any], right: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Return each record of `left` with each of `right`, of which a list is made."""
    kept = list(right)
    return chain.from_iterable(map(zip, map(repeat, left), repeat(kept)))
