"""What type checkers make of calls: mypy reads this file (`.ci/run`), and pytest runs it, so types and values agree.

A line with `type: ignore` holds that mypy refuses it: an ignore that is not needed is an error too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import pytest

import bagkit as bk
from bagkit.lazy.delayed import DelayedFunction
from bagkit.lazy.delayed_values import Delayed


@bk.delayed
def half(number: int, rest: bool = False) -> float:
    """Return the half of a number."""
    return number % 2 if rest else number / 2


@bk.delayed(nout=2)
def ends(words: list[str], *, upper: bool = False) -> tuple[str, str]:
    first, last = words[0], words[-1]
    return (first.upper(), last.upper()) if upper else (first, last)


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @bk.delayed
    def times(self, number: int) -> int:
        return self.factor * number


def test_a_delayed_function_keeps_its_parameters_and_says_what_it_returns() -> None:
    assert_type(half(3), Delayed[float])
    assert_type(half(number=3, rest=True), Delayed[float])
    assert_type(half(3).compute(scheduler="sync"), float)
    assert_type(ends(["a", "b"], upper=True), Delayed[tuple[str, str]])
    assert_type(Scale(2).times(3).compute(), int)
    assert_type(bk.delayed(str.split)("a b"), Delayed[list[str]])
    assert_type(bk.delayed(int)("ff", 16), Delayed[int])
    assert_type(bk.delayed([1, 2]), Delayed[list[int]])
    assert half.__wrapped__(3) == half(3).compute(scheduler="sync") == 1.5
    assert Scale(2).times(3).compute(scheduler="sync") == 6
    assert (half.__name__, half.__doc__) == ("half", "Return the half of a number.")


def test_arguments_may_be_computed_first() -> None:
    one: Delayed[int] = bk.delayed(len)("a")
    assert_type(half(one), Delayed[float])
    assert_type(half(number=one), Delayed[float])
    assert_type(half(one, dask_key_name="half of one"), Delayed[float])
    assert_type(half(3, pure=True), Delayed[float])
    assert_type(ends([bk.delayed(str)(1), "b"]), Delayed[tuple[str, str]])
    first, last = ends(["a", "b"])
    assert_type(first, Delayed[Any])
    assert bk.compute(half(one), first + last, scheduler="sync") == (0.5, "ab")


def test_arguments_that_do_not_fit_are_errors() -> None:
    """Where they are all plain values: what has a delayed value among them is not checked."""
    with pytest.raises(TypeError, match="unsupported operand"):
        half("three").compute()  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="3 were given"):
        half(3, False, 5).compute()  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="'nubmer'"):
        half(nubmer=3).compute()  # type: ignore[attr-defined]
    wrong: DelayedFunction[[str], float] = half  # type: ignore[assignment]
    text: Delayed[str] = half(3)  # type: ignore[assignment]
    assert repr([wrong, text]).count("Delayed('half-") == 2


def test_bags_and_items_say_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b\na\nb\n")
    lines = bk.read_text(tmp_path / "a.txt")
    assert_type(lines, bk.Bag[str])
    lengths = assert_type(lines.map(len), bk.Bag[int])
    assert_type(lengths.filter(bool).distinct(), bk.Bag[int])
    counts = assert_type(lines.frequencies().topk(1, key=1), bk.Bag[tuple[str, int]])
    most = assert_type(lengths.max(), bk.Item[int])
    assert_type(most.apply(str), bk.Item[str])
    assert_type(most.to_delayed(), Delayed[int])
    assert_type(lines.count(), bk.Item[int])
    assert_type(lines.groupby(len), bk.Bag[tuple[int, list[str]]])
    assert_type(bk.from_sequence([1.5]), bk.Bag[float])
    assert_type(bk.concat([lines]), bk.Bag[str])
    for line in lines.persist(scheduler="sync"):
        assert_type(line, str)
    assert bk.compute(counts, most.apply(str), scheduler="sync") == ([("b\n", 2)], "2")
