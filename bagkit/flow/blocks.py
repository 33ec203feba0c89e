"""Blocks: some records of one partition on their way through a task, each with where it comes from.

Sources give large blocks: what they read and cut in one go. Steps work on small ones and give new blocks. The origin of
a new block leads from a record back to the one that it was made of, and is asked only when something has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from itertools import accumulate, chain, compress, count, islice, repeat
from typing import Any, Protocol, cast

from bagkit.flow.report import Figures
from bagkit.light_classes import dataclass
from bagkit.visible import KEPT, LONGEST, cut, one_line


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
    """The record as it was read: the raw line, or the element. Of a line that is very long, its beginning."""
    worker: str | None = None
    column: int | None = None
    """Of the record's first character in its line, counted from 1, where a record is not a line."""
    whole: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    """Gives the record where `record` is its beginning only: few need it, and it is a copy. It stays in its task."""

    def as_read(self) -> Any:
        """Return the record as it was read, however long it is."""
        return self.record if self.whole is None else self.whole()

    def to_keep(self) -> Place:
        """Return the place as it is kept beside its error: without long text."""
        record = self.record
        long = isinstance(record, (str, bytes)) and len(record) > LONGEST
        if not long and self.whole is None:
            return self  # nearly always
        return replace(self, record=beginning(record) if long else record, whole=None)

    def __reduce__(self) -> tuple[Any, ...]:
        return Place, tuple([getattr(self, name) for name in self.__slots__ if name != "whole"])

    def __repr__(self) -> str:
        known = [(name, getattr(self, name)) for name in self.__slots__ if name != "whole"]
        return f"Place({', '.join([f'{name}={one_line(value)}' for name, value in known if value is not None])})"


PlaceRow = tuple[str | None, int | None, int | None, int | None, int | None, Any]
"""The first six values of a Place, the record as it was read: `Place(*row)` takes as long as to find them."""


def row_of(place: Place) -> PlaceRow:
    """Return what is known of a place that a reject tells."""
    return place.source, place.partition, place.line, place.offset, place.index, place.as_read()


def beginning(record: str | bytes) -> str | bytes:
    """Return the beginning of a long record, as it is kept."""
    return cut(record) if isinstance(record, str) else record[:KEPT]


class Origin(Protocol):
    """Where the records of a block are from; asked only when something went wrong, so it may take its time."""

    def place(self, index: int, record: Any) -> Place:
        """Return the place of the block's record number `index`."""


class Placed(Protocol):
    """What knows where the records of a block are from: the block, or an origin that need not be told the records."""

    def place(self, index: int) -> Place:
        """Return the place of the record number `index`."""


@dataclass(frozen=True, slots=True)
class NumberedOrigin:
    """Where records are from that are known by their numbers: `before` of them come before these in the partition.

    Or in what another task has made, or an op of whole partitions: there is no number of a partition.
    """

    source: str
    partition: int | None
    before: int = 0

    def place(self, index: int, record: Any) -> Place:
        return Place(self.source, self.partition, index=self.before + index, record=record)


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

    def place(self, index: int) -> Place:
        """Return the place of the record number `index`."""
        return self.origin.place(index, self.records[index])

    def part(self, start: int, stop: int) -> Block:
        """Return the records from `start` up to `stop`: itself if these are all."""
        if start == 0 and stop >= len(self.records):
            return self
        return Block(self.records[start:stop], PartOf(placed(self), start))


@dataclass(slots=True, eq=False)
class PartOf:
    """Origin of some records of another block, which follow each other there."""

    below: Placed
    start: int

    def place(self, index: int, record: Any = None) -> Place:
        return self.below.place(self.start + index)


@dataclass(slots=True, eq=False)
class MadeOneByOne:
    """Origin of records that were made one by one: each of the record in the same place of another block."""

    below: Placed

    def place(self, index: int, record: Any = None) -> Place:
        return self.below.place(index)


@dataclass(slots=True, eq=False)
class FirstOf(MadeOneByOne):
    """Origin of records with only the fields that filters read; `late` makes whole records of the `lines`."""

    lines: Sequence[Any]
    late: Any


