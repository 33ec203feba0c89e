"""The lock under which a client of dask.distributed pickles, for what waits for a value while it is pickled.

The client's event loop takes that lock whenever a future goes. What waits for the loop and holds the lock waits for
ever.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def wait_while_pickled(wait: Callable[[], T]) -> T:
    """Return what `wait` returns; if a client pickles in this thread, let go of its lock until that is known."""
    held = _held_lock()
    if held is None:
        return wait()
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    def tell(_: object) -> None:
        with held:
            held.notify()

    pool = ThreadPoolExecutor(1)
    try:
        outcome = pool.submit(copy_context().run, wait)
        outcome.add_done_callback(tell)
        held.wait_for(outcome.done)
    finally:
        pool.shutdown(wait=False)
    return outcome.result()


def _held_lock() -> threading.Condition | None:
    """Return a condition on the lock of the client that pickles in this thread, if one does."""
    kind: Any = getattr(sys.modules.get("distributed.client"), "Client", None)
    for client in tuple(getattr(kind, "_instances", ())):
        lock = getattr(client, "_refcount_lock", None)
        if lock is not None and _is_mine(condition := threading.Condition(lock)):
            return condition
    return None


def _is_mine(condition: threading.Condition) -> bool:
    try:
        condition.notify()  # nobody waits: it only says whether this thread has the lock
    except RuntimeError:
        return False
    return True
