"""Every operation, over every partitioning, gives what the same program on plain lists gives."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.compare import assert_same, outcome
from tests.operations.partitionings import PARTITIONINGS, partitions_of

IDS = [f"{case.name}-{case.takes}" for case in CASES]
LAZY = {"compute", "dask", "explain", "from_delayed", "npartitions", "persist", "to_delayed", "visualize"}
"""Names of Bag and Item that are no operation."""


def computed(result: Any, **options: Any) -> Any:
    return result.compute(**options) if isinstance(result, (bk.Bag, bk.Item)) else result


def check(case: Case, records: list[Any], partitioning: str, **options: Any) -> None:
    with bk.options(**options):
        bag = PARTITIONINGS[partitioning](records)
        parts = partitions_of(bag)
        assert_same(
            outcome(lambda: computed(case.on_bag(bag))), outcome(lambda: case.expected(parts)), case.approximate
        )


@pytest.mark.parametrize("optimize", [True, False], ids=["optimised", "as written"])
@pytest.mark.parametrize("partitioning", PARTITIONINGS)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_is_what_lists_give(case: Case, partitioning: str, optimize: bool) -> None:
    check(case, RECORDS[case.takes], partitioning, scheduler="sync", optimize=optimize)


@pytest.mark.parametrize("partitioning", PARTITIONINGS)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_is_what_lists_give_of_nothing(case: Case, partitioning: str) -> None:
    check(case, [], partitioning, scheduler="sync")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_is_what_lists_give_on_threads(case: Case) -> None:
    check(case, RECORDS[case.takes], "empty middle", scheduler="threads", workers=2)


@pytest.mark.parametrize("case", CASES[::3], ids=IDS[::3])
def test_is_what_lists_give_on_processes(case: Case) -> None:
    check(case, RECORDS[case.takes], "emptied by filter", scheduler="processes", workers=2)


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
    operations -= {"plan"}
    assert operations <= {case.operation for case in CASES}
