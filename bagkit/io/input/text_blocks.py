"""From an open file to blocks of lines; the way there depends on whether line ends can be found in bytes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import partial
from typing import Any, ClassVar, NoReturn

from bagkit.errors import SourceError
from bagkit.flow.blocks import Block, Origin, Place, PlaceRow, beginning
from bagkit.io.input import lines
from bagkit.io.input.codecs import DamagedError
from bagkit.io.input.encodings import Encoding
from bagkit.io.input.file_source import FilePiece, Files, PieceReader, chunks_of
from bagkit.io.input.files import InputFile
from bagkit.io.input.line_search import LineNumbers, LineSearch, SearchedOrigin, decoded
from bagkit.io.input.lines import BOM, DelimiterEnds, Ends, UniversalEnds
from bagkit.io.input.long_lines import DecodingBuffer, Gathering, LineLimit, LongLine, TextBuffer, TooLong
from bagkit.io.input.members import MemberFile
from bagkit.io.input.paths import named
from bagkit.io.input.shares import Share
from bagkit.light_classes import dataclass
from bagkit.visible import KEPT, LONGEST, cut


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How bytes are lines of text."""

    encoding: Encoding
    delimiter: str | None
    """What ends a line; None for the line ends of Python's text mode."""
    longest: int | None
    """How many bytes a line may have, with its end; None for any number."""
    texts: tuple[bytes, ...] = ()
    """Lines that have none of these may be left out; none if all lines are wanted."""

    @property
    def byte_ends(self) -> Ends[bytes] | None:
        """How line ends are found in bytes; None where they can be found in text only."""
        return lines.byte_ends(self.encoding.name, self.encoding.errors, self.delimiter)

    def limit(self, path: str) -> LineLimit | None:
        """Return what finds the lines of a file that are too long, if there is a limit."""
        return None if self.longest is None else LineLimit(path, self.longest, self.encoding.name)


def read_lines(form: LineFormat, reader: PieceReader, raw: bool) -> Iterator[Block]:
    """Return the lines of an open piece, in blocks."""
    ends = form.byte_ends
    if ends is None:
        return _read_decoded(form, reader)
    return _read_searched(form, ends, reader) if form.texts and not raw else _read_cut(form, ends, reader, raw)


# -- files that are cut as bytes ---------------------------------------------------------------------------------------


def _read_cut(form: LineFormat, ends: Ends[bytes], reader: PieceReader, raw: bool) -> Iterator[Block]:
    piece, compressed = reader.piece, reader.piece.compression is not None
    reader.unpacked = 0
    found, before = _found_lines(form, ends, reader, raw)
    for offset, block in found:
        records, parse = _records(form, ends, block, offset, reader, raw)
        size, kept, data = _measured(ends, block)
        reader.unpacked += size
        given = records if raw and parse is None else ()
        origin = LineOrigin(form, piece, before.count, ends, offset, reader.count, kept, given, before.border)
        upto = None if compressed else offset + size
        yield reader.block(origin, records, upto, parse=parse, data=data if raw else None)


def _measured(ends: Ends[bytes], block: bytes | LongLine) -> tuple[int, bytes | None, bytes | None]:
    """Return the size of a block, the bytes that its lines' places are found in, and its bytes, if these are known."""
    if isinstance(block, bytes):
        return len(block), block, block
    data = block.content if isinstance(block.content, bytes) else None
    return block.size, data if _hides_ends(ends) else None, data


def _records(
    form: LineFormat, ends: Ends[bytes], block: bytes | LongLine, offset: int, reader: PieceReader, raw: bool
) -> tuple[Sequence[Any], Any]:
    """Return the records of a block, and what parses them if that is still to be done."""
    limit = form.limit(reader.piece.path)
    if isinstance(block, LongLine):
        return _long_line(form, ends, block, offset, reader, raw)
    if limit is not None and len(block) > limit.size:
        return limit.checked(ends.split(block), offset), _parsing(form, ends, reader)
    if raw:
        return lines.split_lines(block, ends), None
    return _decoded(form, ends, block, offset == 0, reader)


