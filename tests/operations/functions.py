"""Functions that misbehave on chosen records."""

from __future__ import annotations

from typing import Any


class BadRecord(Exception):
    """What failing functions raise, with the record."""


class Fails:
    """Returns what `then` makes of a record, and raises `error` on the records given."""

    def __init__(self, *on: Any, error: type[Exception] = BadRecord, then: Any = lambda record: record) -> None:
        self.on = on
        self.error = error
        self.then = then

    def __call__(self, record: Any) -> Any:
        if record in self.on:
            raise self.error(record)
        return self.then(record)


def stops(*on: Any, then: Any = lambda record: record) -> Fails:
    """Return a function that raises StopIteration on the records given."""
    return Fails(*on, error=StopIteration, then=then)


class Counts:
    """Returns its argument, and remembers what it was called with; for the sync scheduler only."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, record: Any) -> Any:
        self.calls.append(record)
        return record
