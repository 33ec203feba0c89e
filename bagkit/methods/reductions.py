"""Methods that make one value, or a few records, of all records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.ops import reductions as rows
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import tables
    from bagkit.signatures import Empty, Field, OnlyAny
else:
    tables = Lazily("bagkit.ops.tables")

A = TypeVar("A")
K = TypeVar("K")
U = TypeVar("U")


class Reductions(Making[T_co]):
    """Methods that make one value, or a few records, of all records."""

    __slots__ = ()

    def count(self, split_every: int | bool | None = None) -> Item[int]:
        """Return the item of how many records there are."""
        item: Item[int] = self._reduce(rows.count_row(split_every))
        return item

    @overload
    def sum(self: Making[OnlyAny], split_every: int | bool | None = ...) -> Item[Any]: ...
    @overload
    def sum(self: Making[int], split_every: int | bool | None = ...) -> Item[int]: ...
    @overload
    def sum(self, split_every: int | bool | None = ...) -> Item[T_co]: ...
    def sum(self, split_every: int | bool | None = None) -> Any:
        """Return the item of the sum; 0 for an empty bag."""
        return self._reduce(rows.sum_row(split_every))

    def min(self, split_every: int | bool | None = None) -> Item[T_co]:
        """Return the item of the smallest record; computing it raises EmptyBagError for an empty bag."""
        item: Item[T_co] = self._reduce(rows.min_row(split_every))
        return item

    def max(self, split_every: int | bool | None = None) -> Item[T_co]:
        """Return the item of the largest record; computing it raises EmptyBagError for an empty bag."""
        item: Item[T_co] = self._reduce(rows.max_row(split_every))
        return item

    @overload
    def mean(self: Making[OnlyAny], split_every: int | bool | None = ...) -> Item[Any]: ...
    @overload
    def mean(self: Making[float], split_every: int | bool | None = ...) -> Item[float]: ...
    @overload
    def mean(self, split_every: int | bool | None = ...) -> Item[Any]: ...
    def mean(self, split_every: int | bool | None = None) -> Any:
        """Return the item of the mean; computing it raises EmptyBagError for an empty bag."""
        return self._reduce(rows.mean_row(split_every))

    @overload
    def var(self: Making[OnlyAny], ddof: int = ...) -> Item[Any]: ...
    @overload
    def var(self: Making[float], ddof: int = ...) -> Item[float]: ...
    @overload
    def var(self, ddof: int = ...) -> Item[Any]: ...
    def var(self, ddof: int = 0) -> Any:
        """Return the item of the variance; `ddof` is what is taken off the count, 1 for a sample."""
        return self._reduce(rows.var_row(ddof, root=False))

    @overload
    def std(self: Making[OnlyAny], ddof: int = ...) -> Item[Any]: ...
    @overload
    def std(self: Making[float], ddof: int = ...) -> Item[float]: ...
    @overload
    def std(self, ddof: int = ...) -> Item[Any]: ...
    def std(self, ddof: int = 0) -> Any:
        """Return the item of the standard deviation; `ddof` is what is taken off the count, 1 for a sample."""
        return self._reduce(rows.var_row(ddof, root=True))

    def any(self, split_every: int | bool | None = None) -> Item[bool]:
        """Return the item of whether any record is true."""
        item: Item[bool] = self._reduce(rows.any_row(split_every))
        return item

    def all(self, split_every: int | bool | None = None) -> Item[bool]:
        """Return the item of whether all records are true."""
        item: Item[bool] = self._reduce(rows.all_row(split_every))
        return item

    def frequencies(self, split_every: int | bool | None = None, sort: bool = False,
                    npartitions: int | None = None) -> Bag[tuple[T_co, int]]:  # fmt: skip
        """Return the bag of `(record, how often)`, in the order of first sight, or with `sort` the most frequent first.

        They come in one partition; more of them than fit into memory wait on disk. With `npartitions` there are so
        many, each in that order, and the work of tens of millions is spread over the workers.

        >>> import bagkit as bk
        >>> bk.from_sequence("abca").frequencies().compute(scheduler="sync")
        [('a', 2), ('b', 1), ('c', 1)]
        """
        if npartitions is not None:
            counted = self._then(tables.frequencies_table(None, False).exchange(npartitions))
            return counted.sort_by(1, reverse=True) if sort else counted
        bag: Bag[tuple[T_co, int]] = self._reduce(tables.frequencies_table(split_every, sort))
        return bag

    def topk(
        self, k: int, key: Callable[[T_co], Any] | Field | None = None, split_every: int | bool | None = None
    ) -> Bag[T_co]:
        """Return the bag of the `k` largest records, largest first; of equal ones those that come first.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 3), ("b", 7), ("c", 5)]).topk(2, key=1).compute(scheduler="sync")
        [('b', 7), ('c', 5)]
        """
        bag: Bag[T_co] = self._reduce(rows.topk_row(k, key, split_every))
        return bag

    def distinct(self, key: Callable[[T_co], Any] | Field | None = None, npartitions: int | None = None) -> Bag[T_co]:
        """Return the bag of the records without repetitions, the first of each kept; `key` says what is the same.

        They come in one partition, in order; more of them than fit into memory wait on disk. With `npartitions` there
        are so many, and the work of tens of millions is spread over the workers.
        """
        if npartitions is not None:
            return self._then(tables.distinct_table(key).exchange(npartitions))
        bag: Bag[T_co] = self._reduce(tables.distinct_table(key))
        return bag

    @overload
    def fold(self: Making[A], binop: Callable[[A, A], A], combine: Callable[[A, A], A] | None = ..., *,
             split_every: int | bool | None = ...) -> Item[A]: ...  # fmt: skip
    @overload
    def fold(self, binop: Callable[[A, T_co], A], combine: Callable[[A, A], A] | None, initial: A,
             split_every: int | bool | None = ...) -> Item[A]: ...  # fmt: skip
    @overload
    def fold(
        self,
        binop: Callable[[A, T_co], A],
        *,
        combine: Callable[[A, A], A] | None = ...,
        initial: A,
        split_every: int | bool | None = ...,
    ) -> Item[A]: ...
    @overload
    def fold(self, binop: Callable[[Any, T_co], U], combine: Callable[[Any, Any], Any] | None, initial: Empty,
             split_every: int | bool | None = ...) -> Item[U]: ...  # fmt: skip
    @overload
    def fold(self, binop: Callable[[Any, T_co], U], *, initial: Empty, split_every: int | bool | None = ...
             ) -> Item[U]: ...  # fmt: skip
    @overload
    def fold(self, binop: Callable[[Any, T_co], Any], combine: Callable[[Any, Any], Any] | None = ...,
             initial: Any = ..., split_every: int | bool | None = ..., *, out_type: type[Bag[Any]]
             ) -> Bag[Any]: ...  # fmt: skip
    def fold(self, binop: Callable[..., Any], combine: Callable[[Any, Any], Any] | None = None,
             initial: Any = NOT_GIVEN, split_every: int | bool | None = None,
             out_type: type[Any] = Item) -> Any:  # fmt: skip
        """Return the item of the records folded by `binop` in each partition, those results folded by `combine`.

        `initial` starts each partition that has records.

        >>> import bagkit as bk
        >>> bk.from_sequence(["ab", "c"]).fold(lambda n, word: n + len(word), lambda a, b: a + b, 0).compute(
        ...     scheduler="sync"
        ... )
        3
        """
        return self._reduce(rows.fold_row(binop, combine, initial, split_every, gives_bag(out_type)))

    @overload
    def foldby(self: Making[A], key: Callable[[A], K], binop: Callable[[A, A], A], *,
               combine: Callable[[A, A], A] | None = ..., combine_initial: A = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[K, A]]: ...  # fmt: skip
    @overload
    def foldby(self: Making[A], key: Field, binop: Callable[[A, A], A], *, combine: Callable[[A, A], A] | None = ...,
               combine_initial: A = ..., split_every: int | bool | None = ...) -> Bag[tuple[Any, A]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Callable[[T_co], K], binop: Callable[[A, T_co], A], initial: Callable[[], A],
               combine: Callable[[A, A], A] | None = ..., combine_initial: A = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[K, A]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Callable[[T_co], K], binop: Callable[[A, T_co], A], initial: A,
               combine: Callable[[A, A], A] | None = ..., combine_initial: A = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[K, A]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Callable[[T_co], K], binop: Callable[[Any, T_co], U], initial: Empty,
               combine: Callable[[Any, Any], Any] | None = ..., combine_initial: Any = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[K, U]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Field, binop: Callable[[A, T_co], A], initial: Callable[[], A],
               combine: Callable[[A, A], A] | None = ..., combine_initial: A = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[Any, A]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Field, binop: Callable[[A, T_co], A], initial: A, combine: Callable[[A, A], A] | None = ...,
               combine_initial: A = ..., split_every: int | bool | None = ...) -> Bag[tuple[Any, A]]: ...  # fmt: skip
    @overload
    def foldby(self, key: Field, binop: Callable[[Any, T_co], U], initial: Empty,
               combine: Callable[[Any, Any], Any] | None = ..., combine_initial: Any = ...,
               split_every: int | bool | None = ...) -> Bag[tuple[Any, U]]: ...  # fmt: skip
    def foldby(self, key: Any, binop: Callable[..., Any], initial: Any = NOT_GIVEN,
               combine: Callable[[Any, Any], Any] | None = None, combine_initial: Any = NOT_GIVEN,
               split_every: int | bool | None = None) -> Any:  # fmt: skip
        """Return the bag of `(key, records of that key folded)`: a grouping that never holds a group.

        `initial` starts each key in each partition; one that can be called makes it. `combine` merges partitions. More
        keys than fit into memory wait on disk.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([{"n": "a", "x": 1}, {"n": "b", "x": 2}, {"n": "a", "x": 3}])
        >>> b.foldby("n", lambda total, r: total + r["x"], 0, lambda a, b: a + b).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        return self._reduce(tables.fold_by_table(key, binop, initial, combine, combine_initial, split_every))

    @overload
    def reduction(self, perpartition: Callable[[Iterator[T_co]], Any], aggregate: Callable[[Iterator[Any]], U],
                  split_every: int | bool | None = ..., *, name: str | None = ...) -> Item[U]: ...  # fmt: skip
    @overload
    def reduction(self, perpartition: Callable[[Iterator[T_co]], Any], aggregate: Callable[[Iterator[Any]], Any],
                  split_every: int | bool | None = ..., *, out_type: type[Bag[Any]], name: str | None = ...
                  ) -> Bag[Any]: ...  # fmt: skip
    def reduction(self, perpartition: Callable[[Iterator[T_co]], Any], aggregate: Callable[[Iterator[Any]], Any],
                  split_every: int | bool | None = None, out_type: type[Any] = Item,
                  name: str | None = None) -> Any:  # fmt: skip
        """Return the item of what `aggregate` makes of what `perpartition` makes of each partition that has records.

        With `split_every` results are aggregated so many at a time, so `aggregate` must take its own results too.
        `name` is what plans and errors call it.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=3).reduction(max, max).compute(scheduler="sync")
        9
        """
        width = None if split_every is None else rows.fan_in("reduction", split_every)
        return self._reduce(rows.CustomReduction(perpartition, aggregate, gives_bag(out_type), width, name))


def gives_bag(out_type: object) -> bool:
    """Return whether `out_type` is Bag; raise PlanError unless it is Bag or Item."""
    if isinstance(out_type, type) and issubclass(out_type, (Making, Item)):
        return issubclass(out_type, Making)
    raise PlanError(f"out_type is {out_type!r}; expected bagkit.Bag or bagkit.Item")
