from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

RECORDS: list[Any] = [
    {"name": "Ada", "address": {"zip": "W1", "city": "London", "geo": {"lat": 1.5, "lon": 2}}, "born": 1815},
    {"born": 1906, "address": None, "name": "Grace"},
    {"address": {"zip": "1"}},
    {"address": ["London"], "name": {"first": "Alan"}},
    {},
    None,
    [{"name": "x"}],
    "name",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return path


def only(paths: list[tuple[str, ...]], value: Any) -> Any:
    if () in paths or not isinstance(value, dict):
        return value
    inner = {key: [path[1:] for path in paths if path[0] == key] for key in value}
    return {key: only(inner[key], value[key]) for key in value if inner[key]}


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize(
    "columns",
    [
        ["name"],
        ["name", ("address", "city")],
        [("address", "geo", "lat"), ("address", "zip"), "born"],
        [("address", "city"), "address"],
        [("address",), "missing", ("name", "first")],
        [],
    ],
)
def test_columns_of_json(path: Path, columns: list[Any], optimize: bool) -> None:
    paths = [column if isinstance(column, tuple) else (column,) for column in columns]
    expected = [only(paths, record) for record in RECORDS]
    bag = bk.read_json(path, columns=columns)
    got = bag.compute(scheduler="sync", optimize=optimize)
    assert [json.dumps(record) for record in got] == [json.dumps(record) for record in expected]  # in this order too

    def read(record: Any) -> Any:
        try:
            return record["address"]["city"], record.get("born")
        except Exception as error:
            return repr(error)

    assert bag.map(read).compute(scheduler="sync", optimize=optimize) == list(map(read, expected))
    assert bag.count().compute(scheduler="sync", optimize=optimize) == len(RECORDS)


def test_two_users_of_columns(path: Path) -> None:
    bag = bk.read_json(path, columns=["name", "born"]).filter(lambda record: isinstance(record, dict))
    names, births = bk.compute(
        bag.pluck("name", 0), bag.map(lambda record: [record.get("born"), record.get("address")]), scheduler="sync"
    )
    dicts = [record for record in RECORDS if isinstance(record, dict)]
    assert names == [record.get("name", 0) for record in dicts]
    assert births == [[record.get("born"), None] for record in dicts]


@pytest.mark.parametrize("columns", ["name", [1], [("name", 1)], [()], {"name"}, [["name"]]])
def test_columns_that_are_none(path: Path, columns: Any) -> None:
    with pytest.raises(bk.PlanError, match=r"^read_json: columns is .*; expected a list of keys, .*; hint: read_json"):
        bk.read_json(path, columns=columns)
