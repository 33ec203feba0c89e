"""Methods that say in a few numbers what the records are like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.item import Item
    from bagkit.ops import summaries as ops
else:
    ops = Lazily("bagkit.ops.summaries")


class Summaries(Making[T_co]):
    """Methods that say in a few numbers what the records are like."""

    __slots__ = ()

    def stats(self, split_every: int | bool | None = None) -> Item[ops.Stats]:
        """Compute count, mean, variance, standard deviation, minimum, maximum and sum in one pass.

        Args:
            split_every: How many partial results are combined at a time: a number from 2 up. None: 8. False: all at
                once. The result is the same; a smaller number needs less memory where partial results are large.

        Returns:
            An Item of a Stats. Its `var` and `std` take the records for all there is (ddof=0).

        Raises:
            PlanError: `split_every` has a value that is not allowed.
            EmptyBagError: When the item is computed: the bag has no records.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2, 3, 6], npartitions=2).stats().compute(scheduler="sync")
        Stats(count=4, mean=3.0, var=3.5, std=1.8708286933869707, min=1, max=6, sum=12)
        """
        return self._reduce(ops.stats_row(split_every))

    def histogram(self, buckets: int | Sequence[Any]) -> Item[tuple[list[Any], list[int]]]:
        """Count the records in each of several buckets.

        A bucket goes from one edge to just before the next; the last edge belongs to the last bucket. Records outside
        the edges, and NaN, are not counted.

        Args:
            buckets: A list of two edges or more that increase. Or a number from 1 up: that many buckets of the same
                width between the smallest and the largest record, and one bucket if these are equal. A number takes two
                passes: the records are kept in between, not read again.

        Returns:
            An Item of `(edges, counts)`: a list of edges, and a list with one count fewer.

        Raises:
            PlanError: `buckets` is neither.
            EmptyBagError: When the item is computed: `buckets` is a number, and the bag has no records.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2, 2, 5, 9, 10], npartitions=2).histogram(3).compute(scheduler="sync")
        ([1, 4.0, 7.0, 10], [3, 1, 2])
        >>> bk.range(12, npartitions=2).histogram([0, 5, 10]).compute(scheduler="sync")
        ([0, 5, 10], [5, 6])
        """
        checked = ops.check_buckets(buckets)
        if not isinstance(checked, int):
            return self._then(ops.BucketOf(checked))._reduce(ops.histogram_row(checked))
        edges = self._reduce(ops.edges_row(checked))
        numbers = self._bag(Plan(ops.BucketOf(checked), (self.plan, edges.plan)))
        return edges.apply(ops.with_counts, numbers._reduce(ops.histogram_row(checked)))

    @overload
    def quantiles(self, qs: float, error: float = ...) -> Item[T_co]: ...
    @overload
    def quantiles(self, qs: Iterable[float], error: float = ...) -> Item[list[T_co]]: ...
    def quantiles(self, qs: float | Iterable[float], error: float = 0.01) -> Any:
        """Find the records at given ranks, such as the median, in little memory.

        The quantile of `q` is a record of the bag: the smallest one that at least a share of `q` of the records does
        not exceed. 0 is the smallest record and 1 the largest; both are exact.

        Args:
            qs: A number from 0 to 1, such as 0.5 for the median, or a list of such numbers.
            error: How far the rank of the result may be off, as a share of the number of records: from 0.000001 to 0.5.
                The bound is a guarantee, and most results are much closer. With fewer records than 34 / `error` the
                result is exact. 0 is always exact, but holds all records in memory.

        Returns:
            An Item of the record; for a list of numbers, an Item of the list of records.

        Raises:
            PlanError: `qs` or `error` has a value that is not allowed.
            EmptyBagError: When the item is computed: the bag has no records.
            ValueError: When the item is computed: a record is NaN.

        >>> import bagkit as bk
        >>> bk.range(1001, npartitions=4).quantiles([0, 0.5, 0.99]).compute(scheduler="sync")
        [0, 500, 990]
        """
        return self._reduce(ops.quantiles_row(qs, error))

    def approx_distinct(self, error: float = 0.01) -> Item[int]:
        """Count about how many different records there are, in little memory.

        `distinct().count()` counts exactly, and needs memory for all different records. Equal records count as one,
        whatever their types: 1, 1.0 and True. Small numbers, up to (1.04 / `error`)² / 8, are counted exactly here too.

        Args:
            error: The standard error, from 0.002 to 0.25: two of three results are off by a smaller share than this,
                and nineteen of twenty by less than twice this. A smaller one needs more memory.

        Returns:
            An Item of the number.

        Raises:
            PlanError: `error` has a value that is not allowed.
            TypeError: When the item is computed: a record can't be hashed, such as a list.
            UnstableKeyError: When the item is computed: a record is of a type whose equality bagkit does not know.

        >>> import bagkit as bk
        >>> bk.from_sequence("abracadabra", npartitions=3).approx_distinct().compute(scheduler="sync")
        5
        """
        return self._reduce(ops.approx_distinct_row(error))
