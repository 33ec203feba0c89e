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
        """Return the item of count, mean, var, std, min, max and sum of numbers, in one pass.

        `var` and `std` are those of all records (ddof=0). Computing it raises EmptyBagError for an empty bag.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2, 3, 6], npartitions=2).stats().compute(scheduler="sync")
        Stats(count=4, mean=3.0, var=3.5, std=1.8708286933869707, min=1, max=6, sum=12)
        """
        item: Item[ops.Stats] = self._reduce(ops.stats_row(split_every))
        return item

    def histogram(self, buckets: int | Sequence[Any]) -> Item[tuple[list[Any], list[int]]]:
        """Return the item of `(edges, counts)`: how many records are in each bucket.

        `buckets` is the list of edges, or how many buckets of the same width there are between the smallest and the
        largest record: one bucket, if these are equal. A bucket goes from an edge to before the next; the last edge
        belongs to the last bucket. Records outside of the edges, and NaN, are not counted. A number of buckets takes
        two passes over the records, which are kept meanwhile; computing it raises EmptyBagError for an empty bag.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2, 2, 5, 9, 10], npartitions=2).histogram(3).compute(scheduler="sync")
        ([1, 4.0, 7.0, 10], [3, 1, 2])
        >>> bk.range(12, npartitions=2).histogram([0, 5, 10]).compute(scheduler="sync")
        ([0, 5, 10], [5, 6])
        """
        checked = ops.check_buckets(buckets)
        if not isinstance(checked, int):
            item: Item[tuple[list[Any], list[int]]] = self._then(ops.BucketOf(checked))._reduce(
                ops.histogram_row(checked)
            )
            return item
        edges: Item[list[Any]] = self._reduce(ops.edges_row(checked))
        numbers = self._bag(Plan(ops.BucketOf(checked), (self.plan, edges.plan)))
        return edges.apply(ops.with_counts, numbers._reduce(ops.histogram_row(checked)))

    @overload
    def quantiles(self, qs: float, error: float = ...) -> Item[T_co]: ...
    @overload
    def quantiles(self, qs: Iterable[float], error: float = ...) -> Item[list[T_co]]: ...
    def quantiles(self, qs: float | Iterable[float], error: float = 0.01) -> Any:
        """Return the item of the record below which a share of `qs` of them lies, or of a list of such for several.

        That is a record of the bag, the smallest that at least a share of `qs` does not exceed: 0 is the smallest, 1
        the largest, both exact. For others the record's true rank is off by at most `error` times the number of
        records: that is a guarantee, and most are much closer. It is exact where there are fewer records than 34 /
        `error`, and for all with error=0, which holds them all. Computing it raises EmptyBagError for an empty bag,
        ValueError for NaN.

        >>> import bagkit as bk
        >>> bk.range(1001, npartitions=4).quantiles([0, 0.5, 0.99]).compute(scheduler="sync")
        [0, 500, 990]
        """
        return self._reduce(ops.quantiles_row(qs, error))

    def approx_distinct(self, error: float = 0.01) -> Item[int]:
        """Return the item of about how many different records there are, as `distinct().count()`, in little memory.

        `error` is the standard error, from 0.002 to 0.25: two of three results are off by less than that share, and
        nineteen of twenty by less than twice that. A few (an eighth of (1.04 / error)²) are counted exactly. What is
        equal is one, as 1 and 1.0 are. Computing it raises TypeError for records without a hash, such as lists, and
        UnstableKeyError for those of a type whose equality is not known.

        >>> import bagkit as bk
        >>> bk.from_sequence("abracadabra", npartitions=3).approx_distinct().compute(scheduler="sync")
        5
        """
        item: Item[int] = self._reduce(ops.approx_distinct_row(error))
        return item
