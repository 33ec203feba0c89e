"""Records that fail are raised, skipped or collected: no others are lost, none comes twice, each is named rightly."""

from __future__ import annotations

import functools
import itertools
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from tests.examples import examples
from tests.operations.functions import BadRecord, Fails, stops
from tests.pairwise import WHOLE, rows

RECORDS = list(range(12))
POSITIONS = {
    "none": [],
    "first": [0],
    "last": [11],
    "last of a partition": [3, 7],
    "first of a partition": [4, 8],
    "in a row": [4, 5, 6, 7, 8],
    "all": RECORDS,
    "scattered": [0, 2, 5, 9, 11],
}
ELEMENTWISE: dict[str, Callable[[Any, Any], Any]] = {
    "map": lambda b, f: b.map(f),
    "map keyword": lambda b, f: b.map(lambda x, y: f(x), y=1),
    "map item": lambda b, f: b.map(lambda x, t: f(x), b.count()),
    "map bag": lambda b, f: b.map(lambda x, y: f(x), b),
    "filter": lambda b, f: b.filter(lambda x: [f(x)]),
    "remove": lambda b, f: b.remove(lambda x: not [f(x)]),
    "starmap": lambda b, f: b.map(lambda x: (x,)).starmap(f),
    "map, map": lambda b, f: b.map(f).map(lambda x: x),
    "behind flatten": lambda b, f: b.map(lambda x: [x]).flatten().map(f),
    "before flatten": lambda b, f: b.map(lambda x: [f(x)]).flatten(),
    "in flatten": lambda b, f: b.map(lambda x: Opens(x, f)).flatten(),
    "behind map_partitions": lambda b, f: b.map_partitions(list).map(f),
    "before map_partitions": lambda b, f: b.map(f).map_partitions(list),
    "before repartition": lambda b, f: b.map(f).repartition(5),
    "before a join of partitions": lambda b, f: b.map(f).repartition(2),
    "behind repartition": lambda b, f: b.repartition(5).map(f),
    "in a concat": lambda b, f: bk.concat([b.map(f), bk.from_sequence([])]),
    "behind a concat": lambda b, f: bk.concat([bk.from_sequence([]), b]).map(f),
    "distinct": lambda b, f: b.distinct(f),
    "before distinct": lambda b, f: b.map(f).distinct(),
    "behind distinct": lambda b, f: b.distinct().map(f),
    "behind frequencies": lambda b, f: b.frequencies().map(lambda pair: f(pair[0])),
    "foldby key": lambda b, f: b.foldby(f, max).pluck(1),
    "foldby binop": lambda b, f: b.foldby(lambda x: x, lambda n, x: f(x), 0, max).pluck(1),
    "topk key": lambda b, f: b.topk(99, lambda x: -f(x)),
    "key behind map_partitions": lambda b, f: b.map_partitions(list).distinct(f),
    "key of a shared bag": lambda b, f: (lambda c: c.distinct(f).map(lambda x, n: x, c.count()))(b.map(lambda x: x)),
    "before take": lambda b, f: b.map(f).take(12, compute=False),
}
"""Each gives the records that `f` does not fail on, in order."""


class Opens:
    """A record that can't be iterated over where `function` fails."""

    def __init__(self, number: int, function: Callable[[Any], Any]) -> None:
        self.number = number
        self.function = function

    def __iter__(self) -> Any:
        return iter([self.function(self.number)])


