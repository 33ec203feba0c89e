"""Methods for records that are `(key, value)` pairs, and those that make such."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Flatten, Pluck

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.item import Item
    from bagkit.ops import pairs as ops
    from bagkit.ops import tables
else:
    ops = Lazily("bagkit.ops.pairs")
    tables = Lazily("bagkit.ops.tables")

U = TypeVar("U")


class KeyValue(Making[T_co]):
    """Methods for records that are `(key, value)` pairs, and those that make such."""

    __slots__ = ()

    def key_by(self, key: Any) -> Bag[tuple[Any, T_co]]:
        """Return the bag of `(key, record)`; `key` is a function, a field's name, an index, or a list of those.

        >>> import bagkit as bk
        >>> bk.from_sequence(["pear", "fig"]).key_by(len).compute(scheduler="sync")
        [(4, 'pear'), (3, 'fig')]
        """
        return self._then(ops.KeyBy(key))

    def map_values(self, func: Callable[[Any], U]) -> Bag[tuple[Any, U]]:
        """Return the bag of `(key, func(value))`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2)]).map_values(lambda x: x * 10).compute(scheduler="sync")
        [('a', 10), ('b', 20)]
        """
        return self._then(ops.MapValues(func))

    def flat_map_values(self, func: Callable[[Any], Iterable[U]]) -> Bag[tuple[Any, U]]:
        """Return the bag of `(key, element)` for each element of `func(value)`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", "xy"), ("b", "")]).flat_map_values(list).compute(scheduler="sync")
        [('a', 'x'), ('a', 'y')]
        """
        return self._then(ops.SpreadValues(func))._then(Flatten())

    def values(self) -> Bag[Any]:
        """Return the bag of the values: the second element of each record."""
        return self._then(Pluck(1))

    def count_by_key(self, split_every: int | bool | None = None) -> Bag[tuple[Any, int]]:
        """Return the bag of `(key, how many records have it)`, in the order of first sight.

        >>> import bagkit as bk
        >>> dict(bk.from_sequence([("a", 1), ("b", 1), ("a", 1)]).count_by_key().compute(scheduler="sync"))
        {'a': 2, 'b': 1}
        """
        bag: Bag[tuple[Any, int]] = self._then(Pluck(0))._reduce(tables.frequencies_table(split_every, False))
        return bag

    def lookup(self, key: Any) -> Item[list[Any]]:
        """Return the item of the list of all values of `key`, in order.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)]).lookup("a").compute(scheduler="sync")
        [1, 3]
        """
        item: Item[list[Any]] = self._reduce(ops.lookup_row(key))
        return item
