"""Calls whose frames lead no further up: an error that is kept after one holds nothing of the callers.

Since Python 3.12 each frame holds the one that called it. So what is called here is called by a generator, which has
no caller once it rests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from types import CodeType
from typing import Any, Final, TypeVar

T = TypeVar("T")

Caller = Generator[None, list[Any], None]


def call_apart(call: Callable[[], T]) -> T:
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

CALLER: Final[CodeType] = _calls.__code__
"""What the uppermost frame of such a call runs."""
