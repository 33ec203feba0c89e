"""Debuggers in worker processes: an error that says where there is a terminal."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

import bagkit as bk

HINT = "a worker process has no terminal; hint: scheduler='sync' runs everything where the debugger can be used"


def with_breakpoint(x: int) -> int:
    breakpoint()
    return x


def with_pdb(x: int) -> int:
    import pdb

    pdb.set_trace()
    return x


def that_quits(x: int) -> int:
    import bdb

    raise bdb.BdbQuit


@pytest.mark.parametrize("on_error", ["raise", "skip", "collect"])
@pytest.mark.parametrize(("function", "start"), [(with_breakpoint, "breakpoint()"), (with_pdb, "pdb")])
def test_a_debugger_in_a_worker(function: Any, start: str, on_error: Any) -> None:
    with pytest.raises(bk.TaskError) as caught:
        bk.from_sequence([1, 2]).map(function).compute(scheduler="processes", workers=1, on_error=on_error)
    assert str(caught.value) == f"{start}: {HINT}"
    assert function.__name__ in "".join(caught.value.__notes__)


def test_a_debugger_that_was_quit() -> None:
    with pytest.raises(bk.TaskError, match="a debugger was quit: a worker process has no terminal"):
        bk.from_sequence([1]).map(that_quits).compute(scheduler="processes", workers=1)


def test_another_debugger_that_the_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    bag = bk.from_sequence([1]).map(with_breakpoint)
    monkeypatch.setenv("PYTHONBREAKPOINT", "0")
    assert bag.compute(scheduler="processes", workers=1) == [1]
    monkeypatch.setenv("PYTHONBREAKPOINT", "builtins.print")
    assert bag.compute(scheduler="processes", workers=1) == [1]


def test_stdin_is_at_its_end() -> None:
    def read(x: int) -> Any:
        return sys.stdin.read(), sys.stdin.readline(), list(sys.stdin), sys.stdin.buffer.read()

    assert bk.from_sequence([1]).map(read).compute(scheduler="processes", workers=1) == [("", "", [], b"")]
    with pytest.raises(EOFError):
        bk.from_sequence([1]).map(lambda x: input()).compute(scheduler="processes", workers=1)


def test_a_debugger_where_there_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("c\n"))
    monkeypatch.setattr(sys, "breakpointhook", lambda: None)
    assert bk.from_sequence([1]).map(with_breakpoint).compute(scheduler="sync") == [1]
