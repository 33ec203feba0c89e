"""sum, mean, var, std and stats of floats are exact until their end, so they depend on no order and no partitions."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.ops._sums import Total, add, value
from tests.each_case import each_case
from tests.examples import examples

SYNC = {"scheduler": "sync"}
Numbers = list[Any]

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CENTS = st.integers(-(10**6), 10**6).map(lambda n: n / 100)
SMALL = st.sampled_from([5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 0.0, -0.0])
LARGE = st.sampled_from([1e308, -1e308, 1.7e308, 1.0, 1e292, 1e-5])


def nearest(exact: Fraction) -> float:
    """Return the float closest to a ratio, infinite beyond them."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def exact_sum(numbers: Numbers) -> float:
    return nearest(sum(map(Fraction, numbers), Fraction()))


def exact_variance(numbers: Numbers) -> Fraction:
    return statistics.pvariance(list(map(Fraction, numbers)))


def is_root(found: float, square: Fraction) -> bool:
    """Return whether no float is closer to the square root."""
    half = Fraction(math.ulp(found)) / 2
    return max(Fraction(found) - half, Fraction()) ** 2 <= square <= (Fraction(found) + half) ** 2


def in_partitions(numbers: Numbers, cuts: list[int]) -> bk.Bag[Any]:
    """Return a bag with partitions that end where `cuts` say, some of them without a record."""
    edges = [0, *sorted(cut % (len(numbers) + 1) for cut in cuts), len(numbers)]
    parts = [bk.from_sequence(numbers[a:b], npartitions=1) for a, b in pairwise(edges)]
    return bk.concat(parts)


@examples(60)
@given(
    st.one_of(*(st.lists(each, min_size=1, max_size=40) for each in (FLOATS, CENTS, SMALL, LARGE, FLOATS | SMALL))),
    st.lists(st.integers(0, 100), max_size=5),
    st.randoms(use_true_random=False),
)
@example([1e16, 1.0, -1e16], [1], random.Random(1))
@example([1e308, 1e308, -1e308], [1, 2], random.Random(1))
@example([1e308, 1e308], [1], random.Random(1))
@example([0.1] * 10, [5], random.Random(1))
def test_of_any_floats(numbers: Numbers, cuts: list[int], shuffler: random.Random) -> None:
    expected = exact_sum(numbers)
    shuffled = shuffler.sample(numbers, len(numbers))
    bag = in_partitions(shuffled, cuts)
    assert repr(bag.sum().compute(**SYNC)) == repr(expected)
    stats = bag.stats().compute(**SYNC)
    spread = exact_variance(numbers)
    assert stats.sum == expected
    assert stats.var == bag.var().compute(**SYNC) == nearest(spread)
    assert stats.std == bag.std().compute(**SYNC)
    assert is_root(stats.std, spread)
    mean = nearest(sum(map(Fraction, numbers)) / len(numbers)) if math.isinf(expected) else expected / len(numbers)
    assert stats.mean == bag.mean().compute(**SYNC) == mean


KINDS: dict[str, Callable[[random.Random], Any]] = {
    "cents": lambda r: round(r.uniform(-1000, 1000), 2),
    "thirty binades": lambda r: r.choice([1.0, 2.0**30, -(2.0**31)]) * r.random(),
    "across 1": lambda r: r.choice([2.0**-15, 2.0**16]) * r.uniform(1, 1.99),
    "all binades": lambda r: r.uniform(-1, 1) * 2.0 ** r.randrange(-1070, 1000),
    "hundred binades": lambda r: r.uniform(-1, 1) * 2.0 ** r.randrange(-50, 50),
    "with zeros": lambda r: r.choice([0.0, -0.0, 1 / 3, 1e-3]),
    "subnormal": lambda r: r.choice([0.0, 5e-324, 1e-310, 3e-308]),
    "large": lambda r: r.choice([1.7e308, -1.7e308, 1e300]),
    "ints too": lambda r: r.choice([1, 2**53 + 1, True, 0.1, 10**20, -3]),
    "far apart": lambda r: 1e15 + r.randrange(10),
}


