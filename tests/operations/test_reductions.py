"""The corners of reductions: ties, equal values of other types, numerics, trees, nothing at all."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from tests.each_case import each_case

pytestmark = pytest.mark.usefixtures("sync")


class TestNumbers:
    @pytest.mark.parametrize("npartitions", [1, 2, 3, 5])
    def test_variance_of_large_numbers(self, npartitions: int) -> None:
        bag = bk.from_sequence([1e9, 1e9 + 1, 1e9 + 2], npartitions=npartitions)
        assert bag.var().compute() == pytest.approx(2 / 3, rel=1e-12)
        assert bag.var(ddof=1).compute() == pytest.approx(1.0, rel=1e-12)
        assert bag.std().compute() == pytest.approx((2 / 3) ** 0.5, rel=1e-12)

    @pytest.mark.parametrize("npartitions", [1, 2, 3])
    def test_arrays_as_records(self, npartitions: int) -> None:
        arrays = [numpy.array([1.0, 2.0]), numpy.array([3.0, 4.0]), numpy.array([5.0, 9.0])]
        bag = bk.from_sequence(arrays, npartitions=npartitions)
        for method, expected in (("sum", [9, 15]), ("mean", [3, 5]), ("var", [8 / 3, 26 / 3])):
            assert getattr(bag, method)().compute().tolist() == pytest.approx(expected)
        assert bag.std().compute().tolist() == pytest.approx([(8 / 3) ** 0.5, (26 / 3) ** 0.5])

    def test_variance_over_batches(self) -> None:
        bag = bk.range(10_000, npartitions=2).map(lambda x: x + 1e9)
        assert bag.var().compute() == pytest.approx((10_000**2 - 1) / 12, rel=1e-9)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=40), st.integers(1, 7))
    def test_variance_is_that_of_statistics(self, numbers: list[float], npartitions: int) -> None:
        got = bk.from_sequence(numbers, npartitions=npartitions).var(ddof=1).compute(scheduler="sync")
        assert got == pytest.approx(statistics.variance(numbers), rel=1e-9, abs=1e-3)

    def test_other_numbers_keep_their_kind(self) -> None:
        decimals = bk.from_sequence([Decimal("0.1"), Decimal("0.2"), Decimal("0.6")], npartitions=2)
        assert decimals.sum().compute() == Decimal("0.9")
        assert decimals.mean().compute() == Decimal("0.3")
        assert decimals.var().compute() == Decimal("0.14") / 3
        assert isinstance(decimals.std().compute(), Decimal)
        fractions = bk.from_sequence([Fraction(1, 3), Fraction(1, 6)], npartitions=2)
        assert fractions.mean().compute() == Fraction(1, 4)
        assert fractions.var().compute() == Fraction(1, 144)
        assert bk.from_sequence([1j, 2]).sum().compute() == 2 + 1j

    @pytest.mark.parametrize("npartitions", [1, 2, 3])
    @pytest.mark.parametrize(
        "numbers",
        [[Decimal("1.1"), 2, True], [2, True, Decimal(3)], [Fraction(1, 3), 1, 5], [2**80, 1, Fraction(1, 3)],
         [2, Decimal("0.1"), 3]],
    )  # fmt: skip
    def test_ints_go_with_other_numbers(self, numbers: list[Any], npartitions: int) -> None:
        bag = bk.from_sequence(numbers, npartitions=npartitions)
        for got, right in (
            (bag.var().compute(), statistics.pvariance(numbers)),
            (bag.mean().compute(), statistics.mean(numbers)),
            (bag.stats().compute().var, statistics.pvariance(numbers)),
        ):
            assert type(got) is type(right)
            assert abs(got - right) <= abs(right) * Decimal("1e-26") if isinstance(right, Decimal) else got == right

    def test_large_ints_are_exact(self) -> None:
        assert bk.from_sequence([10**40, 1, -(10**40)], npartitions=3).sum().compute() == 1

    def test_what_can_not_be_summed_raises_as_sum_does(self) -> None:
        with pytest.raises(TypeError, match=r"unsupported operand"):
            bk.from_sequence([timedelta(1)]).sum().compute()

    def test_bools(self) -> None:
        assert bk.from_sequence([True, True, False]).sum().compute() == 2
        assert bk.from_sequence([[], [0]]).any().compute() is True
        assert bk.from_sequence([[], [0]]).all().compute() is False


EMPTY: dict[str, Callable[[Any], Any]] = {
    "min": lambda b: b.min(),
    "max": lambda b: b.max(),
    "mean": lambda b: b.mean(),
    "var": lambda b: b.var(),
    "std": lambda b: b.std(),
    "fold": lambda b: b.fold(max),
}


@pytest.mark.parametrize("npartitions", [1, 3])
@pytest.mark.parametrize("name", EMPTY)
def test_of_nothing_there_is_no_value(name: str, npartitions: int) -> None:
    for bag in (bk.from_sequence([], npartitions=npartitions), bk.range(9, npartitions).filter(lambda x: False)):
        with pytest.raises(bk.EmptyBagError, match=f"^{name} of "):
            EMPTY[name](bag).compute()


def test_of_nothing_the_others_have_one() -> None:
    bag = bk.from_sequence([], npartitions=3)
    results = (bag.count(), bag.sum(), bag.any(), bag.all(), bag.topk(3), bag.distinct(), bag.frequencies())
    assert [result.compute() for result in results] == [0, 0, False, True, [], [], []]


def test_a_sample_of_one_has_no_variance() -> None:
    assert bk.from_sequence([5]).var().compute() == 0
    with pytest.raises(bk.EmptyBagError, match=r"var of 1 records: it needs more than ddof=1 of them"):
        bk.from_sequence([5]).var(ddof=1).compute()


TIED = [("a", 2), ("b", 3), ("c", 3), ("d", 1), ("e", 3), ("f", 2)]


class TestTopk:
    @each_case("npartitions", [1, 2, 3, 6, 9])
    @each_case("k", range(8))
    def test_ties_come_in_the_order_of_the_input(self, k: int, npartitions: int) -> None:
        bag = bk.from_sequence(TIED, npartitions=npartitions)
        expected = sorted(TIED, key=lambda record: record[1], reverse=True)[:k]
        for key in (1, lambda record: record[1], lambda name, number: number, [1]):
            assert bag.topk(k, key).compute() == expected
            assert bag.topk(k, key, split_every=2).compute() == expected

    def test_equal_values_of_other_types(self) -> None:
        assert repr(bk.from_sequence([0, True, 1.0, 1, False], npartitions=5).topk(3).compute()) == "[True, 1.0, 1]"

    def test_functions_of_several_arguments_are_given_the_elements(self) -> None:
        bag = bk.from_sequence([("a", 1), ("b", 2)])
        assert bag.topk(1, key=lambda k, v: v).compute() == [("b", 2)]
        assert bag.topk(1, key=lambda pair, sign=1: pair[1] * sign).compute() == [("b", 2)]
        assert bag.topk(1, key=lambda *args: args[0]).compute() == [("b", 2)]
        assert bk.from_sequence(["b", "ccc"]).topk(1, key=len).compute() == ["ccc"]

    @pytest.mark.parametrize("k", [-1, 1.5, "3", None, True])
    def test_k_is_checked(self, k: Any) -> None:
        with pytest.raises(bk.PlanError, match=r"topk: k is "):
            bk.from_sequence([1]).topk(k)

    def test_a_key_is_checked(self) -> None:
        with pytest.raises(bk.PlanError, match=r"topk: the key is neither a function nor an index"):
            bk.from_sequence([1]).topk(1, key={"a": 1})


class TestDistinctAndFrequencies:
    def test_the_first_of_equal_records_is_kept(self) -> None:
        records = [1, True, 1.0, 0, False, "1"]
        for npartitions in (1, 2, 6):
            bag = bk.from_sequence(records, npartitions=npartitions)
            assert repr(bag.distinct().compute()) == "[1, 0, '1']"
            assert repr(bag.frequencies().compute()) == "[(1, 3), (0, 2), ('1', 1)]"
            assert repr(bag.distinct(key=str).compute()) == "[1, True, 1.0, 0, False]"

    def test_sorted_frequencies_keep_the_order_of_ties(self) -> None:
        bag = bk.from_sequence("banana bandana", npartitions=4)
        assert bag.frequencies(sort=True).compute() == [
            ("a", 6), ("n", 4), ("b", 2), (" ", 1), ("d", 1),
        ]  # fmt: skip

    def test_none_is_a_record_and_a_key(self) -> None:
        bag = bk.from_sequence([None, 1, None], npartitions=3)
        assert bag.distinct().compute() == [None, 1]
        assert bag.frequencies().compute() == [(None, 2), (1, 1)]
        assert bag.distinct(key=lambda x: None).compute() == [None]

    def test_unhashable_records_raise(self) -> None:
        for made in (lambda b: b.distinct(), lambda b: b.frequencies()):
            with pytest.raises(TypeError, match=r"unhashable"):
                made(bk.from_sequence([[1], [1]])).compute()

    def test_many_partitions_make_a_tree(self) -> None:
        bag = bk.from_sequence([n % 7 for n in range(500)], npartitions=100)
        assert bag.distinct().compute() == list(range(7))
        for split_every in (None, 2, 3, 99, False):
            assert bag.frequencies(split_every=split_every).compute() == [
                (n, 72 if n < 3 else 71) for n in range(7)
            ]  # fmt: skip


class TestSplitEvery:
    OPERATIONS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "count": lambda b, n: b.count(split_every=n),
        "sum": lambda b, n: b.sum(split_every=n),
        "min": lambda b, n: b.min(split_every=n),
        "max": lambda b, n: b.max(split_every=n),
        "any": lambda b, n: b.any(split_every=n),
        "all": lambda b, n: b.all(split_every=n),
        "frequencies": lambda b, n: b.frequencies(split_every=n),
        "topk": lambda b, n: b.topk(3, split_every=n),
        "fold": lambda b, n: b.fold(max, split_every=n),
        "foldby": lambda b, n: b.foldby(lambda x: x % 2, max, split_every=n),
        "reduction": lambda b, n: b.reduction(max, max, split_every=n),
    }

    @each_case("wrong", [1, 0, -1, 2.0, True, "8"])
    @each_case("name", OPERATIONS)
    def test_it_is_checked(self, name: str, wrong: Any) -> None:
        with pytest.raises(bk.PlanError, match=f"^{name}: split_every is {wrong!r}; expected"):
            self.OPERATIONS[name](bk.range(5, 5), wrong)

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_it_does_not_change_the_result(self, name: str) -> None:
        bag = bk.range(40, npartitions=20)
        results = [self.OPERATIONS[name](bag, n).compute() for n in (None, False, 2, 3, 7, 20, 100)]
        assert all(result == results[0] for result in results)


class TestReduction:
    def test_partitions_without_records_are_left_out(self) -> None:
        bag = bk.from_sequence([5, 1, 7], npartitions=9).filter(lambda x: x > 4)
        assert bag.reduction(min, min).compute() == 5
        assert bag.reduction(list, list).compute() == [[5], [7]]

    def test_the_user_is_asked_what_nothing_is(self) -> None:
        for npartitions in (1, 3, 20):
            bag = bk.from_sequence([], npartitions=npartitions)
            assert bag.reduction(len, sum, split_every=2).compute() == 0
            with pytest.raises(ValueError, match=r"empty|iterable"):
                bag.reduction(max, max).compute()

    def test_functions_may_be_generators(self) -> None:
        bag = bk.from_sequence([1, 2, 3, 4], npartitions=2)
        assert bag.reduction(lambda p: (x + 1 for x in p), lambda ps: [x for p in ps for x in p]).compute() == [
            2,
            3,
            4,
            5,
        ]
        assert bag.reduction(list, lambda ps: (x for p in ps for x in p), out_type=bk.Bag).compute() == [1, 2, 3, 4]

    def test_a_partition_need_not_be_read_to_its_end(self) -> None:
        assert bk.range(10, npartitions=2).reduction(next, list).compute() == [0, 5]

    def test_out_type_is_checked(self) -> None:
        for wrong in (list, "Bag", None):
            with pytest.raises(bk.PlanError, match=r"out_type is .*; expected bagkit.Bag or bagkit.Item"):
                bk.range(3, 1).reduction(sum, sum, out_type=wrong)


@pytest.mark.parametrize("ddof", [-1, 0.5, None, True, "1"])
def test_ddof_is_checked(ddof: Any) -> None:
    with pytest.raises(bk.PlanError, match=r"^var: ddof is .*; expected an int of 0 or more$"):
        bk.from_sequence([1]).var(ddof)
    with pytest.raises(bk.PlanError, match=r"^std: ddof is "):
        bk.from_sequence([1]).std(ddof)


@pytest.mark.parametrize("npartitions", [1, 2])
def test_any_and_all_stop_early(npartitions: int) -> None:
    calls: list[int] = []
    bag = bk.range(100, npartitions=npartitions).map(lambda x: calls.append(x) or x)
    assert bag.any().compute() is True
    assert len(calls) <= 5 * npartitions  # of a block of one record, and one of four


class TestExtremes:
    @pytest.mark.parametrize("split_every", [2, None])
    @pytest.mark.parametrize("npartitions", [1, 2, 3, 4])
    @pytest.mark.parametrize("choose", [min, max])
    def test_nan_is_where_it_is_in_a_list(self, choose: Any, npartitions: int, split_every: int | None) -> None:
        for numbers in itertools.product([1.0, math.nan, -2], repeat=4):
            bag = bk.from_sequence(numbers, npartitions=npartitions)
            got = getattr(bag, choose.__name__)(split_every=split_every).compute()
            assert repr(got) == repr(choose(numbers))

    def test_partitions_without_records_do_not_count(self) -> None:
        bag = bk.from_sequence([math.nan, math.nan, 3.0, math.nan], npartitions=4)
        assert bag.filter(lambda x: x == x).max().compute() == 3.0
        assert bag.filter(lambda x: x == x).map(lambda x: math.nan).min().compute() is not None
        with pytest.raises(bk.EmptyBagError):
            bag.filter(lambda x: x > 9).max().compute()

    def test_the_first_of_equal_records_is_kept(self) -> None:
        for npartitions in (1, 2, 3):
            assert repr(bk.from_sequence([1, True, 1.0], npartitions=npartitions).max().compute()) == "1"
            assert repr(bk.from_sequence([True, 1, 1.0], npartitions=npartitions).min().compute()) == "True"

    def test_records_that_do_not_say_whether_they_are_equal(self) -> None:
        array = numpy.array([1, 2])
        assert bk.from_sequence([array]).max().compute() is not None
        assert bk.from_sequence([{1}, {1, 2}], npartitions=2).max().compute() == {1, 2}

    @pytest.mark.parametrize("scheduler", ["threads", "processes"])
    def test_workers_send_them(self, scheduler: Any) -> None:
        bag = bk.from_sequence([2.0, math.nan, 5.0, math.nan, 1.0], npartitions=5)
        assert bag.max().compute(scheduler=scheduler) == 5.0
        assert bag.min().compute(scheduler=scheduler) == 1.0
