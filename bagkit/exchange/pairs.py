"""Records and their keys as they come, on their way from one task to another: two columns, quick to pickle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bagkit.exchange.digest import numbers_of
from bagkit.exchange.packing import Integers, Texts, packed

Entry = tuple[Any, list[Any]]
"""A key and its cell."""


class Pairs:
    """Values and the key of each, in their order; a key may come several times. Mutable: it grows.

    It stands for entries with one value each: where keys hardly ever come twice, to make an entry of each record takes
    longer than all else that is done to it on the way.

    >>> list(Pairs(["a", "b"], [1, 2]))
    [('a', [1]), ('b', [2])]
    """

    __slots__ = ("keys", "values")

    def __init__(self, keys: Sequence[Any] | Texts | Integers, values: Sequence[Any] | Integers) -> None:
        self.keys: Any = keys
        self.values: Any = values

    def __reduce__(self) -> tuple[Any, ...]:
        # Values that are texts may be one and the same object, which pickle writes once.
        return Pairs, (packed(self.keys), packed(self.values, texts=False))

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Entry]:
        return zip(self.keys, map(list, zip(self.values, strict=False)), strict=True)

    def __getitem__(self, part: slice) -> Pairs:
        return Pairs(self.keys[part], self.values[part])


class Listing:
    """Lists values and their keys for the buckets that they go to; mutable, of one task."""

    def __init__(self, entries: Mapping[int, Iterable[Entry]], buckets: int) -> None:
        """Begin with the `entries` of some of the `buckets`."""
        self.pairs = [Pairs([], []) for _ in range(buckets)]
        self._put = [(pairs.keys.append, pairs.values.append) for pairs in self.pairs]
        for number, some in entries.items():
            pairs = self.pairs[number]
            for key, cell in some:
                pairs.keys += [key] * len(cell)
                pairs.values += cell

    def add(self, keys: Sequence[Any], values: Sequence[Any]) -> None:
        """Add `values`; if it raises, one of the `keys` is at fault, and none is added."""
        if len(self.pairs) == 1:
            deque(map(hash, keys), maxlen=0)  # what is no key raises
            self.pairs[0].keys += keys
            self.pairs[0].values += values
            return
        put, count = self._put, len(self._put)
        for number, key, value in zip(list(numbers_of(keys, set(map(type, keys)), count)), keys, values, strict=True):
            put_key, put_value = put[number % count]
            put_key(key)
            put_value(value)
