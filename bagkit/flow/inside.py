"""Whether the running code is part of a task, so that a compute inside a compute stays in its process and thread.

And what a process does that runs tasks: it draws random numbers of its own.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar, Token

from bagkit.flow.tallies import Reasons, counting

_running: ContextVar[bool] = ContextVar("bagkit_running_task", default=False)
_worker_process = False


def inside_task() -> bool:
    """Return whether a task of bagkit is running here: in this worker process, or in this thread."""
    return _worker_process or _running.get()


def become_worker() -> None:
    """Make this process a worker: all its code, in whatever thread, is part of a task from now on."""
    global _worker_process
    _worker_process = True


def draw_own_numbers() -> None:
    """Give `random` and `numpy.random` seeds that no other process has: a module may have said `random.seed(0)`."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    legacy = sys.modules.get("numpy.random.mtrand")
    if legacy is not None:
        try:
            legacy._rand.seed()
        except Exception:  # it is being imported, or the user has put another source of bits there
            pass


class running_task:
    """Mark the code in the `with` block, in this thread, as part of a task. Used by one thread at a time.

    What it counts by reason goes to `reasons`, if somebody wants to know.
    """

    __slots__ = ("_counting", "_token")
    _token: Token[bool]

    def __init__(self, *reasons: Reasons) -> None:
        self._counting = counting(*reasons)

    def __enter__(self) -> None:
        self._token = _running.set(True)
        self._counting.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._counting.__exit__()
        _running.reset(self._token)
