"""Exchanges: answers depend on no memory, workers, hash seeds or schedulers; faults are in test_exchange_faults.py."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.lower.lower import lower
from bagkit.optimizer import optimize
from tests.hash_seeds import outputs_by_hash_seed
from tests.operations.cases_of_grouping import groups, joined, same
from tests.operations.functions import BadRecord, Fails, first, long_record, stops

KEYS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        [0.0, -0.0, 1.0, 0.5, Decimal(1), Decimal("0.5"), Fraction(1, 2), (1, "a"), (1.0, "a"), "a", b"a", ""]
    ),
    st.text(max_size=2),
    st.frozensets(st.integers(0, 2)),
)
RECORDS = st.lists(st.tuples(KEYS, st.integers(0, 99)), max_size=60)
LIMITS = st.sampled_from([None, 20_000, 200_000])
"""Bytes; the least of them makes every task write, and split again what it collects."""


def parts_of(bag: Any, **options: Any) -> list[list[Any]]:
    parts: list[list[Any]] = bag.map_partitions(lambda part: [part]).compute(scheduler="sync", **options)
    return parts


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[Path]:
    """Everything goes to a directory of its own, where nothing is left."""
    with bk.options(temporary_directory=tmp_path):
        yield tmp_path
    assert os.listdir(tmp_path) == []


@given(RECORDS, st.integers(1, 16), st.integers(1, 16), LIMITS)
def test_groups_are_those_of_a_dict(records: list[Any], before: int, after: int, limit: int | None) -> None:
    parts = parts_of(bk.from_sequence(records, npartitions=before).groupby(0, npartitions=after), memory_limit=limit)
    assert len(parts) == after
    expected = groups(first, records)
    place = {key: number for number, (key, _) in enumerate(expected)}
    for part in parts:
        assert [place[key] for key, _ in part] == sorted(place[key] for key, _ in part)
    assert sorted(chain(*parts), key=lambda group: place[group[0]]) == expected
    assert repr(sorted(chain(*parts), key=lambda group: place[group[0]])) == repr(expected)


@given(RECORDS, RECORDS, st.integers(1, 5), st.sampled_from(["inner", "left", "right", "outer"]), LIMITS)
def test_joins_are_those_of_a_loop(one: list[Any], other: list[Any], count: int, how: Any, limit: int | None) -> None:
    bag = bk.from_sequence(one, npartitions=3).join(bk.from_sequence(other, npartitions=2), 0, 0, how, count)
    got = bag.compute(scheduler="sync", memory_limit=limit)
    assert sorted(map(repr, got)) == sorted(map(repr, joined(one, other, how=how)))


@given(
    st.lists(st.tuples(st.integers(-5, 5) | st.floats(-2, 2), st.integers())),
    st.integers(1, 9), st.integers(1, 9), st.booleans(), LIMITS,
)  # fmt: skip
def test_sorting_is_sorted(records: list[Any], before: int, after: int, reverse: bool, limit: int | None) -> None:
    bag = bk.from_sequence(records, npartitions=before).sort_by(0, reverse, after)
    parts = parts_of(bag, memory_limit=limit)
    assert len(parts) == after
    assert repr(list(chain(*parts))) == repr(sorted(records, key=first, reverse=reverse))
    assert repr(parts) == repr(parts_of(bag))


@pytest.mark.parametrize("limit", [None, 20_000])
def test_sorting_by_what_has_no_order_loses_nothing(limit: int | None) -> None:
    """NaN is neither before a bound nor behind it: where it goes is open, but it goes to one place."""
    chance = random.Random(1)
    for number in range(4):
        records = [(n, chance.choice([float("nan"), 0.0, 1.0, 2.0, 3.0])) for n in range(150)]
        bag = bk.from_sequence(records, npartitions=3).sort_by(1, number % 2 == 1, 4)
        assert sorted(map(repr, bag.compute(scheduler="sync", memory_limit=limit))) == sorted(map(repr, records))


def spread() -> dict[str, Any]:
    bag = bk.range(4_000, npartitions=7).map(long_record)
    return {
        "groupby": bag.groupby(0, npartitions=3),
        "sort_by": bag.sort_by(0, npartitions=3),
        "frequencies": bag.map(first).frequencies(npartitions=3),
        "distinct": bag.distinct(lambda record: record[0][:3], npartitions=3),
        "join": bag.join(bag.filter(lambda record: record[1] % 4 == 0), 0, npartitions=3),
        "reduce_by_key": bag.pluck([0, 1]).reduce_by_key(max, npartitions=3),
    }


@pytest.mark.parametrize("operation", spread())
def test_results_depend_on_no_limit_and_no_scheduler(operation: str) -> None:
    bag = spread()[operation]
    expected = bag.compute(scheduler="sync")
    for scheduler, workers, limit in [("sync", 1, 150_000), ("threads", 3, 1_000_000), ("processes", 2, 1_000_000)]:
        assert bag.compute(scheduler=scheduler, workers=workers, memory_limit=limit) == expected, (scheduler, limit)


def test_results_depend_on_no_hash_seed() -> None:
    code = (
        "import bagkit as bk\n"
        "bag = bk.range(500, npartitions=5).map(lambda n: (str(n % 60), None if n % 3 else n % 7, n))\n"
        "made = [bag.groupby([0, 1]), bag.distinct(1, npartitions=4), bag.join(bag, 0, npartitions=2).sort_by(repr),\n"
        "        bag.partition_by(0), bag.pluck([0, 2]).reduce_by_key(max)]\n"
        "print([each.compute(scheduler='processes', workers=2, memory_limit=limit) for each in made\n"
        "       for limit in (None, 100_000)])"
    )
    assert len(outputs_by_hash_seed(code)) == 1


# Keys and functions that fail ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_all_nan_are_one_key(count: int) -> None:
    records = [float("nan"), 1, float("nan"), Decimal("nan"), 1.0]
    got = bk.from_sequence(records, npartitions=5).groupby(same, npartitions=count).compute(scheduler="processes")
    assert sorted(len(members) for _, members in got) == [2, 3]


def test_nan_joins_nan_whatever_is_joined_with() -> None:
    records, others = [float("nan"), 1, float("nan"), 2], [(float("nan"), "x"), (2.0, "y"), (Decimal("nan"), "z")]
    bag = bk.from_sequence(records, npartitions=2)
    for other in (others, bk.from_sequence(others, npartitions=2)):
        got = bag.join(other, same, first).compute(scheduler="sync")
        assert sorted((text, repr(record)) for (_, text), record in got) == [
            *[("x", "nan")] * 2, ("y", "2"), *[("z", "nan")] * 2,
        ]  # fmt: skip


def test_keys_that_cannot_be_told_apart_fail_at_their_record() -> None:
    bag = bk.from_sequence([1, 2, object, 4], npartitions=2).map(lambda x: x() if x is object else x)
    with pytest.raises(bk.UnstableKeyError, match="compared by identity") as caught:
        bag.groupby(same).compute(scheduler="sync")
    assert any("record 0, partition 1" in note for note in caught.value.__notes__)
    assert len(bag.repartition(1).groupby(same).compute(scheduler="sync")) == 4, "one partition needs no digest"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("make", [
    lambda bag, key, count: bag.groupby(key, npartitions=count),
    lambda bag, key, count: bag.sort_by(key, npartitions=count),
    lambda bag, key, count: bag.distinct(key, npartitions=count),
    lambda bag, key, count: bag.join(bk.range(5, 2), key, same, npartitions=count),
    lambda bag, key, count: bag.join([1, 2], key, same),
], ids=["groupby", "sort_by", "distinct", "join", "join with a list"])  # fmt: skip
def test_keys_that_raise(make: Any, count: int) -> None:
    bag = bk.from_sequence([3, 1, 2, 4], npartitions=count)
    with pytest.raises(BadRecord) as caught:
        make(bag, Fails(2), count).compute(scheduler="sync")
    assert "record: 2" in caught.value.__notes__
    with pytest.raises(bk.StoppedEarlyError):
        make(bag, stops(2), count).compute(scheduler="sync")
    kept = make(bag.filter(lambda x: x != 2), same, count).compute(scheduler="sync")
    skipping = make(bag, Fails(2), count)
    with pytest.warns(bk.SkippedRecordsWarning):
        assert sorted(skipping.compute(scheduler="sync", on_error="skip")) == sorted(kept)


@pytest.mark.parametrize("count", [1, 3])
def test_functions_that_stop(count: int) -> None:
    bag = bk.from_sequence([("a", 1), ("a", 2), ("a", 3)], npartitions=count)
    with pytest.raises(bk.StoppedEarlyError):
        bag.reduce_by_key(lambda one, other: next(iter(()))).compute(scheduler="sync")
    with pytest.raises(ZeroDivisionError) as caught:
        bag.aggregate_by_key(0, lambda n, x: n + x, lambda n, m: n / 0, 1).reduce_by_key(max).repartition(1).map(
            lambda pair: pair[1] / 0
        ).compute(scheduler="sync")
    assert caught.value.__notes__


BAD_SIDE = [{"k": 1}, {"x": 1}, {"k": 2}]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("key", ["k", itemgetter("k"), lambda record: record["k"]])
def test_a_record_of_the_other_side_of_a_join_that_has_no_key_is_named(count: int, key: Any) -> None:
    """One partition is held as a table, and several are exchanged: neither decides what is said of a record."""
    good, bad = bk.from_sequence(BAD_SIDE[::2], npartitions=2), bk.from_sequence(BAD_SIDE, npartitions=count)
    for bag in (good.join(bad, key), bad.join(bad, key), bad.filter(bool).join(bad, key)):
        with pytest.raises(KeyError, match="'k'") as caught:
            bag.compute(scheduler="sync")
        assert "record: {'x': 1}" in caught.value.__notes__
        got = bag.compute(scheduler="sync", on_error="collect")
        assert sorted(got.result, key=str) == [(one, one) for one in BAD_SIDE[::2]]
        assert {failure.place.record["x"] for failure in got.failures} == {1}


def test_a_record_of_a_list_to_join_that_has_no_key_is_named() -> None:
    with pytest.raises(KeyError) as caught:
        bk.from_sequence([{"k": 1}]).join(BAD_SIDE, "k").compute(scheduler="sync")
    assert caught.value.__notes__ == ["at record 1 of the other side", "record: {'x': 1}", "in join('k')"]


def test_a_key_of_too_many_records_is_named() -> None:
    bag = bk.range(20_000, npartitions=4).map(lambda n: ("rare" if n % 100 == 0 else "often", str(n)))
    with pytest.raises(bk.GroupTooLargeError, match="the records of the key 'often' take about") as caught:
        bag.groupby(0, npartitions=2).compute(scheduler="sync", memory_limit=1_000_000)
    assert isinstance(caught.value, MemoryError)
    counted = bag.aggregate_by_key(0, lambda n, x: n + 1, lambda n, m: n + m, 2)
    assert sorted(counted.compute(scheduler="sync", memory_limit=1_000_000)) == [("often", 19_800), ("rare", 200)]


def test_what_cannot_be_pickled_is_named() -> None:
    bag = bk.range(3_000, npartitions=2).map(lambda n: (n, threading.Lock()))
    with pytest.raises(bk.NotPicklableError, match="lock"):
        bag.groupby(0).compute(scheduler="sync", memory_limit=100_000)


# Memory -------------------------------------------------------------------------------------------------------------


PEAK = """
import sys, bagkit as bk
operation, limit = sys.argv[1], int(sys.argv[2])
COUNT = 110_000
def record(n):
    return {"key": n * 7919 % 20011, "name": "%016d" % (n * 104729 % 1000003) + "x" * 200, "n": n}
