"""What a program has put in the place of functions and classes of other packages, which workers import."""

from __future__ import annotations

import builtins
import datetime
import fractions
import functools
import math
import os.path
import pathlib
import statistics
import sys
import textwrap
import threading
import time
import types
import unittest.mock
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

pytestmark = pytest.mark.usefixtures("workers_end")


def through(function: Callable[[int], Any]) -> list[Any]:
    return bk.from_sequence([1, 4], npartitions=2).map(function).compute(scheduler="processes", workers=1)


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Frozen:
        return cls(2000, 1, 1)


def imports_it(x: int) -> float:
    from time import time as now

    return now()


CASES: dict[str, tuple[Any, str, Any, Callable[[int], Any]]] = {
    "a function of C": (math, "sqrt", lambda x: -x, lambda x: math.sqrt(x)),
    "a function of Python": (statistics, "mean", lambda values: 7, lambda x: statistics.mean([x])),
    "a mock": (time, "time", unittest.mock.Mock(return_value=5.0), lambda x: time.time()),
    "imported in the function": (time, "time", lambda: 6.0, imports_it),
    "in a module of a module": (os.path, "exists", lambda path: "patched", lambda x: os.path.exists("nowhere")),
    "a class": (datetime, "datetime", Frozen, lambda x: datetime.datetime.now().year),
    "a method": (pathlib.Path, "exists", lambda self: "patched", lambda x: pathlib.Path("nowhere").exists()),
    "an inherited method": (Fraction, "conjugate", lambda self: "patched", lambda x: fractions.Fraction(x).conjugate()),
    "settings": (math, "isclose", functools.partial(math.isclose, abs_tol=9), lambda x: math.isclose(x, x + 5)),
    "a builtin": (builtins, "ascii", lambda value: "patched", lambda x: ascii(x)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_replaced_is_replaced_in_workers_and_no_longer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, value, function = CASES[name]
    times = name in ("a mock", "imported in the function")
    assert times or through(function) == [function(1), function(4)]
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, value)
        assert through(function) == [function(1), function(4)]
    after = through(function)
    assert min(after) > 1e9 if times else after == [function(1), function(4)]


def test_a_name_that_was_not_there_is_gone_afterwards() -> None:
    def thrice(x: int) -> Any:
        return math.thrice(x)  # type: ignore[attr-defined]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math, "thrice", lambda x: 3 * x, raising=False)
        assert through(thrice) == [3, 12]
    with pytest.raises(AttributeError, match="thrice"):
        through(thrice)


def test_a_replacement_that_calls_what_it_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    square_root, mean = math.sqrt, statistics.mean
    monkeypatch.setattr(math, "sqrt", lambda x: square_root(x) + 1)
    monkeypatch.setattr(statistics, "mean", lambda values: mean(values) + 1)
    bag = bk.from_sequence([1, 4], npartitions=2).map(lambda x: (math.sqrt(x), statistics.mean([x])))
    found = bk.compute(bag, bag.map(lambda pair: math.sqrt(pair[1])), bag.count(), scheduler="processes", workers=1)
    assert found == ([(2.0, 2), (3.0, 5)], [square_root(2) + 1, square_root(5) + 1], 2)


def test_modules_of_the_user_s_that_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "patches_user.py").write_text(
        textwrap.dedent("""
            import math
            def root(x): return math.sqrt(x)
            class Roots:
                def root(self, x): return math.sqrt(x)
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    import patches_user  # type: ignore[import-not-found]

    assert through(patches_user.root) == [1.0, 2.0]
    with unittest.mock.patch("math.sqrt", lambda x: -x):
        assert through(patches_user.root) == [-1, -4]
        assert through(patches_user.Roots().root) == [-1, -4]
    assert through(patches_user.root) == [1.0, 2.0]
    assert isinstance(sys.modules.pop("patches_user"), types.ModuleType)


def test_a_replacement_that_can_t_cross_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()

    def locked(x: float) -> float:
        with lock:
            return x

    monkeypatch.setattr(math, "sqrt", locked)
    with pytest.raises(bk.NotPicklableError, match=r"^math.sqrt: it was replaced .* hint: use scheduler='threads'"):
        through(lambda x: math.sqrt(x))
