"""Calls of tasks in this process whose frames lead no further up than to the task.

An error that is kept holds the frames of its traceback. Since Python 3.12 each of these holds the frame that called it,
and so on up to the program's own, all with their variables: blocks of other records, values of tasks, what the program
is at. So frames of a task that is over are cleared, and those above it must not be reached at all. They may be at work
still: then they can't be cleared, and hold what they hold whenever they are done.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Generator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.tracebacks import CO_GENERATOR, frame_above, is_of_a_task

if TYPE_CHECKING:
    from bagkit.flow.report import Report

T = TypeVar("T")

Caller = Generator[None, list[Any], None]


def call_task(call: Callable[[], T], report: Report) -> T:
    """Return what `call` gives, which is one task in this thread; what failed in it holds nothing else of it."""
    value = _call_apart(call)
    if report.failures:
        # Apart too: where a generator loses its last user, it ends, and notes who has ended it as its caller.
        _call_apart(partial(_clear, list(report.failures)))
    return value


def _call_apart(call: Callable[[], T]) -> T:
    """Return what `call` gives; from its frames none leads to the callers of this once it is over."""
    caller = _resting.callers.pop() if _resting.callers else _started()
    box: list[Any] = [call]
    caller.send(box)
    _resting.callers.append(caller)  # an error has ended it
    value: T = box.pop()
    return value


def _calls() -> Caller:
    """Call what is in the boxes that are sent here, and put the values in there.

    A generator that rests has no caller, and holds nothing. It is never closed: then it would have one.
    """
    while True:
        box = yield
        box.append(box.pop()())
        del box


def _started() -> Caller:
    caller = _calls()
    next(caller)
    return caller


class _Resting(threading.local):
    """The callers of a thread that have nothing to call: one, and more of them where tasks have run inside of tasks."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []


_resting = _Resting()


def _clear(failures: list[Any]) -> None:
    """Let the frames above the user's in the tracebacks of `failures` go of all: the task that they ran is over."""
    seen: set[int] = set()
    while failures:  # this frame may be kept too, and is to hold nothing
        failure = failures.pop()
        frame = frame_above(failure.error) if hasattr(failure, "error") else None
        del failure
        while frame is not None and frame.f_code is not _calls.__code__ and id(frame) not in seen:
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
