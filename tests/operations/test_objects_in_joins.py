"""Joins that take objects in place of records: the answers and errors of plain Python on dicts."""

from __future__ import annotations

import json
import operator
import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case
from tests.examples import FACTOR
from tests.operations.test_objects_of_fields import a_line, outcome

ROWS = [{"name": f"n{number}", "m": number} for number in range(6)]
TWICE = [*ROWS, {"name": "n1", "m": "text"}, {"name": None, "m": 7}, {"name": 1, "m": None}, {"name": float("nan")}]
ADDED = lambda pair: pair[0]["m"] + pair[1]["age"]  # noqa: E731
PROGRAMS: dict[str, tuple[Any, list[tuple[str, Any]]]] = {
    "map": ("name", [("map", ADDED)]),
    "only of the table": ("name", [("map", lambda pair: pair[0]["m"])]),
    "only of the records": ("name", [("map", lambda pair: [pair[1]["age"], pair[1]["x"]])]),
    "starmap": ("name", [("starmap", lambda row, r: (row, r["age"], r["address"]["city"]))]),
    "filters": (
        "name",
        [("filter", lambda pair: pair[1]["age"] > pair[0]["m"]), ("remove", lambda pair: pair[1]["x"]), ("map", ADDED)],
    ),
    "a key inside": (lambda r: r["address"]["city"], [("map", lambda pair: pair[1]["name"] + pair[1]["age"])]),
    "a key that is made": (lambda r: "n" + r["x"] or r["name"], [("map", ADDED)]),
    "another field as key": ("x", [("map", ADDED)]),
}


def pairs_of(record: Any, rows: list[Any], key: Any, how: str) -> list[Any]:
    value = key(record) if callable(key) else record[key]
    {}.get(value)  # some have no hash
    found = [row for row in rows if row["name"] == value or (value != value and row["name"] != row["name"])]
    return [(row, record) for row in found or ([None] if how == "left" else [])]


def on_lists(lines: list[bytes], rows: list[Any], name: str, how: str) -> tuple[list[Any], Exception | None]:
    """Return what comes out where what fails is skipped, and the first error."""
    key, steps = PROGRAMS[name]
    found: list[Any] = []
    first: Exception | None = None
    for line in lines:
        try:
            pairs = pairs_of(json.loads(line.decode()), rows, key, how)
        except Exception as error:
            first = first or error
            continue
        for pair in pairs:
            try:
                made: list[Any] = [pair]
                for method, function in steps:
                    given = [function(*each) if method == "starmap" else function(each) for each in made]
                    wanted = [bool(each) is (method == "filter") for each in given]
                    is_filter = method in ("filter", "remove")
                    made = [each for each, kept in zip(made, wanted, strict=True) if kept] if is_filter else given
                found += made
            except Exception as error:
                first = first or error
    return found, first


def bag_of(path: Path, rows: list[Any], name: str, how: str) -> Any:
    key, steps = PROGRAMS[name]
    bag: Any = bk.read_text(path).map(json.loads).join(rows, key, "name", how)
    for method, function in steps:
        bag = getattr(bag, method)(function)
    return bag


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@each_case("name", PROGRAMS)
@pytest.mark.parametrize(("rows", "how"), [(ROWS, "inner"), (TWICE, "inner"), (ROWS, "left")])
@pytest.mark.parametrize(("odd", "broken"), [(0.0, 0.0), (0.02, 0.0), (0.3, 0.0), (0.1, 0.1)])
def test_answers_and_errors(name: str, rows: list[Any], how: str, odd: float, broken: float, tmp_path: Path) -> None:
    rng = random.Random(f"{name} {odd} {broken} {how}")
    path = tmp_path / "a.json"
    for number in (1, 40, 400) * FACTOR:
        lines = [a_line(rng, odd, broken) for _ in range(number)]
        path.write_bytes(b"".join(lines))
        found, first = on_lists(lines, rows, name, how)
        bag = bag_of(path, rows, name, how)
        with bk.options(scheduler="sync"):
            assert outcome(partial(bag.compute, on_error="skip")) == repr(found)
            expected = repr(found) if first is None else (type(first), str(first))
            assert outcome(bag.compute) == expected


def test_who_watches_calls_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "n1", "age": 40}\n' * 30)
    key: Any = lambda r: r["name"]  # noqa: E731
    bag = bk.read_text(path).map(json.loads).join(ROWS, key, operator.itemgetter("name")).map(ADDED)
    seen: list[Any] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code) if event == "call" else None)
    try:
        found = bag.compute(scheduler="sync")
    finally:
        sys.setprofile(before)
    assert found == [41] * 30
    assert [seen.count(function.__code__) for function in (key, ADDED)] == [30, 30]


def test_places_of_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = ['{"name": "n1", "age": 40}'] * 900
    lines[777] = '{"name": "n1", "age": null}'
    path.write_text("\n".join(lines))
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        bk.read_text(path).map(json.loads).join(ROWS, "name").map(ADDED).compute(scheduler="sync")
    assert "778" in "\n".join(caught.value.__notes__)
    assert "map" in "\n".join(caught.value.__notes__)


class Money(int):
    def __add__(self, other: Any) -> Any:
        return f"{int(self)} and {other}"


def test_operators_of_the_users_are_called_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "n1", "age": 40}\n')
    rows: list[Any]
    for rows in ([{"name": "n1", "m": Money(2)}], [{"name": "n1", "m": [Money(2)]}], [("n1", Money(2))]):
        use: Any = {
            "m": lambda pair: pair[0]["m"] + pair[1]["age"],
            "list": lambda pair: pair[0]["m"][0] + pair[1]["age"],
            "tuple": lambda pair: pair[0][1] + pair[1]["age"],
        }["tuple" if type(rows[0]) is tuple else "list" if type(rows[0]["m"]) is list else "m"]
        on = 0 if type(rows[0]) is tuple else "name"
        bag = bk.read_text(path).map(json.loads).join(rows, "name", on).map(use)
        assert bag.compute(scheduler="sync") == ["2 and 40"]
        bag.explain()
        assert "attributes" not in capsys.readouterr().out


def test_in_workers(tmp_path: Path) -> None:
    rng = random.Random(0)
    lines = [a_line(rng, 0.0, 0.0) for _ in range(3000)]
    for number in range(3):
        (tmp_path / f"{number}.json").write_bytes(b"".join(lines[number * 1000 : (number + 1) * 1000]))
    expected, _ = on_lists(lines, ROWS, "map", "inner")
    bag = bag_of(tmp_path / "*.json", ROWS, "map", "inner")
    assert bag.compute(scheduler="processes", workers=2) == expected
    assert bag.compute(scheduler="threads", workers=2) == expected
