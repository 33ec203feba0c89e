"""From an open file to blocks of lines; the way there depends on whether line ends can be found in bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bagkit.errors import CorruptInputError, SourceError
from bagkit.io.input.codecs import DamagedError, recognise
from bagkit.io.input.files import InputFile, opened
from bagkit.io.input.inflating import inflate
from bagkit.io.input.paths import named, shown_path
from bagkit.io.input.too_long import LineLimit, TooLong
from bagkit.kernels import lines
from bagkit.kernels.contexts import context
from bagkit.kernels.lines import BLOCK, BOM, DelimiterEnds, Ends, UniversalEnds
from bagkit.kernels.long_lines import DecodingBuffer, Gathering, LongLine, TextBuffer
from bagkit.kernels.stream import Block, Place

if TYPE_CHECKING:
    from bagkit.io.input.text import FilePiece, ReadText

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
        self.limit = None if source.max_line is None else LineLimit(piece.path, source.max_line, source.encoding)

    def chunks(self, begin: int) -> Iterator[bytes]:
        """Yield the uncompressed data from `begin` on."""
        piece = self.piece
        first = self.source.guess and begin == 0
        for chunk in _chunks(self.file, piece.compression, begin, piece.stop):
            if first and piece.compression is None:
                _refuse_compressed(piece, chunk)
                if self.source.encoding == "utf-8" and self.source.errors == "strict":
                    _refuse_binary(piece, chunk)
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


_FORMATS = {
    b"PAR1": ("Parquet", "bagkit.from_sequence(pyarrow.parquet.read_table(path).to_pylist())"),
    b"Obj\x01": ("Avro", "bagkit.read_avro(path)"),
    b"SQLite format 3\x00": ("SQLite", "bagkit.from_sequence(sqlite3.connect(path).execute('select * from records'))"),
    b"\x89HDF\r\n\x1a\n": ("HDF5", "bagkit.from_sequence(pandas.read_hdf(path).to_dict('records'))"),
    b"ARROW1\x00\x00": ("Arrow", "bagkit.from_sequence(pyarrow.feather.read_table(path).to_pylist())"),
    b"\x93NUMPY": ("NumPy", "bagkit.from_sequence(numpy.load(path))"),
}
"""How files begin that are no text and hold records, and what makes a bag of one."""


def _refuse_binary(piece: FilePiece, start: bytes) -> None:
    for mark, (name, way) in _FORMATS.items():
        if start.startswith(mark):
            raise SourceError(f"{named(piece.path)}: begins as {name} data; expected text; hint: {way}")


# -- files that are cut as bytes ---------------------------------------------------------------------------------------


def _read_cut(source: ReadText, piece: FilePiece, ends: Ends[bytes], counter: Counter, raw: bool) -> Iterator[Block]:
    begin = lines.first_byte(ends, piece.start)
    compressed = piece.compression is not None
    gather = partial(_gathering, source, ends, raw)
    for offset, block in lines.lines_within(counter.chunks(begin), ends, begin, piece.start, piece.stop, gather):
        size, content = (block.size, block.content) if isinstance(block, LongLine) else (len(block), block)
        upto = None if compressed else offset + size
        counter.nbytes += size
        data = content if isinstance(content, bytes) else None
        if isinstance(block, LongLine):
            records, parse = _long_line(source, ends, block, offset, counter, raw)
        elif counter.limit is not None and size > counter.limit.size:
            records, parse = counter.limit.checked(ends.split(block), offset), _parsing(source, ends, counter.path)
        elif raw:
            records, parse = lines.split(block, ends), None
        else:
            records, parse = _decoded(source, ends, block, offset == 0, counter.path)
        origin = LineOrigin(
            source, piece, ends, offset, counter.lines, data if data is block or _hides_ends(ends) else None
        )
        yield counter.block(origin, records, upto, parse=parse, data=data if raw else None)


def _gathering(source: ReadText, ends: Ends[bytes], raw: bool, offset: int) -> Gathering[bytes]:
    """Return what gathers the long line that begins at `offset`."""
    if raw or _hides_ends(ends):
        return Gathering(io.BytesIO(), source.max_line)
    translate = isinstance(ends, UniversalEnds)
    return Gathering(DecodingBuffer(_encoding_at(source, offset), source.errors, translate), source.max_line)


def _hides_ends(ends: Ends[bytes]) -> bool:
    """Whether a line of bytes may become several of text."""
    return isinstance(ends, UniversalEnds) and ends.ascii_only


def _long_line(
    source: ReadText, ends: Ends[bytes], line: LongLine, offset: int, counter: Counter, raw: bool
) -> tuple[Sequence[Any], Any]:
    """Return the record of a long line as a block's records, and what parses them."""
    content = line.content
    if isinstance(content, str):
        return [(content, counter.path) if source.include_path else content], None
    if content is None:
        assert counter.limit is not None
        return [counter.limit.too_long(line.head or "", offset)], _parsing(source, ends, counter.path)
    if raw:
        return [content], None
    if _hides_ends(ends):
        return _decoded(source, ends, content, offset == 0, counter.path)
    return [content], _parsing(source, ends, counter.path)


def _decoded(source: ReadText, ends: Ends[bytes], data: bytes, first: bool, path: str) -> tuple[Sequence[Any], Any]:
    """Return the records of a block, or its raw lines and the function that makes a record of one."""
    encoding = _encoding_at(source, 1)
    if first and source.encoding == "utf-8-sig":
        data = data.removeprefix(BOM)
    try:
        records = lines.decode_lines(data, ends, encoding, source.errors)
    except UnicodeDecodeError:
        return ends.split(data), _parsing(source, ends, path)
    return (list(zip(records, repeat(path))) if source.include_path else records), None