def _read_searched(form: LineFormat, ends: Ends[bytes], reader: PieceReader) -> Iterator[Block]:
    """Yield the lines of a piece, without those that have none of the texts where these are found quickly."""
    piece, search = reader.piece, LineSearch(form.texts, ends)
    files, longest = reader.source.files, form.longest
    reader.unpacked, reader.counts_all = 0, False
    found, before = _found_lines(form, ends, reader, raw=False)
    numbers = LineNumbers(lambda upto: LinesBefore(piece, files, ends, upto).count())
    for offset, block in found:
        size, kept, _ = _measured(ends, block)
        reader.unpacked += size
        upto = None if piece.compression is not None else offset + size
        origin: Origin = LineOrigin(form, piece, numbers.at(offset), ends, offset, 0, kept, border=before.border)
        may_begin_with_mark = offset == 0 and form.encoding.name == "utf-8-sig"
        whole = not may_begin_with_mark and (longest is None or size <= longest)
        chosen = search.find(block) if whole and isinstance(block, bytes) else None
        texts = None if chosen is None else decoded(chosen, kept or b"", ends, form.encoding)
        if chosen is None or texts is None:
            records, parse = _records(form, ends, block, offset, reader, raw=False)
            yield reader.block(origin, records, upto, parse=parse)
            numbers.passed(records)
            continue
        origin = SearchedOrigin(origin, kept or b"", ends, chosen.starts)
        yield reader.block(origin, texts, upto)
        numbers.passed(kept or b"")


def _found_lines(
    form: LineFormat, ends: Ends[bytes], reader: PieceReader, raw: bool
) -> tuple[Iterator[tuple[int, bytes | LongLine]], LinesBefore]:
    """Return the lines of a piece in blocks, with their offsets, and what counts the lines before it."""
    piece, gather = reader.piece, partial(_gathering, form, ends, raw)
    files = reader.source.files
    if piece.compression is None or (not piece.start and piece.stop is None):
        begin = lines.first_byte(ends, piece.start)
        found = lines.lines_within(reader.chunks(begin), ends, begin, piece.start, piece.stop, gather)
        return found, LinesBefore(piece, files, ends, piece.start)
    assert isinstance(reader.file, InputFile)  # files in archives have no shares
    if piece.of_members:
        share = Share.of_members(reader.file, piece.compression, piece.start, piece.stop, ends.lead)
    else:
        share = Share(reader.file, piece.compression, piece.start, piece.stop, ends.lead, reader.to_the_byte)
    reader.share = share
    share.skip()
    found = lines.lines_within(share.chunks(), ends, share.begin, share.start, lambda: share.stop, gather)
    return found, LinesBefore(piece, files, ends, share.start)


def _gathering(form: LineFormat, ends: Ends[bytes], raw: bool, offset: int) -> Gathering[bytes]:
    """Return what gathers the long line that begins at `offset`."""
    if raw or _hides_ends(ends):
        return Gathering(io.BytesIO(), form.longest)
    translate, encoding = isinstance(ends, UniversalEnds), form.encoding
    return Gathering(DecodingBuffer(encoding.name_at(offset), encoding.errors, translate), form.longest)


def _hides_ends(ends: Ends[bytes]) -> bool:
    """Whether a line of bytes may become several of text."""
    return isinstance(ends, UniversalEnds) and ends.ascii_only


def _long_line(
    form: LineFormat, ends: Ends[bytes], line: LongLine, offset: int, reader: PieceReader, raw: bool
) -> tuple[Sequence[Any], Any]:
    """Return the record of a long line as a block's records, and what parses them."""
    content, limit = line.content, form.limit(reader.piece.path)
    if isinstance(content, str):
        return reader.with_path([content]), None
    if content is None:
        assert limit is not None
        return [limit.too_long(line.head or "", offset)], _parsing(form, ends, reader)
    if raw:
        return [content], None
    if _hides_ends(ends):
        return _decoded(form, ends, content, offset == 0, reader)
    return [content], _parsing(form, ends, reader)


def _decoded(
    form: LineFormat, ends: Ends[bytes], data: bytes, first: bool, reader: PieceReader
) -> tuple[Sequence[Any], Any]:
    """Return the records of a block, or its raw lines and the function that makes a record of one."""
    encoding = form.encoding
    if first and encoding.name == "utf-8-sig":
        data = data.removeprefix(BOM)
    try:
        records = lines.decode_lines(data, ends, encoding.name_at(1), encoding.errors)
    except UnicodeDecodeError:
        return ends.split(data), _parsing(form, ends, reader)
    return reader.with_path(records), None


def _parsing(form: LineFormat, ends: Ends[bytes], reader: PieceReader) -> Callable[[bytes | TooLong], Any]:
    """Return the function that makes a record of a line, and raises what is wrong with it."""
    encoding = form.encoding
    return reader.parse_with_path(partial(decode_line, ends=ends, encoding=encoding.name_at(1), errors=encoding.errors))


def decode_line(line: bytes | TooLong, ends: Ends[bytes], encoding: str, errors: str) -> str:
    """Return a line as text; raises what is wrong with it."""
    if isinstance(line, TooLong):
        raise line.error()
    return lines.decode_line(line, ends, encoding, errors)


