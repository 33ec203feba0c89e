"""Every operation, however its records are spread and whatever runs it, gives what plain lists give.

Each case runs on some partitionings, on each scheduler, both optimised and as written; `BAGKIT_PRODUCT=all` runs each
case on each partitioning in each of these ways.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.compare import assert_same, outcome
from tests.operations.partitionings import PARTITIONINGS, partitions_of
from tests.pairwise import WHOLE


def name_of(case: Case) -> str:
    return f"{case.name}-{case.takes}"


IDS = [name_of(case) for case in CASES]
LAZY = {"compute", "dask", "explain", "from_delayed", "npartitions", "persist", "to_delayed", "visualize"}
"""Names of Bag and Item that are no operation."""


def computed(result: Any, **options: Any) -> Any:
    return result.compute(**options) if isinstance(result, (bk.Bag, bk.Item)) else result


Way = tuple[str, bool, str]
"""A partitioning, whether the optimiser runs, and a scheduler."""
ALWAYS = ("one", "more than records", "emptied by filter")
"""Partitionings on which each case runs."""
TURNS = tuple(name for name in PARTITIONINGS if name not in ALWAYS)
"""Partitionings that take turns: each case runs on some of them."""
HOW = {
    0: ((True, "sync"), (False, "threads"), (False, "sync"), (True, "processes"), (True, "sync"), (False, "sync")),
    1: ((True, "sync"), (True, "threads"), (False, "sync"), (False, "processes"), (True, "sync"), (False, "sync")),
}
"""How a case runs on one partitioning after the other: on each scheduler, most often on the cheapest."""


def ways(number: int) -> list[Way]:
    """Return the ways in which to run the case of this number, all with `BAGKIT_PRODUCT=all`.

    Each case meets each scheduler, optimised and as written; and each partitioning meets each of these with some case.
    """
    if WHOLE:
        return list(itertools.product(PARTITIONINGS, (True, False), ("sync", "threads", "processes")))
    how = HOW[number // len(TURNS) % 2]
    chosen = [*ALWAYS, *(TURNS[(number + 3 * turn) % len(TURNS)] for turn in range(len(how) - len(ALWAYS)))]
    first = number // (2 * len(TURNS)) % len(how)
    return [(partitioning, *each) for partitioning, each in zip(chosen, how[first:] + how[:first], strict=True)]


def ways_of_nothing(number: int) -> list[Way]:
    if WHOLE:
        return ways(number)
    return [(name, (number + at) % 2 == 0, "sync") for at, name in enumerate((*ALWAYS, TURNS[number % len(TURNS)]))]


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


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=IDS)
def test_is_what_lists_give(number: int, case: Case) -> None:
    check(case, case.takes, ways(number))
    check(case, "", ways_of_nothing(number))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_result_can_be_computed_again(case: Case) -> None:
    bag = PARTITIONINGS["empty middle"](RECORDS[case.takes])
    with bk.options(scheduler="sync"):
        made = case.on_bag(bag)
        first, second = outcome(lambda: computed(made)), outcome(lambda: computed(made))
    assert_same(second, first)
    assert repr(bag.compute(scheduler="sync")) == repr(RECORDS[case.takes]), "the bag has changed"
    if isinstance(made, bk.Bag) and case.takes != "truths":
        parts = outcome(lambda: made.map_partitions(lambda records: 1).compute(scheduler="sync"))
        assert parts[0] == "error" or parts[1] == [1] * made.npartitions


@each_case("records", RECORDS.values(), ids=RECORDS)
@each_case("partitioning", PARTITIONINGS)
def test_partitionings_hold_all_records_in_order(records: list[Any], partitioning: str) -> None:
    bag = PARTITIONINGS[partitioning](records)
    parts = partitions_of(bag)
    assert len(parts) == bag.npartitions
    assert [record for part in parts for record in part] == records


def test_every_operation_has_a_case() -> None:
    operations = {name for kind in (bk.Bag, bk.Item) for name in dir(kind) if not name.startswith("_")} - LAZY
    operations -= {"plan", "unpersist"}
    operations -= {"split_errors", "profile"}  # test_rejects.py and tests/profiling hold these to lists
    operations -= {"to_hdf5"}  # tests/io/handover/test_hdf5.py, where h5py can be had
    operations -= {"cache", "shard"}  # tests/io/output/test_cache.py and test_merging.py
    assert operations <= {case.operation for case in CASES}