def peak(part):
    if sys.platform == "darwin":
        import resource
        return [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
    return [int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM:")]
bag = bk.range(COUNT, npartitions=8).map(record)
made = {
    "groupby": lambda: bag.groupby("key").map(lambda group: len(group[1])).sum(),
    "sort_by": lambda: bag.sort_by("name").count(),
}[operation]()
with bk.options(scheduler="processes", workers=1):
    before = max(bk.range(1, 1).map_partitions(peak).compute())
    assert made.compute(memory_limit=limit) == COUNT
    print(max(bk.range(1, 1).map_partitions(peak).compute()) - before)
"""


@pytest.mark.parametrize("operation", ["groupby", "sort_by"])
def test_four_times_the_limit_stays_within_it(operation: str, tmp_path: Path) -> None:
    limit = 16 << 20  # and the records take 64 MiB
    run = subprocess.run([sys.executable, "-c", PEAK, operation, str(limit)], capture_output=True, text=True,
                         check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) <= 1.3 * limit


def tasks_of(bag: Any) -> int:
    return len(lower(optimize((bag.plan,)))[0].tasks)


def test_one_partition_into_one_is_no_exchange() -> None:
    one, three = bk.range(9, 1).map(str), bk.range(9, 3).map(str)
    for make in (lambda bag, n: bag.groupby(len, npartitions=n), lambda bag, n: bag.distinct(npartitions=n)):
        assert tasks_of(make(one, 1).map(repr)) == 1
        assert tasks_of(make(three, 2).map(repr)) == 3 + 1 + 2, "splitting, dealing, collecting"
    assert tasks_of(one.sort_by(len)) == 1
    assert tasks_of(three.sort_by(len, npartitions=2)) == 3 + 1 + 3 + 1 + 2, (
        "sorting, bounds, cutting, dealing, merging"
    )


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_executors_of_the_users_run_exchanges(executor: Any) -> None:
    bag = spread()["groupby"]
    context = {"mp_context": get_context("forkserver")} if executor is ProcessPoolExecutor else {}
    with executor(2, **context) as pool_of_two:
        got = bag.compute(scheduler=pool_of_two, memory_limit=1_000_000)
    assert got == bag.compute(scheduler="sync")


@pytest.mark.parametrize(
    ("made", "note"),
    [
        (lambda b: b.map(same).sort_by(same), "in sort_by(cases_of_grouping.same)"),
        (lambda b: b.topk(2, same), "in topk(2, key=cases_of_grouping.same)"),
        (
            lambda b: b.map(lambda x: [x]).filter(None).groupby(same),
            "in groupby(cases_of_grouping.same)",
        ),
        (lambda b: b.map(lambda x: [x]).distinct(same).flatten(), "in distinct(cases_of_grouping.same)"),
        (lambda b: b.map(same).join([[1]], same), "in join(cases_of_grouping.same)"),
    ],
)
def test_errors_of_an_operation_itself_name_it(made: Callable[[Any], Any], note: str) -> None:
    with pytest.raises(TypeError) as caught:
        made(bk.from_sequence([1, "a"], npartitions=1)).compute(scheduler="sync")
    assert note in caught.value.__notes__
