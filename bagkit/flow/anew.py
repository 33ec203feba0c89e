"""Runs that begin anew, because their plan was wrong about an input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any


class RunAnew(Exception):
    """A run was planned on what is not so."""

    def learn(self) -> None:
        """Take note of it, in the process that plans."""
        raise NotImplementedError  # each has something of its own


class RunAttempts:
    """Attempts at one run, each a `with` block, until one ends otherwise than by RunAnew; mutable, of one caller."""

    def __init__(self) -> None:
        self._is_done = False
        self._given = 0

    def __iter__(self) -> Iterator[RunAttempts]:
        while not self._is_done:
            yield self

    def __enter__(self) -> None:
        self._is_done = True

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, RunAnew):
            return False
        error.learn()
        self._is_done = False
        return True

    def fresh(self, batches: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Yield of the records of an attempt those that none before it has given."""
        seen = 0
        for batch in batches:
            before, seen = seen, seen + len(batch)
            if seen > self._given:
                new, self._given = batch if before >= self._given else batch[self._given - before :], seen
                yield new
