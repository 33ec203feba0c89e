"""Lists of texts, or of integers, that are packed as long as nobody reads them, on their way to another process."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from sys import byteorder, hash_info
from typing import Any

BATCH = 4096
"""How many values are packed together: few enough to stay in a processor's cache until they are in their table."""


@cache
def _msgpack() -> Any:
    """Return the module: imported late, since it takes a while, and looked up once, since each batch asks for it."""
    from msgspec import msgpack

    return msgpack


class _Packed:
    """A list of values of one type, as msgpack writes them. Mutable: it grows."""

    __slots__ = ("_batches", "_length", "nbytes")

    overhead: int
    """How many bytes of memory a value takes beside what msgpack writes for it, with its place in a list."""

    def __init__(self, values: Sequence[Any] = ()) -> None:
        """Pack `values`; raises as `extend` does."""
        self._batches: list[bytes] = []
        self._length = 0
        self.nbytes = 0
        """About how many bytes they take in memory when they are read."""
        self.extend(values)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(map(_msgpack().decode, self._batches))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._batches, self._length, self.nbytes

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._batches, self._length, self.nbytes = state

    def extend(self, values: Sequence[Any]) -> None:
        """Pack some more; raises UnicodeEncodeError or OverflowError, and adds none, if one can't be packed."""
        number = len(values)
        encode = _msgpack().encode
        if number <= BATCH:  # as most are: a task that cuts its records adds some dozens at a time
            data = encode(values)
            self._batches.append(data)
            self.nbytes += len(data)
        else:
            added = [encode(values[start : start + BATCH]) for start in range(0, number, BATCH)]
            self._batches += added
            self.nbytes += sum(map(len, added))
        self._length += number
        self.nbytes += number * self.overhead


class Texts(_Packed):
    """A list of texts; one with a lone surrogate can't be packed, for that is in no UTF-8.

    That takes an eighth of the time that pickle takes, which remembers each text in case it comes again, and a quarter
    of the memory that the texts take.
    """

    __slots__ = ()
    overhead = 80


class Integers(_Packed):
    """A list of values whose type is int; one of more than 64 bits can't be packed.

    msgpack writes one in a seventh of the time that `array` takes, and what pickle sees is some bytes.

    >>> list(Integers([3, -1]))
    [3, -1]
    """

    __slots__ = ()
    overhead = 35

    def __iter__(self) -> Iterator[int]:
        large = self._large()
        return super().__iter__() if large is None else iter(large)

    def _large(self) -> array[int] | None:
        """Return the integers if all of them need more than 32 bits and are not negative, else None: it is quicker."""
        values = bytearray().join([data[_head(data) :] for data in self._batches])
        if len(values) != 9 * self._length or values[::9].count(_LARGE) != self._length:
            return None
        del values[::9]
        found = array("Q", bytes(values))
        if byteorder == "little":
            found.byteswap()
        return found


_LARGE = 0xCF
"""What msgpack writes before an integer of more than 32 bits; the integer follows, in eight bytes."""


def _head(data: bytes) -> int:
    """Return in how many bytes msgpack has written the length of the list in `data`."""
    return 5 if data[0] == 0xDD else 3 if data[0] == 0xDC else 1


_OWN_HASHES = bytes(range(0x1F))
"""The first of the eight bytes of integers that are less than sys.hash_info.modulus, 2**61 - 1."""


def are_large_integers(values: list[Any]) -> bool:
    """Return whether all of `values`, of JSON's types, are integers that need more than 32 bits and are their own hash.

    To see that takes half as long as to ask for the type of each. False says nothing, as where integers are smaller.
    """
    if not values or type(values[0]) is not int or hash_info.modulus != (1 << 61) - 1:
        return False
    try:
        data = _msgpack().encode(values)
    except (TypeError, ValueError, OverflowError, RecursionError, ImportError):
        return False
    head = _head(data)
    if len(data) != head + 9 * len(values) or data[head::9].count(_LARGE) != len(values):
        return False
    return not data[head + 1 :: 9].translate(None, _OWN_HASHES)


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
