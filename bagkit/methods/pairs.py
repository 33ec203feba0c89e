"""Methods for records that are `(key, value)` pairs, and those that make such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Flatten, Pluck
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.item import Item
    from bagkit.ops import pairs as ops
    from bagkit.ops import tables
    from bagkit.signatures import Field
else:
    ops = Lazily("bagkit.ops.pairs")
    tables = Lazily("bagkit.ops.tables")

K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")


class KeyValue(Making[T_co]):
    """Methods for records that are `(key, value)` pairs, and those that make such."""

    __slots__ = ()

    @overload
    def key_by(self, key: Callable[[T_co], K]) -> Bag[tuple[K, T_co]]: ...
    @overload
    def key_by(self, key: Field) -> Bag[tuple[Any, T_co]]: ...
    def key_by(self, key: Any) -> Any:
        """Return the bag of `(key, record)`; `key` is a function, a field's name, an index, or a list of those.

        >>> import bagkit as bk
        >>> bk.from_sequence(["pear", "fig"]).key_by(len).compute(scheduler="sync")
        [(4, 'pear'), (3, 'fig')]
        """
        return self._then(ops.KeyBy(key))

    @overload
    def map_values(self: Making[tuple[K, V]], func: Callable[[V], U]) -> Bag[tuple[K, U]]: ...
    @overload
    def map_values(self: Making[Sequence[Any]], func: Callable[[Any], U]) -> Bag[tuple[Any, U]]: ...
    def map_values(self, func: Callable[[Any], Any]) -> Any:
        """Return the bag of `(key, func(value))`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2)]).map_values(lambda x: x * 10).compute(scheduler="sync")
        [('a', 10), ('b', 20)]
        """
        return self._then(ops.MapValues(func))

    @overload
    def flat_map_values(self: Making[tuple[K, V]], func: Callable[[V], Iterable[U]]) -> Bag[tuple[K, U]]: ...
    @overload
    def flat_map_values(self: Making[Sequence[Any]], func: Callable[[Any], Iterable[U]]) -> Bag[tuple[Any, U]]: ...
    def flat_map_values(self, func: Callable[[Any], Iterable[Any]]) -> Any:
        """Return the bag of `(key, element)` for each element of `func(value)`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", "xy"), ("b", "")]).flat_map_values(list).compute(scheduler="sync")
        [('a', 'x'), ('a', 'y')]
        """
        return self._then(ops.SpreadValues(func))._then(Flatten())

    @overload
    def keys(self: Making[tuple[K, Any]]) -> Bag[K]: ...
    @overload
    def keys(self: Making[Sequence[Any]]) -> Bag[Any]: ...
    def keys(self) -> Any:
        """Return the bag of the keys: the first element of each record. `dict(bag)` makes a dict of the pairs.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", 1), ("b", 2)])
        >>> with bk.options(scheduler="sync"):
        ...     b.keys().map(str.upper).compute(), dict(b)
        (['A', 'B'], {'a': 1, 'b': 2})
        """
        return self._keys(Plan(Pluck(0), (self.plan,)))

    @overload
    def values(self: Making[tuple[Any, V]]) -> Bag[V]: ...
    @overload
    def values(self: Making[Sequence[Any]]) -> Bag[Any]: ...
    def values(self) -> Any:
        """Return the bag of the values: the second element of each record."""
        return self._then(Pluck(1))

    @overload
    def count_by_key(self: Making[tuple[K, Any]], split_every: int | bool | None = ...) -> Bag[tuple[K, int]]: ...
    @overload
    def count_by_key(self: Making[Sequence[Any]], split_every: int | bool | None = ...) -> Bag[tuple[Any, int]]: ...
    def count_by_key(self, split_every: int | bool | None = None) -> Any:
        """Return the bag of `(key, how many records have it)`, in the order of first sight.

        >>> import bagkit as bk
        >>> dict(bk.from_sequence([("a", 1), ("b", 1), ("a", 1)]).count_by_key().compute(scheduler="sync"))
        {'a': 2, 'b': 1}
        """
        return self._then(Pluck(0))._reduce(tables.frequencies_table(split_every, False))

    @overload
    def lookup(self: Making[tuple[Any, V]], key: object) -> Item[list[V]]: ...
    @overload
    def lookup(self: Making[Sequence[Any]], key: object) -> Item[list[Any]]: ...
    def lookup(self, key: Any) -> Any:
        """Return the item of the list of all values of `key`, in order.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)]).lookup("a").compute(scheduler="sync")
        [1, 3]
        """
        return self._reduce(ops.lookup_row(key))
