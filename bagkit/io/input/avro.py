"""`read_avro`: the records of Avro files, which can be read from any of their blocks on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, Final

from bagkit.errors import BagkitError, CorruptInputError, missing_extra
from bagkit.flow.blocks import Block, Place
from bagkit.io.input.codecs import DamagedError
from bagkit.io.input.file_source import FilePiece, FileSource, PieceReader, find_partitions
from bagkit.io.input.paths import named
from bagkit.lazily import import_extra
from bagkit.light_classes import dataclass
from bagkit.sentinels import NOT_GIVEN

DEFAULT_BLOCKSIZE: Final = 100_000_000
"""Bytes of a file in a partition, as dask has it."""

CODECS: Final = ("null", "deflate", "snappy", "bzip2", "xz", "zstandard", "lz4")
"""How the blocks of a file can be compressed."""

RECORDS: Final = 1024
_SYNC: Final = 16
"""Bytes of the marker that stands before and behind each block of a file."""


def import_fastavro() -> Any:
    """Return the module fastavro; raises MissingExtraError where there is none."""
    return import_extra("fastavro", "avro", "to read and write Avro files")


@cache
def check_codec(codec: str) -> None:
    """Raise MissingExtraError where fastavro knows this codec, and lacks the package that has it."""
    fastavro = import_fastavro()
    empty = {"type": "record", "name": "empty", "fields": []}
    try:
        fastavro.writer(io.BytesIO(), empty, [{}], codec=codec)
    except ValueError as error:
        raise missing_extra(f"fastavro[{codec}]", "avro-codecs", f"for Avro's codec {codec!r}") from error


@dataclass(frozen=True, slots=True)
class ReadAvro(FileSource):
    """The records of Avro files; made by `plan_avro`."""

    function = "read_avro"
    unit = "record"
    takes_damaged = False

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        return _read(reader)


class _Bytes:
    """Chunks as a file that can be read; remembers where it is. Mutable, of one reading."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._data = b""
        self._at = 0
        self.position = 0
        self.header = b""
        """What is given before the chunks: the header of the file, where they begin with one of its blocks."""
        self.seen: list[bytes] | None = None
        """Where what is read is kept, if anybody wants it."""

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        header, self.header = self.header[:size], self.header[size:]
        size -= len(header)
        data = self._data[self._at : self._at + size]
        self._at += len(data)
        if len(data) < size:
            data = self._gathered(data, size)
        self.position += len(data)
        if self.seen is not None:
            self.seen.append(data)
        return header + data if header else data

    def _gathered(self, data: bytes, size: int) -> bytes:
        """Return `data` and what comes after it: put together once, for a block may be as large as it likes."""
        parts, missing = [data], size - len(data)
        while missing > 0:
            more = next(self._chunks, b"")
            if not more:
                break
            parts.append(more[:missing])
            self._data, self._at = more, len(parts[-1])
            missing -= len(parts[-1])
        return b"".join(parts)

    def tell(self) -> int:
        """Return how many bytes of the chunks were read: where the next block begins in the file."""
        return self.position

    def skip_behind(self, marker: bytes) -> bool:
        """Go on behind the next `marker`; return whether there is one."""
        while (found := self._data.find(marker, self._at)) < 0:
            more = next(self._chunks, b"")
            if not more:
                return False
            keep = max(self._at, len(self._data) - len(marker) + 1)
            self.position += keep - self._at
            self._data, self._at = self._data[keep:] + more, 0
        self.position += found + len(marker) - self._at
        self._at = found + len(marker)
        return True


def _read(reader: PieceReader) -> Iterator[Block]:
    piece = reader.piece
    try:
        for block, begin in _blocks(reader):
            rest = iter(block)
            while records := list(islice(rest, RECORDS)):
                origin = AvroOrigin(piece, reader.count if piece.start == 0 else None, begin)
                yield reader.block(origin, records)
    except (DamagedError, BagkitError, OSError):
        raise
    except Exception as error:
        raise CorruptInputError(
            f"{named(piece.path)}: can't be read as Avro after {reader.count} records: {type(error).__name__}: {error}"
        ) from None  # all that it says, behind many frames of fastavro's


def _blocks(reader: PieceReader) -> Iterator[tuple[Any, int]]:
    """Yield the blocks of a piece, each with the byte where it begins.

    A block belongs to the piece in which the marker before it begins; the marker before the first ends the header.
    """
    fastavro, piece = import_fastavro(), reader.piece
    if piece.start:
        with reader.source.files.opened(piece) as file:
            whole = PieceReader(reader.source, replace(piece, start=0, stop=None), file)
            header, marker = _header(fastavro, _Bytes(whole.chunks()))
    begins_in_header = not piece.start or piece.start <= len(header) - _SYNC
    blocks = _Bytes(reader.chunks(0 if begins_in_header else piece.start))
    if not piece.start:
        header, marker = _header(fastavro, blocks)
    elif begins_in_header:
        blocks.read(len(header))
    else:
        blocks.position = piece.start
        if not blocks.skip_behind(marker):
            return
    begin = blocks.position
    if piece.stop is not None and begin - _SYNC >= piece.stop:
        return
    blocks.header = header
    for block in fastavro.block_reader(blocks):
        yield block, begin
        begin = blocks.position
        if piece.stop is not None and begin - _SYNC >= piece.stop:
            return


def _header(fastavro: Any, file: _Bytes) -> tuple[bytes, bytes]:
    """Return the header of a file, which is read, and the marker that it ends with."""
    seen: list[bytes] = []
    file.seen = seen
    codec = fastavro.reader(file).metadata.get("avro.codec", "null")
    file.seen = None
    if codec in CODECS:
        check_codec(codec)
    header = b"".join(seen)
    if not header.startswith(b"Obj\x01"):
        raise ValueError(f"it begins with {header[:4]!r}; expected b'Obj\\x01'")
    return header, header[-_SYNC:]


@dataclass(frozen=True, slots=True)
class AvroOrigin:
    """Where some records of a block of an Avro file are from."""

    piece: FilePiece
    before: int | None
    """How many records of the file there were before; None where its beginning was not read."""
    offset: int
    """Of the block's first byte."""

    def place(self, index: int, record: Any) -> Place:
        number = None if self.before is None else self.before + index
        offset = self.offset if number is None and self.piece.compression is None else None
        return Place(self.piece.path, self.piece.partition, offset=offset, index=number, record=record)


def plan_avro(urlpath: Any, blocksize: Any, **options: Any) -> ReadAvro:
    """Return the source of `read_avro`; raises what `find_partitions` raises."""
    import_fastavro()
    given = blocksize is not NOT_GIVEN
    files = find_partitions(urlpath, blocksize=blocksize if given else None, divisible=True, **options)
    return ReadAvro(files if given else files.cut(DEFAULT_BLOCKSIZE), None, False)
