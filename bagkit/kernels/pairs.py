"""Plain functions on streams of `(key, value)` pairs, and on records that become pairs.

Each pulls a record before it calls a function with it, and hands out nothing else in between: so if the function
raises, the iterator goes on with the next record, and a key never meets another record's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat, tee
from operator import itemgetter
from typing import Any

_SWAPPED = itemgetter(1, 0)
_PAIR = itemgetter(0, 1)
_KEY = itemgetter(0)
_VALUE = itemgetter(1)


def keyed(key: Callable[[Any], Any], records: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key(record), record)` of each record."""
    ahead, behind = tee(records)
    return map(_SWAPPED, zip(ahead, map(key, behind), strict=False))


def with_values(function: Callable[[Any], Any], pairs: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key, function(value))` of each pair."""
    # What is no pair fails before the stream is split in two.
    ahead, behind = tee(map(_PAIR, pairs))
    return zip(map(_KEY, ahead), map(function, map(_VALUE, behind)), strict=False)


def with_each_value(function: Callable[[Any], Iterable[Any]], pairs: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Return for each pair an iterator over `(key, element)` for the elements of `function(value)`."""
    return map(_spread, with_values(function, pairs))


def _spread(pair: tuple[Any, Iterable[Any]]) -> Iterator[tuple[Any, Any]]:
    return zip(repeat(pair[0]), pair[1], strict=False)


def values_of(key: Any, pairs: Iterable[Any]) -> list[Any]:
    """Return the values whose key equals `key`, in order."""
    return [pair[1] for pair in pairs if pair[0] == key]


def tapped(function: Callable[[Any], object], records: Iterator[Any]) -> Iterator[Any]:
    """Return `records`, calling `function` with each as it passes."""
    ahead, behind = tee(records)
    return map(_KEY, zip(ahead, map(function, behind), strict=False))
