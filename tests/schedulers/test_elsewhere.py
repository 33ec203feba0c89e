"""Works that take turns in a process of somebody else's: each has the user's modules as they were when it was sent."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import sys
import threading
import unittest.mock
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers.elsewhere import WORKS_KEPT, kept_works, unpickled
from tests.schedulers.test_executors import Inline


@pytest.fixture
def process() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Write a module of the user's, and import it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, text: str) -> Any:
        (tmp_path / f"{name}.py").write_text(text)
        return importlib.import_module(name)

    return make


def begun(function: Callable[[int], Any], executor: Executor) -> tuple[Any, Iterator[Any]]:
    """Return the first value of a run of 20 tasks, and an iterator over the others: most of them have not begun."""
    with bk.options(scheduler=executor, workers=1):
        values = iter(bk.range(20, npartitions=20).map(function))
        return next(values), values


def test_each_run_has_its_values_of_modules(process: Executor, load: Any) -> None:
    module = load("settings_in_turns", "LIMIT = 5\nLIMITS = [5]\ndef f(x): return LIMIT, *LIMITS\n")
    first, others = begun(module.f, process)
    module.LIMIT, module.LIMITS[:] = 6, [6, 7]
    second, more = begun(module.f, process)
    assert [first, second] == [(5, 5), (6, 6, 7)]
    pairs = list(zip(others, more, strict=True))
    assert pairs == [(first, second)] * 19


def test_each_run_has_the_modules_that_it_has_brought_along(process: Executor, load: Any) -> None:
    module = load("tools_in_turns", "def f(x): return 'file'\n")

    def imports(x: int) -> Any:
        return importlib.import_module("tools_in_turns").f(x)

    def patched(x: int) -> str:
        return "patched"

    _, of_file = begun(imports, process)
    with unittest.mock.patch.object(module, "f", new=patched):
        first, others = begun(imports, process)
    assert first == "patched"
    assert list(zip(of_file, others, strict=True)) == [("file", "patched")] * 19


def test_the_process_that_sends_keeps_its_own_modules(load: Any) -> None:
    module = load("tools_of_the_sender", "def f(x): return 'file'\n")

    def patched(x: int) -> str:
        return "patched"

    with unittest.mock.patch.object(module, "f", new=patched):

        def imports(x: int) -> Any:
            found = importlib.import_module("tools_of_the_sender")
            return id(found), found.f(x)

        assert bk.range(2, npartitions=2).map(imports).compute(scheduler=Inline()) == [(id(module), "patched")] * 2
    assert sys.modules["tools_of_the_sender"] is module
    assert imports(1) == (id(module), "file")


def test_works_are_opened_by_several_threads() -> None:
    wrong: list[Any] = []

    def opens(thread: int) -> None:
        for number in range(300):
            key = f"run {number % 7}", (number + thread) % (2 * WORKS_KEPT)
            try:
                if unpickled(key, pickle.dumps(key)) != key:  # type: ignore[comparison-overlap]  # no function, but it
                    wrong.append(key)
            except Exception as error:
                wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=opens, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    assert len(kept_works) <= WORKS_KEPT
