"""Threads of bagkit's own, where a run can't do without one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bagkit.errors import TaskError


def started_thread(name: str, target: Callable[[], Any]) -> threading.Thread:
    """Return a daemon thread that calls `target`. Raises TaskError where the system allows no more of them."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        limit = "" if most == resource.RLIM_INFINITY else f"; the limit of processes (RLIMIT_NPROC) is {most}"
        raise TaskError(
            f"{name}: {error}{limit}; hint: fewer threads and processes, or a higher limit of the user or the container"
        ) from None
    return thread
