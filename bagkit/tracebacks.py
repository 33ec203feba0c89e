"""Tracebacks that show the user's lines and not ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType, TracebackType

from bagkit.errors import BagkitError, attribute, notes_of, put

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def shorten_traceback(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of an error that says itself where it came from.

    Others keep all their frames: they are about our lines.
    """
    put(error, "__traceback__", frames_to_show(error))


def frames_to_show(error: BaseException) -> TracebackType | None:
    """Return the traceback of `error` without frames of ours, unless it is about those."""
    return _kept(_trace(error), _is_others) if _says_where(error) else _trace(error)


def frames_of_worker(error: BaseException) -> TracebackType | None:
    """Return what is told of the traceback of `error`, which is on its way out of a worker.

    There the frames above those of the user are always the same. Without any of theirs it is about ours.
    """
    theirs = _kept(_trace(error), _is_others)
    return theirs if theirs is not None or _says_where(error) else _trace(error)


def _trace(error: BaseException) -> TracebackType | None:
    trace: TracebackType | None = attribute(error, "__traceback__")
    return trace


def _says_where(error: BaseException) -> bool:
    return isinstance(error, (BagkitError, KeyboardInterrupt)) or bool(notes_of(error))


def _is_others(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith((_PACKAGE, "<frozen"))


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