@pytest.mark.parametrize("kind", KINDS)
def test_over_many_batches(kind: str) -> None:
    chance = random.Random(7)
    numbers = [KINDS[kind](chance) for _ in range(5000)]
    found = {
        (bag.sum().compute(**SYNC), bag.mean().compute(**SYNC), bag.std(ddof=1).compute(**SYNC))
        for bag in (
            bk.from_sequence(numbers, npartitions=1),
            bk.from_sequence(chance.sample(numbers, 5000), npartitions=3),
            bk.from_sequence(chance.sample(numbers, 5000), npartitions=40),
        )
    }
    assert len(found) == 1
    total, mean, std = found.pop()
    assert total == exact_sum(numbers)
    assert mean == (total / 5000 if math.isfinite(total) else nearest(sum(map(Fraction, numbers)) / 5000))
    assert is_root(std, exact_variance(numbers) * 5000 / 4999)


@pytest.mark.parametrize("spread", [0, 12])
def test_what_is_left_where_others_cancel_out(spread: int) -> None:
    """A rounding on the way, or a part of a sum that is lost, is all that there would be."""
    chance = random.Random(spread)
    numbers = [chance.uniform(1, 2) * 2.0 ** chance.randint(-spread, 0) for _ in range(1500)]
    left = [2.0**-43, 2.0**-30, 3 * 2.0**-49]
    numbers = [*numbers, left[0], *[-each for each in chance.sample(numbers, 1500)], *left[1:]]
    for npartitions in (1, 2, 5):
        bag = bk.from_sequence(numbers, npartitions=npartitions)
        for every in (None, 2):
            assert bag.sum(split_every=every).compute(**SYNC) == sum(left)
        assert (bag.mean().compute(**SYNC), bag.stats().compute(**SYNC).sum) == (sum(left) / 3003, sum(left))


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_on_every_scheduler(scheduler: str) -> None:
    numbers = [0.1 * n**3 for n in range(1000)]
    options = {"scheduler": scheduler, "workers": 2}
    for npartitions in (1, 9):
        bag = bk.from_sequence(numbers, npartitions=npartitions)
        for on in (True, False):
            assert repr(bag.sum().compute(**options, optimize=on)) == repr(math.fsum(numbers))
            assert repr(bag.mean().compute(**options, optimize=on)) == repr(statistics.fmean(numbers))
        stats = bag.stats().compute(**options)
        assert (stats.sum, stats.mean) == (math.fsum(numbers), statistics.fmean(numbers))
        assert (stats.var, stats.std) == (statistics.pvariance(numbers), statistics.pstdev(numbers))
        assert bag.sum(split_every=2).compute(**options) == math.fsum(numbers)


@pytest.mark.parametrize("npartitions", [1, 2, 3])
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([math.inf, 1.0, 2.5], math.inf),
        ([1.0, -math.inf, 1e308], -math.inf),
        ([math.inf, 1.0, -math.inf], math.nan),
        ([math.nan, 1.0, math.inf], math.nan),
        ([1e308, 1e308, math.nan], math.nan),
        ([1, 2, math.inf], math.inf),
    ],
)
def test_infinities_and_nan(numbers: Numbers, expected: float, npartitions: int) -> None:
    bag = bk.from_sequence(numbers, npartitions=npartitions)
    stats = bag.stats().compute(**SYNC)
    for found in (bag.sum().compute(**SYNC), stats.sum, bag.mean().compute(**SYNC), stats.mean):
        assert repr(found) == repr(expected)
    assert all(map(math.isnan, (stats.var, stats.std, bag.var().compute(**SYNC))))


