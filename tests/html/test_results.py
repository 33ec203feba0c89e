"""What notebooks show of results: HTML of its own, escaped, small, and made without computing anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas
import pytest

import bagkit as bk
from bagkit.profiling.result import DataProfile

EVIL = "<script>alert(1)</script>&\"'\x1b[31m\u202e\nnext"
MOST = 1_500_000
"""Characters of any page."""


class Page(HTMLParser):
    """Reads a page: tags are closed in order, nothing runs, nothing is loaded."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "object", "embed")
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(value: Any) -> str:
    """Return the text of what a notebook shows of `value`."""
    html = value._repr_html_()
    assert len(html) < MOST
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "url(" not in html
    assert "@import" not in html
    page = Page(html)
    assert page.links == []
    return page.text


def never(record: Any) -> Any:
    raise AssertionError("a page computes nothing")


def test_lazy_values(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}\n' * 3)
    (tmp_path / "b.json").write_text('{"a": 1}\n')
    bag = bk.read_json(tmp_path / "*.json").map(never)
    (tmp_path / "a.json").unlink()  # nothing is opened either
    for text in (read(bag), read(bag.count())):
        assert "reads 2 files" in text
        assert "36 B" in text
        assert "never)" in text
        assert "stage 1, 2 tasks" in text
    assert read(bag).startswith("Bag of 2 partitions")
    assert read(bag.split_errors()[1]).startswith("Rejects of 2 partitions")
    assert read(bag.count()).startswith("Item, not computed yet")
    delayed = bk.delayed(never)(bk.delayed(never)(1))
    assert "not computed yet · 2 calls" in read(delayed)
    assert "as run" not in read(bk.from_sequence(range(30_000), npartitions=30_000).map(never))


def test_records_are_shown_only_if_they_are_there() -> None:
    bag = bk.from_sequence([{"name": EVIL}, {"name": "Ada"}], npartitions=2)
    assert "Ada" in read(bag)
    assert "Ada" not in read(bag.map(never))
    kept = bag.map(dict).persist(scheduler="sync")
    assert "Ada" in read(kept)
    kept.unpersist()
    assert "Ada" not in read(kept)
    assert read(bag.pluck("name").max().persist(scheduler="sync")).startswith("Item · computed")
    assert "Delayed" in read(bk.delayed(len)("ab").persist(scheduler="sync"))


def test_failures_and_what_was_collected() -> None:
    lines = [json.dumps({"name": EVIL, "n": n}) for n in range(200)]

    def fail(record: Any) -> Any:
        if record["n"] % 2:
            raise ValueError(EVIL)
        return record

    for scheduler in ("sync", "processes"):
        bag = bk.from_sequence(lines, npartitions=2).map(json.loads).map(fail)
        got = bag.compute(scheduler=scheduler, on_error="collect")
        text = read(got)
        assert "100 failures" in text
        assert "… and 80 more" in text
        assert "100 items" in text
        text = read(got.failures[0])
        assert "ValueError: <script>" in text
        assert "fail)" in text
        assert "raise ValueError(EVIL)" in text
        assert "2 keys" in text  # the line of JSON as a tree
    assert "no failure" in read(bk.Collected([], []))


def test_a_frame_that_was_collected() -> None:
    got = bk.from_sequence([{"a": 1}, {"a": 0}]).filter(lambda r: 1 / r["a"]).to_dataframe(
        scheduler="sync", on_error="collect"
    )  # fmt: skip
    assert "<th>a</th>" in got._repr_html_()
    with pandas.option_context("display.notebook_repr_html", False):
        assert "None</div>" not in got._repr_html_()
        assert "bk-tree" in got._repr_html_()


def test_files_and_runs(tmp_path: Path) -> None:
    manifest = bk.range(300, npartitions=80).to_jsonl(tmp_path / "out", scheduler="sync")
    text = read(manifest)
    assert text.startswith("Manifest of 80 files · 300 records")
    assert "… and 30 more in manifest.files" in text
    with bk.report(tmp_path / "run.html") as report, bk.Profile() as profile:
        assert "not written yet" in read(report)
        bk.range(100, npartitions=4).map(str).count().compute(scheduler="sync")
    assert "map(str)" in read(profile)
    assert read(bk.Profile()).startswith("Profile · 0 tasks")
    assert 'sandbox="" srcdoc="&lt;!doctype html' in report._repr_html_().lower()


class Point(NamedTuple):
    x: int
    y: str


@dataclass
class Person:
    name: str

    @property
    def wrong(self) -> Any:
        raise ValueError


class Place(msgspec.Struct):
    city: str


class Odd(dict[str, int]):
    def items(self) -> Any:
        raise ValueError

    def __repr__(self) -> str:
        raise ValueError


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"below": value}
    return value


def endless() -> Any:
    value: list[Any] = []
    value += [value, value]
    return value


HUGE: dict[str, Any] = {
    "nesting": nested(100_000),
    "in itself": endless(),
    "keys": dict.fromkeys(map(str, range(1_000_000)), EVIL),
    "texts": [EVIL * 50_000] * 100,
    "a key": {EVIL * 100_000: 1},
    "all of it": [{EVIL + str(n): [EVIL * 100, nested(50)] for n in range(200)}] * 1000,
    "a number": 10**5000,
    "bytes": b"\xff" * 1_000_000,
    "odd": [Odd(a=1), object(), Point, Person, never],
}


@pytest.mark.parametrize("name", HUGE)
def test_values_of_any_size(name: str) -> None:
    shown = bk.show(HUGE[name])
    assert read(shown)
    text = repr(shown)
    assert text.count("\n") <= 60
    assert max(map(len, text.splitlines())) < 250
    assert "\x1b" not in text


def test_each_record_of_many_has_its_share() -> None:
    text = read(bk.show([{"id": n, "rest": dict.fromkeys(map(str, range(1_000)), n)} for n in range(50)]))
    assert text.count("… 98") >= 50
    assert "id: 49" in text


def test_a_tree_of_records() -> None:
    value = ({"id": 1, "tags": ["a", None], "none": {}}, Point(1, "b"), Person("Ada"), Place("Rome"), {3}, "x" * 300)
    text = read(bk.show(value))
    for part in ("id: 1", "tags: 2 items", "1: None", "none: {}", "Point 2 ", "x: 1", "name: 'Ada'", "city: 'Rome'",
                 "set 1 item", "300 characters"):  # fmt: skip
        assert part in text
    assert bk.show(value, levels=0)._repr_html_().count("<details open") == 0
    assert bk.show(value, levels=2)._repr_html_().count("<details open") == 6


def test_the_look_is_one() -> None:
    profile: DataProfile = bk.from_sequence([{"a": EVIL}]).profile(scheduler="sync")
    pages = [profile._repr_html_(), bk.show(1)._repr_html_(), bk.range(3, npartitions=1)._repr_html_()]
    for page in pages:
        assert page.startswith('<div class="bk')
        for theme in ("prefers-color-scheme: dark", 'data-jp-theme-light="false"', ".vscode-dark"):
            assert theme in page
