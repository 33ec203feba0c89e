"""`read_text`: the lines of text files."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, repeat
from typing import Any, Final, NoReturn

from bagkit.errors import CorruptInputError, PlanError, SourceError, one_line
from bagkit.io.codecs import DamagedError, compression_of, inflate, recognise
from bagkit.io.files import FileInfo, InputFile, find_files, opened, shown_path
from bagkit.kernels import lines
from bagkit.kernels.lines import BLOCK, BOM, DelimiterEnds, Ends
from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block, Place
from bagkit.plan.kinds import Source

_TAIL: Final = 1 << 16
"""How much is read at a time to find the end of a range's last line."""

_UNITS: Final = {"": 1, "B": 1} | {
    unit + end: base**power
    for power, letter in enumerate("KMGTP", start=1)
    for unit, base in ((letter, 1000), (letter + "I", 1024))
    for end in ("", "B")
}


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A file, or the lines whose first byte is from byte `start` to before `stop` (None: to the file's end)."""

    path: str
    size: int | None
    mtime_ns: int | None
    partition: int
    start: int = 0
    stop: int | None = None
    compression: str | None = None
    divisible: bool = False
    """Whether its lines can be found from the middle."""

    @property
    def weight(self) -> int:
        return (self.size or 0) if self.stop is None else self.stop - self.start

    @property
    def label(self) -> str:
        return self.path if self.stop is None else f"{self.path} bytes {self.start}-{self.stop}"

    @property
    def info(self) -> FileInfo:
        """The file, as it was found."""
        return FileInfo(self.path, self.size, self.mtime_ns)

    def cut(self, size: int) -> Sequence[FilePiece]:
        if not self.divisible or self.weight <= size:
            return (self,)
        count = -(-self.weight // size)
        edges = [self.start + self.weight * n // count for n in range(count + 1)]
        return tuple(replace(self, start=a, stop=b) for a, b in pairwise(edges))


@dataclass(frozen=True, slots=True)
class ReadText(Source):
    """The lines of files; made by `plan_text`."""

    urlpath: Any
    partitions: tuple[tuple[FilePiece, ...], ...] = field(repr=False)
    encoding: str = "utf-8"
    """As `codecs.lookup` names it."""
    errors: str = "strict"
    linedelimiter: str | None = None
    include_path: bool = False
    guess: bool = True
    """Whether the user left it to us what compression a file has."""
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        return f"read_text({one_line(self.urlpath, 80)})"

    @property
    def gives_raw_lines(self) -> bool:  # type: ignore[override]
        plain = self.linedelimiter is None and not self.include_path
        return plain and self.encoding == "utf-8" and self.errors == "strict"

    def user_functions(self) -> tuple[Any, ...]:
        # Through its code an error in decoding is known as this op's.
        return (lines.decode_line,)

    def pieces(self) -> Sequence[tuple[FilePiece, ...]]:
        return self.partitions

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.partitions)

    def bare(self) -> ReadText:
        return replace(self, partitions=(), urlpath=self.urlpath if isinstance(self.urlpath, str) else "...")

    def read(self, pieces: Sequence[FilePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        ends = lines.byte_ends(self.encoding, self.errors, self.linedelimiter)
        for piece in pieces:
            with opened(piece.info, self.storage_options) as file:
                counter = _Counter(self, piece, file)
                try:
                    if ends is None:
                        yield from _read_decoded(self, piece, counter)
                    else:
                        yield from _read_cut(self, piece, ends, counter, raw)
                except DamagedError as error:
                    _raise_corrupt(piece, counter, error)
                file.check()
                report.read(max(0, piece.weight - counter.told))


class _Counter:
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
            f"{piece.path}: begins as {name} data, and its name does not say so; expected text; hint: "
            f"compression={name!r}, or compression=None to read it as it is"
        )


def _raise_corrupt(piece: FilePiece, counter: _Counter, error: DamagedError) -> NoReturn:
    raise CorruptInputError(
        f"{piece.path}: {error}; {counter.lines} lines ({counter.nbytes} bytes, uncompressed) before that were good"
    ) from (error.__cause__ or error)


# -- files that are cut as bytes ---------------------------------------------------------------------------------------


def _read_cut(source: ReadText, piece: FilePiece, ends: Ends[bytes], counter: _Counter, raw: bool) -> Iterator[Block]:
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
    encoding = source.encoding
    if encoding == "utf-8-sig":
        encoding = "utf-8"
        data = data.removeprefix(BOM) if first else data
    try:
        records = lines.decode_lines(data, ends, encoding, source.errors)
    except UnicodeDecodeError:
        decode = partial(lines.decode_line, ends=ends, encoding=encoding, errors=source.errors)
        return ends.split(data), (_with_path(decode, path) if source.include_path else decode)
    return (list(zip(records, repeat(path))) if source.include_path else records), None


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
        if index >= len(found):
            return Place(self.piece.path, self.piece.partition)
        line = lines.strip_end(found[index], self.ends)
        offset = self.offset + sum(map(len, found[:index]))
        try:
            text: str | bytes = line.decode(self.source.encoding, self.source.errors)
        except UnicodeDecodeError:
            text = line
        return Place(self.piece.path, self.piece.partition, self._line(index), offset, record=text)

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


def _read_decoded(source: ReadText, piece: FilePiece, counter: _Counter) -> Iterator[Block]:
    delimiter = source.linedelimiter
    ends = DelimiterEnds("\n" if delimiter is None else delimiter)
    failure: list[UnicodeDecodeError] = []
    text = _text(counter.chunks(0), source, failure)
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
            f"{piece.path}: line {counter.lines} does not decode as {source.encoding}, and in this encoding the lines "
            "after it can't be found; hint: errors='replace'"
        ) from failure[0]


def _text(chunks: Iterator[bytes], source: ReadText, failure: list[UnicodeDecodeError]) -> Iterator[str]:
    try:
        yield from lines.decode_text(chunks, source.encoding, source.errors, source.linedelimiter is None)
    except UnicodeDecodeError as error:
        failure.append(error)


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


# -- planning ----------------------------------------------------------------------------------------------------------


def plan_text(
    urlpath: Any,
    *,
    blocksize: int | str | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
    include_path: bool = False,
) -> ReadText:
    """Return the source of `read_text`: finds the files and checks everything that can be checked without opening them.

    Raises PlanError for arguments that do not go together, NoFilesError where a path or pattern names no file, and
    SourceError for a file that can't be read.
    """
    size = parse_size(blocksize)
    encoding, errors = _check_encoding(encoding, errors)
    if linedelimiter is not None and (not isinstance(linedelimiter, str) or not linedelimiter):
        raise PlanError(f"linedelimiter: got {one_line(linedelimiter)}; expected one character or more, or None")
    if size is not None and files_per_partition is not None:
        raise PlanError("read_text: got both blocksize and files_per_partition; expected at most one of them")
    if files_per_partition is not None and (type(files_per_partition) is not int or files_per_partition < 1):
        raise PlanError(f"files_per_partition: got {one_line(files_per_partition)}; expected an int of 1 or more")
    ends = lines.byte_ends(encoding, errors, linedelimiter)
    if size is not None and ends is None:
        raise PlanError(
            f"blocksize: with encoding={encoding!r}, errors={errors!r} and linedelimiter={linedelimiter!r} lines "
            "can't be found from the middle of a file; expected blocksize=None"
        )
    files = [
        _piece(info, compression_of(info.path, compression), ends) for info in find_files(urlpath, storage_options)
    ]
    return ReadText(
        urlpath=urlpath,
        partitions=_partitions(files, size, files_per_partition),
        encoding=encoding,
        errors=errors,
        linedelimiter=linedelimiter,
        include_path=bool(include_path),
        guess=compression == "infer",
        storage_options=dict(storage_options or {}),
    )


def _piece(info: FileInfo, compression: str | None, ends: Ends[bytes] | None) -> FilePiece:
    divisible = compression is None and info.ranges and ends is not None and ends.lead >= 0
    return FilePiece(info.path, info.size, info.mtime_ns, 0, compression=compression, divisible=divisible)


def _partitions(
    files: list[FilePiece], blocksize: int | None, per_partition: int | None
) -> tuple[tuple[FilePiece, ...], ...]:
    if blocksize is not None:
        for file in files:
            if file.compression is not None:
                raise PlanError(
                    f"blocksize: {file.path} is compressed ({file.compression}) and can't be read from the middle; "
                    "expected blocksize=None"
                )
        groups = [[part] for file in files for part in _blocks(file, blocksize)]
    else:
        step = per_partition or 1
        groups = [files[at : at + step] for at in range(0, len(files), step)]
    return tuple(tuple(replace(file, partition=number) for file in group) for number, group in enumerate(groups))


def _blocks(file: FilePiece, blocksize: int) -> Sequence[FilePiece]:
    if file.size is None:
        raise PlanError(f"blocksize: the size of {file.path} is not known; expected blocksize=None")
    # Where delimiters can overlap, a range is read from the file's beginning on: slow, and what was asked for.
    return [replace(part, divisible=file.divisible) for part in replace(file, divisible=True).cut(blocksize)]


def parse_size(size: int | str | None) -> int | None:
    """Return a number of bytes that was given as such or as `"64MB"` (decimal) or `"64MiB"` (binary); None stays None.

    >>> parse_size("10 kB"), parse_size("1.5MiB"), parse_size(7)
    (10000, 1572864, 7)
    """
    if size is None:
        return None
    number: float | None = None
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*", size)
        if match and match[2].upper() in _UNITS:
            number = float(match[1]) * _UNITS[match[2].upper()]
    elif isinstance(size, (int, float)) and not isinstance(size, bool) and size == size // 1:
        number = size
    if number is None or number < 1:
        raise PlanError(
            f"blocksize: got {one_line(size)}; expected a number of bytes, such as 64_000_000 or '64MB', or None"
        )
    return int(number)


def _check_encoding(encoding: Any, errors: Any) -> tuple[str, str]:
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise PlanError(
            f"encoding: got {one_line(encoding)}; expected an encoding that Python knows ({error})"
        ) from error
    if not codec._is_text_encoding or codec.incrementaldecoder is None:
        raise PlanError(f"encoding: got {encoding!r}; expected an encoding of text")
    try:
        codecs.lookup_error(errors)
    except (LookupError, TypeError) as error:
        raise PlanError(
            f"errors: got {one_line(errors)}; expected 'strict', 'replace', 'ignore', ... ({error})"
        ) from error
    return codec.name, errors
