"""Pieces: the parts of partitions that are read one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable


class Piece(Protocol):
    """A part of a partition that a source can read by itself; small, and it pickles."""

    @property
    def weight(self) -> int:
        """Bytes of input, or of memory; for progress, and for deciding what is large or small."""

    @property
    def label(self) -> str:
        """For people: `logs/a.json.gz`, `logs/a.json bytes 0-33554432`."""

    def cut(self, size: int) -> Sequence[Piece]:
        """Return pieces of about `size` bytes that together are this one; only itself if it can't be cut."""

    def shares(self, count: int, opaque: bool = False) -> Sequence[Piece]:
        """Return up to `count` pieces that take about as long as each other, and more than this one takes alone.

        Only itself if it can't be read so. `opaque` says whether code of the user's works on the records, which takes
        longer than reading does.
        """


class Indivisible:
    """A piece that is read by one task, as it is."""

    __slots__ = ()

    def cut(self, size: int) -> tuple[Self]:
        return (self,)

    def shares(self, count: int, opaque: bool = False) -> tuple[Self]:
        return (self,)


@runtime_checkable
class Separable(Protocol):
    """A piece that may have parts which are read without each other, and which nobody knows before it is opened."""

    @property
    def most_parts(self) -> int:
        """How many parts it has at the most; 1 if it is known to have no others."""

    def parts(self, count: int) -> Sequence[Piece]:
        """Return about `count` parts, or only itself; opens it to find them."""
