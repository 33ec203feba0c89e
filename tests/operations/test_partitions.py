"""How many partitions there are, what is in each, and what functions over whole partitions see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.bag
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from tests.each_case import each_case
from tests.operations.partitionings import partitions_of

pytestmark = pytest.mark.usefixtures("sync")


def sizes(bag: Any) -> list[int]:
    return [len(part) for part in partitions_of(bag)]


class TestFromSequence:
    @each_case("length", [0, 1, 5, 9, 100, 101, 199])
    @each_case("npartitions", [1, 2, 6, 9, 100, 150])
    def test_npartitions_are_exact_and_none_is_larger_than_it_must_be(self, length: int, npartitions: int) -> None:
        bag = bk.from_sequence(list(range(length)), npartitions=npartitions)
        assert bag.npartitions == npartitions
        assert len(sizes(bag)) == npartitions
        assert max(sizes(bag)) == math.ceil(length / npartitions)
        assert sizes(bag) == sorted(sizes(bag), reverse=True)
        assert bag.compute() == list(range(length))

    @each_case("length", [1, 5, 9, 20, 99, 100, 200])
    @each_case("npartitions", [1, 2, 3, 4, 7, 20, 100])
    def test_they_are_those_of_dask_where_dask_makes_as_many(self, length: int, npartitions: int) -> None:
        theirs = dask.bag.from_sequence(range(length), npartitions=npartitions).map_partitions(len)
        if theirs.npartitions == npartitions:
            ours = bk.from_sequence(range(length), npartitions=npartitions)
            assert sizes(ours) == theirs.compute(scheduler="sync")

    def test_where_as_many_would_leave_some_empty_they_are_even(self) -> None:
        assert sizes(bk.from_sequence("abcde", npartitions=4)) == [2, 1, 1, 1]
        assert sizes(bk.from_sequence("ab", npartitions=4)) == [1, 1, 0, 0]

    @pytest.mark.parametrize("length", [0, 1, 5, 6, 7])
    def test_partition_size(self, length: int) -> None:
        bag = bk.from_sequence(list(range(length)), partition_size=3)
        assert bag.npartitions == max(1, math.ceil(length / 3))
        assert all(size == 3 for size in sizes(bag)[:-1])
        assert bag.compute() == list(range(length))

    @pytest.mark.parametrize("length", [0, 1, 50, 100, 5000])
    def test_by_default_there_are_up_to_a_hundred(self, length: int) -> None:
        assert bk.from_sequence(range(length)).npartitions == min(100, max(1, length))

    def test_sequences_of_all_kinds(self) -> None:
        for sequence in ("abc", iter("abc"), dict.fromkeys("abc"), (c for c in "abc"), ("a", "b", "c")):
            assert bk.from_sequence(sequence).compute() == ["a", "b", "c"]

    def test_it_is_read_at_once(self) -> None:
        records = [1, 2]
        bag = bk.from_sequence(records)
        records.append(3)
        assert bag.compute() == bag.compute() == [1, 2]

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
    @pytest.mark.parametrize("name", ["npartitions", "partition_size"])
    def test_numbers_are_checked(self, name: str, wrong: Any) -> None:
        with pytest.raises(bk.PlanError, match=rf"^from_sequence: {name} is {wrong!r}; expected an int of 1 or more$"):
            bk.from_sequence([1], **{name: wrong})

    def test_both_are_an_error(self) -> None:
        with pytest.raises(bk.PlanError, match=r"^from_sequence: both partition_size and npartitions are given"):
            bk.from_sequence([1], 1, 1)

    def test_what_is_no_sequence(self) -> None:
        class Letters:
            def __getitem__(self, number: int) -> str:
                return "abc"[number]

        letters: Any = Letters()  # no Iterable, and `iter` takes it
        assert bk.from_sequence(letters, npartitions=2).compute(scheduler="sync") == ["a", "b", "c"]
        with pytest.raises(bk.PlanError, match=r"^from_sequence: got int, which can't be iterated"):
            bk.from_sequence(5)  # type: ignore[arg-type]


class TestRange:
    @pytest.mark.parametrize(("n", "npartitions"), [(10, 3), (3, 5), (0, 2), (0, 1), (5, 5), (199, 100)])
    def test_npartitions_are_exact_and_even(self, n: int, npartitions: int) -> None:
        bag = bk.range(n, npartitions)
        assert bag.npartitions == npartitions
        assert len(sizes(bag)) == npartitions
        assert max(sizes(bag)) - min(sizes(bag)) <= 1
        assert bag.compute() == list(range(n))

    def test_large_ones_are_not_made(self) -> None:
        assert bk.range(10**12, 4).take(2) == (0, 1)

    @pytest.mark.parametrize(("args", "message"), [
        ((-1, 1), r"^range: n is -1; expected an int of 0 or more$"),
        ((1.5, 1), r"^range: n is 1.5; expected"),
        ((3, 0), r"^range: npartitions is 0; expected an int of 1 or more$"),
        ((3, None), r"^range: npartitions is None; expected"),
    ])  # fmt: skip
    def test_numbers_are_checked(self, args: tuple[Any, Any], message: str) -> None:
        with pytest.raises(bk.PlanError, match=message):
            bk.range(*args)


class TestRepartition:
    @each_case("before", [1, 2, 3, 7, 10])
    @each_case("after", [1, 2, 3, 5, 10, 19, 40])
    def test_it_is_exact_and_keeps_the_order(self, before: int, after: int) -> None:
        source = bk.range(30, before)
        for bag in (source, source.map(abs), source.map_partitions(list), source.distinct().repartition(before)):
            parts = partitions_of(bag.repartition(after))
            assert bag.repartition(after).npartitions == len(parts) == after
            assert [x for part in parts for x in part] == list(range(30))

    @pytest.mark.parametrize(("length", "before", "after"), [(10, 1, 3), (99, 9, 19), (7, 2, 5), (2, 1, 5), (0, 1, 3)])
    def test_a_split_partition_is_even(self, length: int, before: int, after: int) -> None:
        source = bk.range(length, before)
        made = sizes(source.map(abs).repartition(after))
        at = 0
        for whole in sizes(source):
            part = []
            while at < len(made) and sum(part) + made[at] <= whole and len(part) < math.ceil(after / before):
                part.append(made[at])
                at += 1
            assert sum(part) == whole
            assert max(part) - min(part) <= 1

    def test_joined_partitions_are_neighbours(self) -> None:
        assert partitions_of(bk.range(10, 5).map(abs).repartition(2)) == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]

    def test_what_follows_sees_the_new_partitions(self) -> None:
        bag = bk.range(12, 6)
        for after in (1, 2, 3, 12):
            assert bag.repartition(after).map_partitions(len).compute() == [12 // after] * after
            assert bag.repartition(after).fold(lambda a, b: a + b, initial=100).compute() == 66 + 100 * after

    def test_again_and_again(self) -> None:
        bag = bk.range(20, 3)
        for count in (7, 2, 9, 1, 4):
            bag = bag.map(abs).repartition(count)
        assert bag.npartitions == 4
        assert bag.compute() == list(range(20))

    @pytest.mark.parametrize("wrong", [0, -1, 2.0, "3", True])
    def test_the_number_is_checked(self, wrong: Any) -> None:
        with pytest.raises(bk.PlanError, match=rf"^repartition: npartitions is {wrong!r}; expected an int of 1"):
            bk.range(3, 1).repartition(wrong)

    def test_one_of_both_is_needed(self) -> None:
        for arguments in ({}, {"npartitions": 1, "partition_size": "1 MB"}):
            with pytest.raises(bk.PlanError, match=r"^repartition: expected either npartitions or partition_size"):
                bk.range(3, 1).repartition(**arguments)  # type: ignore[arg-type]

    def test_by_size(self) -> None:
        bag = bk.from_sequence([str(n) * 500 for n in range(10, 110)], npartitions=3)
        assert bag.repartition(partition_size="10 kB").npartitions in (10, 11)
        assert bag.repartition(partition_size=10**9).npartitions == 1
        assert len(bag.repartition(partition_size="10 kB").compute()) == 100
        with pytest.raises(bk.OptionError, match=r"repartition: partition_size: not a size: got 'ten'"):
            bag.repartition(partition_size="ten")

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.lists(st.integers(), max_size=6), min_size=1, max_size=8), st.integers(1, 20), st.booleans())
    def test_any(self, parts: list[list[int]], after: int, optimize: bool) -> None:
        bag = bk.concat([bk.from_sequence(part, npartitions=1) for part in parts])
        with bk.options(scheduler="sync", optimize=optimize):
            assert len(sizes(bag.repartition(after))) == after
            assert bag.repartition(after).map(lambda x: x).compute() == [x for part in parts for x in part]


class TestConcat:
    def test_partitions_stay(self) -> None:
        bags = [bk.range(3, 2), bk.from_sequence([]), bk.range(2, 1).map(str), bk.from_sequence("ab").frequencies()]
        bag = bk.concat(bags)
        assert bag.npartitions == 5
        assert partitions_of(bag) == [[0], [1, 2], [], ["0", "1"], [("a", 1), ("b", 1)]]
        assert partitions_of(bk.concat([bag, bag])) == partitions_of(bag) * 2
        assert bk.concat(iter(bags)).npartitions == 5

    def test_wrong_arguments(self) -> None:
        for wrong, got in (([bk.range(1, 1), [1]], "list"), ([bk.range(1, 1).sum()], "Item")):
            with pytest.raises(bk.PlanError, match=rf"^concat: got {got}; expected one bag or more, in a list$"):
                bk.concat(wrong)  # type: ignore[arg-type]


class TestPartitionsApart:
    def test_they_are_bags_of_one_partition(self) -> None:
        bag = bk.range(5, 3).map(str)
        apart = bag.partitions_apart()
        assert [one.npartitions for one in apart] == [1, 1, 1]
        assert [one.compute() for one in apart] == partitions_of(bag)
        assert apart[1].map(int).sum().compute() == 3
        assert bk.concat(reversed(apart)).compute() == ["3", "4", "1", "2", "0"]
        assert bag.map(lambda x, y: x + y, bk.concat(apart)).compute() == [x * 2 for x in "01234"]

    def test_only_what_is_asked_for_is_worked_out(self) -> None:
        calls: list[int] = []
        bag = bk.range(6, 3).map(lambda x: calls.append(x) or x)
        assert bag.partitions_apart()[1].compute() == [2, 3]
        assert calls == [2, 3]


class Records:
    """Can be iterated over, and is no list."""

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


class TestMapPartitions:
    @pytest.mark.parametrize("optimize", [True, False])
    def test_functions_get_a_list(self, optimize: bool) -> None:
        source = bk.range(3, 2)
        bags = [source, source.map(abs), source.filter(None), source.map_partitions(iter), source.distinct(),
                source.repartition(5), bk.concat([source, source]), source.map(max, source),
                source.map(lambda x: [x]).flatten()]  # fmt: skip
        for bag in bags:
            kinds = bag.map_partitions(lambda records: [type(records)]).compute(optimize=optimize)
            assert kinds == [list] * bag.npartitions

    @pytest.mark.parametrize(("result", "records"), [
        ([1, 2], [1, 2]), ((1, 2), [1, 2]), (range(2), [0, 1]), ({1: 2}, [{1: 2}]), ("text", ["text"]),
        (b"bytes", [b"bytes"]), (5, [5]), (None, [None]), ([], []), (Records(), [1, 2]), ([None], [None]),
    ])  # fmt: skip
    def test_what_they_may_give(self, result: Any, records: list[Any]) -> None:
        assert bk.range(2, 2).map_partitions(lambda _: result).compute() == records * 2

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_generators_can_be_read_twice_and_cross(self, scheduler: str) -> None:
        bag = bk.range(4, 2).map_partitions(lambda records: (x * 2 for x in records))
        with bk.options(scheduler=scheduler, workers=2):
            assert bag.compute() == [0, 2, 4, 6]
            assert bag.map(lambda x, n, total: (x, n, total), bag.count(), bag.sum()).compute() == [
                (x, 4, 12) for x in (0, 2, 4, 6)
            ]

    def test_results_differ_from_partition_to_partition(self) -> None:
        bag = bk.range(4, 4).map_partitions(lambda p: [None, p, "text", iter(p)][p[0]])
        assert bag.compute() == [None, 1, "text", 3]

    def test_empty_partitions_are_partitions(self) -> None:
        assert bk.from_sequence([], npartitions=2).map_partitions(len).compute() == [0, 0]
        assert bk.range(4, 2).filter(lambda x: x > 1).map_partitions(len).compute() == [0, 2]

    def test_a_list_is_the_functions_own(self) -> None:
        def emptied(records: list[int]) -> list[int]:
            return [records.pop() for _ in range(len(records))]

        bag = bk.range(4, 2)
        assert bag.map_partitions(emptied).compute() == bag.map_partitions(emptied).compute() == [1, 0, 3, 2]
        shared = bag.map(abs)
        assert bk.concat([shared.map_partitions(emptied), shared]).compute() == [1, 0, 3, 2, 0, 1, 2, 3]


def test_text_without_a_collection_is_delayed_values(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"{name}1\n{name}2\n")
    parts = bk.read_text(tmp_path / "*.txt", collection=False)
    assert [type(part) for part in parts] == [bk.Delayed, bk.Delayed]
    assert [part.compute() for part in parts] == [["a1\n", "a2\n"], ["b1\n", "b2\n"]]
