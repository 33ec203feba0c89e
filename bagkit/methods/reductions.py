"""Methods that make one value, or a few records, of all records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from bagkit.item import Item
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.ops import reductions as rows

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import tables
    from bagkit.signatures import Field, OnlyAny
else:
    tables = Lazily("bagkit.ops.tables")


class Reductions(Making[T_co]):
    """Methods that make one value, or a few records, of all records."""

    __slots__ = ()

    def count(self, split_every: int | bool | None = None) -> Item[int]:
        """Count the records.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of the number of records.

        Raises:
            PlanError: `split_every` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).count().compute(scheduler="sync")
        5
        """
        return self._reduce(rows.count_row(split_every))

    @overload
    def sum(self: Making[OnlyAny], split_every: int | bool | None = ...) -> Item[Any]: ...
    @overload
    def sum(self: Making[int], split_every: int | bool | None = ...) -> Item[int]: ...
    @overload
    def sum(self, split_every: int | bool | None = ...) -> Item[T_co]: ...
    def sum(self, split_every: int | bool | None = None) -> Any:
        """Add up the records.

        The sum of floats is exact before it is rounded once, as `math.fsum` does it, so it does not depend on
        partitions.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of the sum: 0 for a bag without records.

        Raises:
            PlanError: `split_every` has a value that is not allowed.
            TypeError: When the item is computed: the records can't be added.

        >>> import bagkit as bk
        >>> bk.from_sequence([0.1] * 10, npartitions=3).sum().compute(scheduler="sync")
        1.0
        """
        return self._reduce(rows.sum_row(split_every))

    def min(self, split_every: int | bool | None = None) -> Item[T_co]:
        """Find the smallest record.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of the smallest record, the first of several equal ones.

        Raises:
            PlanError: `split_every` has a value that is not allowed.
            EmptyBagError: When the item is computed: the bag has no records.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 2], npartitions=2).min().compute(scheduler="sync")
        1
        """
        return self._reduce(rows.min_row(split_every))

    def max(self, split_every: int | bool | None = None) -> Item[T_co]:
        """Find the largest record.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of the largest record, the first of several equal ones.

        Raises:
            PlanError: `split_every` has a value that is not allowed.
            EmptyBagError: When the item is computed: the bag has no records.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 2], npartitions=2).max().compute(scheduler="sync")
        3
        """
        return self._reduce(rows.max_row(split_every))

    @overload
    def mean(self: Making[OnlyAny], split_every: int | bool | None = ...) -> Item[Any]: ...
    @overload
    def mean(self: Making[float], split_every: int | bool | None = ...) -> Item[float]: ...
    @overload
    def mean(self, split_every: int | bool | None = ...) -> Item[Any]: ...
    def mean(self, split_every: int | bool | None = None) -> Any:
        """Take the arithmetic mean of the records.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of the mean: the exact sum, divided by the count.

        Raises:
            PlanError: `split_every` has a value that is not allowed.
            EmptyBagError: When the item is computed: the bag has no records.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2, 6], npartitions=2).mean().compute(scheduler="sync")
        3.0
        """
        return self._reduce(rows.mean_row(split_every))

    @overload
    def var(self: Making[OnlyAny], ddof: int = ...) -> Item[Any]: ...
    @overload
    def var(self: Making[float], ddof: int = ...) -> Item[float]: ...
    @overload
    def var(self, ddof: int = ...) -> Item[Any]: ...
    def var(self, ddof: int = 0) -> Any:
        """Take the variance of the records.

        Args:
            ddof: What is taken off the count before the division. 0: the records are all there is. 1: the records are a
                sample.

        Returns:
            An Item of the variance.

        Raises:
            PlanError: `ddof` is not a whole number from 0 up.
            EmptyBagError: When the item is computed: there are no more than `ddof` records.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([1, 2, 6], npartitions=2)
        >>> b.var(ddof=1).compute(scheduler="sync")
        7.0
        """
        return self._reduce(rows.var_row(ddof, root=False))

    @overload
    def std(self: Making[OnlyAny], ddof: int = ...) -> Item[Any]: ...
    @overload
    def std(self: Making[float], ddof: int = ...) -> Item[float]: ...
    @overload
    def std(self, ddof: int = ...) -> Item[Any]: ...
    def std(self, ddof: int = 0) -> Any:
        """Take the standard deviation of the records.

        Args:
            ddof: What is taken off the count before the division. 0: the records are all there is. 1: the records are a
                sample.

        Returns:
            An Item of the standard deviation: the square root of the variance.

        Raises:
            PlanError: `ddof` is not a whole number from 0 up.
            EmptyBagError: When the item is computed: there are no more than `ddof` records.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 3, 5, 7], npartitions=2).std().compute(scheduler="sync")
        2.23606797749979
        """
        return self._reduce(rows.var_row(ddof, root=True))

    def any(self, split_every: int | bool | None = None) -> Item[bool]:
        """Ask whether any record is true.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of True or False: False for a bag without records.

        Raises:
            PlanError: `split_every` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).map(lambda x: x > 3).any().compute(scheduler="sync")
        True
        """
        return self._reduce(rows.any_row(split_every))

    def all(self, split_every: int | bool | None = None) -> Item[bool]:
        """Ask whether all records are true.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of True or False: True for a bag without records.

        Raises:
            PlanError: `split_every` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).map(lambda x: x > 3).all().compute(scheduler="sync")
        False
        """
        return self._reduce(rows.all_row(split_every))

    def frequencies(self, split_every: int | bool | None = None, sort: bool = False,
                    npartitions: int | None = None) -> Bag[tuple[T_co, int]]:  # fmt: skip
        """Count how often each record occurs.

        Equal records count together whatever their types: 1, 1.0 and True are one. Counts that do not fit into memory
        wait on disk.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.
            sort: Whether the most frequent come first. Otherwise records come in the order in which they are first
                seen.
            npartitions: None: one partition. A number from 1 up: that many, each in its own order. Give it where there
                are tens of millions of different records: all workers share the work then.

        Returns:
            A bag of `(record, count)`.

        Raises:
            PlanError: `split_every` or `npartitions` has a value that is not allowed.
            TypeError: When the bag is computed: a record can't be hashed, such as a list.

        >>> import bagkit as bk
        >>> bk.from_sequence("abcb").frequencies(sort=True).compute(scheduler="sync")
        [('b', 2), ('a', 1), ('c', 1)]
        """
        if npartitions is not None:
            counted = self._then(tables.frequencies_table(None, False).exchange(npartitions))
            return counted.sort_by(1, reverse=True) if sort else counted
        return self._then(tables.frequencies_table(split_every, sort))

    def topk(
        self, k: int, key: Callable[[T_co], Any] | Field | None = None, split_every: int | bool | None = None
    ) -> Bag[T_co]:
        """Take the `k` largest records.

        Args:
            k: How many records to take, from 0 up.
            key: What is compared: a function of a record, or the name or position of a field. None: the records
                themselves.
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            A bag of one partition, the largest record first. Equal records keep the order of the bag.

        Raises:
            PlanError: `k` is not a whole number from 0 up, or `split_every` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 3), ("b", 7), ("c", 5)]).topk(2, key=1).compute(scheduler="sync")
        [('b', 7), ('c', 5)]
        """
        return self._then(rows.topk_row(k, key, split_every))

    def distinct(self, key: Callable[[T_co], Any] | Field | None = None, npartitions: int | None = None) -> Bag[T_co]:
        """Drop repeated records, and keep the first of each.

        Equal records count as one, whatever their types: 1, 1.0 and True. Records that do not fit into memory wait on
        disk.

        Args:
            key: What has to differ: a function of a record, or the name or position of a field. None: the records
                themselves.
            npartitions: None: one partition, in the order of the bag. A number from 1 up: that many, each in the order
                of the bag. Give it where there are tens of millions of different records: all workers share the work
                then.

        Returns:
            A bag of records that all differ.

        Raises:
            PlanError: `npartitions` is not a whole number from 1 up.
            TypeError: When the bag is computed: a record or its key can't be hashed, such as a list.

        >>> import bagkit as bk
        >>> bk.from_sequence("abca").distinct().compute(scheduler="sync")
        ['a', 'b', 'c']
        """
        if npartitions is not None:
            return self._then(tables.distinct_table(key).exchange(npartitions))
        return self._then(tables.distinct_table(key))
