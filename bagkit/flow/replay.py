"""Iterators as values of tasks: each user gets all records, whatever others have read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from threading import RLock
from types import GeneratorType
from typing import Any

ONE_SHOT = frozenset({
    GeneratorType, map, filter, zip, enumerate, reversed, itertools.chain, itertools.islice, itertools.starmap,
    itertools.takewhile, itertools.dropwhile, itertools.filterfalse, itertools.accumulate, itertools.compress,
    itertools.zip_longest, itertools.product, itertools.permutations, itertools.combinations, itertools.groupby,
    itertools.pairwise, itertools.combinations_with_replacement,
})  # fmt: skip
"""Types of iterators that can be read once and have an end."""


class Replay:
    """An iterator that several users read, each from its beginning; mutable, of one value.

    It is read no further than its users go, so it may be one without an end. Pickled, it is what it gives.

    >>> numbers = Replay(iter([1, 2, 3]), shared=True)
    >>> sum(numbers), list(numbers)
    (6, [1, 2, 3])
    """

    __slots__ = ("_error", "_lock", "_records", "_shared", "_source")

    def __init__(self, source: Iterator[Any], shared: bool) -> None:
        """Take the iterator; unless it is `shared` there is one user, and nothing is held for another."""
        self._source: Iterator[Any] | None = source
        self._records: list[Any] = []
        self._error: BaseException | None = None
        self._lock = RLock()
        self._shared = shared

    def __iter__(self) -> Iterator[Any]:
        if self._source is None:
            return iter(self._records)
        return self._read() if self._shared else self._source

    def _read(self) -> Iterator[Any]:
        number = 0
        while number < len(self._records) or self._advance(number):
            yield self._records[number]
            number += 1

    def _advance(self, number: int) -> bool:
        """Return whether there is a record with that `number`, the next one for whoever asks."""
        with self._lock:
            if number < len(self._records):
                return True
            if self._error is not None:
                raise self._error
            try:
                if self._source is not None:
                    self._records.append(next(self._source))
                    return True
            except StopIteration:
                self._source = None
            except BaseException as error:
                self._error = error
                raise
            return False

    def drain(self) -> None:
        """Read the iterator to its end."""
        with self._lock:
            while self._source is not None and self._advance(len(self._records)):
                pass

    def for_many(self) -> Replay:
        """Return it as one that others may read too."""
        self._shared = True
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        self.drain()
        return _drained, (self._records,)


def _drained(records: list[Any]) -> Replay:
    replay = Replay(iter(()), shared=True)
    replay._source, replay._records = None, records
    return replay


def replayed(value: Any, shared: bool = True) -> Any:
    """Return `value`, or a Replay in place of an iterator that can be read once."""
    return Replay(value, shared) if type(value) in ONE_SHOT else value


def reading(value: Any) -> Any:
    """Return `value`, or an iterator of its own for whoever uses a Replay.

    >>> next(reading(replayed(map(abs, [-1]))))
    1
    """
    return iter(value) if type(value) is Replay else value


def for_many(value: Any) -> Any:
    """Return `value`, or of a Replay one that several may use, each as often as it likes."""
    return value.for_many() if type(value) is Replay else value
