"""What a worker prints, logs and warns of: it goes to the caller, which says it as if its own functions had.

So `sys.stdout` may be a notebook's or a test's; the caller's handlers, formats and filters deal with log records; and a
progress bar makes room. What C code, or another program that a function has started, writes to the descriptors 1 and 2
goes straight to where those lead.

Imported by every worker, so it imports little.
"""

from __future__ import annotations

import _pickle
import io
import marshal
import os
import sys
import warnings

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_send: Callable[[bytes], None] | None = None
_pid = 0
_streams: dict[str, io.TextIOWrapper] = {}


def speak_through(send: Callable[[bytes], None]) -> None:
    """Have what this process, a worker, prints and warns of go through `send` from now on."""
    global _send, _pid
    _send, _pid = send, os.getpid()
    speak_again()


def speak_again() -> None:
    """Undo what the user's functions did to the streams and to how warnings are shown."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if name not in _streams or _streams[name].closed:
            _streams[name] = _stream(name, number)
        setattr(sys, name, _streams[name])
    warnings.showwarning = _tell_warning


def can_tell() -> bool:
    """Return whether this process is the worker: one that a function has forked has no caller to tell."""
    return _send is not None and os.getpid() == _pid


def tell(what: str, data: bytes) -> None:
    """Tell the caller something."""
    assert _send is not None
    _send(marshal.dumps((what, data)))


def _stream(name: str, number: int) -> io.TextIOWrapper:
    errors = "backslashreplace" if name == "stderr" else "surrogateescape"
    raw: Any = _Told(name, number)  # text is kept up to its line's end
    stream = io.TextIOWrapper(raw, "utf-8", errors, newline="\n", line_buffering=True)
    stream.mode = "w"  # type: ignore[misc]
    return stream


class _Told(io.RawIOBase):
    """What a stream of a worker writes to; mutable, one for each stream."""

    def __init__(self, name: str, number: int) -> None:
        self.name = f"<{name}>"
        self._stream = name
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number  # for programs that are started with it

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> int:
        text = bytes(data)
        if can_tell():
            try:
                tell(self._stream, text)
                return len(text)
            except OSError:
                pass  # the caller listens no more
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._number, rest) :]
        return len(text)


def _tell_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    if file is not None or not can_tell():
        stream = sys.stderr if file is None else file
        stream.write(warnings.formatwarning(message, category, filename, lineno, line))
        return
    place = (filename, lineno, _module_of(filename, lineno))
    words = [(each.__module__, each.__qualname__) for each in category.__mro__]
    tell("warning", marshal.dumps((_pickled(message), str(message), words, *place)))


def _module_of(filename: str, lineno: int) -> str | None:
    """Return the name of the module that warns, whose frame is one of the callers."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_lineno == lineno and frame.f_code.co_filename == filename:
            name = frame.f_globals.get("__name__")
            return name if type(name) is str else None
        frame = frame.f_back
    return None


def _pickled(message: Warning | str) -> bytes | None:
    try:
        data = _pickle.dumps(message)
        _pickle.loads(data)
    except Exception:  # of the user's __main__, for one
        from bagkit.crossing.error_forms import pickled_error

        return None if isinstance(message, str) else pickled_error(message)[0]
    return data
