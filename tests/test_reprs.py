"""What a prompt or a notebook shows of results: one to three lines, however large they are."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

import bagkit as bk

DATA = [str(n) if n % 100 else f"no number {n}\x1b[31m" for n in range(20_000)]


@pytest.fixture(scope="module")
def collected() -> Any:
    return bk.from_sequence(DATA, npartitions=4).map(int).compute(scheduler="sync", on_error="collect")


def test_what_was_collected(collected: Any) -> None:
    assert repr(collected) == (
        "Collected(list of 19,800; 200 failures, first\n"
        "  ValueError: invalid literal for int() with base 10: 'no number 0\\x1b[31m' in map(int) "
        "at from_sequence, record 0, partition 0)"
    )
    assert repr(bk.Collected(3, [])) == "Collected(3; no failure)"
    assert repr(bk.Collected({"a": 1}, collected.failures[:1])).startswith("Collected(dict of 1; 1 failure:\n  ValueE")
    assert repr(bk.Collected("x" * 1000, [])) == f"Collected('{'x' * 78}…; no failure)"


def test_what_was_collected_of_a_frame() -> None:
    bag = bk.from_sequence([{"a": 1}, {"a": 0}, {"a": 2}])
    got = bag.filter(lambda r: 1 / r["a"]).to_dataframe(scheduler="sync", on_error="collect")
    assert repr(got).startswith("Collected(DataFrame of 2 × 1; 1 failure:\n  ZeroDivisionError: division by zero in ")


def test_a_failure_and_its_place(collected: Any) -> None:
    failure = collected.failures[0]
    assert repr(failure) == (
        "Failure(ValueError: invalid literal for int() with base 10: 'no number 0\\x1b[31m' in map(int) "
        "at from_sequence, record 0, partition 0, record: 'no number 0\\x1b[31m')"
    )
    assert repr(failure.place) == (
        "Place(source='from_sequence', partition=0, index=0, record='no number 0\\x1b[31m')"
    )  # fmt: skip


class Odd:
    def __repr__(self) -> str:
        raise ValueError


class Long:
    def __repr__(self) -> str:
        return "one\ntwo\u202e" * 1000


@pytest.mark.parametrize("record", [["x"] * 10_000, "x" * 10_000, b"\n" * 10_000, Odd(), Long()])
def test_a_large_record_in_a_failure(record: Any) -> None:
    def fail(record: Any) -> None:
        raise ValueError("line\n" * 10_000)

    got = bk.from_sequence([record], 1).map(fail).compute(scheduler="sync", on_error="collect")
    for shown in (repr(got), repr(got.failures[0]), repr(got.failures[0].place), str(got.failures[0])):
        assert len(shown) < 600
        assert shown.count("\n") <= 1
        assert "\u202e" not in shown


def test_stats() -> None:
    stats = bk.from_sequence([1, 2, 3, 6], npartitions=2).stats().compute(scheduler="sync")
    assert repr(stats) == "Stats(count=4, mean=3.0, var=3.5, std=1.8708286933869707, min=1, max=6, sum=12)"
    large = dataclasses.replace(stats, sum=10**6000)
    assert len(repr(large)) < 300
    assert (large.sum, large == stats) == (10**6000, False)


def test_the_partition_of_many_files(tmp_path: Any) -> None:
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text("a\n")
    bag = bk.read_text(tmp_path / "*.txt", files_per_partition=5)
    (shown,) = bag.map_partitions_with_info(lambda records, info: [repr(info)]).compute(scheduler="sync")
    paths = ", ".join([repr(str(tmp_path / f"{n}.txt")) for n in range(3)])
    assert shown == f"PartitionInfo(index=0, npartitions=1, paths=({paths}, … 2 more))"
    assert repr(bk.PartitionInfo(0, 2, ("a",))) == "PartitionInfo(index=0, npartitions=2, paths=('a',))"
    assert repr(bk.PartitionInfo(0, 2)) == "PartitionInfo(index=0, npartitions=2, paths=())"


def test_a_profile() -> None:
    with bk.Profile() as profile:
        assert repr(profile) == "Profile(0 tasks)"
        bk.range(100, npartitions=4).map(str).map(int).sum().compute(scheduler="sync")
    shown = repr(profile)
    assert shown.startswith("Profile(5 tasks, ")
    assert shown.endswith((" in range)", " in map(str))", " in map(int))", " in sum)"))
    assert "\n" not in shown


def test_what_is_written() -> None:
    assert repr(bk.Manifest(())) == "Manifest(0 files, 0 records, 0 bytes)"


def test_plans_do_not_show_their_data() -> None:
    bag = bk.from_sequence(DATA, npartitions=1).join(DATA, on_self=str)
    for made in (bag, bag.persist(scheduler="sync"), bag.count(), bag.count().persist(scheduler="sync")):
        assert len(repr(made.plan)) < 2000
        assert len(repr(made)) < 2000


def test_they_are_dataclasses_as_before(collected: Any) -> None:
    assert [each.name for each in dataclasses.fields(bk.Collected) if not each.kw_only] == ["result", "failures"]
    names = ["place", "operation", "error", "collected", "is_damage", "_again"]
    assert [each.name for each in dataclasses.fields(bk.Failure)] == names
    match collected:
        case bk.Collected(result, failures):
            assert len(result) + len(failures) == len(DATA)
    assert bk.Collected([1], []) == bk.Collected([1], [])
    assert bk.Stats(*range(7)) == bk.Stats(*range(7)) != bk.Stats(*range(1, 8))
    for same in (copy.copy(collected), pickle.loads(pickle.dumps(bk.Collected([1], [])))):
        assert same.result
    assert hash(collected.failures[0].place) == hash(copy.copy(collected.failures[0].place))
