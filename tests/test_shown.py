"""show: what it takes, and its text. Pages are tested in tests/html."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk


def test_text_is_as_wide_as_a_line() -> None:
    records = [{"id": n, "text": "word " * 10, "inner": {"list": list(range(n))}} for n in range(3)]
    assert repr(bk.show(records)).splitlines() == [
        "[",
        f"  0: {{id: 0, text: '{'word ' * 10}', inner: {{list: []}}}}",
        f"  1: {{id: 1, text: '{'word ' * 10}', inner: {{list: [0]}}}}",
        f"  2: {{id: 2, text: '{'word ' * 10}', inner: {{list: [0, 1]}}}}",
        "]",
    ]
    assert repr(bk.show(list(range(1000)))).splitlines()[-2:] == ["  … 980 more", "]"]
    assert repr(bk.show("x" * 1000)) == "'" + "x" * 98 + "…"
    assert repr(bk.show([["x" * 200]], levels=0)) == "[['" + "x" * 96 + "…"


@pytest.mark.parametrize(
    ("value", "kind", "call"),
    [
        (bk.range(3, npartitions=1), "Bag", "bag.take(5)"),
        (bk.range(3, npartitions=1).count(), "Item", "value.compute()"),
        (bk.delayed(len)("a"), "Delayed", "value.compute()"),
    ],
)
def test_nothing_lazy_is_shown(value: Any, kind: str, call: str) -> None:
    with pytest.raises(bk.LazyError) as error:
        bk.show(value)
    assert str(error.value) == f"show: got a {kind}, which is not computed yet; hint: bagkit.show({call})"


class OddSet(frozenset[int]):
    def __len__(self) -> int:
        raise ValueError("no length")

    def __iter__(self) -> Any:
        raise ValueError("no iterator")


class OddText(str):
    def __len__(self) -> int:
        raise ValueError("no length")


class NoDataclass:
    @property
    def __dataclass_fields__(self) -> Any:
        raise ValueError("no fields")

    def __repr__(self) -> str:
        return "NoDataclass()"


def test_what_a_class_of_its_own_says_of_itself_is_not_asked() -> None:
    assert repr(bk.show([OddSet([1]), NoDataclass()])) == "[{1}, NoDataclass()]"
    pages = [bk.show(value)._repr_html_() for value in (OddSet([1]), OddText("abc"), NoDataclass())]
    assert "1 item" in pages[0]
    assert "NoDataclass()" in pages[2]


def test_levels() -> None:
    with pytest.raises(bk.PlanError) as error:
        bk.show([], levels=-1)
    assert str(error.value) == "show: levels is -1; expected None, or an int of 0 or more"