def _parsing(source: ReadText, ends: Ends[bytes], path: str) -> Callable[[bytes | TooLong], Any]:
    """Return the function that makes a record of a line, and raises what is wrong with it."""
    decode = partial(decode_line, ends=ends, encoding=_encoding_at(source, 1), errors=source.errors)
    return _with_path(decode, path) if source.include_path else decode


def decode_line(line: bytes | TooLong, ends: Ends[bytes], encoding: str, errors: str) -> str:
    """Return a line as text; raises what is wrong with it."""
    if isinstance(line, TooLong):
        raise line.error()
    return lines.decode_line(line, ends, encoding, errors)


def _encoding_at(source: ReadText, offset: int) -> str:
    return "utf-8" if source.encoding == "utf-8-sig" and offset else source.encoding


def _with_path(decode: Any, path: str) -> Any:
    def with_path(line: Any) -> tuple[str, str]:
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
    data: bytes | None
    """None for a long line, which is the record."""

    def place(self, index: int, record: Any) -> Place:
        if self.data is None:
            return Place(
                self.piece.path, self.piece.partition, self._line(index), self.offset, record=self._text(record)
            )
        found = self.ends.split(self.data)
        if not self._one_to_one(found, self.data):
            return Place(self.piece.path, self.piece.partition, self._line(index))
        line = lines.strip_end(found[index], self.ends)
        offset = self.offset + sum(map(len, found[:index]))
        try:
            text: str | bytes = line.decode(_encoding_at(self.source, offset), self.source.errors)
        except UnicodeDecodeError:
            text = line
        return Place(self.piece.path, self.piece.partition, self._line(index), offset, record=text)

    def _text(self, record: Any) -> str | bytes:
        """Return a long line without its end, and without more copies than one."""
        line = record[0] if isinstance(record, tuple) else record
        encoding = _encoding_at(self.source, 1)
        if isinstance(line, TooLong):
            return line.head
        if isinstance(line, str):
            return line.removesuffix(
                self.ends.delimiter.decode(encoding) if isinstance(self.ends, DelimiterEnds) else "\n"
            )
        tail = line[-len(self.ends.delimiter) :] if isinstance(self.ends, DelimiterEnds) else line[-2:]
        size = len(line) - len(tail) + len(lines.strip_end(tail, self.ends))
        try:
            return str(memoryview(line)[:size], encoding, self.source.errors)
        except UnicodeDecodeError:
            return bytes(line[:size])

    def _one_to_one(self, found: list[bytes], data: bytes) -> bool:
        """Whether the lines of the text are those of the bytes: not where bad bytes vanish between two line ends."""
        source = self.source
        if source.errors in ("strict", "surrogateescape", "surrogatepass"):
            return True
        encoding = _encoding_at(source, 1)
        return len(found) == len(lines.decode_lines(data, self.ends, encoding, source.errors))

    def _line(self, index: int) -> int | None:
        if self.piece.start == 0:
            return self.before + index + 1
        try:
            with opened(self.piece.info, self.source.storage_options) as file:
                chunks = _chunks(file, None, 0, self.offset)
                return lines.count_lines(chunks, self.ends, self.offset) + index + 1
        except SourceError:
            return None


# -- files that are decoded from their beginning on --------------------------------------------------------------------


def _read_decoded(source: ReadText, piece: FilePiece, counter: Counter) -> Iterator[Block]:
    delimiter = source.linedelimiter
    ends = DelimiterEnds("\n" if delimiter is None else delimiter)
    failure: list[UnicodeDecodeError] = []
    text = _text(source, piece, counter, failure)
    bad = ""
    for part in lines.blocks_of_lines(text, ends, lambda: Gathering(TextBuffer(), source.max_line)):
        records, parse = _of_text(part, ends, counter.limit)
        if failure and records and isinstance(last := records[-1], str) and not last.endswith(ends.delimiter):
            records, bad = records[:-1], last
        if records:
            origin = TextOrigin(piece, counter.lines, tuple(records), ends)
            rows: Sequence[Any] = list(zip(records, repeat(counter.path))) if source.include_path else records
            yield counter.block(origin, rows, None, parse=parse)
    if failure:
        origin = TextOrigin(piece, counter.lines, (bad,), ends)
        yield counter.block(origin, [bad], None, parse=partial(_fail, failure[0]))
        raise SourceError(
            f"{named(piece.path)}: line {counter.lines} does not decode as {source.encoding}, and in this encoding "
            "the lines after it can't be found; hint: errors='replace'"
        ) from failure[0]


def _of_text(part: str | LongLine, ends: DelimiterEnds[str], limit: LineLimit | None) -> tuple[Sequence[Any], Any]:
    """Return the lines of a part, and the function that raises for those that are too long if there are any."""
    if isinstance(part, LongLine):
        if part.head is not None and limit is not None:
            return [limit.too_long(part.head, None)], given
        return [] if part.content is None else [part.content], None
    found = lines.split(part, ends)
    if limit is None or len(part) <= limit.size:
        return found, None
    return limit.checked(found), given


def given(record: Any) -> Any:
    """Return a record as it is; raises what is wrong with its line."""
    line = record[0] if isinstance(record, tuple) else record
    if isinstance(line, TooLong):
        raise line.error()
    return record


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
    lines: tuple[Any, ...]
    ends: DelimiterEnds[str]

    def place(self, index: int, record: Any) -> Place:
        line = self.lines[index] if index < len(self.lines) else None
        line = line.head if isinstance(line, TooLong) else line and lines.strip_end(line, self.ends)
        return Place(self.piece.path, self.piece.partition, self.before + index + 1, record=line)
