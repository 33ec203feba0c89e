"""StopIteration from a user's function, which C's loops would take for the end of the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class StoppedEarly(Exception):
    """A user's function raised StopIteration; the records after it would have been lost."""


def results(function: Callable[[Any], Any], records: Sequence[Any]) -> list[Any]:
    """Return what `function` gives for each of `records`; raises StoppedEarly where it raises StopIteration.

    >>> results(str, [1, 2])
    ['1', '2']
    """
    found = list(map(function, records))
    if len(found) < len(records):
        raise StoppedEarly
    return found
