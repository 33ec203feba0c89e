"""Lines that are searched for in bytes: the same lines, errors and places as where each line is decoded and asked."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


def has_needle(line: str) -> bool:
    return "needle" in line or "é€" in line


def fails_on_some(line: str) -> bool:
    return "needle" in line and bool(1 // (len(line) % 7))


def log(seed: int, lines: int, often: float, end: str = "\n") -> str:
    chance = random.Random(seed)
    found = (chance.choice(["needle", "é€", "needle 😀"]) if chance.random() < often else "hay" for _ in range(lines))
    return "".join(
        f"{number} {word} {'ü' * (number % 9)}{'-' * chance.randrange(90)}{end}" for number, word in enumerate(found)
    )


def outcome(bag: bk.Bag[Any], **options: Any) -> Any:
    """What a computation gives, or raises and notes."""
    try:
        got = bag.compute(scheduler="sync", **options)
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", [])
    if isinstance(got, bk.Collected):
        return got.result, [(str(each), each.place) for each in got.failures]
    return got


def same(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("often", "end", "options"),
    [
        (0.0, "\n", {}),
        (0.02, "\n", {}),
        (0.5, "\n", {}),
        (0.02, "\r\n", {}),
        (0.02, "\r", {}),
        (0.02, "\n", {"linedelimiter": "\n"}),
        (0.02, "\n", {"encoding": "utf-8-sig"}),
        (0.02, "\n", {"encoding": "utf-16"}),
        (0.02, "\n", {"encoding": "cp1252", "errors": "ignore"}),
        (0.02, "\n", {"encoding": "latin-1"}),
        (0.02, "\n", {"encoding": "ascii", "errors": "replace"}),
        (0.02, "\n", {"errors": "ignore"}),
        (0.02, "\n", {"max_line": 120}),
        (0.02, "\n", {"max_line": "1MB"}),
        (0.02, "\n", {"blocksize": 50_000}),
    ],
)
def test_lines_of_any_form(tmp_path: Path, often: float, end: str, options: dict[str, Any]) -> None:
    written = options.get("encoding", "utf-8")
    text = log(1, 4000, often, end).removesuffix(end)
    data = text.encode("utf-8" if written in ("cp1252", "latin-1", "ascii") else written)
    paths = [tmp_path / "a.log", tmp_path / "b.log", tmp_path / "c.log.gz", tmp_path / "d.log"]
    paths[0].write_bytes(data)
    paths[1].write_bytes(data[: len(data) // 3] + b"nee\xffdle ne\xc3\n" + data[len(data) // 3 :])
    paths[2].write_bytes(gzip.compress(data))
    paths[3].write_bytes(b"\xef\xbb\xbfneedle\n\n\nneedle")
    for path in paths if "blocksize" not in options else paths[:2]:
        lines = bk.read_text(path, **options)
        for predicate in (has_needle, fails_on_some):
            searched, asked = lines.filter(predicate), lines.map(same).filter(predicate)
            for more in ({}, {"on_error": "collect"}):
                assert outcome(searched, **more) == outcome(asked, **more)


def test_damage_is_found_where_lines_are_left_out(tmp_path: Path) -> None:
    data = gzip.compress(log(3, 60_000, 0.01).encode())
    tmp_path.joinpath("a.gz").write_bytes(data[: len(data) // 2])
    lines = bk.read_text(tmp_path / "a.gz")
    found = outcome(lines.filter(has_needle))
    assert found == outcome(lines.map(same).filter(has_needle))
    assert "lines were good" in found[1]


def test_on_processes_and_in_one_large_gz(tmp_path: Path) -> None:
    text = log(5, 8_000, 0.02)
    tmp_path.joinpath("a.log.gz").write_bytes(gzip.compress(text.encode()))
    bag = bk.read_text(tmp_path / "a.log.gz").filter(has_needle)
    expected = [line for line in text.splitlines(keepends=True) if has_needle(line)]
    assert bag.compute(scheduler="processes", workers=2) == expected
    assert list(bag.take(2)) == expected[:2]
