"""Plain functions on lists of `(key, value)` pairs, and of records that become pairs: iterators over the new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

_KEY = itemgetter(0)
_VALUE = itemgetter(1)


def keyed(key: Callable[[Any], Any], records: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key(record), record)` of each record."""
    return zip(map(key, records), records, strict=False)


def with_values(function: Callable[[Any], Any], pairs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key, function(value))` of each pair."""
    return zip(map(_KEY, pairs), map(function, map(_VALUE, pairs)), strict=False)


def with_each_value(function: Callable[[Any], Iterable[Any]], pairs: Sequence[Any]) -> Iterator[Iterator[Any]]:
    """Return for each pair an iterator over `(key, element)` for the elements of `function(value)`."""
    return map(_spread, with_values(function, pairs))


def _spread(pair: tuple[Any, Iterable[Any]]) -> Iterator[tuple[Any, Any]]:
    return zip(repeat(pair[0]), pair[1], strict=False)


def values_of(key: Any, pairs: Iterable[Any]) -> list[Any]:
    """Return the values whose key equals `key`, in order."""
    return [pair[1] for pair in pairs if pair[0] == key]


def tapped(function: Callable[[Any], object], records: Sequence[Any]) -> Iterator[Any]:
    """Return `records`, calling `function` with each as it passes."""
    return map(_KEY, zip(records, map(function, records), strict=False))
