"""Plain functions that put neighbouring records together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any


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


def products(others: Sequence[Any], records: Iterable[Any]) -> Iterator[Iterator[tuple[Any, Any]]]:
    """Return for each of `records` its pairs with each of `others`."""
    return map(zip, map(repeat, records), repeat(others))
