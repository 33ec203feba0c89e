"""Whether the run in this thread is to stop: nobody holds any more what it makes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from bagkit.errors import TaskError


class Stoppable(Protocol):
    """What can be stopped: a run in the background."""

    @property
    def is_stopped(self) -> bool:
        """Whether it is to stop."""


NOTICE_SECONDS = 0.25
"""The longest that one waits: it may be stopped too, and a Ctrl-C that reached another thread is noticed only then."""

_here: ContextVar[Stoppable | None] = ContextVar("bagkit_stoppable", default=None)


def begin_stoppable(run: Stoppable) -> None:
    """Have what runs in this context from now on end when `run` is stopped."""
    _here.set(run)


def check_stopped() -> None:
    """Raise TaskError if the run in this thread is to stop; schedulers ask again and again."""
    run = _here.get()
    if run is not None and run.is_stopped:
        raise TaskError("persist: it was stopped, by the end of the program or because nobody holds the bag any more")
