"""Memory of workers of dask.distributed that hold what tasks of a graph leave for each other.

dask brings values to disk, and pauses a worker whose process takes four fifths of its memory. What is freed then lies
between other things, and the C library keeps it: the process stays as large, and the worker paused for ever. So while
tasks of ours are about, a thread of the worker has the library give it back.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SECONDS = 0.2
"""How often the thread looks."""
IDLE_SECONDS = 60.0
"""The thread ends when no task has begun for so long, and the worker is not paused; or with the worker."""
MUCH = 0.65
"""From which part of the limit on memory is given back. dask brings values to disk from seven tenths on."""

_lock = threading.Lock()
_begun = 0.0
"""When a task began last."""
_thread: threading.Thread | None = None


def watch() -> None:
    """Have this process, if it is a worker with a limit, give back memory: a task begins."""
    global _begun, _thread
    _begun = time.monotonic()
    worker = _worker()
    limit = getattr(getattr(worker, "memory_manager", None), "memory_limit", None)
    if not limit or (_thread is not None and _thread.is_alive()):
        return
    import ctypes

    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is None:
        return  # of another C library, which has none
    with _lock:
        if _thread is None or not _thread.is_alive():
            given = worker, limit, give_back
            _thread = threading.Thread(target=_watch, args=given, name="bagkit-memory", daemon=True)
            _thread.start()


def _worker() -> Any:
    """Return the worker of dask.distributed that this task runs on; None elsewhere."""
    module = sys.modules.get("distributed.worker")
    try:
        return None if module is None else module.get_worker()
    except ValueError:
        return None


def _watch(worker: Any, limit: int, give_back: Callable[[int], int]) -> None:
    while (status := worker.status.name) == "paused" or (
        status == "running" and time.monotonic() - _begun < IDLE_SECONDS
    ):
        if _resident() > MUCH * limit:
            give_back(0)
        time.sleep(SECONDS)


def _resident() -> int:
    """Return how many bytes of this process are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
