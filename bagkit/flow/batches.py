"""The records that a task gives, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class Batches:
    """The records that a task gives, as an iterable of lists.

    A scheduler that sends them elsewhere takes one list at a time, so no process need hold them all; one that keeps
    them calls `kept()`.
    """

    def __init__(self, batches: Iterable[Sequence[Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self._batches)

    def kept(self) -> Batches:
        """Return batches that can be iterated again and again."""
        return Batches(list(self._batches))