class LinesBefore:
    """How many lines of a file there are before a piece, counted when somebody asks; mutable, of one reading."""

    def __init__(self, piece: FilePiece, files: Files, ends: Ends[bytes], start: int) -> None:
        """`start` is the byte of the file's content with which the piece begins, or the byte behind its border."""
        self._piece = piece
        self._files = files
        self._ends = ends
        self._start = start
        self._count: int | None = None
        self._border: int | None = None

    def count(self) -> int | None:
        """Return how many there are; None if the file is no longer what it was."""
        if self._count is None and self._start:
            try:
                with self._files.opened(self._piece) as file:
                    self._count = self._counted(file)
            except (SourceError, DamagedError):
                return None
        return self._count or 0

    def border(self) -> int | None:
        """Return the byte of the content from which bytes of the piece are counted; None if that can't be known."""
        if not self._piece.of_members or not self._piece.start:
            return 0
        self.count()
        return self._border

    def _counted(self, file: InputFile | MemberFile) -> int:
        piece = self._piece
        if not piece.of_members or not piece.start:
            return lines.count_lines(chunks_of(file, piece.compression, 0, self._start), self._ends, self._start)
        assert isinstance(file, InputFile)  # files in archives are not cut
        assert piece.compression is not None
        before = Share.of_members(file, piece.compression, 0, piece.start, self._start)
        found = lines.count_lines(before.chunks(), self._ends, lambda: before.stop)
        self._border = None if before.stop is None else before.stop - self._start
        return found


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Where the lines of a block are from that was cut out of a file's bytes."""

    format: LineFormat
    piece: FilePiece
    lines_before: Callable[[], int | None]
    """Gives how many lines of the file there were before the first of the lines that are counted in `before`."""
    ends: Ends[bytes]
    offset: int
    before: int
    """How many lines there were between that and these."""
    data: bytes | None
    """None for a long line, which is the record."""
    given: Sequence[Any] = field(default=(), repr=False, compare=False)
    """Its lines as bytes, all that the data has; empty where they were not given as such."""
    border: Callable[[], int | None] = lambda: 0
    """Gives the byte of the content that `offset` is counted from."""
    _cut: list[Any] = field(default_factory=list, repr=False, compare=False)
    """Once somebody has asked for a place: its lines, whether the text has the same; which was asked for, its begin."""
    one_line_each: ClassVar = True
    """Who knows where one record stands knows it of those behind."""

    def place(self, index: int, record: Any) -> Place:
        if self.data is None:
            return self._place_of_long_line(index, record[0] if isinstance(record, tuple) else record)
        return Place(*self._rows_at((index,))[0])

    def rows_at(self, rows: Iterable[int], records: Iterable[Any]) -> Sequence[Place | PlaceRow]:
        """Return what is known of the places of several of the block's records."""
        if self.data is None:
            return [self.place(row, record) for row, record in zip(rows, records, strict=True)]
        return self._rows_at(rows)

    def _rows_at(self, rows: Iterable[int]) -> list[PlaceRow]:
        if not self._cut:
            assert self.data is not None
            given = self.given or self.ends.split(self.data)
            self._cut.extend((given, self._one_to_one(given, self.data), 0, 0))
        path, partition, before = self.piece.path, self.piece.partition, self._line(0)
        found, one_to_one, last, begin = self._cut
        if not one_to_one:
            return [(path, partition, None if before is None else before + row, None, None, None) for row in rows]
        first, ends, encoding = self._byte(), self.ends, self.format.encoding
        places: list[PlaceRow] = []
        name, errors = encoding.name_at(1), encoding.errors
        at_first = encoding.name_at(0) if self.offset == 0 else name
        for row in rows:
            # To join short lines takes less time than to ask each for its length.
            begin = begin + len(b"".join(found[last:row])) if row >= last else len(b"".join(found[:row]))
            last = row
            raw = lines.strip_end(found[row], ends)
            text: str | bytes = raw
            try:
                text = str(raw, name if begin else at_first, errors)
            except UnicodeDecodeError:
                pass
            line, byte = None if before is None else before + row, None if first is None else first + begin
            places.append((path, partition, line, byte, None, text))
        self._cut[2:] = last, begin  # nearly always who asks next asks for one behind it
        return places

    def _place_of_long_line(self, index: int, line: Any) -> Place:
        whole = partial(self._text, line) if not isinstance(line, TooLong) and len(line) > LONGEST else None
        text = self._text(line) if whole is None else self._beginning(line)
        return Place(self.piece.path, self.piece.partition, self._line(index), self._byte(), record=text, whole=whole)

    def _byte(self) -> int | None:
        """Return where the block begins in its file."""
        border = self.border()
        return None if border is None else border + self.offset

    def _beginning(self, line: str | bytes) -> str | bytes:
        """Return the beginning of a very long line: of all of it a copy would be made."""
        if isinstance(line, bytes):
            encoding = self.format.encoding
            decoder = codecs.getincrementaldecoder(encoding.name_at(1))(encoding.errors)
            try:
                return cut(decoder.decode(line[: 4 * KEPT]))
            except UnicodeDecodeError:
                pass
        return beginning(line)

    def _text(self, line: Any) -> str | bytes:
        """Return a long line without its end, and without more copies than one."""
        encoding = self.format.encoding.name_at(1)
        if isinstance(line, TooLong):
            return line.head
        if isinstance(line, str):
            return line.removesuffix(
                self.ends.delimiter.decode(encoding) if isinstance(self.ends, DelimiterEnds) else "\n"
            )
        tail = line[-len(self.ends.delimiter) :] if isinstance(self.ends, DelimiterEnds) else line[-2:]
        size = len(line) - len(tail) + len(lines.strip_end(tail, self.ends))
        try:
            return str(memoryview(line)[:size], encoding, self.format.encoding.errors)
        except UnicodeDecodeError:
            return bytes(line[:size])

    def _one_to_one(self, found: Sequence[bytes], data: bytes) -> bool:
        """Whether text and bytes have the same lines: not where bad bytes vanish between two line ends."""
        encoding = self.format.encoding
        if encoding.errors in ("strict", "surrogateescape", "surrogatepass"):
            return True
        return len(found) == len(lines.decode_lines(data, self.ends, encoding.name_at(1), encoding.errors))

    def _line(self, index: int) -> int | None:
        before = self.lines_before()
        return None if before is None else before + self.before + index + 1


