"""Tracebacks that show the user's lines and not ours."""

from __future__ import annotations

import os
from types import TracebackType

from bagkit.errors import BagkitError

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def shorten_traceback(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of an error that says itself where it came from.

    Others keep all their frames: they are about our lines.
    """
    if isinstance(error, (BagkitError, KeyboardInterrupt)) or hasattr(error, "__notes__"):
        error.__traceback__ = _without_own_frames(error.__traceback__)


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
