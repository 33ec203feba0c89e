"""Lines that are longer than a block: gathered as they are read, so that there is one copy of each.

Pieces that are kept and then joined are two copies, and what is decoded of that is a third. Here each piece is decoded
when it comes, if text is wanted, and goes to the end of a buffer that grows in place. For a line that is longer than
`max_line` allows a mark stands until its turn to be an error comes.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Sequence
from itertools import accumulate
from typing import AnyStr, Final, Generic, Protocol, TypeVar

from bagkit.errors import LineTooLongError
from bagkit.io.input.paths import named
from bagkit.light_classes import dataclass

Piece = TypeVar("Piece", str, bytes, contravariant=True)

HEAD: Final = 200
"""How many bytes or characters from the beginning of a refused line are kept."""


@dataclass(frozen=True, slots=True)
class LongLine:
    """One line, or a part of it: a refused line comes as soon as it is too long, and its rest comes by itself."""

    size: int
    """How much of the file it takes."""
    content: bytes | str | None = None
    """The line with its line end; None for a refused line, and for the rest of one."""
    head: bytes | str | None = None
    """The beginning of a line that is refused."""


class Buffer(Protocol[Piece]):
    """Where the pieces of a line go."""

    def write(self, piece: Piece, /) -> object:
        """Add a piece."""

    def getvalue(self) -> bytes | str:
        """Return the line, without a copy; nothing is added any more."""


class TextBuffer:
    """Text that grows in place; mutable, of one line."""

    def __init__(self) -> None:
        self._growing = _grow()
        next(self._growing)

    def write(self, piece: str) -> None:
        self._growing.send(piece)

    def getvalue(self) -> str:
        text = self._growing.send(None)
        self._growing.close()
        return text


def _grow() -> Generator[str, str | None, None]:
    """Yield the pieces that are sent as one text after None is sent."""
    # CPython adds to a text in place that only one local variable has, at this instruction once it has run some times.
    # Were it not so, each time would be a copy: so it is done for a 64th of the text at a time, not for each piece.
    text, pending, size = "", [""], 0
    while True:
        piece = yield ""
        if piece is not None:
            pending.append(piece)
            size += len(piece)
            if size <= len(text) >> 6:
                continue
        text += "".join(pending)
        pending, size = [], 0
        if piece is None:
            yield text


class DecodingBuffer:
    """Decodes pieces as they come; mutable, of one line. What does not decode is given as the bytes that it is."""

    def __init__(self, encoding: str, errors: str, translate: bool) -> None:
        self._encoding, self._errors = encoding, errors
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._translator = io.IncrementalNewlineDecoder(None, translate=True) if translate else None
        self._text = TextBuffer()
        self._bytes: io.BytesIO | None = None

    def write(self, piece: bytes) -> None:
        self._add(piece, final=False)

    def getvalue(self) -> bytes | str:
        """Return the line: as text, or as bytes if it does not decode."""
        self._add(b"", final=True)
        return self._text.getvalue() if self._bytes is None else self._bytes.getvalue()

    def _add(self, piece: bytes, final: bool) -> None:
        if self._bytes is not None:
            self._bytes.write(piece)
            return
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            self._bytes = io.BytesIO()
            encoding = self._encoding.removesuffix("-sig")
            self._bytes.write(self._text.getvalue().encode(encoding, self._errors))
            del self._text
            self._bytes.write(state[0] + piece)
            return
        self._text.write(text if self._translator is None else self._translator.decode(text, final))


class Gathering(Generic[AnyStr]):
    """One long line while it is read, of up to `limit` bytes (None: of any length); mutable."""

    def __init__(self, buffer: Buffer[AnyStr] | None, limit: int | None = None) -> None:
        self._buffer: Buffer[AnyStr] | None = buffer
        self._limit = limit
        self._size = 0
        self._head: AnyStr | None = None

    def add(self, piece: AnyStr) -> LongLine | None:
        """Add a piece; return what is to be said of the line before its end, which is that it is refused."""
        self._size += len(piece)
        if self._head is None:
            self._head = piece[:HEAD]
        if self._buffer is None:
            return None
        if self._limit is not None and self._size > self._limit:
            refused = LongLine(self._size, head=self._head)
            self._buffer, self._size = None, 0
            return refused
        self._buffer.write(piece)
        return None

    def end(self) -> LongLine:
        """Return the line, or what is left of one that is refused."""
        return LongLine(self._size, None if self._buffer is None else self._buffer.getvalue())


# What max_line does not allow -----------------------------------------------------------------------------------------


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
