"""Summaries: the errors that they state, and values of every kind."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.errors import EmptyBagError, PlanError
from bagkit.flow.blocks import batched
from bagkit.ops._sketch import Ranks, add_seen, estimate, fingerprints, merge_ranks, merge_seen
from tests.examples import examples

FINGERPRINT_OF_A = 14250148980241042346

NUMBERS = st.integers(-5, 5) | st.floats(-5, 5) | st.integers()


def rank_error(ordered: list[Any], fraction: float, value: Any) -> float:
    """Return by what share of the values the rank of `value` is not the one asked for."""
    rank = max(1, math.ceil(round(fraction * len(ordered), 6)))
    return max(0, bisect_left(ordered, value) + 1 - rank, rank - bisect_right(ordered, value)) / len(ordered)


def ranks(size: int, values: Iterable[Any]) -> Ranks:
    """Return the ranks of `values`, which come a few at a time."""
    found = Ranks(size)
    for some in batched(iter(values), 37):
        found.add(some)
    return found


def seen(bits: int, values: Iterable[Any]) -> Any:
    """Return what was seen in `values`."""
    return add_seen(bits, set(), values)


def merged(states: list[Any], width: int) -> Any:
    while len(states) > 1:
        states = [merge_ranks(states[at : at + width]) for at in range(0, len(states), width)]
    return states[0]


ORDERS: dict[str, Any] = {
    "up": lambda n: list(range(n)),
    "down": lambda n: list(range(n, 0, -1)),
    "back and forth": lambda n: [x if x % 2 else -x for x in range(n)],
    "scattered": lambda n: [x * 7919 % 100_003 for x in range(n)],
    "few values": lambda n: [x * x % 13 for x in range(n)],
}


@pytest.mark.parametrize("error", [0.1, 0.02])
@pytest.mark.parametrize("order", ORDERS)
def test_ranks_are_as_close_as_said(order: str, error: float) -> None:
    values = ORDERS[order](40_000)
    with bk.options(scheduler="sync"):
        fractions = [n / 50 for n in range(51)]
        found = bk.from_sequence(values, npartitions=11).quantiles(fractions, error=error).compute()
    ordered = sorted(values)
    assert max(map(rank_error, [ordered] * 51, fractions, found)) <= error
    assert (found[0], found[-1]) == (ordered[0], ordered[-1])


@examples(40)
@given(st.lists(st.lists(NUMBERS, max_size=60), min_size=1, max_size=9), st.integers(2, 4), st.floats(0, 1))
def test_ranks_keep_to_their_bound_in_small_buffers(parts: list[list[Any]], width: int, fraction: float) -> None:
    size = 8
    state = merged([ranks(size, iter(part)) for part in parts], width)
    ordered = sorted(x for part in parts for x in part)
    assert state.number == len(ordered)
    assert sum(len(values) << level for level, values in enumerate(state.levels)) == len(ordered)
    if ordered:
        assert rank_error(ordered, fraction, state.at([fraction])[0]) <= (len(state.levels) + 2) / size
    if len(ordered) < size and ordered:
        assert state.at([0.5]) == [ordered[math.ceil(len(ordered) / 2) - 1]]


def test_ranks_hold_little() -> None:
    state = ranks(340, iter(range(200_000)))
    assert sum(map(len, state.levels)) < 340 * 12


def test_quantiles_of_text_and_of_records_that_only_have_an_order() -> None:
    class Word(str):
        def __lt__(self, other: str) -> bool:
            return len(self) < len(other)

    assert bk.from_sequence("hello").quantiles([0, 0.5, 1]).compute(scheduler="sync") == ["e", "l", "o"]
    state = ranks(4, iter([Word("ccc"), Word("a"), Word("bb")]))
    assert state.at([0.5]) == ["bb"]
    assert Ranks(4).number == 0


@pytest.mark.parametrize("error", [0.02, 0.1])
def test_distinct_counts_are_as_close_as_said(error: float) -> None:
    offs = []
    for n in (200, 3_000, 20_000):
        for kind in (str, int, lambda x: (x, "a"), lambda x: x / 7):
            bag = bk.range(n, npartitions=5).map(kind)
            offs.append(abs(bag.approx_distinct(error).compute(scheduler="sync") / n - 1) / error)
    assert max(offs) < 3
    assert sum(off < 1 for off in offs) >= len(offs) * 0.6


def test_distinct_counts_do_not_grow_with_repetitions() -> None:
    once = bk.range(9_000, npartitions=2).map(str)
    with bk.options(scheduler="sync"):
        counts = [once.approx_distinct(0.05), once.repartition(7).approx_distinct(0.05),
                  bk.concat([once, once, once]).approx_distinct(0.05)]  # fmt: skip
        assert len({count.compute() for count in counts}) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)


@examples(30)
@given(st.lists(VALUES, max_size=30))
def test_equal_values_are_one_and_others_are_not(values: list[Any]) -> None:
    assert estimate(merge_seen(14, [seen(14, iter(values[::2])), seen(14, iter(values[1::2]))])) == len(set(values))


@pytest.mark.parametrize(
    "equal",
    [
        (1, 1.0, True, Decimal(1), Fraction(1), 1 + 0j),
        (0.5, Decimal("0.5"), Fraction(1, 2), 0.5 + 0j),
        (0, -0.0, False, Decimal("-0")),
        (2**80, float(2**80), Decimal(2**80)),
        (float("inf"), Decimal("inf")),
        ((1, "a"), (1.0, "a"), (True, "a")),
        (frozenset([1, 2.0]), frozenset([2, True])),
    ],
)
def test_numbers_that_are_equal_have_one_fingerprint(equal: tuple[Any, ...]) -> None:
    assert len({one for value in equal for one in fingerprints({value})}) == 1


def test_values_that_are_not_equal_have_others() -> None:
    values = {-1, -2, 0, 1, "1", b"1", None, (), (1,), ((1,),), ("1",), "", b"", frozenset(), frozenset([1]), 1.5,
              date(2020, 1, 1), 2**61, float("nan"), 1j, ("ab", "c"), ("a", "bc"), "\ud800"}  # fmt: skip
    assert len(set(fingerprints(values))) == len(values)
    assert len({*fingerprints({-1, -2, 2**61 - 1, 0})}) == 4


def test_fingerprints_are_the_same_in_every_process() -> None:
    code = (
        "from bagkit.ops._sketch import fingerprints as f; from datetime import date;"
        "print([f({x})[0] for x in ('a', 'é', 3, 2.5, None, b'x', ('a', None), frozenset('abc'), date(2020, 1, 1))])"
    )
    outputs = set()
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert fingerprints({"a"})[0] == FINGERPRINT_OF_A


def test_what_has_no_known_equality_is_an_error() -> None:
    bag = bk.from_sequence([object()])
    with pytest.raises(bk.UnstableKeyError, match=r"^approx_distinct: the key <object object at"):
        bag.approx_distinct().compute(scheduler="sync")


def test_stats_lose_no_digits() -> None:
    for offset in (1e9, 1e15, -1e15, 10**20):
        numbers = [offset + n % 3 for n in range(9999)]
        found = bk.from_sequence(numbers, npartitions=7).stats().compute(scheduler="sync")
        assert (found.var, found.mean) == (pytest.approx(2 / 3, rel=1e-12), float(offset + 1))
        assert (found.count, found.min, found.max, found.std) == (9999, offset, offset + 2, math.sqrt(found.var))


def test_stats_of_what_is_no_number_or_infinite_do_not_depend_on_partitions() -> None:
    for numbers, expected in (
        ([1.0, math.nan, 3.0, 2.0], [math.nan] * 3),
        ([2.0, math.inf, 1.0], [math.inf, 1.0, math.inf]),
        ([math.inf, 2.0, -math.inf], [math.nan, -math.inf, math.inf]),
    ):
        for npartitions in (1, 2, 3):
            found = bk.from_sequence(numbers, npartitions=npartitions).stats().compute(scheduler="sync")
            assert repr([found.mean, found.min, found.max]) == repr(expected)
            assert math.isnan(found.var)


def test_numpy_numbers_do_not_wrap_around() -> None:
    found = bk.from_sequence(numpy.array([200, 3, 1], dtype="u1"), npartitions=2).stats()
    assert found.compute(scheduler="sync").var == pytest.approx(statistics.pvariance([200, 3, 1]))


def test_lists_of_edges_and_quantiles_may_be_arrays_and_ranges() -> None:
    bag = bk.from_sequence([0, 1, 1, 3], npartitions=2)
    with bk.options(scheduler="sync"):
        assert [bag.histogram(edges).compute()[1] for edges in (range(4), numpy.arange(4))] == [[1, 2, 1]] * 2
        assert bag.quantiles(numpy.array([0, 0.5])).compute() == [0, 1]


def test_times_have_histograms() -> None:
    days = [datetime(2026, 1, day) for day in (1, 2, 5)]
    edges, counts = bk.from_sequence(days, npartitions=2).histogram(2).compute(scheduler="sync")
    assert (edges, counts) == ([days[0], datetime(2026, 1, 3), days[2]], [2, 1])


def test_stats_of_decimals_are_decimals() -> None:
    found = bk.from_sequence([Decimal(1), Decimal(3)], npartitions=1).stats().compute(scheduler="sync")
    assert (found.mean, found.std, found.sum) == (Decimal(2), Decimal(1), Decimal(4))


@examples(40)
@given(st.lists(st.integers(-9, 9) | st.floats(-9, 9), min_size=1, max_size=40), st.integers(1, 6), st.integers(1, 5))
def test_every_record_is_in_a_bucket_of_a_histogram(values: list[float], buckets: int, n: int) -> None:
    edges, counts = bk.from_sequence(values, npartitions=n).histogram(buckets).compute(scheduler="sync")
    assert sum(counts) == len(values)
    assert (edges[0], edges[-1]) == (min(values), max(values))
    assert edges == sorted(edges)


def test_histograms_leave_out_nan_and_what_is_outside() -> None:
    values = [float("nan"), -1, 0, 0.5, 1, 1.5, float("nan"), 10**30]
    with bk.options(scheduler="sync"):
        bag = bk.from_sequence(values, npartitions=3)
        assert bag.histogram([0, 1, 1.25]).compute() == ([0, 1, 1.25], [2, 1])
        assert bag.filter(lambda x: not x > 9).histogram(1).compute() == ([-1, 1.5], [5])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda b: b.histogram([0, 2, 9]), ([0, 2, 9], [1, 2])),
        (lambda b: b.histogram(2), ([1, 3.0, 5], [2, 1])),
        (lambda b: b.stats().apply(lambda s: (s.count, s.sum)), (3, 8)),
        (lambda b: b.quantiles([0.5, 1]), [2, 5]),
        (lambda b: b.map(lambda x: [x] if x == "x" else x).approx_distinct(), 3),
    ],
)
def test_records_that_a_summary_fails_on_are_left_out_if_asked(call: Any, expected: Any) -> None:
    bag = bk.from_sequence([1, "x", 5, 2], npartitions=2)
    found = call(bag.filter(lambda x: x != "x")).compute(scheduler="sync")
    assert found == expected
    collected = call(bag.map(lambda x: x / 1 and x)).compute(scheduler="sync", on_error="collect")
    assert collected.result == expected


def test_records_that_have_no_bucket_are_left_out_if_asked() -> None:
    collected = (
        bk.from_sequence([1, "x", 5, 2], npartitions=2)
        .histogram([0, 2, 9])
        .compute(scheduler="sync", on_error="collect")
    )
    assert collected.result == ([0, 2, 9], [1, 2])
    assert [failure.place.record for failure in collected.failures] == ["x"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.histogram(0), "histogram: buckets is 0; expected an int of 1 or more, or two edges"),
        (lambda b: b.histogram([1]), r"histogram: buckets is \[1\]"),
        (lambda b: b.histogram([1, 1]), "or two edges or more that increase"),
        (lambda b: b.histogram([1, "a"]), "or two edges or more that increase"),
        (lambda b: b.histogram("abc"), "histogram: buckets is 'abc'"),
        (lambda b: b.quantiles(1.5), "quantiles: qs is 1.5; expected a number from 0 to 1, or a list"),
        (lambda b: b.quantiles([0.5, None]), "quantiles: qs is"),
        (lambda b: b.quantiles(0.5, error=1), "quantiles: error is 1; expected a number from 0.000001 to 0.5, or 0"),
        (lambda b: b.approx_distinct(0.0001), "approx_distinct: error is 0.0001; expected a number from 0.002 to 0.25"),
    ],
)
def test_wrong_arguments_are_errors_of_the_call(call: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        call(bk.range(3, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.stats(), "stats of an empty bag"),
        (lambda b: b.quantiles(0.5), "quantiles of an empty bag"),
        (lambda b: b.histogram(3), "histogram of an empty bag: there is no record to put edges around"),
    ],
)
def test_nothing_has_no_summary(call: Any, message: str) -> None:
    with pytest.raises(EmptyBagError, match=message):
        call(bk.from_sequence([])).compute(scheduler="sync")


def test_what_can_not_be_ordered_or_divided_is_an_error() -> None:
    with bk.options(scheduler="sync"):
        with pytest.raises(ValueError, match="quantiles: a record is NaN"):
            bk.from_sequence([1.0, float("nan")]).quantiles(0.5).compute()
        with pytest.raises(ValueError, match=r"histogram: records go from 1 to inf, which can't be divided"):
            bk.from_sequence([1, float("inf")]).histogram(2).compute()
