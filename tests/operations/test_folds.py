"""fold and foldby: initial values, and who holds them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.operations.cases import add, collect_record

pytestmark = pytest.mark.usefixtures("sync")


class TestFold:
    @pytest.mark.parametrize(("npartitions", "total"), [(1, 55), (2, 65), (5, 95)])
    def test_initial_counts_once_for_each_partition(self, npartitions: int, total: int) -> None:
        assert bk.range(10, npartitions).fold(add, initial=10).compute() == total

    def test_initial_does_not_count_for_empty_partitions(self) -> None:
        bag = bk.range(10, 5).filter(lambda x: x < 2)
        assert bag.fold(add, initial=10).compute() == 11

    @pytest.mark.parametrize("npartitions", [1, 4])
    def test_of_nothing_it_is_initial(self, npartitions: int) -> None:
        bag = bk.from_sequence([], npartitions=npartitions)
        assert bag.fold(add, initial=10).compute() == 10
        assert bag.fold(add, initial=None).compute() is None
        assert bag.fold(add, initial=[], out_type=bk.Bag).compute() == []

    @pytest.mark.parametrize("scheduler", ["sync", "threads"])
    def test_a_mutable_initial_is_each_partitions_own(self, scheduler: str) -> None:
        start: list[int] = []
        item = bk.range(6, 3).fold(collect_record, add, initial=start)
        assert item.compute(scheduler=scheduler) == [0, 1, 2, 3, 4, 5]
        assert item.compute(scheduler=scheduler) == [0, 1, 2, 3, 4, 5]
        assert start == []

    def test_a_nested_mutable_initial_is_each_partitions_own(self) -> None:
        def note(state: tuple[dict[str, list[int]]], record: int) -> Any:
            state[0]["seen"].append(record)
            return state

        start: tuple[dict[str, list[int]]] = ({"seen": []},)
        item = bk.range(4, 2).fold(note, lambda a, b: ({"seen": a[0]["seen"] + b[0]["seen"]},), initial=start)
        assert item.compute() == ({"seen": [0, 1, 2, 3]},)
        assert start == ({"seen": []},)

    def test_what_is_given_back_of_nothing_is_not_the_users_own(self) -> None:
        start: list[int] = []
        bk.from_sequence([]).fold(collect_record, initial=start).compute().append(1)
        assert start == []

    def test_without_combine_binop_merges(self) -> None:
        assert bk.from_sequence(["a", "b", "c"], npartitions=3).fold(add).compute() == "abc"

    def test_order_is_kept_in_a_tree(self) -> None:
        bag = bk.from_sequence([str(n) for n in range(30)], npartitions=30)
        assert bag.fold(add, split_every=2).compute() == "".join(map(str, range(30)))

    def test_records_may_be_anything(self) -> None:
        assert bk.from_sequence([None, None], npartitions=2).fold(lambda a, b: a).compute() is None
        assert bk.from_sequence([len], npartitions=1).fold(add).compute() is len

    def test_errors_keep_their_type(self) -> None:
        with pytest.raises(TypeError, match=r"unsupported operand|can only concatenate|must be str"):
            bk.from_sequence([1, "a"], npartitions=2).fold(add).compute()


RECORDS = [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)]


class TestFoldby:
    @pytest.mark.parametrize("npartitions", [1, 2, 5, 9])
    def test_initial(self, npartitions: int) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=npartitions)
        assert bag.foldby(0, lambda n, r: n + r[1], 0, add).compute() == [("a", 9), ("b", 6)]
        assert bag.foldby(key=0, binop=lambda n, r: n + 1, initial=0, combine=add).compute() == [("a", 3), ("b", 2)]

    @pytest.mark.parametrize("npartitions", [1, 2, 5])
    @pytest.mark.parametrize("initial", [list, [], lambda: [*()]])
    def test_each_key_has_an_initial_of_its_own(self, initial: Any, npartitions: int) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=npartitions)
        made = bag.foldby(0, collect_record, initial, add)
        expected = [("a", [("a", 1), ("a", 3), ("a", 5)]), ("b", [("b", 2), ("b", 4)])]
        assert made.compute() == expected
        assert made.compute() == expected

    @pytest.mark.parametrize("npartitions", [1, 2, 5])
    def test_an_initial_of_the_merge_counts_once_for_each_key(self, npartitions: int) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=npartitions)
        made = bag.foldby(0, lambda n, r: n + r[1], 0, add, combine_initial=100, split_every=2)
        assert made.compute() == [("a", 109), ("b", 106)]

    @pytest.mark.parametrize("initial", [list, []])
    def test_a_mutable_initial_of_the_merge_is_each_keys_own(self, initial: Any) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=3)
        made = bag.foldby(0, lambda n, r: n + r[1], 0, collect_record, combine_initial=initial)
        expected = [("a", [1, 3, 5]), ("b", [2, 4])]
        assert made.compute() == expected
        assert made.compute() == expected

    def test_keys(self) -> None:
        bag = bk.from_sequence([{"n": "a", "m": 1}, {"n": "a", "m": 2}], npartitions=2)
        for key, names in (("n", ["a"]), (["n", "m"], [("a", 1), ("a", 2)]), (["n"], [("a",)]), (len, [2])):
            assert [name for name, _ in bag.foldby(key, lambda n, r: n + 1, 0, add).compute()] == names

    def test_equal_keys_of_other_types_are_one(self) -> None:
        bag = bk.from_sequence([1, True, 1.0, "1"], npartitions=4)
        assert repr(bag.foldby(lambda x: x, lambda n, r: n + 1, 0, add).compute()) == "[(1, 3), ('1', 1)]"

    def test_a_class_as_initial_is_called(self) -> None:
        def count(counter: Counter[Any], record: Any) -> Counter[Any]:
            counter[record[1] % 2] += 1
            return counter

        bag = bk.from_sequence(RECORDS, npartitions=2)
        assert bag.foldby(0, count, Counter, add).compute() == [("a", Counter({1: 3})), ("b", Counter({0: 2}))]

    def test_a_missing_key_raises(self) -> None:
        with pytest.raises(KeyError):
            bk.from_sequence([{}]).foldby("n", max).compute()


def poisoned(total: Any, record: Any) -> Any:
    """Fold, but forget the total at 3: the next record fails, and no record fails alone."""
    return None if record["n"] == 3 else total + record["n"]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_the_error_of_a_fold_by_key_names_the_record_at_which_it_was_raised(tmp_path: Path, scheduler: str) -> None:
    records = [{"k": "ab"[n % 5 == 1], "n": n} for n in range(10)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join([json.dumps(record) + "\n" for record in records]))
    bags = [bk.from_sequence(records, npartitions=1), bk.read_text(path).map(json.loads)]
    folds = [bag.foldby("k", poisoned, 0, max) for bag in bags]
    folds += [bag.map(lambda r: (r["k"], r)).aggregate_by_key(0, poisoned, max) for bag in bags]
    for fold, place in zip(folds, ["record 4", "line 5"] * 2, strict=True):
        with pytest.raises(TypeError) as caught:
            fold.compute(scheduler=scheduler, workers=1)
        assert place in caught.value.__notes__[1]
