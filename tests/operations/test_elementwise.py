"""The corners of map, starmap, filter, remove, pluck and flatten."""

from __future__ import annotations

import collections
import functools
import operator
from collections.abc import Iterator
from typing import Any

import pytest

import bagkit as bk

pytestmark = pytest.mark.usefixtures("sync")


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, record: int) -> int:
        return record * self.factor

    def method(self, record: int) -> int:
        return record + self.factor


class WithoutTruth:
    def __bool__(self) -> bool:
        raise ValueError("the truth value of this is not known")


def flag_of(number: int) -> Any:
    return WithoutTruth() if number % 6 == 5 else number % 2


class TestMap:
    @pytest.mark.parametrize("function", [
        abs, float, lambda x: x, Scale(3), Scale(3).method, functools.partial(pow, 2), operator.neg,
        functools.lru_cache(abs), int.__add__ and (5).__add__, type,
    ])  # fmt: skip
    def test_whatever_can_be_called(self, function: Any) -> None:
        assert bk.range(4, 2).map(function).compute() == [function(x) for x in range(4)]

    def test_iterators_among_the_results_stay_what_they_are_within_a_process(self) -> None:
        assert bk.range(3, 1).map(lambda x: iter(range(x))).map(list).compute() == [[], [0], [0, 1]]

    def test_functions_that_return_none_or_bags_of_things(self) -> None:
        assert bk.range(2, 1).map(lambda x: None).compute() == [None, None]
        assert bk.range(2, 1).map(lambda x: {x}).compute() == [{0}, {1}]
        assert bk.from_sequence([len, abs]).map(lambda f: f.__name__).compute() == ["len", "abs"]

    @pytest.mark.parametrize("wrong", [None, 5, "upper", [abs]])
    def test_other_things_are_an_error(self, wrong: Any) -> None:
        bag = bk.range(2, 1)
        for name in ("map", "starmap", "map_partitions"):
            with pytest.raises(bk.PlanError, match=rf"^{name}: the function can't be called; got .* of type "):
                getattr(bag, name)(wrong)
        with pytest.raises(bk.PlanError, match=r"^apply: the function can't be called"):
            bag.sum().apply(wrong)

    def test_keywords_may_have_the_names_of_ours(self) -> None:
        assert bk.range(2, 1).map(lambda x, function, self=0: x + function, function=5).compute() == [5, 6]
        assert bk.range(2, 1).starmap(max, key=len).npartitions == 1

    def test_errors_keep_type_arguments_and_cause(self) -> None:
        def fail(record: int) -> int:
            try:
                return {}[record]  # type: ignore[no-any-return]
            except KeyError as error:
                raise ArithmeticError("no", record) from error

        with pytest.raises(ArithmeticError) as caught:
            bk.range(2, 2).map(fail).compute()
        assert caught.value.args == ("no", 0)
        assert isinstance(caught.value.__cause__, KeyError)


class TestStarmap:
    def test_records_of_any_kind_that_can_be_spread(self) -> None:
        records = [(1, 2), [3, 4], {5: 0, 6: 0}, range(7, 9)]
        assert bk.from_sequence(records).starmap(lambda a, b: a + b).compute() == [3, 7, 11, 15]

    def test_others_raise(self) -> None:
        with pytest.raises(TypeError):
            bk.from_sequence([5]).starmap(abs).compute()
        with pytest.raises(TypeError):
            bk.from_sequence([(1, 2, 3)]).starmap(lambda a, b: a).compute()


class TestFilter:
    def test_truth_is_pythons(self) -> None:
        records = [0, 1, "", "a", None, [], [0], {}, 0.0]
        assert bk.from_sequence(records).filter(lambda x: x).compute() == [1, "a", [0]]
        assert bk.from_sequence(records).filter(None).compute() == [1, "a", [0]]
        assert bk.from_sequence(records).remove(None).compute() == [0, "", None, [], {}, 0.0]

    @pytest.mark.parametrize("way", [{}, {"optimize": False}, {"scheduler": "processes", "workers": 2}], ids=str)
    def test_a_flag_without_a_truth_fails_for_its_record(self, way: Any) -> None:
        """A function is called for a block of records before the first flag is looked at."""
        bag = bk.range(24, npartitions=1).filter(flag_of)
        with pytest.raises(ValueError, match="the truth value of this is not known") as caught:
            bag.compute(**way)
        assert "record: 5" in caught.value.__notes__
        even = [number for number in range(24) if number % 6 != 5 and number % 2]
        found = bag.compute(on_error="collect", **way)
        assert found.result == even
        assert [(failure.place.record, failure.operation) for failure in found.failures] == [
            (number, "filter(test_elementwise.flag_of)") for number in range(5, 24, 6)
        ]
        good, bad = bag.split_errors()
        assert bk.compute(good, bad.pluck("input"), **way) == (even, [5, 11, 17, 23])

    def test_records_pass_as_they_are(self) -> None:
        assert repr(bk.from_sequence([True, 1, 1.0]).filter(lambda x: x == 1).compute()) == "[True, 1, 1.0]"

    @pytest.mark.parametrize("wrong", [5, "x", [None]])
    def test_other_things_are_an_error(self, wrong: Any) -> None:
        for name in ("filter", "remove"):
            with pytest.raises(bk.PlanError, match=rf"^{name}: the function can't be called; got "):
                getattr(bk.range(2, 1), name)(wrong)


