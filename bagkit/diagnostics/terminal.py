"""The lines that a drawing (a progress bar) shares with all else that is written, and files that are none.

`sys.stderr` may be anything: closed, None where there is no console, or an object of the user's that has a `write` and
nothing else.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Drawing(Protocol):
    """Something that is drawn in place, again and again."""

    def hide(self) -> None:
        """Make its line free."""

    def show(self) -> None:
        """Draw it again, below what was written meanwhile."""


_drawings: list[Drawing] = []
_lock = threading.RLock()
_open_line = False
"""Whether the last text has not ended its line."""


def can_write(file: Any) -> bool:
    """Return whether texts can be written to `file`, as far as it says."""
    if file is None or not callable(getattr(file, "write", None)):
        return False
    try:
        return not getattr(file, "closed", False)
    except Exception:
        return False


def is_terminal(file: Any) -> bool:
    """Return whether `file` is a terminal; what can't say so is none."""
    try:
        return can_write(file) and bool(file.isatty())
    except Exception:
        return False


def add_drawing(drawing: Drawing) -> None:
    """Have `drawing` make room for others from now on."""
    with _lock:
        _drawings.append(drawing)


def remove_drawing(drawing: Drawing) -> None:
    """Undo `add_drawing`."""
    with _lock:
        _drawings.remove(drawing)


@contextmanager
def room_for_text() -> Iterator[None]:
    """Keep what is drawn out of the way of what is written in the `with` block."""
    if not _drawings:
        yield
        return
    with _lock:
        for drawing in _drawings:
            drawing.hide()
        try:
            yield
        finally:
            for drawing in _drawings:
                drawing.show()


def show_drawings() -> None:
    """Draw again what has made room a while ago."""
    if _drawings:
        with _lock:
            for drawing in _drawings:
                drawing.show()


def line_is_open() -> bool:
    """Return whether the last text has not ended its line, so that a drawing would go on with it."""
    return _open_line


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
    global _open_line
    file: Any = getattr(sys, name, None)
    if not can_write(file):
        return
    if _drawings and data:
        _open_line = not data.endswith(b"\n")
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
    """Write what is no text, where that can be done."""
    buffer = getattr(file, "buffer", None)
    if buffer is None:
        file.write(data.decode("utf-8", "backslashreplace"))
        return
    file.flush()
    buffer.write(data)
