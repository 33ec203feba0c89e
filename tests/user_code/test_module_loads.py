"""The finder that notes which version of its file a module was made of changes nothing else about imports."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from bagkit.user_code import module_loads
from bagkit.user_code.module_loads import Watcher, is_edited, version_of


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "module_loads_sample.py").write_text("a = 1")
    yield importlib.import_module("module_loads_sample")
    del sys.modules["module_loads_sample"]


def test_it_stands_before_the_finder_of_files_once() -> None:
    module_loads.watch()
    assert sys.meta_path.count(Watcher) == 1
    assert sys.meta_path.index(Watcher) + 1 == sys.meta_path.index(importlib.machinery.PathFinder)


@pytest.mark.parametrize("name", ["module_loads_sample", "json", "msgspec", "no_such_module"])
def test_it_finds_what_the_finder_of_files_finds(module: Any, name: str) -> None:
    found = Watcher.find_spec(name)
    assert found == importlib.machinery.PathFinder.find_spec(name)
    assert type(found) in (importlib.machinery.ModuleSpec, type(None))


def test_it_finds_nothing_where_nobody_wants_files(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [each for each in sys.meta_path if each is not importlib.machinery.PathFinder]
    monkeypatch.setattr(sys, "meta_path", others)
    assert Watcher.find_spec("module_loads_sample") is None


def test_edits_and_reloads(module: Any, tmp_path: Path) -> None:
    def now() -> Any:
        return version_of(module.__file__)

    assert not is_edited(module, now())
    (tmp_path / "module_loads_sample.py").write_text("a = 1000")
    assert is_edited(module, now())
    assert importlib.util.find_spec("module_loads_sample") is module.__spec__
    assert is_edited(module, now())
    before = module_loads.Loads.again
    importlib.reload(module)
    assert not is_edited(module, now())
    assert module_loads.Loads.again == before + 1
    assert "module_loads_sample" in module_loads.reloaded
