"""Records that travel through exchanges as lines: what comes out is what comes out where they travel whole."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

LINES = [
    '{{"k": "a", "n": {n}, "t": [1, {{"a": "é"}}]}}',
    '{{"k": "b\\u00e9", "n": {n}}}  ',
    '{{"k": "first", "k": "a", "n": {n}, "v": 1.50}}',
    '{{"n": {n}, "k": "bé", "big": 123456789012345678901234567890}}',
    '{{"k": 1, "n": {n}, "v": -0.0}}',
    '{{"k": 1.0, "n": {n}}}',
    '{{"k": null, "n": {n}, "v": 1e-7}}',
]
ODD = [
    '{{"k": NaN, "n": {n}}}',  # only json.loads takes it
    '{{"k": ["x", 1], "n": {n}}}',  # a key function could change the list
    '{{"k": "a", "n": {n}, "v": 1e400}}',
    '{{"k": "\\ud800", "n": {n}}}',
]


def key(record: Any) -> Any:
    return str(record["k"])


WAYS: dict[str, Callable[[Any], Any]] = {
    "groupby": lambda bag: bag.groupby(key),
    "groupby behind a filter": lambda bag: bag.filter(lambda record: record["n"] % 3).groupby(key, npartitions=2),
    "join": lambda bag: bag.join(bag.filter(lambda record: record["n"] % 7 == 0), key, how="outer"),
    "join with others": lambda bag: bag.join(bk.range(40, 2), "n", lambda n: 3 * n, how="right"),
    "partition_by": lambda bag: bag.partition_by(key),
    "sort_by": lambda bag: bag.sort_by(lambda record: (key(record), -record["n"])),
    "sort_by, reversed": lambda bag: bag.sort_by("n", reverse=True),
}


def bag_of(folder: Path, patterns: list[str], files: int = 3, records: int = 90) -> Any:
    for number in range(files):
        with gzip.open(folder / f"{number}.json.gz", "wt", encoding="utf-8", newline="") as out:
            for n in range(number * records, (number + 1) * records):
                out.write(patterns[n * n % len(patterns)].format(n=n) + ("\r\n" if n % 5 else "\n"))
    return bk.read_text(folder / "*.json.gz").map(json.loads)


@pytest.fixture(scope="module", params=["plain", "odd"])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    patterns = LINES + ODD if request.param == "odd" else LINES
    return bag_of(tmp_path_factory.mktemp("lines"), patterns)


@pytest.mark.parametrize("way", WAYS)
def test_records_are_as_if_they_travelled_whole(bag: Any, way: str) -> None:
    made = WAYS[way](bag)
    expected = repr(made.compute(scheduler="sync", optimize=False))
    for limit in (None, 2_000_000):
        assert repr(made.compute(scheduler="processes", workers=2, memory_limit=limit)) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_lines_that_are_no_utf8_travel_as_records(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_text("".join(f'{{"k": "é{n % 3}", "n": {n}}}\n' for n in range(40)), encoding)
    bag = bk.read_text(tmp_path / "a.json", encoding=encoding).map(json.loads)
    records = [{"k": f"é{n % 3}", "n": n} for n in range(40)]
    groups = bag.filter(lambda record: record["n"] % 2).groupby("k").compute(scheduler="processes", workers=2)
    assert dict(groups) == {f"é{k}": [each for each in records[1::2] if each["n"] % 3 == k] for k in range(3)}
    ordered = bag.sort_by("k").compute(scheduler="processes", workers=2)
    assert ordered == sorted(records, key=lambda record: record["k"])


def test_explain_says_that_lines_travel(bag: Any, capsys: pytest.CaptureFixture[str]) -> None:
    grouped = bag.groupby("k")
    grouped.explain(scheduler="processes")
    assert "parse_json(first: k) -> parse_json, later -> split for groupby('k')" in flowing(capsys.readouterr().out)
    grouped.explain(scheduler="threads")  # which pass objects on
    assert "-> parse_json -> split for groupby('k')" in flowing(capsys.readouterr().out)


def flowing(text: str) -> str:
    return " ".join(text.split())


def test_records_that_fail_are_left_out_as_ever(tmp_path: Path) -> None:
    bag = bag_of(tmp_path, [*LINES, '{{"n": {n}}}', '{{"k": {n}'], files=2, records=30)
    bad = [n for n in range(60) if n * n % 9 >= 7]
    assert bad
    got = bag.groupby("k").compute(scheduler="processes", workers=2, on_error="collect")
    assert sorted(record["n"] for _, records in got.result for record in records) == sorted(set(range(60)) - set(bad))
    places = sorted((failure.place.source[-9:], failure.place.line) for failure in got.failures)
    assert places == [(f"{n // 30}.json.gz", n % 30 + 1) for n in bad]
    assert {str(n) in failure.place.record for n, failure in zip(bad, got.failures, strict=True)} == {True}


@pytest.mark.parametrize(("line", "kind"), [('{"n": 1}', KeyError), ('{"k": "a", "n": [1, }', json.JSONDecodeError)])
def test_errors_have_their_place(line: str, kind: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"k": 1, "n": 1}\n' * 700 + line + "\n")
    with pytest.raises(kind) as caught:
        bk.read_text(tmp_path / "a.json").map(json.loads).groupby("k").compute(scheduler="processes", workers=1)
    assert any("a.json, line 701" in note for note in caught.value.__notes__)
