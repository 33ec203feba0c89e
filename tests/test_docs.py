"""What is written about bagkit is run: docstrings, README, docs."""

from __future__ import annotations

import doctest
import gzip
import html
import importlib
import pkgutil
import re
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bagkit

ROOT = Path(bagkit.__file__).parent.parent
MODULES = ["bagkit", *(info.name for info in pkgutil.walk_packages(bagkit.__path__, "bagkit."))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = [page for page in sorted((ROOT / "docs/decisions").glob("*.md")) if page.name != "README.md"]
STATUS = re.compile(r"(Accepted|Superseded by \[.+\]\(.+\.md\)), 20\d\d-\d\d-\d\d(; last changed 20\d\d-\d\d-\d\d)?\.")
OF_HDF5 = re.compile(r"^ *>>> .*\bh5py\b", re.MULTILINE)
"""Examples that only run where h5py can be had: `test_hdf5_docs.py` runs those pages and modules."""
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def source_of(name: str) -> str:
    path = ROOT / name.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


MODULES_WITH_EXAMPLES = [name for name in MODULES if ">>> " in source_of(name)]
MODULES_OF_HDF5 = [name for name in MODULES_WITH_EXAMPLES if OF_HDF5.search(source_of(name))]
PAGES_OF_HDF5 = [page for page in PAGES if OF_HDF5.search(page.read_text(encoding="utf-8"))]


@pytest.fixture(autouse=True)
def notes_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare exceptions without their notes, as doctest does by itself in later Pythons than 3.11.2."""

    def without_notes(*error: Any) -> list[str]:
        return traceback.format_exception_only(*error)[:1]

    monkeypatch.setattr(
        doctest, "traceback", SimpleNamespace(**{**vars(traceback), "format_exception_only": without_notes})
    )


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check_module(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert not failed


@pytest.mark.parametrize("name", [name for name in MODULES_WITH_EXAMPLES if name not in MODULES_OF_HDF5])
def test_examples_of_docstrings(name: str) -> None:
    check_module(name)


def test_docstrings_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {name: finder.find(importlib.import_module(name)) for name in MODULES}
    assert sum(1 for tests in found.values() for test in tests if test.examples) > 40
    with_examples = {name for name, tests in found.items() if any(test.examples for test in tests)}
    assert with_examples == set(MODULES_WITH_EXAMPLES), "only these are run"


def check_page(page: Path) -> None:
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS, encoding="utf-8")
    assert not failed


@pytest.mark.parametrize("page", [page for page in PAGES if page not in PAGES_OF_HDF5], ids=lambda page: page.name)
def test_examples_of_pages(page: Path) -> None:
    check_page(page)


BLOCK = re.compile(r"^```python\n(?!>>> )(.*?)^```", re.DOTALL | re.MULTILINE)
"""A piece of Python that is no session."""


PAGES_WITH_BLOCKS = [page for page in PAGES if BLOCK.search(page.read_text())]
BLOCKS_OF_HDF5 = [
    page for page in PAGES_WITH_BLOCKS if any(".to_hdf5(" in each for each in BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("page", [p for p in PAGES_WITH_BLOCKS if p not in BLOCKS_OF_HDF5], ids=lambda page: page.name)
def test_blocks_of_pages(page: Path, tmp_path: Path) -> None:
    check_blocks(page, tmp_path)


def check_blocks(page: Path, tmp_path: Path) -> None:
    """Run the blocks of a page one after the other. The README's has files to read here."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json.gz").write_bytes(gzip.compress(b'{"name": "Ada"}\n'))
    text, names = page.read_text(), {"__name__": "__main__"}
    with bagkit.options(scheduler="sync"):
        for block in BLOCK.finditer(text):
            before = "\n" * (text.count("\n", 0, block.start()) + 1)  # errors have the lines of the page
            exec(compile(before + block.group(1), str(page), "exec", dont_inherit=True), names)


LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what links can lead to in a page, as GitHub and mkdocs name headings."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE), re.M
    )
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_between_pages() -> None:
    pages = [*PAGES, ROOT / "benchmarks/README.md"]
    links = [(page, *link) for page in pages for link in LINK.findall(without_code(page.read_text()))]
    assert len(links) > 20
    assert [(page.name, target) for page, target, _ in links if target and not (page.parent / target).exists()] == []
    led = [(page, page.parent / target if target else page, anchor) for page, target, anchor in links if anchor]
    assert len(led) > 10
    assert [(page.name, goal.name, anchor) for page, goal, anchor in led if anchor not in anchors(goal)] == []


