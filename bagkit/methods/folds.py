"""Methods that reduce the records with functions of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import starting_value
from bagkit.methods.making import Making, T_co
from bagkit.ops import reductions as rows
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import tables
    from bagkit.signatures import Empty, Field
else:
    tables = Lazily("bagkit.ops.tables")

A = TypeVar("A")
K = TypeVar("K")
U = TypeVar("U")


class Folds(Making[T_co]):
    """Methods that reduce the records with functions of the user."""

    __slots__ = ()

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
        """Reduce the records to one value with a function of two arguments.

        Each partition is folded alone, from its first record or from `initial`. Then `combine` folds what the
        partitions gave.

        Args:
            binop: `binop(total, record)` returns the new total.
            combine: `combine(total, total)` merges the totals of two partitions. None: `binop` merges them too, which
                is right if a total is like a record.
            initial: The total that each partition with records starts from; it is copied, so `binop` may change it.
                Without it a partition starts from its first record.
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.
            out_type: `bagkit.Item`, or `bagkit.Bag` if the value is a list, and its elements are to be records.

        Returns:
            An Item of the total; `initial` for a bag without records.

        Raises:
            PlanError: `binop` or `combine` can't be called, or `split_every` or `out_type` has a value that is not
                allowed.
            EmptyBagError: When the item is computed: there are no records and no `initial`.

        >>> import bagkit as bk
        >>> words = bk.from_sequence(["ab", "c"], npartitions=2)
        >>> words.fold(lambda n, word: n + len(word), lambda n, m: n + m, initial=0).compute(scheduler="sync")
        3
        """
        initial = starting_value("fold", "initial", initial)
        op = rows.fold_row(binop, combine, initial, split_every, gives_bag(out_type))
        return self._reduce(op) if op.gives_value else self._then(op)

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
        """Fold the records of each key to one value: a `groupby` that never holds a group.

        Each partition is folded alone. Then `combine` merges what the partitions have for a key. Keys that do not fit
        into memory wait on disk.

        Args:
            key: What records of one group have in common: a function of a record, or the name or position of a field.
            binop: `binop(total, record)` returns the new total of the record's key.
            initial: The total that each key starts from in each partition; it is copied. A function without parameters,
                such as `list`, makes it. Without it a key starts from its first record.
            combine: `combine(total, total)` merges the totals of two partitions. None: `binop` does it too.
            combine_initial: What merging starts from, once for each key. Without it, it starts from the first
                partition's total.
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            A bag of `(key, total)` in one partition, in the order in which keys are first seen.

        Raises:
            PlanError: `binop` or `combine` can't be called, or `split_every` has a value that is not allowed.
            TypeError: When the bag is computed: a key can't be hashed, such as a list.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([{"n": "a", "x": 1}, {"n": "b", "x": 2}, {"n": "a", "x": 3}])
        >>> b.foldby("n", lambda total, r: total + r["x"], 0, lambda a, b: a + b).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        initial = starting_value("foldby", "initial", initial)
        combine_initial = starting_value("foldby", "combine_initial", combine_initial)
        return self._then(tables.fold_by_table(key, binop, initial, combine, combine_initial, split_every))

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
        """Reduce each partition with one function, and the results with another.

        Args:
            perpartition: A function of an iterator over the records of a partition. It is not called for a partition
                without records.
            aggregate: A function of an iterator over the results of `perpartition`.
            split_every: How many results `aggregate` gets at a time: a number from 2 up; it must then take its own
                results too. None: all at once.
            out_type: `bagkit.Item`, or `bagkit.Bag` if `aggregate` returns a list, and its elements are to be records.
            name: What plans and errors call the operation. None: the names of the functions.

        Returns:
            An Item of what `aggregate` returns.

        Raises:
            PlanError: `perpartition` or `aggregate` can't be called, or `split_every` or `out_type` has a value that is
                not allowed.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=3).reduction(max, max).compute(scheduler="sync")
        9
        """
        width = None if split_every is None else rows.fan_in("reduction", split_every)
        op = rows.CustomReduction(perpartition, aggregate, gives_bag(out_type), width, name)
        return self._reduce(op) if op.gives_value else self._then(op)


def gives_bag(out_type: object) -> bool:
    """Return whether `out_type` is Bag; raise PlanError unless it is Bag or Item."""
    if isinstance(out_type, type) and issubclass(out_type, (Making, Item)):
        return issubclass(out_type, Making)
    raise PlanError(f"out_type is {out_type!r}; expected bagkit.Bag or bagkit.Item")
