"""Bags side by side: lengths, order of arguments, a bag with itself."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk
from tests.operations.cases import add

pytestmark = pytest.mark.usefixtures("sync")


def pair(one: Any, other: Any) -> tuple[Any, Any]:
    return one, other


class TestWithItself:
    @pytest.mark.parametrize("optimize", [True, False])
    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_each_argument_sees_all_records(self, scheduler: str, optimize: bool) -> None:
        bag = bk.range(4, 2).map(abs)
        options: dict[str, Any] = {"scheduler": scheduler, "workers": 2, "optimize": optimize}
        assert bag.map(add, bag).compute(**options) == [0, 2, 4, 6]
        assert bag.map(lambda a, b, c: (a, b, c), bag, c=bag).compute(**options) == [(n, n, n) for n in range(4)]
        assert bag.map_partitions(lambda p, q: [p, q], bag).compute(**options) == [[0, 1], [0, 1], [2, 3], [2, 3]]
        assert bk.concat([bag, bag]).compute(**options) == [0, 1, 2, 3] * 2
        assert bag.map(pair, bag.filter(lambda x: True)).compute(**options) == [(n, n) for n in range(4)]

    def test_a_shared_bag_is_worked_out_once(self) -> None:
        calls: list[int] = []
        bag = bk.range(6, 3).map(lambda x: calls.append(x) or x)
        assert bag.map(add, bag).map(add, bag.sum()).compute() == [15 + 2 * n for n in range(6)]
        assert sorted(calls) == list(range(6))

    def test_changing_records_in_place_is_not_seen_by_the_next_computation(self) -> None:
        bag = bk.range(3, 1).map(lambda x: [x])
        twice = bag.map(lambda a, b: a + b, bag)
        assert twice.compute() == twice.compute() == [[0, 0], [1, 1], [2, 2]]


class TestLengths:
    @pytest.mark.parametrize(("one", "other"), [(3, 2), (2, 3), (3, 0), (0, 3), (1, 5), (5, 1), (4, 3), (3, 4)])
    @pytest.mark.parametrize("optimize", [True, False])
    def test_unequal_ones_raise(self, one: int, other: int, optimize: bool) -> None:
        for first, second in ((bk.range(one, 1), bk.range(other, 1)), (bk.range(one, 1).map(abs), bk.range(other, 1))):
            for made in (first.map(pair, second), first.map(lambda a, b: a, b=second)):
                short, long = (1, 2) if one < other else (2, 1)
                with pytest.raises(ValueError, match=rf"^map: .* got fewer in bag {short} than in bag {long};"):
                    made.compute(optimize=optimize)
            with pytest.raises(ValueError, match=r"^zip: .* hint: filter, flatten and repartition both or neither"):
                bk.zip(first, second).compute(optimize=optimize)

    def test_a_later_partition_counts_as_well(self) -> None:
        one = bk.concat([bk.range(2, 1), bk.range(3, 1)])
        other = bk.concat([bk.range(2, 1), bk.range(2, 1)])
        with pytest.raises(ValueError, match=r"^map: .* got fewer in bag "):
            one.map(pair, other).count().compute()

    def test_equal_sums_of_unequal_partitions_raise(self) -> None:
        one = bk.concat([bk.range(2, 1), bk.range(3, 1)])
        other = bk.concat([bk.range(3, 1), bk.range(2, 1)])
        with pytest.raises(ValueError, match=r"^map: .* got fewer in bag "):
            one.map(pair, other).compute()

    def test_of_three(self) -> None:
        for lengths in ((2, 2, 1), (2, 2, 3), (2, 1, 2), (1, 2, 2)):
            bags = [bk.range(n, 1) for n in lengths]
            with pytest.raises(ValueError, match=r"^map: .* got fewer in bag "):
                bags[0].map(lambda a, b, c: a, *bags[1:]).compute()

    def test_other_numbers_of_partitions_are_an_error_at_once(self) -> None:
        with pytest.raises(bk.PlanError, match=r"^map: the bags have different numbers of partitions; got 2, 4;"):
            bk.range(4, 2).map(pair, bk.range(4, 4))
        with pytest.raises(bk.PlanError, match=r"^map_partitions: the bags .* got 2, 4, 1; expected the same for all"):
            bk.range(4, 2).map_partitions(pair, bk.range(4, 4), k=bk.range(4, 1))


class TestArguments:
    def test_they_arrive_where_they_stood(self) -> None:
        b = bk.range(2, 1)
        x = b.map(lambda n: -n)
        total = b.sum()

        def see(*args: Any, **kwargs: Any) -> Any:
            return args, kwargs

        assert b.map(see, 1, x, total, [total, 2], {"a": (total,)}, k=x, m=total, s={"t": [total]}, v=9).compute() == [
            ((0, 1, 0, 1, [1, 2], {"a": (1,)}), {"k": 0, "m": 1, "s": {"t": [1]}, "v": 9}),
            ((1, 1, -1, 1, [1, 2], {"a": (1,)}), {"k": -1, "m": 1, "s": {"t": [1]}, "v": 9}),
        ]

    def test_plain_arguments_are_as_given(self) -> None:
        assert bk.range(2, 2).map(lambda *args: args, "x", None, (1, [2])).compute() == [
            (0, "x", None, (1, [2])), (1, "x", None, (1, [2])),
        ]  # fmt: skip

    def test_map_partitions_gets_lists(self) -> None:
        b = bk.range(4, 2)
        total = b.sum()
        made = b.map(abs).map_partitions(lambda *a, **k: [(a, k)], b.map(str), total, 5, k=b, m=total)
        assert made.compute() == [
            (([0, 1], ["0", "1"], 6, 5), {"k": [0, 1], "m": 6}),
            (([2, 3], ["2", "3"], 6, 5), {"k": [2, 3], "m": 6}),
        ]

    @pytest.mark.parametrize("where", ["list", "dict", "nested", "keyword"])
    def test_a_bag_inside_of_something_is_an_error(self, where: str) -> None:
        b = bk.range(2, 1)
        args, kwargs = {"list": (([b],), {}), "dict": (({"b": b},), {}), "nested": (([({"b": b},)],), {}),
                        "keyword": ((), {"k": [b]})}[where]  # fmt: skip
        for method in (b.map, b.map_partitions):
            with pytest.raises(bk.PlanError, match=r"a bag stands where only values and items can; hint:"):
                method(lambda *a, **k: 0, *args, **kwargs)

    def test_apply_takes_no_bag(self) -> None:
        with pytest.raises(bk.PlanError, match=r"^apply: a bag stands where only values and items can"):
            bk.range(2, 1).sum().apply(pair, bk.range(2, 1))

    def test_starmap_takes_no_second_bag(self) -> None:
        with pytest.raises(bk.PlanError, match=r"^starmap: a keyword argument is a bag"):
            bk.from_sequence([(1,)]).starmap(pair, other=bk.range(1, 1))
