"""Operations on records that are `(key, value)` pairs, or become such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import repeat
from operator import itemgetter
from typing import Any

from bagkit.errors import one_line
from bagkit.flow.stopped import first_awaited
from bagkit.light_classes import dataclass
from bagkit.ops.functions import OfFunction, key_function, shown_key
from bagkit.ops.reductions import Keeping, Row, joined, or_else
from bagkit.plan.kinds import OnRecords, PerPartition

_KEY = itemgetter(0)
_VALUE = itemgetter(1)


@dataclass(frozen=True)
class KeyBy(PerPartition):
    """`key_by(key)`: `(key of the record, record)`."""

    key: Any

    per_record = "one"

    def __post_init__(self) -> None:
        _ = self._function

    @cached_property
    def _function(self) -> Callable[[Any], Any]:
        return key_function("key_by", self.key)

    @property
    def label(self) -> str:
        return f"key_by({shown_key(self.key)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.key,) if callable(self.key) else ()

    def begin(self) -> OnRecords:
        return partial(keyed, self._function)


@dataclass(frozen=True)
class WithKeys(PerPartition):
    """The pairs as they are: a record without a first element fails here, as it does in `keys()`."""

    per_record = "one"
    label = "keys"

    def begin(self) -> OnRecords:
        return partial(tapped, _KEY)


@dataclass(frozen=True)
class MapValues(OfFunction, PerPartition):
    """`map_values(function)`: each key with what the function returns for its value."""

    operation = "map_values"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(with_values, self.function)


@dataclass(frozen=True)
class SpreadValues(OfFunction, PerPartition):
    """`flat_map_values(function)` before it is flattened: for each record an iterator over its new ones."""

    operation = "flat_map_values"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(with_each_value, self.function)


@dataclass(frozen=True)
class Tap(OfFunction, PerPartition):
    """`tap(function)`: the records as they are, each shown to the function on its way."""

    operation = "tap"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(tapped, self.function)


def keyed(key: Callable[[Any], Any], records: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key(record), record)` of each record."""
    return zip(first_awaited(map(key, records)), records, strict=False)


def with_values(function: Callable[[Any], Any], pairs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Return `(key, function(value))` of each pair."""
    return zip(map(_KEY, pairs), first_awaited(map(function, map(_VALUE, pairs))), strict=False)


def with_each_value(function: Callable[[Any], Iterable[Any]], pairs: Sequence[Any]) -> Iterator[Iterator[Any]]:
    """Return for each pair an iterator over `(key, element)` for the elements of `function(value)`."""
    return map(_spread, with_values(function, pairs))


def _spread(pair: tuple[Any, Iterable[Any]]) -> Iterator[tuple[Any, Any]]:
    return zip(repeat(pair[0]), pair[1], strict=False)


def tapped(function: Callable[[Any], object], records: Sequence[Any]) -> Iterator[Any]:
    """Return `records`, calling `function` with each as it passes."""
    return map(_KEY, zip(records, first_awaited(map(function, records)), strict=False))


def lookup_row(key: Any) -> Row:
    """Return the reduction to the list of the values of `key`."""
    return Row(f"lookup({one_line(key)})", partial(Keeping, partial(_values_of, key)), joined, partial(or_else, []))


def _values_of(key: Any, pairs: Sequence[Any]) -> list[Any]:
    return [pair[1] for pair in pairs if pair[0] == key]