def test_options_have_a_page() -> None:
    rows = re.findall(r"^\| `(\w+)`(?: \(dask: `(\w+)`\))? \|", (ROOT / "docs/options.md").read_text(), re.MULTILINE)
    assert {name for row in rows for name in row if name} == set(bagkit.ComputeOptions.__annotations__)


def printed(program: str) -> str:
    command = [sys.executable, ROOT / program, "--print"]
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def test_llms_txt_is_what_its_program_writes() -> None:
    assert (ROOT / "docs/llms.txt").read_text() == printed(".ci/llms.py"), "python .ci/llms.py writes it"


def test_the_picture_shows_what_bagkit_prints() -> None:
    texts = re.findall(r"<text[^>]*>(.*?)</text>", (ROOT / "docs/readme.svg").read_text())
    shown = [html.unescape(text).replace("\u00a0", " ") for text in texts if not text.startswith("&gt;&gt;&gt;")]
    assert shown[1:] == printed(".ci/picture.py").splitlines(), "python .ci/picture.py draws it"


def test_the_site_has_every_page_once() -> None:
    nav = re.findall(r"^ +- (?:[\w ]+: )?([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    outside = re.findall(r'^    "(.+)": "(.+\.md)",$', (ROOT / ".ci/site_pages.py").read_text(), re.MULTILINE)
    assert [source for source, _ in outside if not (ROOT / source).exists()] == []
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(nav) == sorted({*pages, *(page for _, page in outside)})
    assert len(nav) == len(pages) + len(outside), "a page from outside has the name of one in docs/"


def test_the_reference_has_every_public_name_once() -> None:
    texts = [page.read_text() for page in sorted((ROOT / "docs/api").glob("*.md"))]
    shown = [name for text in texts for name in re.findall(r"^::: bagkit\.([\w.]+)$", text, re.MULTILINE)]
    assert sorted(shown) == sorted(
        [*bagkit.__all__, *(f"random.{name}" for name in importlib.import_module("bagkit.random").__all__)]
    )


def test_contributing_names_what_is_there() -> None:
    """Each path in CONTRIBUTING.md exists, and each constant or private name of a step is in a file of that step."""
    steps = re.split(r"\n(?=\d\. |\n)", (ROOT / "CONTRIBUTING.md").read_text())
    for step in steps:
        spans = re.findall(r"`([^`]+)`", step)
        rooms = r"(bagkit|tests|docs|benchmarks|\.ci|\.github)/[\w./]*"
        paths = [ROOT / span for span in spans if re.fullmatch(rooms, span)]
        assert [path for path in paths if not path.exists()] == []
        texts = [path.read_text() for path in paths if path.is_file()]
        names = [span for span in spans if re.fullmatch(r"_\w+|[A-Z_]{4,}|test_\w+", span)]
        assert [name for name in names if not any(name in text for text in texts)] == [], step


def test_the_readme_has_its_commands() -> None:
    commands = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv .venv")
    ]
    assert len(commands) == 2
    assert "samples/top_names.py" in commands[0]
    assert "pytest" in commands[1]


def test_decisions_have_a_status_and_a_date() -> None:
    for page in DECISIONS:
        lines = page.read_text().splitlines()
        assert lines[0].startswith("# "), page.name
        assert STATUS.fullmatch(lines[2]), (page.name, lines[2])


def test_decisions_are_listed() -> None:
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE)
    titles = [(page.read_text().splitlines()[0].removeprefix("# "), page.name) for page in DECISIONS]
    assert sorted(listed) == sorted(titles)


def test_measurements_have_a_date() -> None:
    pages = sorted((ROOT / "docs/decisions/measurements").glob("*.md"))
    assert pages
    for page in pages:
        assert re.match(r"# .+\n\n20\d\d-\d\d-\d\d", page.read_text()), page


RIDDLES = re.compile(r"\b(that of|those of|of which|so many|what becomes of)\b")
"""Words that make a sentence one to be read twice."""


def test_prose_is_plain() -> None:
    paths = [*PAGES, *sorted((ROOT / "bagkit").rglob("*.py"))]
    lines = [
        (path, line) for path in paths if "measurements" not in path.parts for line in path.read_text().splitlines()
    ]
    assert [(path.relative_to(ROOT).as_posix(), line) for path, line in lines if RIDDLES.search(line)] == []
