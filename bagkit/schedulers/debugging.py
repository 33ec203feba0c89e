"""Debuggers in a worker process, which has no terminal: an error that says how to have one.

Imported by every worker, so it imports little.
"""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any, BinaryIO

_HINT = "a worker process has no terminal; hint: scheduler='sync' runs everything where the debugger can be used"


class NoTerminal(BaseException):
    """A debugger was called here. It is not the failure of a record, so `on_error` does not skip it."""


def refuse_breakpoint(*args: Any, **kwargs: Any) -> Any:
    """Raise NoTerminal, unless the user has named another debugger than pdb: call that."""
    if os.environ.get("PYTHONBREAKPOINT", "") in ("", "pdb.set_trace"):
        raise NoTerminal(f"breakpoint(): {_HINT}")
    return sys.__breakpointhook__(*args, **kwargs)


class NoInput(io.TextIOBase):
    """A stdin that is at its end, but for pdb, which would take that for the wish to quit."""

    name = "<stdin>"
    encoding = "utf-8"

    @property
    def buffer(self) -> BinaryIO:
        return open(os.devnull, "rb")

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def read(self, size: int | None = -1, /) -> str:
        return self.readline()

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        frame: Any = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__") == "pdb":
                raise NoTerminal(f"pdb: {_HINT}")
            frame = frame.f_back
        return ""


def explained(error: BaseException) -> BaseException:
    """Return the TaskError to raise for a debugger that was called or quit here; any other `error` as it is."""
    quit_ = type(error).__name__ == "BdbQuit" and type(error).__module__ == "bdb"
    if not quit_ and not isinstance(error, NoTerminal):
        return error
    from bagkit.errors import TaskError

    text = f"a debugger was quit: {_HINT}" if quit_ else str(error)
    return TaskError(text).with_traceback(error.__traceback__)
