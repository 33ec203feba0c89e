"""Tracebacks that show the user's lines and not ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from bagkit.errors import (
    BagkitError,
    CorruptInputError,
    NotPicklableError,
    TaskError,
    UnstableKeyError,
    attribute,
    notes_of,
    put,
    text_of,
)

F = TypeVar("F", bound=Callable[..., Any])

FRONT_DOOR = "<bagkit>"
"""The file name in the frame of a front door. There is no such file, so a traceback shows one line for the frame."""

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_OWN = (_PACKAGE, FRONT_DOOR)
_MISSING = (FileNotFoundError, NotADirectoryError, ModuleNotFoundError)


def is_own(frame: FrameType) -> bool:
    """Return whether `frame` runs code of bagkit."""
    name = frame.f_code.co_filename
    # What dataclasses generate has no file, and the globals of its module.
    generated = name == "<string>" and str(frame.f_globals.get("__name__")).startswith("bagkit.")
    return name.startswith(_OWN) or generated


def clear_own_frames(error: BaseException) -> None:
    """Let our frames in the traceback of an error that is kept let go of what they worked on: blocks of other records.

    The user's keep their variables, for a debugger. So do ours that are still at work.
    """
    trace = _trace(error)
    while trace is not None:
        if is_own(trace.tb_frame):
            try:
                trace.tb_frame.clear()
            except RuntimeError:
                pass  # it is at work, and lets go of them itself
        trace = trace.tb_next


def users_frame() -> FrameType:
    """Return the innermost frame that is not ours, among the callers of the caller."""
    frame = sys._getframe(2)
    while is_own(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def shown_file(frame: FrameType) -> str:
    """Return the name of the file whose code `frame` runs; of a notebook's cell what its tracebacks call it.

    >>> import sys
    >>> shown_file(sys._getframe())
    '<doctest bagkit.tracebacks.shown_file[1]>'
    """
    name = frame.f_code.co_filename
    if "IPython" not in sys.modules:
        return name
    shell: Any = sys.modules["IPython"].get_ipython()
    known: Any = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(name)
    return " ".join(known) if known else name


def shorten_traceback(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of an error whose message or notes say where it came from.

    Others keep all their frames: they are about our lines. A cause that adds nothing is not shown.
    """
    put(error, "__traceback__", frames_to_show(error))
    if isinstance(error, BagkitError) and not isinstance(error, (TaskError, CorruptInputError)):
        _shorten_causes(error)


def frames_to_show(error: BaseException) -> TracebackType | None:
    """Return the traceback of `error` without our frames, unless the error is about them."""
    trace = _trace(error)
    return _without_ours(trace) if _says_where(error) or _is_of_a_function(trace) else trace


def frames_of_worker(error: BaseException) -> TracebackType | None:
    """Return the text of the traceback of `error`, which is on its way out of a worker.

    There the frames above the user's are always the same. Without any of theirs it is about ours.
    """
    theirs = _without_ours(_trace(error))
    return theirs if theirs is not None or _says_where(error) else _trace(error)


def _trace(error: BaseException) -> TracebackType | None:
    trace: TracebackType | None = attribute(error, "__traceback__")
    return trace


def _says_where(error: BaseException) -> bool:
    return isinstance(error, (BagkitError, KeyboardInterrupt)) or bool(notes_of(error))


def _is_of_a_function(trace: TracebackType | None) -> bool:
    """Return whether it was a function of the user's, called by ours, that raised: not ours, nor a library's."""
    called = None
    while trace is not None:
        if is_own(trace.tb_frame):
            called = None
        elif called is None:
            called = trace.tb_frame
        trace = trace.tb_next
    return called is not None and _is_users(called)


def _is_users(frame: FrameType) -> bool:
    return not is_own(frame) and not _is_pythons(frame) and not frame.f_code.co_filename.startswith(_paths(_PACKAGES))


def _is_pythons(frame: FrameType) -> bool:
    """Return whether `frame` runs code of Python's own library."""
    name = frame.f_code.co_filename
    return name.startswith("<frozen") or (
        name.startswith(_paths(("stdlib", "platstdlib"))) and not name.startswith(_paths(_PACKAGES))
    )


_PACKAGES = ("purelib", "platlib")


def _paths(kinds: tuple[str, ...]) -> tuple[str, ...]:
    import sysconfig

    return tuple(sysconfig.get_path(kind) + os.sep for kind in kinds)


def _shorten_causes(error: BaseException) -> None:
    """Leave the user's frames in what caused an error of ours; if there are none, and it says no more, hide it."""
    each, seen = error, {id(error)}
    while True:
        hidden = attribute(each, "__suppress_context__")
        cause = attribute(each, "__cause__") or (None if hidden else attribute(each, "__context__"))
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        put(cause, "__traceback__", _kept(_trace(cause), _is_users))
        in_worker = notes_of(cause) and not isinstance(each, UnstableKeyError)
        if _trace(cause) is None and not in_worker and _is_said(cause, each):
            put(each, "__cause__", None)
            put(each, "__context__", cause)  # for who looks for it
            put(each, "__suppress_context__", True)
            return
        each = cause


def _is_said(cause: BaseException, error: BaseException) -> bool:
    """Return whether `error` says all that `cause` does."""
    if isinstance(error, (NotPicklableError, UnstableKeyError)) or isinstance(cause, _MISSING):
        return True
    said = text_of(error).lower()
    reasons = [text_of(cause), attribute(cause, "strerror", OSError) if isinstance(cause, OSError) else None]
    return any(isinstance(reason, str) and reason and reason.lower() in said for reason in reasons)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return `trace` without frames of ours, and without frames of Python's own library that ours called."""
    below_ours = False

    def keep(frame: FrameType) -> bool:
        nonlocal below_ours
        below_ours = is_own(frame) or (below_ours and _is_pythons(frame))
        return not below_ours

    return _kept(trace, keep)


def _kept(trace: TracebackType | None, keep: Callable[[FrameType], bool]) -> TracebackType | None:
    frames = []
    while trace is not None:
        if keep(trace.tb_frame):
            frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def as_front_door(function: F) -> F:
    """Return `function` with a frame of one line in tracebacks."""
    changed: Any = function
    changed.__code__ = changed.__code__.replace(co_filename=FRONT_DOOR, co_firstlineno=1)
    return function
