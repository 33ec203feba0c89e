"""Times a call and prints how long it took."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def timed(what: str, function: Callable[[], T]) -> T:
    """Return what `function` returns, having printed `what` it was and how long it took."""
    started = time.perf_counter()
    result = function()
    print(f"{what:<14}{time.perf_counter() - started:8.2f} s")
    return result
