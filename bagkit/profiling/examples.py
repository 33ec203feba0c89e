"""The first places of something that a profile counts, each with the value that stands there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bagkit.flow.blocks import Place, Placed
from bagkit.visible import one_line, visible

SHOWN: Final = 3
"""How many places are kept of each thing."""
_WIDTH: Final = 80
ROW_BITS: Final = 32
ROW: Final = (1 << ROW_BITS) - 1
"""The bits of a row that say which record of a batch it is; the others tell values apart that count as records."""


@dataclass(frozen=True, slots=True)
class Example:
    """A value that was found, and where.

    Attributes:
        value: The value as Python shows it, cut to 80 characters.
        source: The file or URL, or words for what is none; None where it is not known.
        line: The line of the file, counted from 1; None where there are no lines.
        index: Where there are no lines: the number of the record in its partition, counted from 0.
        partition: The number of that partition; None where there are lines.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"id": 1}, {"id": "x"}], npartitions=1).profile(scheduler="sync")
    >>> p["id"].examples["str"][0].value
    "'x'"
    """

    value: str
    source: str | None = None
    line: int | None = None
    index: int | None = None
    partition: int | None = None

    @property
    def where(self) -> str:
        """The place in words, such as `orders.json.gz:12`.

        >>> Example("'x'", "orders.json.gz", 12).where
        'orders.json.gz:12'
        """
        return _in_words(self.source, self.line, self.index, self.partition)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A record that is the same as one before it, or has the same key: where it stands, and where that one does.

    Attributes:
        source: The file or URL, or words for what is none; None where it is not known.
        line: The line of the file, counted from 1; None where there are no lines.
        index: Where there are no lines: the number of the record in its partition, counted from 0.
        first: The place of the first record that is the same, in words.
        partition: The number of the partition; None where there are lines.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"id": 1}, {"id": 2}, {"id": 1}], npartitions=1).profile(scheduler="sync")
    >>> p.duplicates.examples[0].where, p.duplicates.examples[0].first
    ('from_sequence, record 2, partition 0', 'from_sequence, record 0, partition 0')
    """

    source: str | None
    line: int | None
    index: int | None
    first: str
    partition: int | None = None

    @property
    def where(self) -> str:
        """The place in words, such as `orders.json.gz:12`.

        >>> Repeat("orders.json.gz", 12, None, "orders.json.gz:3").where
        'orders.json.gz:12'
        """
        return _in_words(self.source, self.line, self.index, self.partition)


def _in_words(source: str | None, line: int | None, index: int | None, partition: int | None) -> str:
    if source is None:
        return "an unknown place"
    if line is not None:
        return f"{visible(source)}:{line}"
    words = [visible(source), *[f"record {index}"] * (index is not None)]
    return ", ".join([*words, *[f"partition {partition}"] * (partition is not None)])


def _partition(place: Place) -> int | None:
    """Return the partition of a record without lines: its index is one of that partition."""
    return place.partition if place.line is None else None


def repeat_of(place: Place | None, first: Place | None) -> Repeat:
    """Return the repeat that stands at `place`, of the record that stands at `first`."""
    one, other = place or Place(), first or Place()
    before = _in_words(other.source, other.line, other.index, _partition(other))
    return Repeat(one.source, one.line, one.index, before, _partition(one))


def example(value: Any, place: Place | None) -> Example:
    """Return the example of `value`, which stands at `place`."""
    text = one_line(value, _WIDTH)
    return Example(text) if place is None else Example(text, place.source, place.line, place.index, _partition(place))


def first_of(found: Iterable[Sequence[Example]]) -> list[Example]:
    """Return the first examples of all, given in order."""
    first: list[Example] = []
    for some in found:
        first += some[: SHOWN - len(first)]
    return first


def first_different(found: Iterable[Sequence[Example]]) -> list[Example]:
    """Return the first examples of all whose values differ."""
    first: dict[str, Example] = {}
    for some in found:
        for each in some:
            if len(first) < SHOWN:
                first.setdefault(each.value, each)
    return list(first.values())


class Places:
    """Says where the records of a batch stand, each asked for once; mutable, of one batch."""

    __slots__ = ("_known", "below", "number")

    def __init__(self, below: Sequence[tuple[Placed, Sequence[int]]], number: int) -> None:
        self.number = number
        """How many records the batch has."""
        self.below = below
        """The lowest blocks that the records are made of, as `PlacesOf.below` gives them; none if not known."""
        self._known: dict[int, Place | None] = {}

    def at(self, row: int) -> Place | None:
        """Return the place of the record of the batch that `row` stands for."""
        row &= ROW
        if row not in self._known:
            self._known[row] = self._place(row)
        return self._known[row]

    def _place(self, row: int) -> Place | None:
        for placed, rows in self.below:
            if row < len(rows):
                return placed.place(rows[row])
            row -= len(rows)
        return None
