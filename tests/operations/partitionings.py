"""Ways to spread the same records over partitions, with empty ones in every place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bagkit as bk

JUNK = ...
"""A record that is filtered out again."""


def is_kept(record: Any) -> bool:
    return record is not JUNK


def _filtered(records: list[Any]) -> Any:
    half = len(records) // 2
    groups = [[JUNK], [JUNK, *records[:half]], [JUNK, JUNK], [*records[half:], JUNK], [JUNK]]
    return bk.concat([bk.from_sequence(group, npartitions=1) for group in groups]).filter(is_kept)


def _with_empty(records: list[Any], *places: int) -> Any:
    bags = [bk.from_sequence(records[: len(records) // 2], npartitions=2),
            bk.from_sequence(records[len(records) // 2 :], npartitions=1)]  # fmt: skip
    for place in places:
        bags.insert(place, bk.from_sequence([]))
    return bk.concat(bags)


PARTITIONINGS: dict[str, Callable[[list[Any]], Any]] = {
    "one": lambda records: bk.from_sequence(records, npartitions=1),
    "three": lambda records: bk.from_sequence(records, npartitions=3),
    "more than records": lambda records: bk.from_sequence(records, npartitions=len(records) + 7),
    "by size": lambda records: bk.from_sequence(records, partition_size=2),
    "by default": bk.from_sequence,
    "empty first": lambda records: _with_empty(records, 0),
    "empty middle": lambda records: _with_empty(records, 1, 1),
    "empty last": lambda records: _with_empty(records, 2),
    "emptied by filter": _filtered,
    "joined": lambda records: bk.from_sequence(records, npartitions=7).repartition(3),
    "split": lambda records: bk.from_sequence(records, npartitions=2).repartition(5),
}


def partitions_of(bag: Any) -> list[list[Any]]:
    """Return the records of each partition."""
    return bag.map_partitions(lambda records: [records]).compute(scheduler="sync")
