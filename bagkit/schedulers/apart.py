"""Calls of tasks in this process whose frames lead no further up than to the task.

An error that is kept holds the frames of its traceback. Since Python 3.12 each of these holds the frame that called it,
and so on up to the program's own, all with their variables: blocks of other records, values of tasks, what the program
is at. So frames of a task that is over are cleared, and those above it must not be reached at all. They may be at work
still: then they can't be cleared, and hold what they hold whenever they are done.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.flow.apart import CALLER, call_apart
from bagkit.tracebacks import CO_GENERATOR, frame_above, is_of_a_task

if TYPE_CHECKING:
    from bagkit.flow.report import Report

T = TypeVar("T")


def call_task(call: Callable[[], T], report: Report) -> T:
    """Return what `call` gives, which is one task in this thread; what failed in it holds nothing else of it."""
    value = call_apart(call)
    told = [failure for failure in report.failures if getattr(failure, "_later", None) is None]
    if told:
        # Apart too: where a generator loses its last user, it ends, and notes who has ended it as its caller.
        call_apart(partial(_clear, told))
    return value


def _clear(failures: list[Any]) -> None:
    """Let the frames above the user's in the tracebacks of `failures` go of all: the task that they ran is over.

    A frame may be of a generator that was abandoned and is gone. To clear it and to ask for its caller is safe then in
    each Python; to read its variables is not in 3.13.0 to 3.13.5 (cpython 125723).
    """
    seen: set[int] = set()
    while failures:  # this frame may be kept too, and is to hold nothing
        failure = failures.pop()
        frame = frame_above(failure.error) if hasattr(failure, "error") else None
        del failure
        while frame is not None and frame.f_code is not CALLER and id(frame) not in seen:
            if not is_of_a_task(frame):
                break
            seen.add(id(frame))
            if not _waits(frame):
                try:
                    frame.clear()
                except RuntimeError:
                    pass  # it is a generator that waits, or at work in another thread
            frame = frame.f_back


def _waits(frame: FrameType) -> bool:
    """Return whether it is of a generator that is not over: to clear it would end that before Python 3.13.

    What such a frame holds is the generator's; the collector finds the code in others only.
    """
    before = sys.version_info < (3, 13)
    return before and bool(frame.f_code.co_flags & CO_GENERATOR) and frame.f_code not in gc.get_referents(frame)
