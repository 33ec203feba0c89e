"""From an open file to blocks of lines; the way there depends on whether line ends can be found in bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bagkit.errors import CorruptInputError, SourceError
from bagkit.io.codecs import DamagedError, inflate, recognise
from bagkit.io.files import InputFile, named, opened, shown_path
from bagkit.kernels import lines
from bagkit.kernels.contexts import context
from bagkit.kernels.lines import BLOCK, BOM, DelimiterEnds, Ends
from bagkit.kernels.stream import Block, Place

if TYPE_CHECKING:
    from bagkit.io.text import FilePiece, ReadText

_TAIL: Final = 1 << 16
"""How much is read at a time to find the end of a range's last line."""


def read_blocks(source: ReadText, piece: FilePiece, counter: Counter, raw: bool) -> Iterator[Block]:
    """Yield the lines of one piece; raises what `intact` does."""
    ends = lines.byte_ends(source.encoding, source.errors, source.linedelimiter)
    with intact(counter):
        if ends is None:
            yield from _read_decoded(source, piece, counter)
        else:
            yield from _read_cut(source, piece, ends, counter, raw)


@context
def intact(counter: Counter, records: str = "lines") -> Iterator[None]:
    """Raise CorruptInputError where a compressed file can't be inflated to its end while it is read in this block.

    Raises InputChangedError if the file was changed meanwhile. `records` is what the counter counts.
    """
    try:
        yield
    except DamagedError as error:
        counter.file.check()
        amount = f" ({counter.nbytes} bytes, uncompressed)" if records == "lines" else ""
        raise CorruptInputError(
            f"{named(counter.piece.path)}: {error}; before that, {counter.lines} {records} were good{amount}"
        ) from (error.__cause__ or error)
    counter.file.check()


class Counter:
    """Keeps count of one piece while it is read."""

    def __init__(self, source: ReadText, piece: FilePiece, file: InputFile) -> None:
        self.source = source
        self.piece = piece
        self.file = file
        self.told = 0
        self.lines = 0
        self.nbytes = 0
        """Of the uncompressed data that was handed out."""
        self.path = shown_path(piece.path, source.storage_options) if source.include_path else ""

    def chunks(self, begin: int) -> Iterator[bytes]:
        """Yield the uncompressed data from `begin` on."""
        piece = self.piece
        first = self.source.guess and begin == 0
        for chunk in _chunks(self.file, piece.compression, begin, piece.stop):
            if first and piece.compression is None:
                _refuse_compressed(piece, chunk)
            first = False
            yield chunk

    def block(self, origin: Any, records: Sequence[Any], upto: int | None, **more: Any) -> Block:
        """Return the block of `records`; `upto` is the offset of its end if that is the file's too."""
        read = self.file.consumed if upto is None else min(upto, self.piece.stop or upto) - self.piece.start
        told, self.told = self.told, max(self.told, read)
        self.lines += len(records)
        return Block(records, origin, nbytes=self.told - told, **more)


def _chunks(file: InputFile, compression: str | None, begin: int, stop: int | None) -> Iterator[bytes]:
    if compression is not None:
        yield from inflate(file.read, compression, BLOCK)
        return
    file.begin(begin, stop)
    while True:
        size = BLOCK if stop is None else min(BLOCK, stop - file.position)
        chunk = file.read(size if size > 0 else _TAIL)
        if not chunk:
            return
        yield chunk


def _refuse_compressed(piece: FilePiece, start: bytes) -> None:
    name = recognise(start)
    if name is not None:
        raise SourceError(
            f"{named(piece.path)}: begins as {name} data, and its name does not say so; expected text; hint: "
            f"compression={name!r}, or compression=None to read it as it is"
        )


# -- files that are cut as bytes ---------------------------------------------------------------------------------------


def _read_cut(source: ReadText, piece: FilePiece, ends: Ends[bytes], counter: Counter, raw: bool) -> Iterator[Block]:
    begin = lines.first_byte(ends, piece.start)
    compressed = piece.compression is not None
    for offset, data in lines.lines_within(counter.chunks(begin), ends, begin, piece.start, piece.stop):
        origin = LineOrigin(source, piece, ends, offset, counter.lines, data)
        upto = None if compressed else offset + len(data)
        counter.nbytes += len(data)
        if raw:
            yield counter.block(origin, ends.split(data), upto, data=data)
            continue
        records, parse = _decoded(source, ends, data, offset == 0, counter.path)
        yield counter.block(origin, records, upto, parse=parse)


