"""cytoolz's functions on iterables, or toolz's, which are the same in Python."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def itertoolz() -> Any:
    """Return the module: toolz's where cytoolz does not load, as in an interpreter beside others of one process."""
    try:
        from cytoolz import itertoolz as found
    except ImportError:
        from toolz import itertoolz as found
    return found
