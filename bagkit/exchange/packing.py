"""Lists of texts, or of integers, that are packed as long as nobody reads them, on their way to another process."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

BATCH = 4096
"""How many texts are packed together: few enough to stay in a processor's cache until they are in their table."""
_OVERHEAD = 80
"""How many bytes a text takes in memory beside its letters, with its place in a list."""
_INTEGER = 40
"""How many bytes an integer takes, with its place."""


@cache
def _msgpack() -> Any:
    """Return the module: imported late, since it takes a while, and looked up once, since each batch asks for it."""
    from msgspec import msgpack

    return msgpack


class Texts:
    """A list of texts, as msgpack writes them.

    That takes an eighth of the time that pickle takes, which remembers each text in case it comes again, and a quarter
    of the memory that the texts take. Mutable: it grows.
    """

    __slots__ = ("_batches", "_length", "nbytes")

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """Pack `texts`; raises UnicodeEncodeError if one of them has a lone surrogate, which is in no UTF-8."""
        self._batches: list[bytes] = []
        self._length = 0
        self.nbytes = 0
        """About how many bytes they take in memory when they are read."""
        self.extend(texts)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(_msgpack().decode, self._batches))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._batches, self._length, self.nbytes

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._batches, self._length, self.nbytes = state

    def extend(self, texts: Sequence[str]) -> None:
        """Pack some more; raises UnicodeEncodeError, and adds none, if one has a lone surrogate."""
        encode = _msgpack().encode
        added = [encode(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        self._batches += added
        self._length += len(texts)
        self.nbytes += sum(map(len, added)) + len(texts) * _OVERHEAD


class Integers:
    """A list of integers of at most 64 bits, as the machine has them.

    Pickle writes such a list at once, where it looks at each of a list of Python's. Mutable: it grows.

    >>> list(Integers([3, -1]))
    [3, -1]
    """

    __slots__ = ("_values",)

    def __init__(self, values: list[int]) -> None:
        """Pack `values`, which are ints and of no other type; raises OverflowError if one has more bits."""
        self._values = array("q")
        self.extend(values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    @property
    def nbytes(self) -> int:
        """About how many bytes they take in memory when they are read."""
        return len(self._values) * _INTEGER

    def extend(self, values: list[int]) -> None:
        """Pack some more; raises OverflowError, and adds none, if one has more bits."""
        self._values.fromlist(values)


def packed(values: Iterable[Any], texts: bool = True) -> list[Any] | Texts | Integers:
    """Return the list of `values`, packed if all of them are integers of at most 64 bits, or are `texts`."""
    whole = list(values)
    kinds = set(map(type, whole))
    try:
        if kinds == {str} and texts:
            return Texts(whole)
        if kinds == {int}:
            return Integers(whole)
    except (UnicodeEncodeError, OverflowError, ImportError):
        pass  # msgspec does not load in an interpreter beside others
    return whole
