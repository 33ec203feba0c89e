"""Iterators as values of tasks: each user gets all records, whatever others have read."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import length_hint
from threading import RLock
from typing import Any, Final

from bagkit.visible import ask

_ENDLESS: Final = (itertools.count, itertools.cycle)


def is_iterator(value: object) -> bool:
    """Return whether `value` is its own iterator: who reads it uses it up.

    >>> is_iterator(iter([1])), is_iterator([1]), is_iterator(io.StringIO("text"))
    (True, False, True)
    """
    try:
        return hasattr(type(value), "__next__") and iter(value) is value  # type: ignore[call-overload]
    except Exception:  # whatever code of the user's says
        return False


def is_plain(kind: type) -> bool:
    """Return whether `kind` is a type of Python's own iterators, which do nothing but give what comes next."""
    return kind.__module__ in ("builtins", "itertools") and hasattr(kind, "__next__")  # no class of a user's is asked


class Replay:
    """An iterator that several users read, each from its beginning; mutable, of one value.

    It is read no further than its users go, so it may be one without an end. Pickled, it is what it gives.

    An iterator that can do more (a file, an object of the user's own) is not taken for its records where a function
    gets it, which may call its methods: each user gets a copy of it. One that can't be copied is given as it is, and
    its users share it; if it has no methods, as csv.reader has none, they get its records. Whoever wants nothing but
    records iterates over the Replay, and gets them from the beginning in any case.

    >>> numbers = Replay(iter([1, 2, 3]), shared=True)
    >>> sum(numbers), list(numbers)
    (6, [1, 2, 3])
    """

    __slots__ = ("_copy", "_error", "_is_itself", "_is_settled", "_lock", "_records", "_shared", "_source")

    def __init__(self, source: Iterator[Any] | None, shared: bool, records: list[Any] | None = None) -> None:
        """Take the iterator; unless it is `shared` there is one user, and nothing is held for another."""
        self._source = source
        self._records: list[Any] = [] if records is None else records
        self._error: BaseException | None = None
        self._lock = RLock()
        self._shared = shared
        self._copy: Callable[[], Any] | None = None
        """Makes a copy of the iterator, where users get copies."""
        self._is_itself = False
        """Whether users get the iterator itself."""
        self._is_settled = source is None or is_plain(type(source))
        """Whether it is known what users get."""

    def __iter__(self) -> Iterator[Any]:
        if self._source is None:
            return iter(self._records)
        if not self._shared:
            return self._source
        self._settle()
        return iter(self._copied()) if self._copy is not None else self._read()

    def for_a_function(self) -> Any:
        """Return what a function gets that has the iterator as an argument, or whoever is given the value."""
        if self._source is None or not self._shared:
            return iter(self)
        self._settle()
        return self._source if self._is_itself else iter(self)

    def _settle(self) -> None:
        """See whether the iterator can be copied, before anybody has read of it."""
        with self._lock:
            if not self._is_settled:
                self._copy = _copying(self._source)
                self._is_itself = self._copy is None and _has_methods(type(self._source))
                self._is_settled = True

    def _copied(self) -> Any:
        assert self._copy is not None
        with self._lock:
            return self._copy()

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
        """Read the iterator to its end, unless it goes to other processes as the object that it is."""
        with self._lock:
            while self._source is not None and not self._is_object() and self._advance(len(self._records)):
                pass

    def _is_object(self) -> bool:
        self._settle()
        return self._copy is not None or self._is_itself or _is_endless(self._source)

    def for_many(self) -> Replay:
        """Return it as one that others may read too."""
        self._shared = True
        return self

    def content(self) -> Any:
        """Return what is pickled of it: its records, or the object that it is."""
        self.drain()
        return self._records if self._source is None else self._source

    def __reduce__(self) -> tuple[Any, ...]:
        self.drain()
        return Replay, (self._source, True, self._records if self._source is None else None)


def _copying(value: Any) -> Callable[[], Any] | None:
    """Return a function that makes copies of `value` as it is now; None if it can't be copied."""
    from copy import deepcopy

    try:
        if isinstance(value, io.TextIOWrapper):
            return _copying_text(value)
        return None if deepcopy(value) is value else partial(deepcopy, value)
    except Exception:  # whatever its own methods raise
        return None


def _copying_text(file: io.TextIOWrapper) -> Callable[[], Any] | None:
    """Return a function that makes files in memory of the text in `file`: as such, files also come to workers."""
    if file.writable() or not file.seekable():
        return None
    place = file.tell()
    text = file.read()
    file.seek(place)

    def copy() -> io.StringIO:
        made = io.StringIO(text, newline="")
        made.name = file.name
        return made

    return copy


def _is_endless(iterator: Any) -> bool:
    """Return whether it can't be read to its end before it goes to another process."""
    kind = type(iterator)
    return kind in _ENDLESS or (kind is itertools.repeat and length_hint(iterator, -1) < 0)


def _has_methods(kind: type) -> bool:
    return any(callable(ask(kind, name)) for name in dir(kind) if name[0] != "_")


def replayed(value: Any, shared: bool = True) -> Any:
    """Return `value`, or a Replay in place of an iterator that can be read once."""
    return Replay(value, shared) if is_iterator(value) else value


def reading(value: Any) -> Any:
    """Return `value`, or of a Replay what a function gets.

    >>> next(reading(replayed(map(abs, [-1]))))
    1
    """
    return value.for_a_function() if type(value) is Replay else value


def read_again(parts: Sequence[Any]) -> Any:
    """Return what a function gets of the Replay in `parts`: it fills the place of an iterator in a template."""
    return reading(parts[0])


def for_many(value: Any) -> Any:
    """Return `value`, or of a Replay one that several may use, each as often as it likes."""
    return value.for_many() if type(value) is Replay else value
