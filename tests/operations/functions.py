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


# What tests of exchanges and tables do in workers, which import this and none of what the tests need -----------------


def word(number: int) -> str:
    return f"word {number * 7919 % 1501}"


def longest(total: str, record: str) -> str:
    return max(total, record, key=len)


def add_length(total: int, record: str) -> int:
    return total + len(record)


def put(words: list[str], word: str) -> list[str]:
    words.append(word)
    return words


def add(one: Any, other: Any) -> Any:
    return one + other


def first(record: Any) -> Any:
    return record[0]


def long_record(number: int) -> tuple[str, int, str]:
    return str(number * 7919 % 2003), number, "x" * 50


def record(number: int) -> tuple[str, int, str]:
    return str(number * 7919 % 809), number, "x" * 50