def _decoded(source: ReadText, ends: Ends[bytes], data: bytes, first: bool, path: str) -> tuple[Sequence[Any], Any]:
    """Return the records of a block, or its raw lines and the function that makes a record of one."""
    encoding = _encoding_at(source, 1)
    if first and source.encoding == "utf-8-sig":
        data = data.removeprefix(BOM)
    try:
        records = lines.decode_lines(data, ends, encoding, source.errors)
    except UnicodeDecodeError:
        decode = partial(lines.decode_line, ends=ends, encoding=encoding, errors=source.errors)
        return ends.split(data), (_with_path(decode, path) if source.include_path else decode)
    return (list(zip(records, repeat(path))) if source.include_path else records), None


def _encoding_at(source: ReadText, offset: int) -> str:
    return "utf-8" if source.encoding == "utf-8-sig" and offset else source.encoding


def _with_path(decode: Any, path: str) -> Any:
    def with_path(line: bytes) -> tuple[str, str]:
        return decode(line), path

    return with_path


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Where the lines of a block are from that was cut out of a file's bytes."""

    source: ReadText
    piece: FilePiece
    ends: Ends[bytes]
    offset: int
    before: int
    """How many lines of the piece there were before."""
    data: bytes

    def place(self, index: int, record: Any) -> Place:
        found = self.ends.split(self.data)
        if not self._one_to_one(found):
            return Place(self.piece.path, self.piece.partition, self._line(index))
        line = lines.strip_end(found[index], self.ends)
        offset = self.offset + sum(map(len, found[:index]))
        try:
            text: str | bytes = line.decode(_encoding_at(self.source, offset), self.source.errors)
        except UnicodeDecodeError:
            text = line
        return Place(self.piece.path, self.piece.partition, self._line(index), offset, record=text)

    def _one_to_one(self, found: list[bytes]) -> bool:
        """Whether the lines of the text are those of the bytes: not where bad bytes vanish between two line ends."""
        source = self.source
        if source.errors in ("strict", "surrogateescape", "surrogatepass"):
            return True
        encoding = _encoding_at(source, 1)
        return len(found) == len(lines.decode_lines(self.data, self.ends, encoding, source.errors))

    def _line(self, index: int) -> int | None:
        if self.piece.start == 0:
            return self.before + index + 1
        try:
            with opened(self.piece.info, self.source.storage_options) as file:
                whole = lines.lines_within(_chunks(file, None, 0, self.offset), self.ends, 0, 0, self.offset)
                return sum(len(self.ends.split(block)) for _, block in whole) + index + 1
        except SourceError:
            return None


# -- files that are decoded from their beginning on --------------------------------------------------------------------


def _read_decoded(source: ReadText, piece: FilePiece, counter: Counter) -> Iterator[Block]:
    delimiter = source.linedelimiter
    ends = DelimiterEnds("\n" if delimiter is None else delimiter)
    failure: list[UnicodeDecodeError] = []
    text = _text(source, piece, counter, failure)
    bad = ""
    for part in lines.whole_lines(text, ends):
        records = ends.split(part)
        if failure and not part.endswith(ends.delimiter):
            bad = records.pop()
        if records:
            origin = TextOrigin(piece, counter.lines, tuple(records), ends)
            rows: Sequence[Any] = list(zip(records, repeat(counter.path))) if source.include_path else records
            yield counter.block(origin, rows, None)
    if failure:
        origin = TextOrigin(piece, counter.lines, (bad,), ends)
        yield counter.block(origin, [bad], None, parse=partial(_fail, failure[0]))
        raise SourceError(
            f"{named(piece.path)}: line {counter.lines} does not decode as {source.encoding}, and in this encoding "
            "the lines after it can't be found; hint: errors='replace'"
        ) from failure[0]


def _text(source: ReadText, piece: FilePiece, counter: Counter, failure: list[UnicodeDecodeError]) -> Iterator[str]:
    try:
        yield from lines.decode_text(counter.chunks(0), source.encoding, source.errors, source.linedelimiter is None)
    except UnicodeError as error:
        # A missing BOM is no matter of one line. Only since Python 3.13 is it a UnicodeDecodeError.
        if isinstance(error, UnicodeDecodeError) and "BOM" not in error.reason:
            failure.append(error)
            return
        raise SourceError(f"{named(piece.path)}: does not decode as {source.encoding}: {error}") from error


def _fail(error: UnicodeDecodeError, record: Any) -> NoReturn:
    raise error


@dataclass(frozen=True, slots=True)
class TextOrigin:
    """Where the lines of a block are from that was cut out of a file's text; bytes have no part in it."""

    piece: FilePiece
    before: int
    lines: tuple[str, ...]
    ends: DelimiterEnds[str]

    def place(self, index: int, record: Any) -> Place:
        line = lines.strip_end(self.lines[index], self.ends) if index < len(self.lines) else None
        return Place(self.piece.path, self.piece.partition, self.before + index + 1, record=line)
