"""Lists of integers that are packed as long as nobody reads them, on their way from one process to another."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

_IN_MEMORY = 40
"""How many bytes an integer takes in memory, with its place in a list."""


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
        return len(self._values) * _IN_MEMORY

    def extend(self, values: list[int]) -> None:
        """Pack some more; raises OverflowError, and adds none, if one has more bits."""
        self._values.fromlist(values)


def packed_integers(values: list[Any]) -> list[Any] | Integers:
    """Return `values`, packed if all of them are integers of at most 64 bits."""
    if set(map(type, values)) == {int}:
        try:
            return Integers(values)
        except OverflowError:
            pass
    return values
