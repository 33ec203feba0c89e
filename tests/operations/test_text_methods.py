"""`bag.str`: which methods there are, and what it says of others."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import PlanError

BAG = bk.from_sequence(["Ada L.", "Bob"], npartitions=2)


def test_every_method_of_text_is_there() -> None:
    assert {name for name in dir(str) if not name.startswith("_")} <= set(dir(BAG.str))
    assert "match" in dir(BAG.str)
    assert BAG.str.upper.__doc__ == str.upper.__doc__
    assert "methods of text" in repr(BAG.str)


@pytest.mark.parametrize("name", ["uper", "__upper__", "_", "sort"])
def test_a_method_that_text_does_not_have_is_an_error_at_once(name: str) -> None:
    strings: Any = BAG.str
    with pytest.raises(AttributeError, match=f"text has no method '{name}'; hint: bag.map"):
        getattr(strings, name)


def test_match_wants_text() -> None:
    pattern: Any = 3
    with pytest.raises(PlanError, match=r"str.match: the pattern is 3; expected text"):
        BAG.str.match(pattern)


def test_arguments_are_plain_values() -> None:
    for lazy in (BAG, BAG.count(), [BAG.count()], bk.delayed(len)("ab")):
        with pytest.raises(
            PlanError, match=r"^str.zfill: an argument is not computed .* hint: bag.map\(str.zfill, arg"
        ):
            BAG.str.zfill(lazy)
    assert BAG.map(str.ljust, BAG.count(), "-").compute(scheduler="sync") == BAG.str.ljust(2, "-").compute()


def test_the_plan_and_errors_name_the_method() -> None:
    assert "str.split(' ', maxsplit=1)" in repr(BAG.str.split(" ", maxsplit=1))
    assert "str.match('A*')" in repr(BAG.str.match("A*"))
    with pytest.raises(AttributeError) as caught:
        bk.from_sequence(["a", 2]).str.upper().compute(scheduler="sync")
    assert "in str.upper()" in caught.value.__notes__
    assert "record: 2" in caught.value.__notes__


def test_records_that_are_no_text_can_be_skipped() -> None:
    bag = bk.from_sequence(["a", 2, "b"], npartitions=1)
    with pytest.warns(bk.SkippedRecordsWarning):
        assert bag.str.upper().compute(scheduler="sync", on_error="skip") == ["A", "B"]
    with pytest.warns(bk.SkippedRecordsWarning):
        assert bag.str.match("*").compute(scheduler="sync", on_error="skip") == ["a", "b"]


def test_methods_of_text_join_the_reading_of_a_concat() -> None:
    bag = bk.concat([BAG, BAG]).str.lower()
    assert bag.compute(scheduler="sync") == ["ada l.", "bob"] * 2
