from __future__ import annotations

import concurrent.futures
import io
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bagkit as bk
from bagkit.diagnostics import progress as drawing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def last(self) -> str:
        """Return what was drawn last."""
        return [line for line in self.getvalue().replace("\n", "\r").split("\r") if line.strip()][-1]


def look_at(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal that stands in the place of stderr."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_calls_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look_at(monkeypatch)
    other: concurrent.futures.Future[int] = concurrent.futures.Future()
    other.set_result(1)
    with bk.Client(workers=1) as client:
        calls = client.map(int, ["1", "x", "3"])
        bk.progress(calls, {"other": (other, calls[0])})
        assert all(future.done() for future in calls)
    last = terminal.last()
    assert last.startswith("100%|")
    assert "4/4 calls" in last
    assert last.rstrip().endswith("1 failed")


def test_runs_are_drawn_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look_at(monkeypatch)
    monkeypatch.setattr(drawing, "LONG", 0.0)
    for name in ("a", "b"):
        (tmp_path / name).write_text("x\n" * 5000)
    with bk.Client(workers=1) as client:
        future = client.compute(bk.read_text(str(tmp_path / "*")).map(str.strip).count())
        bk.progress(bk.delayed(abs)(future))
        assert future.done()
    last = terminal.last()
    assert "20.0kB/20.0kB" in last
    assert "% in " in last
    assert future.result() == 10000


def test_what_does_not_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = look_at(monkeypatch)
    bag = bk.range(4, npartitions=2)
    with pytest.raises(bk.LazyError, match=r"nothing computes this Bag .*hint: progress\(client.compute"):
        bk.progress(bag)
    with pytest.raises(bk.OptionError, match="it got a int; expected futures"):
        bk.progress([3])
    bk.progress(bag.persist(scheduler="sync"), [])
    assert terminal.getvalue() == ""


class Handle:
    """What a notebook's display gives."""

    shown: list[Any]

    def __init__(self, first: Any) -> None:
        self.shown = [first]

    def update(self, value: Any) -> None:
        self.shown.append(value)


def test_in_a_notebook_it_returns_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handles: list[Handle] = []

    def display(value: Any, display_id: bool) -> Handle:
        assert display_id
        handles.append(Handle(value))
        return handles[-1]

    said = ModuleType("IPython.display")
    said.__dict__.update(display=display, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", said)
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    bk.progress(future, notebook=True)
    future.set_result(1)
    for thread in threading.enumerate():
        if thread.name == "bagkit-progress":
            thread.join()
    (handle,) = handles
    assert repr(handle.shown[0]).startswith("0% · 0 of 1 calls")
    assert repr(handle.shown[-1]).startswith("100% · 1 of 1 calls")
    assert '<progress value="1.0000"' in handle.shown[-1]._repr_html_()
