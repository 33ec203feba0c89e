"""Methods for records that are `(key, value)` pairs, and methods that make pairs."""

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
    """Methods for records that are `(key, value)` pairs, and methods that make such pairs."""

    __slots__ = ()

    @overload
    def key_by(self, key: Callable[[T_co], K]) -> Bag[tuple[K, T_co]]: ...
    @overload
    def key_by(self, key: Field) -> Bag[tuple[Any, T_co]]: ...
    def key_by(self, key: Any) -> Any:
        """Make a pair `(key, record)` of each record.

        Args:
            key: A function of a record, the name or position of a field, or a list of names or positions.

        Returns:
            A bag of `(key, record)`.

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
        """Call `func` with each value, and keep the key. The records are `(key, value)` pairs.

        Args:
            func: The function to call.

        Returns:
            A bag of `(key, func(value))`.

        Raises:
            PlanError: `func` can't be called.

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
        """Call `func` with each value, and pair the key with each element of what it returns.

        The records are `(key, value)` pairs.

        Args:
            func: A function that returns a list or another iterable; an empty one drops the record.

        Returns:
            A bag of `(key, element)`.

        Raises:
            PlanError: `func` can't be called.

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
        """Take the key of each record: its first element. The records are `(key, value)` pairs.

        `dict(bag)` makes a dict of the pairs. It is one computation, and of equal keys the last one counts.

        Returns:
            A bag of the keys, repeated ones too.

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
        """Take the value of each record: its second element. The records are `(key, value)` pairs.

        Returns:
            A bag of the values.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2)]).values().compute(scheduler="sync")
        [1, 2]
        """
        return self._then(Pluck(1))

    @overload
    def count_by_key(self: Making[tuple[K, Any]], split_every: int | bool | None = ...) -> Bag[tuple[K, int]]: ...
    @overload
    def count_by_key(self: Making[Sequence[Any]], split_every: int | bool | None = ...) -> Bag[tuple[Any, int]]: ...
    def count_by_key(self, split_every: int | bool | None = None) -> Any:
        """Count the records of each key. The records are `(key, value)` pairs.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            A bag of `(key, count)` in one partition, in the order in which keys are first seen.

        Raises:
            PlanError: `split_every` has a value that is not allowed.

        >>> import bagkit as bk
        >>> dict(bk.from_sequence([("a", 1), ("b", 1), ("a", 1)]).count_by_key().compute(scheduler="sync"))
        {'a': 2, 'b': 1}
        """
        return self._then(Pluck(0))._then(tables.frequencies_table(split_every, False))

    @overload
    def lookup(self: Making[tuple[Any, V]], key: object) -> Item[list[V]]: ...
    @overload
    def lookup(self: Making[Sequence[Any]], key: object) -> Item[list[Any]]: ...
    def lookup(self, key: Any) -> Any:
        """Gather all values of one key. The records are `(key, value)` pairs.

        Args:
            key: The key.

        Returns:
            An Item of the list of its values, in order; of an empty list if no record has the key.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)]).lookup("a").compute(scheduler="sync")
        [1, 3]
        """
        return self._reduce(ops.lookup_row(key))