@dataclass(slots=True, eq=False)
class ChosenFrom:
    """Origin of those records of another block whose flags are true."""

    below: Placed
    flags: Sequence[Any]

    def place(self, index: int, record: Any = None) -> Place:
        return self.below.place(next(islice(compress(count(), self.flags), index, None)))


@dataclass(slots=True, eq=False)
class FlattenedFrom:
    """Origin of the elements of another block's records; `counts` says how many each record has."""

    below: Placed
    counts: Sequence[int]
    start: int = 0
    """The record that has the first of them."""

    def place(self, index: int, record: Any = None) -> Place:
        ends = accumulate(self.counts)
        return self.below.place(self.start + next(number for number, end in enumerate(ends) if index < end))


_LEADING_ON = frozenset({PartOf, MadeOneByOne, ChosenFrom, FlattenedFrom})


def placed(block: Block) -> Placed:
    """Return an object that knows the places of `block`. It holds no records of later steps, which may be large."""
    origin = block.origin
    return cast("Placed", origin) if type(origin) in _LEADING_ON else block


def rows_below(block: Block) -> tuple[Placed, Sequence[int]]:
    """Return the lowest block that the records of `block` are made of, and for each record its number there."""
    return _lowest(placed(block), range(len(block.records)))


def _lowest(below: Placed, rows: Sequence[int]) -> tuple[Placed, Sequence[int]]:
    """Return the lowest block under the one that `below` knows the places of, and the numbers of its `rows` there."""
    while True:
        origin: Any = below.origin if isinstance(below, Block) else below
        match origin:
            case PartOf():
                start = origin.start
                rows = (
                    range(start + rows.start, start + rows.stop) if type(rows) is range else [start + r for r in rows]
                )
            case ChosenFrom():
                rows = _picked(list(compress(count(), origin.flags)), rows)
            case FlattenedFrom():
                owners = chain.from_iterable(map(repeat, count(origin.start), origin.counts))
                rows = _picked(list(owners), rows)
            case MadeOneByOne():
                pass
            case _:
                return below, rows
        below = origin.below


def places_of(found: Iterable[tuple[Placed, Sequence[int]]]) -> list[Place | PlaceRow]:
    """Return the places of records, many of a block in one go: `found` has what knows some, and their numbers there."""
    places: list[Place | PlaceRow] = []
    last: Placed | None = None
    waiting: list[int] = []
    for below, numbers in found:
        lowest, rows = _lowest(below, numbers)
        if lowest is not last:
            places += _places_in(last, waiting)
            last, waiting = lowest, []
        waiting += rows
    return places + list(_places_in(last, waiting))


def _places_in(lowest: Placed | None, rows: Sequence[int]) -> Sequence[Place | PlaceRow]:
    if isinstance(lowest, Block) and (in_one_go := getattr(lowest.origin, "rows_at", None)) is not None:
        found: Sequence[Place | PlaceRow] = in_one_go(rows, [lowest.records[row] for row in rows])
        return found
    return [] if lowest is None else [lowest.place(row) for row in rows]


