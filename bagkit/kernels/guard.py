"""Keeping a stream of records going, or ending it rightly, when a user's function raises.

`map`, `filter` and `starmap` objects survive an exception: their next `next()` goes on with the next record. So records
that fail can be left out at no cost per record while none does: `Guard` fills lists from the iterator and picks up
where an exception left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Protocol

from bagkit.kernels.contexts import context

GUARD_BATCH = 1024
"""Records that a Guard pulls at a time."""


class End(Protocol):
    """Something that records come out of, and that knows whether there are no more."""

    @property
    def ended(self) -> bool:
        """Whether it ran to its end."""

    @property
    def position(self) -> int:
        """A number that grows with each record handed out."""


class StoppedEarly(Exception):
    """A user's function raised StopIteration; the records after it would have been lost."""


class Late(Exception):
    """An error about one of many records, found when more had been pulled: which one it is must be looked for."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@context
def at_once() -> Iterator[None]:
    """Raise Late for an error about one of many records."""
    try:
        yield
    except Exception as error:
        raise Late(error) from error


class Mark:
    """An iterator without elements that remembers that it was reached: put it after what may rightly stop early."""

    def __init__(self) -> None:
        self.ended = False
        self.position = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.ended = True
        raise StopIteration


class Made:
    """An End for records that are made of many others at once; if making one raises, no record is at fault.

    It costs a call for each record, so it is for where records may be skipped; elsewhere a Mark will do.
    """

    def __init__(self, records: Iterator[Any]) -> None:
        self._records = records
        self.ended = False
        self.position = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            record = next(self._records)
        except BaseException:
            self.ended = True
            raise
        self.position += 1
        return record


class Tail:
    """An iterator without elements that raises StoppedEarly when it is reached before the source's end was.

    A user's StopIteration ends a C-level `map` as if there were no more records. Chained after the records, this is
    reached then, also when it struck at the last record. What stops early of its own (`any`, `take`) never gets here.
    """

    def __init__(self, ends: Sequence[End]) -> None:
        self._ends = ends

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not all(end.ended for end in self._ends):
            raise StoppedEarly
        raise StopIteration


def checked(records: Iterator[Any], ends: Sequence[End]) -> Iterator[Any]:
    """Return `records`, raising StoppedEarly at their end if it is not that of their source."""
    return chain(records, Tail(ends))


class Guard:
    """An iterator of lists' iterators over the records that do not fail; chain them."""

    def __init__(
        self, records: Iterator[Any], ends: Sequence[End], on_failure: Callable[[Exception], None], batch: int
    ) -> None:
        self._records = records
        self._ends = ends
        self._on_failure = on_failure
        self._batch = batch
        self._stopped_at: int | None = None

    def __iter__(self) -> Iterator[Iterator[Any]]:
        return self

    def __next__(self) -> Iterator[Any]:
        kept: list[Any] = []
        while len(kept) < self._batch:
            try:
                kept.extend(islice(self._records, self._batch - len(kept)))
            except Exception as error:
                # No record can be at fault once a source has none left: its end, or its partner's, is.
                if any(end.ended for end in self._ends):
                    raise
                self._on_failure(error)
                continue
            if len(kept) < self._batch:
                if all(end.ended for end in self._ends):
                    break
                self._after_stop()
        if not kept:
            raise StopIteration
        return iter(kept)

    def _after_stop(self) -> None:
        position = sum(end.position for end in self._ends)
        if position == self._stopped_at:
            raise StoppedEarly
        self._stopped_at = position
        self._on_failure(StoppedEarly())


def guarded(
    records: Iterator[Any], ends: Sequence[End], on_failure: Callable[[Exception], None], batch: int = GUARD_BATCH
) -> Iterator[Any]:
    """Return the records that do not fail, telling `on_failure` the error of each that does.

    With a `batch` of 1 no record is pulled before it is asked for. An error of the source itself is raised.
    """
    return chain.from_iterable(Guard(records, ends, on_failure, batch))
