"""Filters are given what they read of records, and whole ones are made of the lines that they keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


def records(number: int) -> list[Any]:
    return [
        {"n": index, "tags": [index, 1], "address": {"city": "ab"[index % 2], "zip": [index]}, "name": f"é{index}"}
        for index in range(number)
    ]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def pops(record: Any) -> bool:
    return bool(record["tags"].pop() == 1 and record["n"] % 3)


FILTERS: list[Callable[[Any], Any]] = [
    lambda record: record["n"] % 50 == 7,
    lambda record: record["n"] > 2,
    lambda record: record["address"]["city"] == "a" and record["n"] % 5,
    lambda record: record["n"] >= 3_000,  # at first none, then all
    lambda record: record["tags"][0] % 2,  # a list, which a filter could change
    lambda record: record.get("none", record["n"] == 2_222) or record["n"] < 6,
    pops,
]


def keys(record: Any) -> Any:
    return [sorted(record), record]


@pytest.mark.parametrize("number", range(len(FILTERS)))
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_records_are_whole_behind_a_filter(tmp_path: Path, number: int, scheduler: str) -> None:
    path = written(tmp_path / "a.json", [json.dumps(record) for record in records(6_000)])
    expected = [keys(record) for record in records(6_000) if FILTERS[number](record)]
    bag = bk.read_json(path).filter(FILTERS[number]).map(keys)
    assert bag.compute(scheduler=scheduler) == expected
    assert list(bag.take(5, scheduler="sync")) == expected[:5]


def test_several_filters_one_after_the_other(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [json.dumps(record) for record in records(3_000)])
    bag = bk.read_json(path).filter(FILTERS[1]).remove(FILTERS[0]).filter(FILTERS[2]).filter(pops).map(keys)
    expected = [record for record in records(3_000) if FILTERS[1](record) and not FILTERS[0](record)]
    expected = [keys(record) for record in expected if FILTERS[2](record) and pops(record)]
    assert bag.compute(scheduler="sync") == expected


def test_lines_that_only_the_standard_library_takes(tmp_path: Path) -> None:
    odd = ['{"n": 7, "x": NaN}', '{"n": 57, "x": 1e400}', '{"n": NaN}', '{"n": 107, "n": 7, "x": "\\ud800"}']
    lines = [*[json.dumps(record) for record in records(300)], *odd] * 2
    path = written(tmp_path / "a.json", lines)
    expected = [keys(record) for record in map(json.loads, lines) if FILTERS[0](record)]
    assert repr(bk.read_json(path).filter(FILTERS[0]).map(keys).compute(scheduler="sync")) == repr(expected)


@pytest.mark.parametrize("at", [0, 77, 2_999])
@pytest.mark.parametrize(
    ("line", "error"), [('{"n": 7, "x": [}', ValueError), ('{"m": 7}', KeyError), ("[7]", TypeError), ("7", TypeError)]
)
def test_what_fails_does_so_where_it_stands(tmp_path: Path, at: int, line: str, error: type[Exception]) -> None:
    lines = [json.dumps(record) for record in records(3_000)]
    lines[at] = line
    bag = bk.read_json(written(tmp_path / "a.json", lines)).filter(FILTERS[0]).map(keys)
    with pytest.raises(error) as caught:
        bag.compute(scheduler="sync")
    assert f"line {at + 1}" in "".join(caught.value.__notes__)
    good = [record for number, record in enumerate(records(3_000)) if number != at]
    with pytest.warns(bk.SkippedRecordsWarning):
        found = bag.compute(scheduler="sync", on_error="skip")
    assert found == [keys(record) for record in good if FILTERS[0](record)]


def test_an_error_behind_the_filter_names_the_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [json.dumps(record) for record in records(500)])
    bag = bk.read_json(path).filter(FILTERS[0]).map(lambda record: 1 // (record["n"] - 107) + len(record))
    with pytest.raises(ZeroDivisionError) as caught:
        bag.compute(scheduler="sync")
    assert "line 108" in "".join(caught.value.__notes__)
