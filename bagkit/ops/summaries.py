"""Reductions that say in a few numbers what the records are like."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from bagkit.errors import EmptyBagError, PlanError, one_line
from bagkit.exchange import fold
from bagkit.light_classes import NamedTuple, dataclass
from bagkit.ops import _sketch as sketch
from bagkit.ops._moments import Moments, add_moments, merge_moments, variance
from bagkit.ops._sums import mean, sums_to_nan, value
from bagkit.ops.exchange_errors import TakingForUser
from bagkit.ops.reductions import (
    Accumulating,
    Row,
    accumulating,
    fan_in,
    hint_for_field,
    not_empty,
    or_else,
)
from bagkit.plan.kinds import OnRecords, Pairing, Taking
from bagkit.sentinels import EMPTY
from bagkit.signatures import is_number, whole_number

# All in one pass ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stats:
    """What `stats` says of numbers.

    Attributes:
        count: How many there are.
        mean: The arithmetic mean.
        var: The variance, of the records as all there is (ddof=0).
        std: The standard deviation, likewise.
        min: The smallest.
        max: The largest.
        sum: The sum.

    >>> import bagkit as bk
    >>> stats = bk.from_sequence([1, 2, 3, 6]).stats().compute(scheduler="sync")
    >>> stats.mean, stats.max
    (3.0, 6)
    """

    count: int
    mean: Any
    var: Any
    std: Any
    min: Any
    max: Any
    sum: Any

    def __repr__(self) -> str:
        return f"Stats({', '.join([f'{name}={one_line(getattr(self, name), 60)}' for name in self.__slots__])})"


class _Seen(NamedTuple):
    moments: Moments
    lowest: Any
    highest: Any


def stats_row(split_every: Any = None) -> Row:
    """Return the reduction to Stats."""
    every = fan_in("stats", split_every)
    finish = not_empty("stats", _stats)
    return Row("stats", accumulating(_see), _merge_stats, finish, split_every=every, when_cut="same if plain")


def _see(state: Any, records: Sequence[Any]) -> _Seen:
    moments = add_moments(Moments() if state is EMPTY else state.moments, list(records))
    # The extremes are looked for among numbers; where NaN is one of them, and so the sum, they are NaN.
    least, most = (partial(_extreme, min), partial(_extreme, max)) if sums_to_nan(moments.total) else (min, max)
    found = _Seen(moments, least(records), most(records))
    if state is EMPTY:
        return found
    return _Seen(moments, _extreme(min, [state.lowest, found.lowest]), _extreme(max, [state.highest, found.highest]))


def _extreme(choose: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> Any:
    odd = [value for value in values if value != value]
    return odd[0] if odd else choose(values)


def _merge_stats(states: Sequence[_Seen]) -> _Seen:
    return _Seen(
        merge_moments([state.moments for state in states]),
        _extreme(min, [state.lowest for state in states]),
        _extreme(max, [state.highest for state in states]),
    )


def _stats(state: _Seen) -> Stats:
    moments, lowest, highest = state
    total, spread = moments.total, (variance(moments), variance(moments, root=True))
    return Stats(total.number, mean(total), *spread, lowest, highest, value(total))


# Histograms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BucketOf(Pairing):
    """The number of the bucket that each record is in."""

    buckets: int | tuple[Any, ...]
    """The edges; or how many buckets, and the value is their edges."""

    bags = 1
    per_record = "one"

    @property
    def label(self) -> str:
        return f"{_name(self.buckets)}: buckets"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        edges = values[0] if isinstance(self.buckets, int) else self.buckets
        return partial(bucket_numbers, edges)


class _JustAbove:
    """Is more than a value and all that does not exceed it: the end of a bucket that its last edge belongs to."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __gt__(self, other: Any) -> bool:
        return bool(other <= self._value)


def bucket_numbers(edges: Sequence[Any], records: Iterable[Any]) -> Iterator[int]:
    """Return for each record which bucket it is in, counted from 1: from an edge to before the next, or to the last.

    Bucket 0 has the records before the first edge. The bucket whose number is `len(edges)` has those after the last.

    >>> list(bucket_numbers([0, 5, 10], [-1, 0, 4, 5, 10, 11]))
    [0, 1, 1, 2, 2, 3]
    """
    return map(partial(bisect_right, [*edges[:-1], _JustAbove(edges[-1])]), records)


def equal_edges(lowest: Any, highest: Any, count: int) -> list[Any]:
    """Return the edges of `count` buckets of the same width; of one bucket if all values are the same.

    >>> equal_edges(0, 10, 4)
    [0, 2.5, 5.0, 7.5, 10]
    """
    if lowest == highest:
        return [lowest, highest]
    inner = [lowest + (highest - lowest) * number / count for number in range(1, count)]
    return [lowest, *inner, highest]


def _name(buckets: int | tuple[Any, ...]) -> str:
    return f"histogram({buckets if isinstance(buckets, int) else list(buckets)!r})"


