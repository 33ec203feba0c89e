"""Whether the running code is part of a task, so that a compute inside a compute stays in its process and thread."""

from __future__ import annotations

from contextvars import ContextVar, Token

_running: ContextVar[bool] = ContextVar("bagkit_running_task", default=False)
_worker_process = False


def inside_task() -> bool:
    """Return whether a task of bagkit is running here: in this worker process, or in this thread."""
    return _worker_process or _running.get()


def become_worker() -> None:
    """Make this process a worker: all its code, in whatever thread, is part of a task from now on."""
    global _worker_process
    _worker_process = True


class running_task:
    """Mark the code in the `with` block, in this thread, as part of a task. Used by one thread at a time."""

    __slots__ = ("_token",)
    _token: Token[bool]

    def __enter__(self) -> None:
        self._token = _running.set(True)

    def __exit__(self, *exc: object) -> None:
        _running.reset(self._token)
