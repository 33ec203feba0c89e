"""The records of one partition as one iterator of C-level parts that always knows where it is.

A source gives blocks: some hundred kilobytes of records with their origin. `Stream` hands their records out one
iterator a block and remembers the current one. When a function further on raises, that iterator's length hint says
how many records of the block are left, so the failing record's place is known at no cost per record.

Every part between the stream and whoever consumes it must pull one record at a time (`map`, `filter`, `chain`), for
only then is the last record handed out the one that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import length_hint
from typing import Any, Protocol

from bagkit.visible import one_line


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands; what is not known is None."""

    source: str | None = None
    """A path or URL, or words for what has none: `from_sequence`, `frequencies`."""
    partition: int | None = None
    line: int | None = None
    """Counted from 1."""
    offset: int | None = None
    """Of the line's first byte, in the uncompressed file."""
    index: int | None = None
    """Of the record in its partition, counted from 0, where there are no lines."""
    record: Any = None
    """The record as it was read: the raw line, or the element."""
    worker: str | None = None

    def __repr__(self) -> str:
        known = [(name, getattr(self, name)) for name in self.__slots__]
        return f"Place({', '.join([f'{name}={one_line(value)}' for name, value in known if value is not None])})"


class Origin(Protocol):
    """Where the records of a block are from; asked only when something went wrong, so it may take its time."""

    def place(self, index: int, record: Any) -> Place:
        """Return the place of the block's record number `index`."""


@dataclass(slots=True)
class Block:
    """Some records of one partition, on their way through."""

    records: Sequence[Any]
    origin: Origin
    parse: Callable[[Any], Any] | None = None
    """Makes a record out of each of `records`, one by one; for the blocks that could not be made in one go."""
    nbytes: int = 0
    """Bytes of (compressed) input since the block before, for progress."""
    data: bytes | None = None
    """The bytes that `records` were cut out of, where a source hands out raw lines."""


class Stream:
    """An iterator of iterators, one a block; chain them and it is the partition's records."""

    def __init__(self, blocks: Iterable[Block], on_read: Callable[[int], None] | None = None) -> None:
        self._blocks = iter(blocks)
        self._on_read = on_read
        self._block: Block | None = None
        self._rest: Iterator[Any] = iter(())
        self._before = 0
        self.ended = False
        """Whether the source has no more, at its end or because it broke: False after a user's StopIteration."""

    def __iter__(self) -> Iterator[Iterator[Any]]:
        return self

    def __next__(self) -> Iterator[Any]:
        if self._block is not None:
            self._before += len(self._block.records)
            if self._on_read is not None:
                self._on_read(self._block.nbytes)
        try:
            block = next(self._blocks)
        except BaseException:
            self.ended = True
            self._block = None
            raise
        self._block = block
        self._rest = iter(block.records)
        return self._rest if block.parse is None else map(block.parse, self._rest)

    @property
    def position(self) -> int:
        """How many records were handed out."""
        inside = 0 if self._block is None else len(self._block.records) - length_hint(self._rest)
        return self._before + inside

    def records(self) -> Iterator[Any]:
        """Return the records, one after the other."""
        return chain.from_iterable(self)

    def place(self) -> Place | None:
        """Return where the record is that was handed out last; None before the first and after the end."""
        if self._block is None:
            return None
        index = len(self._block.records) - length_hint(self._rest) - 1
        if index < 0:
            return None
        return self._block.origin.place(index, self._block.records[index])


def batched(records: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield `records` in lists of `size`; the last may be shorter, none is empty."""
    while batch := list(islice(records, size)):
        yield batch