# -- files that are decoded from their beginning on --------------------------------------------------------------------


def _read_decoded(form: LineFormat, reader: PieceReader) -> Iterator[Block]:
    piece, delimiter, limit = reader.piece, form.delimiter, form.limit(reader.piece.path)
    ends = DelimiterEnds("\n" if delimiter is None else delimiter)
    failure: list[UnicodeDecodeError] = []
    text = _text(form, reader, failure)
    bad = ""
    for part in lines.blocks_of_lines(text, ends, lambda: Gathering(TextBuffer(), form.longest)):
        records, parse = _of_text(part, ends, limit)
        if failure and records and isinstance(last := records[-1], str) and not last.endswith(ends.delimiter):
            records, bad = records[:-1], last
        if records:
            origin = TextOrigin(piece, reader.count, tuple(records), ends)
            yield reader.block(origin, reader.with_path(records), parse=parse)
    if failure:
        origin = TextOrigin(piece, reader.count, (bad,), ends)
        yield reader.block(origin, [bad], parse=partial(_fail, failure[0]))
        raise SourceError(
            f"{named(piece.path)}: line {reader.count} does not decode as {form.encoding.name}, and in this encoding "
            "the lines after it can't be found; hint: errors='replace'"
        ) from failure[0]


def _of_text(part: str | LongLine, ends: DelimiterEnds[str], limit: LineLimit | None) -> tuple[Sequence[Any], Any]:
    """Return the lines of a part, and the function that raises for those that are too long if there are any."""
    if isinstance(part, LongLine):
        if part.head is not None and limit is not None:
            return [limit.too_long(part.head, None)], given
        return [] if part.content is None else [part.content], None
    found = lines.split_lines(part, ends)
    if limit is None or len(part) <= limit.size:
        return found, None
    return limit.checked(found), given


def given(record: Any) -> Any:
    """Return a record as it is; raises what is wrong with its line."""
    line = record[0] if isinstance(record, tuple) else record
    if isinstance(line, TooLong):
        raise line.error()
    return record


def _text(form: LineFormat, reader: PieceReader, failure: list[UnicodeDecodeError]) -> Iterator[str]:
    encoding = form.encoding
    try:
        yield from lines.decode_text(reader.chunks(), encoding.name, encoding.errors, form.delimiter is None)
    except UnicodeError as error:
        # A missing BOM is no matter of one line. Only since Python 3.13 is it a UnicodeDecodeError.
        if isinstance(error, UnicodeDecodeError) and "BOM" not in error.reason:
            failure.append(error)
            return
        raise SourceError(f"{named(reader.piece.path)}: does not decode as {encoding.name}: {error}") from error


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
        line, whole = self.lines[index] if index < len(self.lines) else None, None
        if isinstance(line, str) and len(line) > LONGEST:
            whole, line = partial(lines.strip_end, line, self.ends), cut(line)
        else:
            line = line.head if isinstance(line, TooLong) else line and lines.strip_end(line, self.ends)
        return Place(self.piece.path, self.piece.partition, self.before + index + 1, record=line, whole=whole)
