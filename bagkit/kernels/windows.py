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
    if not before:
        return accumulate(records, binop)
    totals = accumulate(records, binop, initial=before[0])
    next(totals)  # not islice, which lets go of its source when that raises
    return totals


def products(left: Iterable[Any], right: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Return each record of `left` with each of `right`, of which a list is made."""
    kept = list(right)
    return chain.from_iterable(map(zip, map(repeat, left), repeat(kept)))