@each_case("npartitions", [1, 2, 3])
@each_case(
    ("numbers", "expected"),
    [
        ([-0.0], 0.0),
        ([True, 0.5], 1.5),
        ([2**53, 1, 1.0], float(2**53 + 2)),
        ([0.1, 1j, 0.2], 0.30000000000000004 + 1j),
        ([Fraction(1, 2), 0.25], 0.75),
        ([Fraction(1, 3), 1], Fraction(4, 3)),
        ([Decimal("0.1"), Decimal("0.2"), 3], Decimal("3.3")),
        ([1, True, 10**40], 10**40 + 2),
        ([numpy.float64(0.1)] * 10, numpy.float64(1.0)),
        ([numpy.float64(0.5), 1, 0.25], numpy.float64(1.75)),
        ([numpy.int64(3), 4], numpy.int64(7)),
        ([numpy.float32(0.5)] * 3, numpy.float32(1.5)),
    ],
)
def test_the_type_is_that_of_a_sum(numbers: Numbers, expected: Any, npartitions: int) -> None:
    found = bk.from_sequence(numbers, npartitions=npartitions).sum().compute(**SYNC)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("npartitions", [1, 2])
def test_an_int_beyond_all_floats(npartitions: int) -> None:
    bag = bk.from_sequence([10**400, 1.0], npartitions=npartitions)
    for each in (bag.sum(), bag.mean()):
        with pytest.raises(OverflowError, match=r"int too large to convert to float"):
            each.compute(**SYNC)
    assert bk.concat([bag, bk.from_sequence([-(10**400)])]).sum().compute(**SYNC) == 1.0


def test_variance_of_what_is_no_float() -> None:
    decimals = [Decimal("0.1"), Decimal("0.2"), Decimal("0.6")]
    for npartitions in (1, 3):
        assert bk.from_sequence([1, 2, 4, True], npartitions=npartitions).var().compute(**SYNC) == 1.5
        assert bk.from_sequence(decimals, npartitions=npartitions).std().compute(**SYNC) == pytest.approx(
            Decimal("0.21602468994692867436"), rel=Decimal("1e-20")
        )
        mixed = bk.from_sequence([Fraction(1, 2), 1.5, 1, 3.0], npartitions=npartitions)
        assert mixed.var().compute(**SYNC) == pytest.approx(0.875)
        found = bk.from_sequence([numpy.float64(0.5), 1, 2.5], npartitions=npartitions).var().compute(**SYNC)
        assert type(found) is numpy.float64
        assert found == statistics.pvariance([0.5, 1, 2.5])


BAD: list[Any] = [1.5] * 9000
BAD[5003] = "text"


@pytest.mark.parametrize("name", ["sum", "mean", "var", "stats"])
@pytest.mark.parametrize("npartitions", [1, 2])
def test_what_can_not_be_added_has_its_place(name: str, npartitions: int) -> None:
    bag = bk.from_sequence(BAD, npartitions=npartitions)
    reduced = getattr(bag, name)()
    partition, index = (0, 5003) if npartitions == 1 else (1, 503)
    with pytest.raises(TypeError, match=r"'(int|float)' and 'str'") as raised:
        reduced.compute(**SYNC)
    assert f"at from_sequence, record {index}, partition {partition}" in raised.value.__notes__
    collected = reduced.compute(**SYNC, on_error="collect")
    assert [failure.place.record for failure in collected.failures] == ["text"]


def test_the_place_where_a_sum_is_an_argument() -> None:
    bag = bk.from_sequence(BAD, npartitions=1)
    for plan in (bag.map(lambda x, total: x, bag.mean()), bag.mean().apply(str)):
        with pytest.raises(TypeError, match=r"'(int|float)' and 'str'") as raised:
            plan.compute(**SYNC)
        assert "at from_sequence, record 5003, partition 0" in raised.value.__notes__


@pytest.mark.parametrize("npartitions", [1, 4])
def test_numbers_that_do_not_go_together(npartitions: int) -> None:
    """Each can be added to nothing, so no record is at fault alone."""
    bag = bk.from_sequence([0.5, Decimal(1), 0.5, Decimal(2)], npartitions=npartitions)
    with pytest.raises(TypeError, match=r"'float' and 'decimal\.Decimal'"):
        bag.sum().compute(**SYNC)


def test_a_large_batch_is_added_exactly_and_left_alone() -> None:
    """Others may read the same list of records at the same time."""
    numbers = [math.sin(n) for n in range(20_000)]
    kept = list(numbers)
    assert value(add(Total(), numbers)) == math.fsum(kept)
    assert numbers == kept
