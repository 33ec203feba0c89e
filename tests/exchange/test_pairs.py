"""Keys that hardly ever come twice: their records go into no groups on the way, and come out as a dict groups them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import UnstableKeyError

NAN = float("nan")


class Text(str):
    pass


ODD = [True, 1.0, 1, Decimal(1), 0.0, -0.0, 0, False, NAN, float("nan"), Decimal("nan"), 2**70, -(2**63), 2.5, None]
ODD += ["\ud800", "a", Text("a"), b"a", (1, "a"), (1.0, Text("a")), frozenset([1]), "", "k0", 3]


def integer(number: int) -> Any:
    return (number * 7919) % 1_000_003 - 1000


def text(number: int) -> Any:
    return f"k{number}"


def pairs(key: Callable[[int], Any]) -> Iterator[tuple[Any, int]]:
    """Yield for each of two partitions many keys that come once, then odd ones, and some that come again."""
    for start in (0, 50_000):
        keys = chain(map(key, range(start, start + 8_300)), ODD, map(key, range(start + 8_200, start + 8_500)), ODD)
        yield from ((each, start + number) for number, each in enumerate(keys))


def expected(records: list[tuple[Any, int]]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for record in records:
        found.setdefault(record[0] if record[0] == record[0] else NAN, []).append(record)
    return found


def shown(key: Any) -> str:
    return "NaN" if key != key else repr(key)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[None]:
    with bk.options(temporary_directory=tmp_path):
        yield
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "count", "options"),
    [
        (integer, 3, {"scheduler": "processes", "workers": 2}),
        (text, 1, {"scheduler": "sync"}),
        (text, 5, {"scheduler": "processes", "workers": 2, "memory_limit": 2_000_000}),
    ],
)
def test_groups_are_those_of_a_dict(key: Callable[[int], Any], count: int, options: Any) -> None:
    records = list(pairs(key))
    groups = expected(records)
    bag = bk.from_sequence(records, npartitions=2).groupby(0, npartitions=count)
    parts = bag.map_partitions(lambda part: [list(part)]).compute(**options)
    assert len(parts) == count
    place = {shown(each): number for number, each in enumerate(groups)}
    for part in parts:
        assert [place[shown(each)] for each, _ in part] == sorted(place[shown(each)] for each, _ in part)
    got = {shown(each): repr(values) for each, values in chain(*parts)}
    assert got == {shown(each): repr(values) for each, values in groups.items()}


@pytest.mark.parametrize("count", [1, 2])
def test_a_key_that_is_none_is_found_with_its_record(count: int) -> None:
    records = [{"id": number} for number in range(9_000)]
    bag = bk.from_sequence(records, npartitions=1)
    with pytest.raises(TypeError, match="unhashable") as caught:
        bag.groupby(lambda r: [] if r["id"] == 8_777 else r["id"], npartitions=count).compute(scheduler="sync")
    assert "8777" in "".join(caught.value.__notes__)
    unequal = bag.groupby(lambda r: object() if r["id"] > 8_990 else r["id"], npartitions=count)
    if count == 1:
        assert len(unequal.compute(scheduler="sync")) == 9_000
    else:
        with pytest.raises(UnstableKeyError, match="is compared by identity"):
            unequal.compute(scheduler="sync")


def test_joins_are_those_of_a_loop() -> None:
    one = [{"id": number, "left": number} for number in range(9_000)]
    other = [{"id": number, "right": number} for number in range(8_900, 18_000)]
    joined = bk.from_sequence(one, npartitions=1).join(bk.from_sequence(other, npartitions=1), "id", npartitions=2)
    assert sorted((a["right"], b["left"]) for a, b in joined.compute(scheduler="sync")) == [
        (number, number) for number in range(8_900, 9_000)
    ]
