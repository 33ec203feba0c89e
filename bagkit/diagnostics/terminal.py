"""Lets a progress bar share the terminal with everything else that is written there.

`sys.stderr` may be anything: closed, None where there is no console, or an object of the user's that has a `write` and
nothing else.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from bagkit.tracebacks import interactive_shell


class DrawnInPlace(Protocol):
    """Something that is drawn in place, again and again."""

    def hide(self) -> None:
        """Make its line free."""

    def show(self) -> None:
        """Draw it again, below what was written meanwhile."""


_drawings: list[DrawnInPlace] = []
_lock = threading.RLock()
_open_line = False
"""Whether the last text has not ended its line."""


def can_write(file: Any) -> bool:
    """Return whether texts can be written to `file`, as far as it says."""
    if file is None or not callable(getattr(file, "write", None)):
        return False
    try:
        return not getattr(file, "closed", False)
    except Exception:  # a stream of the user's, which may raise anything
        return False


def is_terminal(file: Any) -> bool:
    """Return whether `file` is a terminal; what can't say so is none."""
    try:
        return can_write(file) and bool(file.isatty())
    except Exception:  # a stream of the user's, which may raise anything
        return False


def wants_progress(option: bool | None) -> bool:
    """Return whether to draw: as told, and where nothing was told, in a notebook and if stderr is a terminal."""
    if option is not None:
        return option
    return in_notebook() or is_terminal(sys.stderr)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules and type(interactive_shell()).__name__ not in (
        "NoneType",
        "TerminalInteractiveShell",
    )


def add_drawing(drawing: DrawnInPlace) -> None:
    """From now on have `drawing` make room for others: also for what this process writes to its terminal."""
    with _lock:
        _drawings.append(drawing)
        if len(_drawings) == 1:
            for name in ("stdout", "stderr"):
                file = getattr(sys, name)
                if is_terminal(file) and not isinstance(file, _Beside):
                    setattr(sys, name, _Beside(file))
                    _lead_handlers(file, getattr(sys, name))


def remove_drawing(drawing: DrawnInPlace) -> None:
    """Undo `add_drawing`."""
    with _lock:
        _drawings.remove(drawing)
        if not _drawings:
            for name in ("stdout", "stderr"):
                beside = getattr(sys, name)
                if isinstance(beside, _Beside):
                    setattr(sys, name, beside.file)
                    _lead_handlers(beside, beside.file)


def _lead_handlers(old: Any, new: Any) -> None:
    """Have the log handlers that write to `old` write to `new`."""
    logging: Any = sys.modules.get("logging")
    if logging is None:
        return
    for reference in tuple(logging._handlerList):
        handler = reference()
        if isinstance(handler, logging.StreamHandler) and vars(handler).get("stream") is old:
            handler.setStream(new)


class _Beside:
    """A terminal's stream, while something is drawn there; mutable, in the place of sys.stdout or sys.stderr."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, text: str) -> Any:
        """Write `text` where nothing is drawn."""
        with room_for_text():
            _note_end(text)
            size = self.file.write(text)
            self.file.flush()
        return size

    def writelines(self, texts: Iterable[str]) -> None:
        """Write all of `texts`."""
        self.write("".join(texts))


def _note_end(text: str | bytes) -> None:
    """Remember whether `text` ends its line, as a drawing has to know."""
    global _open_line
    if _drawings and text:
        _open_line = text[-1:] not in ("\n", b"\n")


@contextlib.contextmanager
def room_for_text() -> Iterator[None]:
    """Take the drawings away while the `with` block writes."""
    if not _drawings:
        yield
        return
    with _lock:
        _each(lambda drawing: drawing.hide())
        try:
            yield
        finally:
            _each(lambda drawing: drawing.show())


def _each(act: Callable[[DrawnInPlace], None]) -> None:
    """Call a method of each drawing; ignore errors of a file that can't be written to."""
    for drawing in tuple(_drawings):
        with contextlib.suppress(Exception):
            act(drawing)


def show_drawings() -> None:
    """Draw again what has made room a while ago."""
    if _drawings:
        with _lock:
            _each(lambda drawing: drawing.show())


def line_is_open() -> bool:
    """Return whether the last text has not ended its line, so that a drawing would go on with it."""
    return _open_line


def line_has_ended() -> None:
    """Take note that something else, a log handler for one, has written its lines."""
    global _open_line
    _open_line = False


def end_line(file: Any) -> None:
    """End the line that a text has left open, on `file`."""
    global _open_line
    if _open_line:
        _open_line = False
        file.write("\n")


def write_text(name: str, data: bytes) -> None:
    """Write what a stream of a worker was given to `sys.stdout` or `sys.stderr`, or nowhere if that is no file.

    A pipe whose reader has gone raises, as it does for the program that writes to it.
    """
    file: Any = getattr(sys, name, None)
    if not can_write(file):
        return
    _note_end(data)
    try:
        file.write(data.decode("utf-8"))
    except UnicodeDecodeError:
        _write_bytes(file, data)
    except UnicodeEncodeError as error:
        file.write(data.decode("utf-8").encode(error.encoding, "backslashreplace").decode(error.encoding))
    if name == "stderr" or is_terminal(file):
        flush = getattr(file, "flush", None)
        if flush is not None:
            flush()


def _write_bytes(file: Any, data: bytes) -> None:
    """Write something other than text, where the stream takes it."""
    buffer = getattr(file, "buffer", None)
    if buffer is None:
        file.write(data.decode("utf-8", "backslashreplace"))
        return
    file.flush()
    buffer.write(data)
