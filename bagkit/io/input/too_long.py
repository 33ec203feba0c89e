"""Lines that are longer than `max_line` allows: a mark stands for such a line until its turn to be an error comes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import AnyStr

from bagkit.errors import LineTooLongError
from bagkit.io.input.long_lines import HEAD
from bagkit.io.input.paths import named
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class TooLong:
    """What stands for a line that is too long."""

    path: str
    limit: int
    offset: int | None
    """Of the line's first byte in the uncompressed file; None where that is not known."""
    head: str
    """How the line begins."""

    def error(self) -> LineTooLongError:
        """Return the error that the line is."""
        where = "a line" if self.offset is None else f"the line at byte {self.offset}"
        return LineTooLongError(
            f"{named(self.path)}: {where} is longer than max_line={self.limit}; "
            "hint: on_error='skip' leaves such lines out, a larger max_line takes them"
        )


@dataclass(frozen=True, slots=True)
class LineLimit:
    """How long the lines of a file may be."""

    path: str
    size: int
    encoding: str

    def too_long(self, head: bytes | str, offset: int | None) -> TooLong:
        """Return what stands for the line that begins with `head` at `offset`."""
        text = head if isinstance(head, str) else head.decode(self.encoding, "replace")
        return TooLong(self.path, self.size, offset, f"{text}...")

    def checked(self, found: Sequence[AnyStr], offset: int | None = None) -> list[AnyStr | TooLong]:
        """Return the lines `found`, with a TooLong in place of each too long one. The first line is at `offset`."""
        starts = accumulate(map(len, found), initial=offset or 0)
        return [
            line if len(line) <= self.size else self.too_long(line[:HEAD], None if offset is None else start)
            for start, line in zip(starts, found, strict=False)
        ]
