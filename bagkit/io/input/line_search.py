"""Which lines of a block have one of some texts: found in its bytes, before these are cut into lines and decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final

from bagkit.flow.blocks import Origin, Place
from bagkit.io.input.encodings import Encoding
from bagkit.io.input.lines import Ends, UniversalEnds
from bagkit.json.parse import check_utf8
from bagkit.light_classes import dataclass

_OF_BYTES: Final[dict[str, Callable[[str], bytes]]] = {
    "utf-8": str.encode,
    "utf-8-sig": str.encode,
    "ascii": lambda text: text.encode("ascii"),
    "iso8859-1": lambda text: text.encode("latin-1"),
}
"""Encodings in which the bytes of a text are in a line wherever the text is, and how they are written."""
_OFTEN: Final = 6
"""Where a sixth of the lines have a text, it is faster to cut and decode them all."""
_SOME: Final = 1 << 12
"""How many bytes of lines are taken before it is asked how often the texts are found."""
_LONGEST_WAIT: Final = 64
"""After how many blocks in which the texts are found often they are looked for again, at the most."""


def encoded(texts: tuple[str, ...], encoding: Encoding, delimiter: str | None) -> tuple[bytes, ...] | None:
    """Return the bytes of `texts`; None where lines that have them can't be found in bytes."""
    encode = _OF_BYTES.get(encoding.name)
    if encode is None or delimiter not in (None, "\n"):
        return None
    try:
        return tuple([encode(text) for text in texts])
    except UnicodeEncodeError:
        return None  # declines because no line has a text that the encoding can't write


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines of a block that have one of the texts."""

    lines: list[bytes]
    starts: list[int]


class LineSearch:
    """Finds the lines that have one of some texts, where that is faster than to cut and decode all lines; mutable."""

    def __init__(self, texts: tuple[bytes, ...], ends: Ends[bytes]) -> None:
        self._texts = texts
        self._universal = isinstance(ends, UniversalEnds)
        self._left = 0
        """How many blocks to let pass."""
        self._wait = 0

    def find(self, data: bytes) -> FoundLines | None:
        """Return the lines of a block; None where that is not the faster way."""
        if self._left:
            self._left -= 1
            return None
        if self._universal and b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            return None  # declines because a lone CR ends lines too
        found = self._found(data)
        if found is None:
            self._left = self._wait = min(2 * self._wait + 1, _LONGEST_WAIT)
        else:
            self._wait = 0
        return found

    def _found(self, data: bytes) -> FoundLines | None:
        """Return the lines; None where there are many of them."""
        find, before = data.find, data.rfind
        lines: list[bytes] = []
        starts: list[int] = []
        text, *others = self._texts
        at, next_of = find(text), [find(other) for other in others]
        end, taken, size = 0, -_SOME, len(data)
        while True:
            first = min([place for place in (at, *next_of) if place >= 0], default=-1) if others else at
            if first < 0:
                return FoundLines(lines, starts)
            start = before(b"\n", end, first) + 1 or end
            end = find(b"\n", first) + 1 or size
            taken += end - start
            if taken * _OFTEN > end:
                return None
            lines.append(data[start:end])
            starts.append(start)
            if 0 <= at < end:
                at = find(text, end)
            for number, place in enumerate(next_of):
                if 0 <= place < end:
                    next_of[number] = find(others[number], end)


def decoded(found: FoundLines, data: bytes, ends: Ends[bytes], encoding: Encoding) -> list[str] | None:
    """Return the found lines of `data` as text; None if `data` have any line that could be wrong."""
    if not data.isascii() and not _is_text(data, encoding.name):
        return None
    lines = [str(line, encoding.name_at(1)) for line in found.lines]
    if isinstance(ends, UniversalEnds) and b"\r" in data:
        return [line.replace("\r\n", "\n") for line in lines]
    return lines


def _is_text(data: bytes, encoding: str) -> bool:
    if encoding == "iso8859-1":
        return True
    try:
        check_utf8(data)
    except UnicodeDecodeError:
        return False
    return encoding != "ascii"


class LineNumbers:
    """How many lines of a file there are before blocks that were not all cut into lines; mutable, of one reading.

    Lines are not counted before somebody asks. Then what was read is read once more, and blocks from there on are
    counted as they come.
    """

    def __init__(self, count_before: Callable[[int], int | None]) -> None:
        """`count_before` reads the file and counts the lines before a byte."""
        self._count_before = count_before
        self._offset = 0
        self._count: int | None = None
        """How many there are before `_offset`, once somebody has asked."""

    def at(self, offset: int) -> Callable[[], int | None]:
        """Return what counts the lines before the block that begins at `offset`, the last one that was read."""
        self._offset, known = offset, self._count
        return cache(partial(self._before, offset)) if known is None else lambda: known

    def passed(self, lines: Sequence[Any] | bytes) -> None:
        """Take note of the lines of the last block: these, or all in its bytes."""
        if self._count is not None:
            self._count += len(lines) if not isinstance(lines, bytes) else _count(lines)

    def _before(self, offset: int) -> int | None:
        """Return how many lines there are before `offset`; None if the file is no longer what it was."""
        if self._count is None:
            self._count = self._count_before(self._offset)
        return self._count if offset == self._offset else self._count_before(offset)


def _count(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


@dataclass(frozen=True, slots=True)
class SearchedOrigin:
    """Where lines are from that were found in a block."""

    block: Origin
    data: bytes
    ends: Ends[bytes]
    starts: Sequence[int]

    def place(self, index: int, record: Any) -> Place:
        return self.block.place(len(self.ends.split(self.data[: self.starts[index]])), record)
