"""Filters on lines: which are understood, on every Python, and that no line is left out that they keep."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.ops.elementwise import Filter
from bagkit.ops.texts_needed import texts_needed

WORD = "error"
PATTERN = re.compile("error|warn")


def statements(line: str) -> bool:
    if line.startswith("1"):
        return False
    stripped = line.strip()
    if "error" in line:
        return True
    return stripped.endswith("warn")


def with_default(line: str, word: str = "error") -> bool:
    return word in line


def closing_over(word: str) -> Callable[[str], bool]:
    return lambda line: word in line


UNDERSTOOD: list[tuple[Callable[[str], Any], set[str]]] = [
    (lambda line: "error" in line, {"error"}),
    (lambda line: "error" in line and "x" not in line, {"error"}),
    (lambda line: "x" not in line and "error" in line, {"error"}),
    (lambda line: "error" in line or "warn" in line, {"error", "warn"}),
    (lambda line: not ("error" not in line), {"error"}),
    (lambda line: "error" in line if line.startswith("1") else line == "warn\n", {"error", "warn"}),
    (lambda line: line.endswith(("error\n", "warn")), {"error", "warn"}),
    (lambda line: line.strip().startswith("error"), {"error"}),
    (lambda line: line.count("error"), {"error"}),
    (lambda line: WORD in line, {"error"}),
    (lambda line: PATTERN.search(line), {"error", "warn"}),
    (lambda line: re.search("error", line) and line.split()[7], {"error"}),
    (methodcaller("startswith", "error"), {"error"}),
    (PATTERN.search, {"error", "warn"}),
    (statements, {"error", "warn"}),
    (with_default, {"error"}),
    (closing_over("error"), {"error"}),
]


@pytest.mark.parametrize("number", range(len(UNDERSTOOD)))
def test_what_is_understood(number: int) -> None:
    function, texts = UNDERSTOOD[number]
    assert set(texts_needed(Filter(function))) == texts


def test_what_keeps_lines_without_a_text_or_fails_on_them() -> None:
    def loops(line: str) -> bool:
        return any(word in line for word in ("error", "warn"))

    def takes_other_arguments(*lines: str) -> bool:
        return "error" in lines

    def sets_its_line_anew(line: str) -> bool:
        line = "error"
        return "error" in line

    others: list[Callable[..., Any]] = [
        lambda line: "error" not in line,
        lambda line: "error" in line or len(line) > 3,
        lambda line: "error" in line.lower(),
        lambda line: "" in line,
        lambda line: "two\nlines" in line,
        lambda line: line.split()[1] == "x" and "error" in line,
        lambda line: line.nothing and "error" in line,
        lambda line: "error" in line or unknown,  # type: ignore[name-defined]  # noqa: F821
        lambda line: True,
        lambda line: line,
        re.compile("err.r").search,
        re.compile("error", re.IGNORECASE).search,
        re.compile("error|").search,
        loops,
        takes_other_arguments,
        sets_its_line_anew,
        len,
    ]
    assert [texts_needed(Filter(function)) for function in others] == [()] * len(others)
    assert texts_needed(Filter(lambda line: "error" in line, keep=False)) == ()
    assert texts_needed(Filter(lambda line: "error" not in line, keep=False)) == ("error",)


def test_lines_that_are_kept(tmp_path: Path) -> None:
    words = ("error", "warn", "x", "1", "error\n", "warn\n", "\n")
    lines = [f"{one} {two}{three}\n".replace("\n\n", "\n") for one in words for two in words for three in ("", "y")]
    text = "".join(line if number % 40 == 0 else f"{number} nothing\n" * 9 for number, line in enumerate(lines))
    tmp_path.joinpath("a.log").write_text(text)
    read = tmp_path.joinpath("a.log").read_text().splitlines(keepends=True)
    for function, _ in UNDERSTOOD:
        bag = bk.read_text(tmp_path / "a.log").filter(function)
        try:
            expected = [line for line in read if function(line)]
        except IndexError:
            with pytest.raises(IndexError):
                bag.compute(scheduler="sync")
        else:
            assert bag.compute(scheduler="sync") == expected
