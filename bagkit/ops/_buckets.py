"""Plain functions that count records between edges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any


class JustAbove:
    """Is more than a value and all that does not exceed it: the end of a bucket that its last edge belongs to."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __gt__(self, other: Any) -> bool:
        return bool(other <= self._value)


def bucket_numbers(edges: Sequence[Any], records: Iterable[Any]) -> Iterator[int]:
    """Return for each record which bucket it is in, counted from 1: from an edge to before the next, or to the last.

    What is before the first edge is in bucket 0, what is after the last in as many as there are edges.

    >>> list(bucket_numbers([0, 5, 10], [-1, 0, 4, 5, 10, 11]))
    [0, 1, 1, 2, 2, 3]
    """
    return map(partial(bisect_right, [*edges[:-1], JustAbove(edges[-1])]), records)


def equal_edges(lowest: Any, highest: Any, count: int) -> list[Any]:
    """Return the edges of `count` buckets of the same width; of one bucket if all values are the same.

    >>> equal_edges(0, 10, 4)
    [0, 2.5, 5.0, 7.5, 10]
    """
    if lowest == highest:
        return [lowest, highest]
    inner = [lowest + (highest - lowest) * number / count for number in range(1, count)]
    return [lowest, *inner, highest]


def extremes(found: tuple[Any, Any] | None, records: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the smallest and the largest of `found` and `records`, leaving out what is not equal to itself."""
    values = [value for value in records if value == value]
    if not values:
        return found
    both = (min(values), max(values))
    return both if found is None else (min(found[0], both[0]), max(found[1], both[1]))