class TestPluck:
    def test_keys_of_every_kind(self) -> None:
        records: list[Any] = [{"a": 1, 0: "x", (1, 2): "t", None: "n"}, {"a": 2, 0: "y", (1, 2): "u", None: "m"}]
        bag = bk.from_sequence(records)
        for key in ("a", 0, (1, 2), None):
            assert bag.pluck(key).compute() == [record[key] for record in records]
        assert bag.pluck(["a", 0]).compute() == [(1, "x"), (2, "y")]
        assert bag.pluck(slice(0, 2)).npartitions == 2

    def test_what_pluck_reads_of(self) -> None:
        point = collections.namedtuple("point", "x y")
        assert bk.from_sequence([point(1, 2)]).pluck(1).compute() == [2]
        assert bk.from_sequence(["abc"]).pluck(-1).compute() == ["c"]
        assert bk.from_sequence([[1, 2, 3]]).pluck(slice(1, None)).compute() == [[2, 3]]
        assert bk.from_sequence([collections.defaultdict(list)]).pluck("new").compute() == [[]]

    def test_defaults(self) -> None:
        bag = bk.from_sequence([{"a": 1}, {"b": 2}, {}])
        assert bag.pluck("a", default=None).compute() == [1, None, None]
        assert bag.pluck(["a", "b"], default=0).compute() == [(1, 0), (0, 2), (0, 0)]
        assert bag.pluck(["a"], 0).compute() == [(1,), (0,), (0,)]
        assert bag.pluck([], 0).compute() == [(), (), ()]
        assert bk.from_sequence([[1], []]).pluck(0, "none").compute() == [1, "none"]

    def test_a_default_is_for_what_is_missing_only(self) -> None:
        with pytest.raises(TypeError):
            bk.from_sequence([5]).pluck("a", default=0).compute()

    def test_what_is_missing_raises_as_ever(self) -> None:
        with pytest.raises(KeyError):
            bk.from_sequence([{}]).pluck("a").compute()
        with pytest.raises(IndexError):
            bk.from_sequence([[]]).pluck(0).compute()
        with pytest.raises(TypeError):
            bk.from_sequence([None]).pluck("a").compute()

    def test_a_function_is_an_error(self) -> None:
        with pytest.raises(bk.PlanError, match=r"^pluck: the key is a function; got lambda; .*map takes functions$"):
            bk.range(2, 1).pluck(lambda x: x)


class TestFlatten:
    def test_one_level(self) -> None:
        assert bk.from_sequence([[1, [2]], (), "ab", {"k": 0}, iter([3])]).flatten().compute() == [
            1, [2], "a", "b", "k", 3,
        ]  # fmt: skip
        assert bk.from_sequence([[[1]], [[2, 3]]]).flatten().flatten().compute() == [1, 2, 3]

    def test_what_can_not_be_iterated_raises(self) -> None:
        with pytest.raises(TypeError, match=r"'int' object is not iterable"):
            bk.from_sequence([[1], 5]).flatten().compute()

    def test_an_error_inside_of_a_record(self) -> None:
        def broken(x: int) -> Any:
            yield x
            raise ValueError("inside")

        bag = bk.range(3, 1).map(broken).flatten()
        with pytest.raises(ValueError, match=r"inside"):
            bag.compute()
        with pytest.warns(bk.SkippedRecordsWarning, match=r"3 records"):
            assert bag.compute(on_error="skip") == [0, 1, 2]


@pytest.mark.parametrize("policy", ["ignore", None, True, 5])
def test_on_error_checks_its_policy(policy: Any) -> None:
    with pytest.raises(bk.PlanError, match=r"^on_error: the policy is .*; expected 'raise', 'skip' or 'collect'$"):
        bk.range(1, 1).on_error(policy)


def up_to(n: int, *more: int) -> Iterator[int]:
    yield from range(n)
    yield from more


def test_what_generator_functions_give_leaves_tasks_as_lists() -> None:
    made = bk.range(3, npartitions=2).map(up_to)
    expected: list[Any] = [[], [0], [0, 1]]
    for bag in (made, made.repartition(1), bk.range(3, 2).map(functools.partial(up_to))):
        assert bag.compute() == list(bag) == bag.persist().compute() == expected
    assert [part.compute() for part in made.to_delayed()] == [expected[:1], expected[1:]]
    assert (made.take(2), made.flatten().take(2), made.map(next, None).compute()) == (([], [0]), (0, 0), [None, 0, 0])
    assert bk.range(3, npartitions=2).map(up_to, bk.range(3, npartitions=2)).compute() == [[0], [0, 1], [0, 1, 2]]
    assert bk.from_sequence([(2, 7)]).starmap(up_to).compute() == [[0, 1, 7]]
