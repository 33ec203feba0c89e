"""Shares of a compressed file: ranges of its compressed bytes, each read by a task that knows nothing of the others.

A share inflates the file from its beginning, throws away what comes before its range, and begins at the next line:
that takes less time than to send what another has inflated, it needs nobody, and who is killed just begins again.

    compressed    0 ............ start ............ stop ....
    inflated      0 .... lead │ start ............... stop │ the rest of the last line

Both borders are multiples of the steps in which all shares read. The byte of the content that belongs to a border is
how much was inflated of all that comes before it; so who ends there finds the same byte as who begins there.

A file of many members has parts that begin with one (`io/input/borders.py`), and nothing is inflated twice: its content
is counted from the border on. What was before it is not known, so a line belongs to a part if it begins as far behind
the border as a line end is long: both who ends there and who begins there see that line end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bagkit.io.input import inflating
from bagkit.io.input.borders import false_border
from bagkit.io.input.files import InputFile, read_fully
from bagkit.io.input.lines import BLOCK

QUICK: Final = frozenset({"gzip", "zstd", "lz4"})
"""Compressions that are inflated in a small part of the time that it takes to make records of what is in them."""

SKIPPING: Final = 0.12
"""What it takes to inflate a file, as a part of what it takes to do all that is done with it. Measured: an eighth where
one field is parsed and counted."""

SKIPPING_WITH_CODE: Final = 0.05
"""The same where functions of the user's work on the records. Measured: a fifteenth where these look up fields, and a
two hundredth where they take 10 µs. It is between the two, so that in neither one of two workers waits for long."""


def edges(size: int, count: int, skipping: float = SKIPPING) -> list[int]:
    """Return where the second and later of `count` shares of a file begin: each is shorter, for it skips more.

    >>> edges(100 << 20, 2), edges(100 << 20, 1)
    ([55836672], [])
    """
    whole = 1 - (1 - skipping) ** count
    ends = [(1 - (1 - skipping) ** number) / whole for number in range(1, count)]
    found = [round(size * end / inflating.STEP) * inflating.STEP for end in ends]
    return [edge for number, edge in enumerate(found) if 0 < edge < size and edge not in found[:number]]


class Share:
    """The inflated data of one share, mutable, of one reading. `begin` and `start` are known once `skip` was called."""

    def __init__(
        self, file: InputFile, compression: str, start: int, stop: int | None, lead: int, to_the_byte: bool = False
    ) -> None:
        """`lead` is how many bytes must be seen of what is before a line, to know that it begins there."""
        self.start = 0
        """The byte of the content with which the share begins."""
        self.stop: int | None = None
        """The byte of the content where it ends, as soon as all before it was given."""
        self._file = file
        self._compression = compression
        self._range = start, stop
        self._lead = lead
        self._before = b""
        self._first: bytes | None = None
        self._inflated = 0
        self._begun = not start
        self._counts_from_border = False
        self._parts = inflating.inflate(self._read, compression, BLOCK, to_the_byte)

    @classmethod
    def of_members(cls, file: InputFile, compression: str, start: int, stop: int | None, lead: int) -> Share:
        """Return the part of a file that begins and ends where members do; bytes of its content are counted from there.

        It raises FalseBorderError where no member begins at `stop`.
        """
        share = cls(file, compression, start, stop, lead)
        share._counts_from_border = share._begun = True
        share.start = lead if start else 0
        share._parts = share._of_members(compression)
        file.begin(start, stop)
        return share

    @property
    def begin(self) -> int:
        """The byte of the content with which the chunks begin."""
        return 0 if self._counts_from_border else self.start - len(self._before)

    def skip(self) -> None:
        """Inflate what comes before the share."""
        while not self._begun:
            part = next(self._parts, None)
            if part is None:
                self._begun, self.start = True, self._inflated
            elif self._begun:
                self._first = part
            else:
                self._inflated += len(part)
                self._before = (self._before + part if len(part) < self._lead else part)[-self._lead :]

    def chunks(self) -> Iterator[bytes]:
        """Yield the data of the share, and what comes after it for as long as that is asked for.

        Where `skip` was not called, what comes before it too.
        """
        if self._before:
            yield self._before
        if self._first:
            self._inflated += len(self._first)
            yield self._first
        for part in self._parts:
            self._inflated += len(part)
            yield part

    def begun_at(self) -> int | None:
        """Return the byte of the content with which the share begins; None before all that comes before was given."""
        return self.start if self._begun else None

    def _of_members(self, compression: str) -> Iterator[bytes]:
        yield from inflating.inflate(self._read_members, compression, BLOCK, at_member=self._at_member)
        self._at_member(0)

    def _at_member(self, left: int) -> None:
        """Take note of a member that begins `left` bytes before the end of what was read last."""
        _, stop = self._range
        at = self._file.position - left
        if stop is None or self.stop is not None or (at < stop and left):
            return
        if at != stop:
            self._file.check()
            raise false_border(self._file.info, stop, self._compression)
        self.stop = self._inflated + self._lead

    def _read_members(self, size: int) -> bytes:
        # To the end of the steps in which the file is read in one piece.
        return read_fully(self._file.read, size - self._file.position % size)

    def _read(self, size: int) -> bytes:
        start, stop = self._range
        if not self._begun and self._file.position == start:
            self._begun, self.start = True, self._inflated
        if self._file.position == stop:
            self.stop = self._inflated
        return read_fully(self._file.read, size)