def compute(made: Any, **options: Any) -> tuple[Any, int]:
    """Return what `made` computes to, and how many records the warning says were skipped."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = made.compute(scheduler="sync", **options)
    assert len(caught) <= 1
    if not caught:
        return result, 0
    assert caught[0].category is bk.SkippedRecordsWarning
    assert caught[0].filename == __file__
    return result, int(str(caught[0].message).split()[0])


def skips(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=npartitions), Fails(*bad))
    for optimize in (True, False):
        result, skipped = compute(made, on_error="skip", optimize=optimize)
        assert result == [x for x in RECORDS if x not in bad]
        assert skipped == len(bad)


def skips_for_a_part_of_the_plan(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    bag = bk.from_sequence(RECORDS, npartitions=npartitions)
    made = ELEMENTWISE[operation](bag, Fails(*bad)).on_error("skip").map(lambda x: x * 2)
    result, skipped = compute(made)
    assert result == [x * 2 for x in RECORDS if x not in bad]
    assert skipped == len(bad)


def collects(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=npartitions), Fails(*bad))
    got = made.compute(scheduler="sync", on_error="collect")
    assert got.result == [x for x in RECORDS if x not in bad]
    assert sorted(failure.error.args[0] for failure in got.failures) == bad
    assert all(isinstance(failure.error, BadRecord) for failure in got.failures)


def raises(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=npartitions), Fails(*bad))
    for inner in (made, made.on_error("raise")):
        if bad:
            with pytest.raises(BadRecord) as caught:
                inner.compute(scheduler="sync")
            assert caught.value.args == (bad[0],)
        else:
            assert inner.compute(scheduler="sync") == RECORDS


def raises_for_a_part_of_the_plan(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    bag = bk.from_sequence(RECORDS, npartitions=npartitions)
    made = ELEMENTWISE[operation](bag, Fails(*bad)).on_error("raise").map(Fails(1))
    if bad:
        with pytest.raises(BadRecord):
            made.compute(scheduler="sync", on_error="skip")
    else:
        assert compute(made, on_error="skip") == ([x for x in RECORDS if x != 1], 1)


def a_stop_iteration_is_a_failure_too(operation: str, position: str, npartitions: int) -> None:
    bad = POSITIONS[position]
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=npartitions), stops(*bad))
    result, skipped = compute(made, on_error="skip")
    assert result == [x for x in RECORDS if x not in bad]
    assert skipped == len(bad)


BEARS = (
    skips,
    skips_for_a_part_of_the_plan,
    collects,
    raises,
    raises_for_a_part_of_the_plan,
    a_stop_iteration_is_a_failure_too,
)


WAYS_TO_FAIL: dict[str, list[tuple[int, str, int]]] = {}
for _number, (_operation, _position, _npartitions) in enumerate(rows(ELEMENTWISE, POSITIONS, (1, 3, 20))):
    _turn = _number + _number // len(POSITIONS)
    WAYS_TO_FAIL.setdefault(_operation, []).append((_turn, _position, _npartitions))


@pytest.mark.parametrize("operation", ELEMENTWISE)
def test_every_operation_bears_failures(operation: str) -> None:
    """All ways to treat failures in one test, since pytest's own share of each would be larger than theirs.

    Each way meets half of the positions, all with `BAGKIT_PRODUCT=all`.
    """
    for turn, position, npartitions in WAYS_TO_FAIL[operation]:
        for check in BEARS if WHOLE else BEARS[turn % 2 :: 2]:
            try:
                check(operation, position, npartitions)
            except BaseException as error:
                error.add_note(f"{check.__name__}: failures are {position!r} of {npartitions} partitions")
                raise


PLACED = ["map", "map keyword", "map item", "filter", "remove", "starmap", "map, map", "behind flatten",
          "before flatten", "in flatten", "before map_partitions", "before repartition", "before a join of partitions",
          "distinct", "before distinct", "foldby key", "foldby binop", "topk key", "before take"]  # fmt: skip
"""Operations whose failing records stand in the source."""


@pytest.mark.parametrize("operation", PLACED)
def test_places_are_those_of_the_source(operation: str) -> None:
    bad = POSITIONS["scattered"]
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=3), Fails(*bad))
    got = made.compute(scheduler="sync", on_error="collect")
    places = [failure.place for failure in got.failures]
    assert [(p.source, p.partition, p.index, p.record) for p in places] == [
        ("from_sequence", n // 4, n % 4, n) for n in bad
    ]


@pytest.mark.parametrize("operation", PLACED)
def test_places_are_right_when_it_raises(operation: str) -> None:
    made = ELEMENTWISE[operation](bk.from_sequence(RECORDS, npartitions=3), Fails(6))
    with pytest.raises(BadRecord) as caught:
        made.compute(scheduler="sync")
    assert caught.value.__notes__[1:] == ["at from_sequence, record 2, partition 1", "record: 6"]


def double(record: int) -> int:
    return Fails(5)(record) * 2


OPERATIONS_NAMED: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "map(test_on_error.double)": ([5], lambda b: b.map(double)),
    "map(double)": ([5], lambda b: b.map(str).map(int).map(double)),
    "filter(double)": ([5], lambda b: b.map(lambda x: x).filter(double).map(lambda x: x)),
    "pluck('a')": ([{}], lambda b: b.map(lambda x: x).pluck("a")),
    "pluck(['a', 'b'])": ([{"a": 1}], lambda b: b.pluck(["a", "b"])),
    "flatten": ([5], lambda b: b.flatten()),
    "distinct(double)": ([5], lambda b: b.map(lambda x: x).distinct(double)),
    "distinct('a')": ([{}], lambda b: b.distinct("a")),
    "starmap(lambda)": ([(5, 0)], lambda b: b.starmap(lambda x, y: x // y)),
    "map(Fails)": ([5], lambda b: b.map(lambda x: x).map(Fails(5)).map(lambda x: x)),
    "map(partial(double))": ([5], lambda b: b.map(functools.partial(double))),
    "foldby(double, max)": ([5], lambda b: b.foldby(double, max)),
}


@pytest.mark.parametrize("label", OPERATIONS_NAMED)
def test_the_operation_is_named(label: str) -> None:
    records, on_bag = OPERATIONS_NAMED[label]
    made = on_bag(bk.from_sequence(records))
    label = label.replace("test_on_error.double", "double").replace("double", "test_on_error.double")
    (failure,) = made.compute(scheduler="sync", on_error="collect").failures
    assert failure.operation == label
    with pytest.raises(Exception) as caught:
        made.compute(scheduler="sync")
    assert caught.value.__notes__[0] == f"in {label}"


def test_failures_read_well() -> None:
    got = bk.from_sequence(["1", "two"], npartitions=1).map(int).compute(scheduler="sync", on_error="collect")
    assert str(got.failures[0]) == (
        "ValueError: invalid literal for int() with base 10: 'two' in map(int) at from_sequence, record 1, partition 0"
    )


class TestItems:
    def test_they_leave_out_what_fails(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=3).map(Fails(3, 4))
        assert compute(bag.sum(), on_error="skip") == (59, 2)
        assert compute(bag.count(), on_error="skip") == (10, 2)
        assert compute(bag.on_error("skip").count()) == (10, 2)
        assert compute(bag.fold(max), on_error="skip") == (11, 2)
        assert compute(bag.reduction(list, list), on_error="skip") == ([[0, 1, 2], [5, 6, 7], [8, 9, 10, 11]], 2)

    def test_what_a_reduction_itself_fails_on_is_left_out(self) -> None:
        bag = bk.from_sequence([1, "two", 3, "four"], npartitions=2)
        assert compute(bag.sum(), on_error="skip") == (4, 2)
        assert compute(bk.from_sequence([[1], 2, [3], 2]).distinct(), on_error="skip") == ([2], 2)
        assert compute(bk.from_sequence([[1], 2, [3], 2]).frequencies(), on_error="skip") == ([(2, 2)], 2)
        assert compute(bk.from_sequence([1, 2, "x"]).fold(lambda a, x: a + x, initial=0), on_error="skip") == (3, 1)

    def test_collected(self) -> None:
        got = bk.from_sequence(RECORDS, npartitions=3).map(Fails(3)).count().compute(
            scheduler="sync", on_error="collect")  # fmt: skip
        assert (got.result, len(got.failures)) == (11, 1)

    def test_errors_of_no_record_are_raised(self) -> None:
        bag = bk.from_sequence([1, 2, 3, "x"], npartitions=2)
        with pytest.raises(TypeError):
            bag.max().compute(scheduler="sync", on_error="skip")  # each can be the largest, but not of both
        with pytest.raises(bk.EmptyBagError):
            bk.from_sequence([1]).map(Fails(1)).max().compute(scheduler="sync", on_error="skip")
        with pytest.raises(BadRecord):
            bk.from_sequence([1]).sum().apply(Fails(1)).compute(scheduler="sync", on_error="skip")


class TestWholePartitions:
    """A function over a whole partition is no function of a record, so none can be left out."""

    @pytest.mark.parametrize("policy", ["skip", "collect"])
    @pytest.mark.parametrize("npartitions", [1, 2])
    def test_a_failing_function_is_raised(self, policy: str, npartitions: int) -> None:
        bag = bk.from_sequence([1, 2, 3, 4], npartitions=npartitions)
        for made in (
            bag.map_partitions(lambda p: Fails(2)(p[1])),
            bag.map_partitions(lambda p: (Fails(2)(x) for x in p)),
            bag.map_partitions(lambda p, n: (Fails(2)(x) for x in p), bag.count()),
            bag.map_partitions(lambda p, q: map(Fails(2), p), bag),
        ):
            with pytest.raises(BadRecord):
                made.compute(scheduler="sync", on_error=policy)

    def test_unequal_lengths_are_raised(self) -> None:
        one, other = bk.from_sequence([1, 2, 3], npartitions=1), bk.from_sequence([1, 2], npartitions=1)
        for first, second in ((one, other), (other, one)):
            with pytest.raises(ValueError, match=r"^map: .* got fewer in bag "):
                first.map(lambda x, y: x, second).compute(scheduler="sync", on_error="skip")

    def test_bags_side_by_side_stay_in_step(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2)
        pairs = bag.map(lambda x, y: (x, y), bag.map(Fails(3)).on_error("raise"))
        with pytest.raises(BadRecord):
            pairs.compute(scheduler="sync", on_error="skip")
        # A bag without one record is shorter: pairs that do not belong together are not made of it.
        with pytest.raises(ValueError, match=r"^map: .* got fewer in bag 1 than in bag 2"):
            bag.map(Fails(3)).map(lambda x, y: (x, y), bag).on_error("skip").compute(scheduler="sync")


class TestPolicies:
    def test_the_nearest_one_counts(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2)
        made = bag.map(Fails(1)).on_error("skip").map(Fails(2)).on_error("raise").map(Fails(3)).on_error("skip")
        with pytest.raises(BadRecord, match=r"2"):
            made.compute(scheduler="sync")
        made = bag.map(Fails(1)).on_error("skip").map(Fails(2)).on_error("collect").map(Fails(3))
        with pytest.raises(BadRecord, match=r"3"):
            made.compute(scheduler="sync")
        got, skipped = compute(made, on_error="skip")
        assert got.result == [0, *range(4, 12)]
        assert [failure.error.args for failure in got.failures] == [(2,)]
        assert skipped == 2

    def test_where_users_differ_the_strictest_counts(self) -> None:
        shared = bk.from_sequence(RECORDS, npartitions=2).map(Fails(5))
        made = bk.concat([shared, shared.on_error("skip")])
        with pytest.raises(BadRecord):
            made.compute(scheduler="sync")
        assert len(compute(made, on_error="skip")[0]) == 22

    def test_options_can_say_it(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2).map(Fails(5))
        with bk.options(on_error="collect"):
            assert len(bag.compute(scheduler="sync").failures) == 1
            with pytest.raises(BadRecord):
                bag.compute(scheduler="sync", on_error="raise")

    def test_a_shared_bag_counts_its_failures_once(self) -> None:
        shared = bk.from_sequence(RECORDS, npartitions=2).map(Fails(5))
        got = shared.map(lambda x, y: x + y, shared).compute(scheduler="sync", on_error="collect")
        assert got.result == [2 * x for x in RECORDS if x != 5]
        assert len(got.failures) == 1


@pytest.mark.parametrize("operation", ["map", "distinct", "behind flatten", "map bag", "behind map_partitions"])
def test_failures_where_batches_meet(operation: str) -> None:
    bad = [0, 1022, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4999]
    made = ELEMENTWISE[operation](bk.range(5000, npartitions=1), Fails(*bad))
    got = made.compute(scheduler="sync", on_error="collect")
    assert got.result == [x for x in range(5000) if x not in bad]
    assert [failure.error.args[0] for failure in got.failures] == bad


class TestWarning:
    def test_it_counts_and_gives_examples(self) -> None:
        bag = bk.from_sequence(range_to := list(range(5000)), npartitions=2).map(Fails(*range_to[::2]))
        with pytest.warns(bk.SkippedRecordsWarning) as caught:
            bag.compute(scheduler="sync", on_error="skip")
        (warning,) = caught
        assert str(warning.message).splitlines() == [
            '2,500 records skipped, as on_error="skip" asked; hint: on_error="collect" gives each with its place',
            "  first: BadRecord: 0 in map(Fails) at from_sequence, record 0, partition 0; "
            "record 2, partition 0; record 4, partition 0",
        ]
        assert warning.filename == __file__

    def test_one(self) -> None:
        bag = bk.from_sequence([1]).map(Fails(1))
        with pytest.warns(bk.SkippedRecordsWarning, match=r"^1 record skipped, as"):
            bag.compute(scheduler="sync", on_error="skip")

    @pytest.mark.parametrize("policy", ["skip", "collect"])
    def test_take_and_iteration_warn_too(self, policy: str) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2).map(Fails(1)).on_error(policy)  # type: ignore[arg-type]
        with bk.options(scheduler="sync"):
            for get in (lambda: bag.take(4), lambda: list(bag), lambda: list(itertools.islice(bag, 8))):
                with pytest.warns(
                    bk.SkippedRecordsWarning, match=f'^1 record skipped, as on_error="{policy}"'
                ) as caught:
                    get()
                assert caught[0].filename == __file__

    def test_an_error_that_has_no_text_is_told_all_the_same(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError("no text")

        bag = bk.from_sequence([1, 2]).map(Fails(1, error=Mute))
        with pytest.warns(bk.SkippedRecordsWarning, match=r"Mute: <its str\(\) raises ValueError> in map\(Fails\)"):
            assert bag.compute(scheduler="sync", on_error="skip") == [2]

    def test_the_first_ones_of_files_are_told_by_their_lines(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / name).write_text("1\ntwo\nthree\n")
        with pytest.warns(bk.SkippedRecordsWarning) as caught:
            bk.read_text(tmp_path / "*").map(int).compute(scheduler="sync", on_error="skip")
        assert str(caught[0].message).splitlines()[1] == (
            "  first: ValueError: invalid literal for int() with base 10: 'two\\n' in map(int) "
            f"at {tmp_path / 'a'}, line 2 (byte 2), partition 0; line 3, partition 0; {tmp_path / 'b'}, line 2, "
            "partition 1"
        )

    def test_no_failure_no_warning(self) -> None:
        assert bk.from_sequence(RECORDS).map(Fails()).compute(scheduler="sync", on_error="skip") == RECORDS


class TestOnce:
    """A plan and its counts are told of once in a session, where Python's filters leave it to a default."""

    @staticmethod
    def told(*gets: Callable[[], Any], action: Any = "default") -> list[int]:
        """Return how many warnings there are after each call."""
        numbers = []
        with warnings.catch_warnings(record=True) as caught, bk.options(scheduler="sync", on_error="skip"):
            warnings.simplefilter(action)
            for get in gets:
                get()
                numbers.append(len(caught))
        assert {warning.filename for warning in caught} <= {__file__}
        return numbers

    def test_the_same_bag(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2).map(Fails(1, 2))
        gets = [lambda: bag.compute(), lambda: bag.compute(), lambda: list(bag), lambda: bag.persist()]
        assert self.told(*gets) == [1, 1, 1, 1]
        assert self.told(lambda: bag.take(8), lambda: bag.take(8), lambda: bag.take(9)) == [1, 1, 2]

    def test_an_equal_plan(self) -> None:
        def get(limit: int, data: list[int] = RECORDS) -> Callable[[], Any]:
            return lambda: bk.from_sequence(data).map(lambda x: 1 // (x - limit)).compute()

        assert self.told(get(90, [90]), get(90, [90]), get(91, [91]), get(91, [91, 92])) == [1, 1, 2, 3]

    def test_other_counts(self, tmp_path: Path) -> None:
        bad = tmp_path / "bad"

        def fail(record: int) -> int:
            return int(bad.read_text()) // record

        bad.write_text("1")
        bag = bk.from_sequence([0, 1, 2]).map(fail)
        assert self.told(bag.compute, bag.compute, lambda: bad.write_text("x"), bag.compute) == [1, 1, 1, 2]

    def test_each_run_that_writes_tells_what_its_files_lack(self, tmp_path: Path) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=2).map(Fails(1, 2)).map(lambda x: {"x": x})
        for number, write in enumerate((bag.to_jsonl, bag.to_parquet, functools.partial(bag.to_sqlite, table="t"))):
            places = [tmp_path / f"{number}-{run}" for run in "ab"]
            assert self.told(*[functools.partial(write, place) for place in places]) == [1, 2], write
        assert self.told(*[functools.partial(bag.to_jsonl, tmp_path / "0-a", exist="resume")] * 2) == [1, 2]
        assert self.told(bag.to_arrow, bag.to_arrow) == [1, 1]

    def test_a_bag_that_can_not_be_pickled(self) -> None:
        lock = threading.Lock()
        bag = bk.from_sequence(RECORDS).map(lambda x: 1 // x if lock else x)
        assert self.told(bag.compute, bag.compute) == [1, 1]

    def test_other_lines(self) -> None:
        bag = bk.from_sequence(RECORDS, npartitions=3).map(Fails(3))

        def elsewhere() -> None:
            bag.compute()

        assert self.told(bag.compute, elsewhere, lambda: list(bag)) == [1, 1, 1]

    @pytest.mark.parametrize(
        ("action", "numbers"), [("always", [1, 2, 3]), ("ignore", [0, 0, 0]), ("module", [1, 1, 1])]
    )
    def test_filters_have_the_word(self, action: str, numbers: list[int]) -> None:
        bag = bk.from_sequence([*RECORDS, action]).map(Fails(1))
        assert self.told(bag.compute, bag.compute, bag.compute, action=action) == numbers

    def test_what_was_ignored_was_not_told(self) -> None:
        bag = bk.from_sequence(RECORDS).map(Fails(11))
        assert self.told(bag.compute, action="ignore") == [0]
        assert self.told(bag.compute, bag.compute) == [1, 1]

    def test_an_error_each_time(self) -> None:
        bag = bk.from_sequence(RECORDS).map(Fails(10))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(2):
                with pytest.raises(bk.SkippedRecordsWarning, match="1 record skipped"):
                    bag.compute(scheduler="sync", on_error="skip")

    def test_filters_of_one_module(self) -> None:
        bag = bk.from_sequence(RECORDS).map(Fails(9))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", message="1 record", module=__name__.replace(".", r"\."))
            for _ in range(2):
                bag.compute(scheduler="sync", on_error="skip")
        assert len(caught) == 2


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_failures_come_from_workers(scheduler: str) -> None:
    bag = bk.from_sequence(RECORDS, npartitions=4).map(Fails(2, 9)).distinct(Fails(5))
    got = bag.compute(scheduler=scheduler, workers=2, on_error="collect")
    assert got.result == [x for x in RECORDS if x not in (2, 5, 9)]
    assert [(f.place.partition, f.place.index, f.error.args) for f in got.failures] == [
        (0, 2, (2,)), (1, 2, (5,)), (3, 0, (9,)),
    ]  # fmt: skip
    with pytest.warns(bk.SkippedRecordsWarning, match=r"3 records"):
        bag.compute(scheduler=scheduler, workers=2, on_error="skip")


class TwoArguments(Exception):
    """Can't be pickled as it is: its __init__ wants other arguments than it passes on."""

    def __init__(self, record: Any, lock: Any = None) -> None:
        super().__init__("text", record)
        self.lock = threading.Lock()


@pytest.mark.parametrize("policy", ["skip", "collect"])
def test_errors_that_can_not_be_pickled_are_failures_too(policy: str) -> None:
    bag = bk.from_sequence(RECORDS, npartitions=4).map(Fails(5, error=TwoArguments))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bk.SkippedRecordsWarning)
        got = bag.compute(scheduler="processes", workers=2, on_error=policy)
    assert (got if policy == "skip" else got.result) == [x for x in RECORDS if x != 5]
    assert policy == "skip" or [failure.place.record for failure in got.failures] == [5]


