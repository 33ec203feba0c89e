"""Every operation, however its records are spread and whatever runs it, gives what plain lists give.

Each case runs over each partitioning, and with each scheduler both optimised and as written; `BAGKIT_PRODUCT=all` runs
each case over each partitioning in each of these ways.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import pytest

import bagkit as bk
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.compare import assert_same, outcome
from tests.operations.partitionings import PARTITIONINGS, partitions_of
from tests.pairwise import WHOLE, rows


def name_of(case: Case) -> str:
    return f"{case.name}-{case.takes}"


IDS = [name_of(case) for case in CASES]
LAZY = {"compute", "dask", "explain", "from_delayed", "npartitions", "persist", "to_delayed", "visualize"}
"""Names of Bag and Item that are no operation."""


def computed(result: Any, **options: Any) -> Any:
    return result.compute(**options) if isinstance(result, (bk.Bag, bk.Item)) else result


SCHEDULERS = ("sync", "threads", "processes", "sync", "sync")
"""Where a case runs; most often where that is cheapest."""
Way = tuple[str, bool, str]
"""A partitioning, whether the optimiser runs, and a scheduler."""


def ways(partitionings: Iterable[str], schedulers: Iterable[str]) -> dict[str, list[Way]]:
    """Return the ways in which to run each case, by its name."""
    found: dict[str, list[Way]] = {}
    for name, *way in rows(IDS, partitionings, (True, False), schedulers):
        found.setdefault(name, []).append(tuple(way))
    return found


ALIKE = {"by size", "by default", "empty middle", "empty last"}
"""Partitionings that differ from no other where there are no records: one partition that is empty, or several."""
WAYS = ways(PARTITIONINGS, SCHEDULERS)
WAYS_OF_NOTHING = ways(
    PARTITIONINGS if WHOLE else [name for name in PARTITIONINGS if name not in ALIKE],
    SCHEDULERS if WHOLE else SCHEDULERS[:1],
)


@functools.cache
def parts_of(kind: str, partitioning: str) -> list[list[Any]]:
    """Return the partitions that `partitioning` makes of the records of this kind; of none at all for no kind."""
    with bk.options(scheduler="sync", workers=2):
        return partitions_of(PARTITIONINGS[partitioning](RECORDS[kind] if kind else []))


def check(case: Case, kind: str, ways: list[Way]) -> None:
    for partitioning, optimize, scheduler in ways:
        parts = [list(part) for part in parts_of(kind, partitioning)]
        try:
            with bk.options(optimize=optimize, scheduler=scheduler, workers=2):
                bag = PARTITIONINGS[partitioning](RECORDS[kind] if kind else [])
                got = outcome(lambda bag=bag: computed(case.on_bag(bag)))
            assert_same(got, outcome(lambda parts=parts: case.expected(parts)), case.approximate)
        except BaseException as error:
            error.add_note(f"partitioning {partitioning!r}, optimize={optimize}, scheduler {scheduler!r}")
            raise


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_is_what_lists_give(case: Case) -> None:
    check(case, case.takes, WAYS[name_of(case)])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_is_what_lists_give_of_nothing(case: Case) -> None:
    check(case, "", WAYS_OF_NOTHING[name_of(case)])


@pytest.mark.parametrize("records", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("partitioning", PARTITIONINGS)
def test_partitionings_hold_all_records_in_order(records: list[Any], partitioning: str) -> None:
    bag = PARTITIONINGS[partitioning](records)
    parts = partitions_of(bag)
    assert len(parts) == bag.npartitions
    assert [record for part in parts for record in part] == records


@pytest.mark.parametrize("case", [case for case in CASES if case.takes != "truths"], ids=lambda case: case.name)
def test_npartitions_are_those_that_come_out(case: Case) -> None:
    made = case.on_bag(PARTITIONINGS["empty middle"](RECORDS[case.takes]))
    if isinstance(made, bk.Bag):
        parts = outcome(lambda: made.map_partitions(lambda records: 1).compute(scheduler="sync"))
        assert parts[0] == "error" or parts[1] == [1] * made.npartitions


def test_a_bag_is_not_changed_by_what_is_made_of_it() -> None:
    for case in CASES:
        records = RECORDS[case.takes]
        bag = bk.from_sequence(records, npartitions=3)
        before = repr(bag.compute(scheduler="sync"))
        with bk.options(scheduler="sync"):
            outcome(lambda case=case, bag=bag: computed(case.on_bag(bag)))
        assert repr(bag.compute(scheduler="sync")) == before, case.name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_result_can_be_computed_again(case: Case) -> None:
    with bk.options(scheduler="sync"):
        made = case.on_bag(PARTITIONINGS["three"](RECORDS[case.takes]))
        first, second = outcome(lambda: computed(made)), outcome(lambda: computed(made))
    assert_same(second, first)


def test_every_operation_has_a_case() -> None:
    operations = {name for kind in (bk.Bag, bk.Item) for name in dir(kind) if not name.startswith("_")} - LAZY
    operations -= {"plan", "unpersist"}
    operations -= {"split_errors", "profile"}  # test_rejects.py and tests/profiling hold these to lists
    operations -= {"cache", "shard"}  # tests/io/output/test_cache.py and test_merging.py
    assert operations <= {case.operation for case in CASES}
