"""What is written about bagkit is run: docstrings, README, docs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bagkit

ROOT = Path(bagkit.__file__).parent.parent
MODULES = ["bagkit", *(info.name for info in pkgutil.walk_packages(bagkit.__path__, "bagkit."))]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.fixture(autouse=True)
def notes_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare exceptions without their notes, as doctest does by itself in later Pythons than 3.11.2."""

    def without_notes(*error: Any) -> list[str]:
        return traceback.format_exception_only(*error)[:1]

    monkeypatch.setattr(
        doctest, "traceback", SimpleNamespace(**{**vars(traceback), "format_exception_only": without_notes})
    )


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert not failed


def test_docstrings_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS, encoding="utf-8")
    assert not failed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_has_its_commands() -> None:
    commands = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv .venv")
    ]
    assert len(commands) == 2
    assert "samples/top_names.py" in commands[0]
    assert "pytest" in commands[1]