def _picked(found: list[int], rows: Sequence[int]) -> Sequence[int]:
    return found[rows.start : rows.stop] if type(rows) is range else [found[row] for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class PlacesOf:
    """Where the records of several blocks stand, which are taken together, one block after the other."""

    blocks: Sequence[Block] = ()

    def at(self, index: int) -> Place | None:
        """Return the place of record number `index`; None where it is not known."""
        for block in self.blocks:
            if index < len(block.records):
                return block.place(index)
            index -= len(block.records)
        return None

    def below(self) -> Iterator[tuple[Placed, Sequence[int]]]:
        """Yield for each block with records its lowest block, and which records there they are made of."""
        for block in self.blocks:
            if block.records:
                yield rows_below(block)


def stands_in_lines(placed: Placed) -> bool:
    """Return whether it is known that each record of a lowest block is one line, behind the one before."""
    return bool(getattr(placed.origin, "one_line_each", False)) if isinstance(placed, Block) else False


def spans(placed: Placed, rows: Sequence[int]) -> Iterator[tuple[Place, Sequence[int]]]:
    """Yield the place of a record of `rows`, and of it and those behind it how many lines further each stands.

    Where there are no lines it is how many records further in the partition.
    """
    first, last = placed.place(rows[0]), placed.place(rows[-1])
    if _follow(first, last, rows[-1] - rows[0]):
        yield first, range(len(rows)) if type(rows) is range else [row - rows[0] for row in rows]
        return
    if len(rows) == 1 or (first.line is None and first.index is None):
        yield first, [0] * len(rows)
        return
    yield from spans(placed, rows[: len(rows) // 2])
    yield from spans(placed, rows[len(rows) // 2 :])


def _follow(first: Place, last: Place, apart: int) -> bool:
    """Return whether places are as far apart as their records: then each record between has one line."""
    if first.source != last.source:
        return False
    if first.line is not None:
        return last.line == first.line + apart
    return first.index is not None and last.index == first.index + apart


def made_of(block: Block, records: Sequence[Any]) -> Block:
    """Return the block of `records`, where each was made of the record of `block` in the same place."""
    origin = block.origin
    return Block(records, origin if type(origin) in _LEADING_ON else MadeOneByOne(block))


def chosen_from(block: Block, flags: Sequence[Any]) -> Block:
    """Return the block of those records of `block` whose flags are true."""
    return Block(list(compress(block.records, flags)), ChosenFrom(placed(block), flags))


def places_chosen_from(block: Block, flags: Sequence[Any]) -> Block:
    """Return the same without its records, for who has made others of them and asks for places only."""
    return Block((), ChosenFrom(placed(block), flags))


def flattened_from(block: Block, counts: Sequence[int], elements: Sequence[Any], start: int = 0) -> Block:
    """Return the block of `elements`: `counts` says how many of them each record of `block` has, from `start` on."""
    return Block(elements, FlattenedFrom(placed(block), counts, start))


def lines_of(block: Block) -> tuple[Sequence[Any], FirstOf] | None:
    """Return the lines that records of filters are of, and their origin; None where the records are whole."""
    found = _lines(block.origin)
    return None if found is None else (found[0][: len(block.records)], found[1])


def _lines(placed: Any) -> tuple[Sequence[Any], FirstOf] | None:
    origin = placed.origin if isinstance(placed, Block) else placed
    if isinstance(origin, FirstOf):
        return origin.lines, origin
    if not isinstance(origin, (ChosenFrom, PartOf)) or (found := _lines(origin.below)) is None:
        return None
    lines, first = found
    return (list(compress(lines, origin.flags)) if isinstance(origin, ChosenFrom) else lines[origin.start :]), first


def batched(records: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield `records` in lists of `size`; the last may be shorter, none is empty."""
    while batch := list(islice(records, size)):
        yield batch


def result_of(label: str, before: int) -> NumberedOrigin:
    """Return where the records are from that another task made, or an op that makes them of whole partitions."""
    return NumberedOrigin(f"the result of {label}", None, before)


class Handing:
    """The records of blocks one after the other, for a step that wants an iterator; it knows which was the last."""

    def __init__(self, blocks: Iterable[Block], figures: Figures) -> None:
        self._blocks = iter(blocks)
        self._figures = figures
        self._block: Block | None = None
        self._rest: Iterator[Any] = iter(())

    def records(self) -> Iterator[Any]:
        """Return the records."""
        return chain.from_iterable(self._iterators())

    def _iterators(self) -> Iterator[Iterator[Any]]:
        figures = self._figures
        figures.note(0, 0)
        for block in self._blocks:
            self._block = block
            self._rest = iter(block.records)
            figures.taken += len(block.records)
            yield self._rest
            figures.note(0, 0)  # before the steps below go on
        self._block = None

    def place(self) -> Place | None:
        """Return the place of the last record; None before the first and after the end. Ends the handing."""
        if self._block is None:
            return None
        left = sum(1 for _ in self._rest)
        index = len(self._block.records) - left - 1
        return self._block.place(index) if index >= 0 else None
