"""Operations on records that are `(key, value)` pairs, or become such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

from bagkit.errors import one_line
from bagkit.light_classes import dataclass
from bagkit.ops import _pairs
from bagkit.ops.functions import OfFunction, key_function, shown_key
from bagkit.ops.reductions import Row, accumulating, joined, or_else
from bagkit.plan.kinds import OnRecords, PerPartition


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
        return partial(_pairs.keyed, self._function)


@dataclass(frozen=True)
class WithKeys(PerPartition):
    """The pairs as they are: a record without a first element fails here, as it does in `keys()`."""

    per_record = "one"
    label = "keys"

    def begin(self) -> OnRecords:
        return partial(_pairs.tapped, itemgetter(0))


@dataclass(frozen=True)
class MapValues(OfFunction, PerPartition):
    """`map_values(function)`: each key with what the function returns for its value."""

    operation = "map_values"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(_pairs.with_values, self.function)


@dataclass(frozen=True)
class SpreadValues(OfFunction, PerPartition):
    """`flat_map_values(function)` before it is flattened: for each record an iterator over its new ones."""

    operation = "flat_map_values"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(_pairs.with_each_value, self.function)


@dataclass(frozen=True)
class Tap(OfFunction, PerPartition):
    """`tap(function)`: the records as they are, each shown to the function on its way."""

    operation = "tap"

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(_pairs.tapped, self.function)


def lookup_row(key: Any) -> Row:
    """Return the reduction to the list of the values of `key`."""
    return Row(f"lookup({one_line(key)})", accumulating(partial(_with_values, key), ()), joined, partial(or_else, []))


def _with_values(key: Any, found: Sequence[Any], pairs: Sequence[Any]) -> Sequence[Any]:
    more = _pairs.values_of(key, pairs)
    return [*found, *more] if more else found
