"""What the caller has put into the user's modules, and has taken away again."""

from __future__ import annotations

import importlib
import sys
import types
import unittest.mock
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import pool

pytestmark = pytest.mark.usefixtures("workers_end")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Write a module of the user's into a zip file, or into a plain one, and import it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(name: str, text: str, zipped: bool = False) -> Any:
        if zipped:
            with zipfile.ZipFile(tmp_path / "modules.zip", "w") as file:
                file.writestr(f"{name}.py", text)
            monkeypatch.syspath_prepend(tmp_path / "modules.zip")
        else:
            (tmp_path / f"{name}.py").write_text(text)
            monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(name)

    return make


def through(function: Callable[..., Any], *records: Any) -> list[Any]:
    return bk.from_sequence(records, npartitions=1).map(function).compute(scheduler="processes", workers=1)


def test_what_was_taken_away_is_gone_in_warm_workers(load: Any) -> None:
    module = load(
        "received_settings",
        "LIMITS = {'a': 1}\nclass Config:\n    depth = 1\nconfig = Config()\n"
        "def f(x): return LIMITS, config.depth, globals().get('MORE')\n",
    )
    assert through(module.f, 0) == [module.f(0)]
    module.MORE, module.config.depth, module.LIMITS["b"] = 5, 3, 2
    assert through(module.f, 0) == [module.f(0)] == [({"a": 1, "b": 2}, 3, 5)]
    del module.MORE, module.config.depth, module.LIMITS["b"]
    assert through(module.f, 0) == [module.f(0)] == [({"a": 1}, 1, None)]


def test_a_patched_function_of_a_zipped_module(load: Any) -> None:
    module = load("received_zipped", "def f(x): return x\ndef g(x): return f(x)\n", zipped=True)
    main: dict[str, Any] = {"__name__": "__main__"}
    exec("def patched(x): return -x", main)
    assert through(module.g, 1) == [1]
    with unittest.mock.patch.object(module, "f", main["patched"]):
        assert through(module.g, 1) == [-1]
    with unittest.mock.patch.object(module, "f", return_value=7):
        assert through(module.g, 1) == [7]
    assert through(module.g, 1) == [1]


def test_a_mock_of_a_function_s_signature_is_not_passed_over(load: Any) -> None:
    module = load("received_mocked", "def f(x): return x\ndef g(x): return f(x)\n")
    with unittest.mock.patch.object(module, "f", autospec=True, return_value=7) as mocked:
        assert module.g(1) == 7
        assert isinstance(mocked, types.FunctionType)
        with pytest.raises(bk.NotPicklableError, match="use scheduler='threads'"):
            through(module.g, 1)


def test_a_function_without_a_module_is_not_looked_for() -> None:
    content: dict[str, Any] = {}
    exec("def made(x): return x + 1", content)
    assert through(content["made"], 1) == [2]


def test_a_value_whose_class_is_in_a_module_that_waits_too(load: Callable[[str, str], Any]) -> None:
    made = load("received_class", "LIMIT = 1\nclass Settings:\n    def limit(self): return LIMIT\n")
    module = load("received_holder", "HELD = None\ndef held(x): return HELD.limit()")
    pool.end_workers()
    made.LIMIT = 7
    module.HELD = made.Settings()
    assert bk.from_sequence([1]).map(module.held).compute(scheduler="processes") == [7]
