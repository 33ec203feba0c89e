"""What ends a run and is no failure of a record: most of it is what a user's function must not do.

It must not raise StopIteration, which C's loops take for the end, and must not return a coroutine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from types import CoroutineType
from typing import Any, TypeVar

T = TypeVar("T")


class StoppedEarly(Exception):
    """A user's function raised StopIteration; the records after it would have been lost."""


class Unawaited(Exception):
    """A user's function returned a coroutine, and nobody waits for it; that is no failure of a record."""


class Blameless(Exception):
    """Something failed for which no record is to blame, as where the disk is full. It never leaves its task."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


NO_FAILURES = (Unawaited, Blameless)


def awaited(value: Any) -> Any:
    """Return what a function has given; raises Unawaited for a coroutine, which is true, and equal to no other."""
    if type(value) is CoroutineType:
        value.close()  # else Python warns that nobody has awaited it
        raise Unawaited
    return value


def first_awaited(found: Iterator[T]) -> Iterator[T]:
    """Return `found`; raises Unawaited where its first value is a coroutine, for the others will be ones too."""
    first = [awaited(each) for each in islice(found, 1)]
    return chain(first, found if first else ())  # none: a function has raised StopIteration


def results(function: Callable[[Any], Any], records: Sequence[Any]) -> list[Any]:
    """Return what `function` gives for each of `records`; raises StoppedEarly where it raises StopIteration.

    Raises Unawaited where it returns a coroutine.

    >>> results(str, [1, 2])
    ['1', '2']
    """
    found = list(map(function, records))
    if len(found) < len(records):
        raise StoppedEarly
    if found and type(found[-1]) is CoroutineType:
        awaited(found[-1])
    return found