# A chain of operations, said once more for plain lists with a try around each record -------------------------------


def attempt(function: Callable[[Any], Any], records: list[Any]) -> tuple[list[Any], int]:
    """Return what `function` gives for each record that it does not fail on, and how many it does fail on."""
    kept, failed = [], 0
    for record in records:
        try:
            kept.append(function(record))
        except BadRecord:
            failed += 1
    return kept, failed


def on_lists(records: list[int], steps: list[tuple[str, Fails]]) -> tuple[list[int], int]:
    failures = 0
    for name, function in steps:
        if name == "map":
            records, failed = attempt(function, records)
        elif name == "filter":
            kept, failed = attempt(lambda x, f=function: (x, f(x)), records)
            records = [x for x, wanted in kept if wanted % 3]
        elif name == "flatten":
            lists, failed = attempt(lambda x, f=function: [f(x), x + 1], records)
            records = [x for each in lists for x in each]
        elif name == "distinct":
            kept, failed = attempt(lambda x, f=function: (f(x), x), records)
            first: dict[int, int] = {}
            for key, x in kept:
                first.setdefault(key, x)
            records = list(first.values())
        else:
            failed = 0
        failures += failed
    return records, failures


def on_bags(bag: Any, steps: list[tuple[str, Fails]]) -> Any:
    for name, function in steps:
        if name == "map":
            bag = bag.map(function)
        elif name == "filter":
            bag = bag.filter(lambda x, f=function: f(x) % 3)
        elif name == "flatten":
            bag = bag.map(lambda x, f=function: [f(x), x + 1]).flatten()
        elif name == "distinct":
            bag = bag.distinct(function)
        elif name == "repartition":
            bag = bag.repartition(len(function.on) + 1)
        else:
            bag = bag.map_partitions(list)
    return bag


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["map", "map", "filter", "flatten", "distinct", "repartition", "map_partitions"]),
        st.sets(st.integers(0, 8), max_size=5).map(lambda bad: Fails(*bad)),
    ),
    min_size=1,
    max_size=5,
)


@examples(80)
@given(st.lists(st.integers(0, 9), max_size=15), st.integers(1, 6), STEPS, st.booleans(), st.booleans())
def test_is_what_lists_give(
    records: list[int], npartitions: int, steps: list[tuple[str, Fails]], optimize: bool, by_plan: bool
) -> None:
    expected, failed = on_lists(records, steps)
    made = on_bags(bk.from_sequence(records, npartitions=npartitions), steps)
    made, options = (made.on_error("skip"), {}) if by_plan else (made, {"on_error": "skip"})
    assert compute(made, optimize=optimize, **options) == (expected, failed)
    got = on_bags(bk.from_sequence(records, npartitions=npartitions), steps).compute(
        scheduler="sync", on_error="collect", optimize=optimize
    )
    assert (got.result, len(got.failures)) == (expected, failed)