def check_buckets(buckets: Any) -> int | tuple[Any, ...]:
    """Return the number of buckets, or their edges; raises PlanError for what is neither."""
    number = whole_number(buckets)
    if number is not None and number >= 1:
        return number
    edges = tuple(buckets) if isinstance(buckets, Iterable) and not isinstance(buckets, str) else ()
    try:
        if len(edges) > 1 and all(one < other for one, other in pairwise(edges)):
            return edges
    except TypeError:  # they can't be compared
        pass
    raise PlanError(
        f"histogram: buckets is {one_line(buckets, 80)}; expected an int of 1 or more, "
        f"or two edges or more that increase{hint_for_field('histogram', buckets)}"
    )


def edges_row(count: int) -> Row:
    """Return the reduction to the edges of `count` buckets between the smallest and the largest record."""
    return Row(f"{_name(count)}: edges", accumulating(_extremes), _merge_extremes, partial(_edges, count))


def _extremes(state: Any, records: Sequence[Any]) -> Any:
    """Return the smallest and the largest so far, leaving out what is not equal to itself."""
    values = [value for value in records if value == value]
    if not values:
        return state
    found = min(values), max(values)
    return found if state is EMPTY else _merge_extremes([state, found])


def _merge_extremes(states: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    return min([lowest for lowest, _ in states]), max([highest for _, highest in states])


def _edges(count: int, state: Any) -> list[Any]:
    if state is EMPTY:
        raise EmptyBagError("histogram of an empty bag: there is no record to put edges around; hint: give the edges")
    span = state[1] - state[0]
    if span - span != span - span:  # of infinite numbers that is NaN; of times it is a time, which isfinite refuses
        raise ValueError(
            f"histogram: records go from {state[0]!r} to {state[1]!r}, which can't be divided; hint: give the edges"
        )
    return equal_edges(state[0], state[1], count)


def histogram_row(buckets: int | tuple[Any, ...]) -> Row:
    """Return the reduction of numbers of buckets to how many records each has, with the edges if they are given."""
    number = buckets if isinstance(buckets, int) else len(buckets) - 1
    finish = partial(_counts, number) if isinstance(buckets, int) else partial(_edges_and_counts, buckets)
    return Row(_name(buckets), accumulating(_counted), fold.add_counts, finish)


def _counted(state: Any, numbers: Sequence[int]) -> Counter[int]:
    """Return the counts of `state`, which is changed: to copy it for each block takes long where buckets are many."""
    counts: Counter[int] = Counter() if state is EMPTY else state
    counts.update(numbers)
    return counts


def _counts(number: int, state: Any) -> list[int]:
    found = {} if state is EMPTY else state
    return [found.get(bucket, 0) for bucket in range(1, number + 1)]


def _edges_and_counts(edges: tuple[Any, ...], state: Any) -> tuple[list[Any], list[int]]:
    return list(edges), _counts(len(edges) - 1, state)


def with_counts(edges: list[Any], counts: list[int]) -> tuple[list[Any], list[int]]:
    """Return both; there is one bucket, whatever was asked for, where all records are the same."""
    return edges, counts[: len(edges) - 1]


# Sketches -------------------------------------------------------------------------------------------------------------


def quantiles_row(qs: Any, error: Any) -> Row:
    """Return the reduction to one quantile, or to the list of several."""
    one = not isinstance(qs, Iterable)
    fractions = [qs] if one else list(qs)
    if not all(_between(fraction, 0, 1) for fraction in fractions):
        hint = hint_for_field("quantiles", qs)
        raise PlanError(f"quantiles: qs is {one_line(qs, 80)}; expected a number from 0 to 1, or a list of them{hint}")
    if not (_between(error, 1e-6, 0.5) or _between(error, 0, 0)):
        raise PlanError(f"quantiles: error is {one_line(error, 80)}; expected a number from 0.000001 to 0.5, or 0")
    return Row(
        f"quantiles({qs if one else fractions!r}, error={error!r})",
        partial(_Ranking, sketch.ranks_size(error)),
        sketch.merge_ranks,
        not_empty("quantiles", partial(_quantiles, fractions, one)),
        when_cut="rounded" if error else "same",
    )


class _Ranking:
    """The Taking that fills Ranks."""

    def __init__(self, size: int | None) -> None:
        self._ranks = sketch.Ranks(size)
        self.take = self._ranks.add

    def state(self) -> Any:
        return self._ranks if self._ranks.number else EMPTY


def _quantiles(fractions: list[float], one: bool, state: sketch.Ranks) -> Any:
    values = state.at(fractions)
    return values[0] if one else values


def approx_distinct_row(error: Any) -> Row:
    """Return the reduction to about how many different records there are."""
    if not _between(error, 0.002, 0.25):
        raise PlanError(
            f"approx_distinct: error is {one_line(error, 80)}; expected a number from 0.002 to 0.25; "
            f"hint: distinct().count() is exact{hint_for_field('approx_distinct', error).replace('; hint:', ', and')}"
        )
    bits = sketch.register_bits(error)
    return Row(
        f"approx_distinct(error={error!r})",
        partial(_seeing, bits),
        partial(sketch.merge_seen, bits),
        _estimate,
    )


def _seeing(bits: int) -> Taking:
    nothing: set[int] = set()
    return TakingForUser("approx_distinct", Accumulating(partial(sketch.add_seen, bits), nothing))


def _estimate(state: Any) -> int:
    found: set[int] = set()
    return sketch.estimate(or_else(found, state))


def _between(value: object, least: float, most: float) -> bool:
    return is_number(value) and least <= value <= most
