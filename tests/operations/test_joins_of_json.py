"""Joins of parsed records with a small table, whose pairs go to functions that show what they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

LINES = [
    *('{"k": "a", "n": 1, "x": [1]}', '{"k": "b", "n": 2.5}', '{"k": null, "n": 3}', '{"k": NaN, "n": 4}', '{"n": 5}'),
    *('{"k": 1, "n": 6}', '{"k": true, "n": 7}', '{"k": 1.0, "n": 8}', '{"k": "a", "n": null}', '{"k": "a", "m": 1}'),
    *('{"k": [1], "n": 9}', '["k"]', '{"k": "zz", "n": 10}', '{"n": 11, "k": "b", "k": "a"}', '{"k": "é", "n": 12}'),
]
GOOD = [line for line in LINES if {"k", "n"} <= set(json.loads(line)) and json.loads(line)["k"] != [1]]
"""Those that have a key which can be looked up."""
TABLE = [
    *({"k": "a", "m": 1}, {"k": "b", "m": 2}, {"k": "a", "m": 3}, {"k": None, "m": 4}, {"k": 1, "m": 5}),
    *({"k": float("nan"), "m": 6}, {"k": "é", "m": 7}),
]
UNIQUE = [{"k": "a", "m": 1}, {"k": "é", "m": 7}]


def unpacked(pair: Any) -> Any:
    other, record = pair
    return other and other["m"], record["n"]


USES: dict[str, tuple[Callable[[Any], Any], Callable[[list[Any]], list[Any]]]] = {
    "map": (
        lambda pairs: pairs.map(lambda pair: (pair[0] and pair[0]["m"], pair[1].get("n"))),
        lambda pairs: [(pair[0] and pair[0]["m"], pair[1].get("n")) for pair in pairs],
    ),
    "unpacked": (lambda pairs: pairs.map(unpacked), lambda pairs: list(map(unpacked, pairs))),
    "filter": (
        lambda pairs: pairs.filter(lambda pair: pair[1]["n"]).map(lambda pair: pair[1]["k"]),
        lambda pairs: [pair[1]["k"] for pair in pairs if pair[1]["n"]],
    ),
    "starmap": (
        lambda pairs: pairs.starmap(lambda other, record: [other, record["n"]]),
        lambda pairs: [[other, record["n"]] for other, record in pairs],
    ),
    "whole": (lambda pairs: pairs.map(repr), lambda pairs: list(map(repr, pairs))),
    "nothing": (lambda pairs: pairs, lambda pairs: pairs),
}


def pairs_of(lines: list[str], table: list[Any], how: str) -> list[Any]:
    """Return what a loop over the records finds."""
    found: list[Any] = []
    for record in map(json.loads, lines):
        mine = [
            (other, record) for other in table if repr(other["k"]) == repr(record["k"]) or other["k"] == record["k"]
        ]
        found += mine or ([(None, record)] if how == "left" else [])
    return found


def joined(path: Path, use: str, table: Any, how: str, on: Any = "k") -> Any:
    return USES[use][0](bk.read_text(path).map(json.loads).join(table, on, "k", how))


ONS: list[Any] = ["k", lambda record: record["k"]]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("table", [TABLE, UNIQUE], ids=["table", "unique"])
def test_pairs_are_those_of_a_loop(tmp_path: Path, use: str, how: str, table: list[Any]) -> None:
    path, lines = tmp_path / "a.json", GOOD * 8
    path.write_text("".join(line + "\n" for line in lines))
    expected = repr(USES[use][1](pairs_of(lines, table, how)))
    for others in (table, bk.from_sequence(table, npartitions=1)):
        for on in ONS:
            pairs = joined(path, use, others, how, on)
            assert repr(pairs.compute(scheduler="sync")) == expected
    assert repr(pairs.compute(scheduler="sync", optimize=False)) == expected


@pytest.mark.parametrize("use", ["map", "filter", "whole"])
@pytest.mark.parametrize("line", LINES)
def test_errors_are_at_their_record(tmp_path: Path, use: str, line: str) -> None:
    """The same is raised, or left out, as without passes."""
    path = tmp_path / "a.json"
    path.write_text("".join(each + "\n" for each in [*[LINES[0]] * 9, line, *[LINES[1]] * 9]))
    for policy in ("raise", "collect"):
        results = []
        for optimize in (True, False):
            try:
                found = joined(path, use, TABLE, "left").compute(scheduler="sync", optimize=optimize, on_error=policy)
            except Exception as error:
                results.append((type(error), str(error), getattr(error, "__notes__", None)))
            else:
                failures = [(repr(each.place), repr(each.error)) for each in getattr(found, "failures", [])]
                results.append((repr(getattr(found, "value", found)), failures))
        assert results[0] == results[1]


def test_only_what_is_read_is_parsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text("".join(line + "\n" for line in LINES))
    joined(tmp_path / "a.json", "unpacked", TABLE, "inner").explain()
    assert "parse_json(fields: k, n) -> join('k'), read: n" in " ".join(capsys.readouterr().out.split())
