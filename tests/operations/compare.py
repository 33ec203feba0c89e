"""When are two results the same? When plain Python's repr says so: 1, True and 1.0 are three things here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest


def outcome(function: Callable[[], Any]) -> tuple[str, Any]:
    """Return what `function` gives, or the exception that it raises."""
    try:
        return "value", function()
    except Exception as error:
        return "error", error


def assert_same(got: tuple[str, Any], expected: tuple[str, Any], approximate: bool = False) -> None:
    """Fail unless both are the same value, or errors of the same type (or a subclass that bagkit has for it)."""
    if expected[0] == "error" or got[0] == "error":
        if got[0] == "error" and expected[0] != "error":
            raise AssertionError(f"expected {expected[1]!r}") from got[1]
        assert got[0] == "error", f"got {got[1]!r}, expected {expected[1]!r}"
        kind = type(expected[1])
        # An empty bag is a ValueError of its own, where functools.reduce has a TypeError.
        assert isinstance(got[1], (kind, ValueError) if is_empty_reduce(expected[1]) else kind), repr(got[1])
    elif approximate and isinstance(expected[1], float) and math.isfinite(expected[1]):
        assert got[1] == pytest.approx(expected[1], rel=1e-12, abs=1e-12)
    else:
        assert repr(got[1]) == repr(expected[1])


def is_empty_reduce(error: Exception) -> bool:
    return isinstance(error, TypeError) and "empty iterable" in str(error)
