"""`read_json(lines=False)`: the JSON documents of files, however they are written, as text that is parsed later."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bagkit.errors import PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.flow.decoding import other_encoding
from bagkit.io.input import lines
from bagkit.io.input.codecs import DamagedError
from bagkit.io.input.encodings import Encoding, checked_encoding
from bagkit.io.input.file_source import FilePiece, FileSource, PieceReader, chunks_of, find_partitions
from bagkit.io.input.files import InputFile
from bagkit.io.input.paths import named
from bagkit.io.input.shares import Share
from bagkit.io.input.text import ReadText, plan_text_files
from bagkit.json.documents import DocumentBatch, DocumentSpan, NoJsonError, Refused, documents
from bagkit.light_classes import dataclass

_WIDE: Final = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class ReadDocuments(FileSource):
    """The text of the JSON documents of files; made by `plan_documents`."""

    encoding: Encoding
    path: tuple[str, ...]
    """The keys that lead to the array whose elements are the documents; none for the documents of the file."""

    function = "read_json"
    unit = "document"
    plain = "always"

    @property
    def label(self) -> str:
        path = f", path={'.'.join(self.path)!r}" if self.path else ""
        return f"read_json({self.files.name}, lines=False{path})"

    def user_functions(self) -> tuple[Any, ...]:
        return (decode_document, refuse)  # through their code an error in a document is known as this op's

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        return _read(self, reader, raw and _is_utf8(self.encoding))


def _is_utf8(encoding: Encoding) -> bool:
    return encoding.name in ("utf-8", "utf-8-sig") and encoding.errors == "strict"


def _read(source: ReadDocuments, reader: PieceReader, raw: bool) -> Iterator[Block]:
    piece, path = reader.piece, ".".join(source.path)
    content, span = _content(reader)
    chunks = _as_utf8(content, source.encoding, piece)
    plain = piece.compression is None and _is_utf8(source.encoding)
    try:
        for found in documents(chunks, source.path, span):
            origin = DocumentOrigin(source, piece, found)
            if isinstance(found, Refused):
                yield reader.block(origin, [found], None, parse=refuse)
                continue
            upto = found.offset + len(found.text) if plain else None
            yield _block(reader, origin, found, upto, raw)
    except NoJsonError as error:
        line, column = _line_of(source, piece, error.offset)
        below = f", below {path!r}" if path else ""
        raise DamagedError(f"it is not JSON{below}, at line {line}, column {column}: {error.message}") from error
    except UnicodeError as error:  # not of bytes for all encodings: nor is a missing mark before Python 3.13
        words = other_encoding(error, first=not reader.count) if isinstance(error, UnicodeDecodeError) else None
        raise SourceError(
            f"{named(piece.path)}: after {reader.count} documents it does not decode as {source.encoding.name}: "
            f"{error}; {words or 'hint: encoding=...'}"
        ) from error


def _block(reader: PieceReader, origin: DocumentOrigin, found: DocumentBatch, upto: int | None, raw: bool) -> Block:
    if raw:
        return reader.block(origin, found.documents, upto, data=found.text)
    try:
        return reader.block(origin, list(map(decode_document, found.documents)), upto)
    except UnicodeDecodeError:
        return reader.block(origin, found.documents, upto, parse=decode_document)


def decode_document(document: bytes) -> str:
    """Return a document as text: as a file gives it that is opened as text."""
    return document.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def refuse(refused: Refused) -> Any:
    """Raise the error for a document in which the path leads nowhere."""
    raise SourceError(f"read_json: {refused.message}; hint: path=... names the keys that lead to an array")


def _content(reader: PieceReader) -> tuple[Iterator[bytes], DocumentSpan]:
    """Return what a file holds from its beginning on, and which of its documents are in the piece."""
    piece = reader.piece
    if piece.compression is None or not piece.is_share:
        return reader.chunks(), DocumentSpan(lambda: piece.start, lambda: piece.stop)
    assert isinstance(reader.file, InputFile)  # files in archives have no shares
    share = Share(reader.file, piece.compression, piece.start, piece.stop, 0)
    return share.chunks(), DocumentSpan(share.begun_at, lambda: share.stop)


def _as_utf8(chunks: Iterable[bytes], encoding: Encoding, piece: FilePiece) -> Iterator[bytes]:
    """Yield the content of a file in UTF-8."""
    if _is_utf8(encoding):
        first = True
        for chunk in chunks:
            wide = next((name for mark, name in _WIDE if first and chunk.startswith(mark)), None)
            if wide is not None:
                raise SourceError(f"{named(piece.path)}: begins as {wide} text; hint: encoding={wide!r}")
            first = False
            yield chunk
        return
    for text in lines.decode_text(chunks, encoding.name, encoding.errors, translate=False):
        yield text.encode("utf-8", "surrogatepass")


def _line_of(source: ReadDocuments, piece: FilePiece, offset: int) -> tuple[int, int]:
    """Return the line and the column of a byte of a file's content, counted from 1."""
    count, begin, at = 1, b"", 0
    with source.files.opened(piece) as file:
        for chunk in _as_utf8(chunks_of(file, piece.compression, 0, None), source.encoding, piece):
            text = begin + chunk[: offset - at]
            at += len(chunk)
            found = text.count(b"\n")
            count, begin = count + found, text[text.rfind(b"\n") + 1 :] if found else text
            if at >= offset:
                break
    return count, len(begin.removeprefix(codecs.BOM_UTF8).decode(errors="replace")) + 1


@dataclass(frozen=True, slots=True)
class DocumentOrigin:
    """Where some documents of a file are from."""

    source: ReadDocuments
    piece: FilePiece
    found: DocumentBatch | Refused

    def place(self, index: int, record: Any) -> Place:
        found = self.found
        if isinstance(found, Refused):
            offset, text = found.offset, None
        else:
            offset = next(at for number, at in enumerate(found.offsets()) if number == index)
            text = found.documents[index].decode("utf-8", "replace")
        try:
            line, column = _line_of(self.source, self.piece, offset)
        except (SourceError, DamagedError):
            return Place(self.piece.path, self.piece.partition, offset=offset, record=text)
        return Place(self.piece.path, self.piece.partition, line, offset, record=text, column=column)


def plan_json(
    urlpath: Any, *, lines: Any, path: Any, blocksize: Any, encoding: str, errors: str, max_line: Any, **options: Any
) -> ReadText | ReadDocuments:
    """Return the source of `read_json`; raises PlanError, and what `find_partitions` raises."""
    if lines is True:
        if path is not None:
            raise PlanError(
                f"read_json: path is {one_line(path)} and lines is True; expected no path; hint: lines=False"
            )
        return plan_text_files(
            urlpath, blocksize=blocksize, encoding=encoding, errors=errors, max_line=max_line, **options
        )
    if lines is not False:
        raise PlanError(f"read_json: lines is {one_line(lines)}; expected True or False")
    for name, value in (("blocksize", blocksize), ("max_line", max_line)):
        if value is not None:
            raise PlanError(f"read_json: {name} is {one_line(value)} and lines is False; expected none")
    known = checked_encoding(encoding, errors)
    files = find_partitions(urlpath, read_on=_is_utf8(known), **options)
    return ReadDocuments(files, known, False, _keys(path))


def _keys(path: Any) -> tuple[str, ...]:
    if path is None:
        return ()
    keys = tuple(path.split(".")) if isinstance(path, str) else tuple(path) if isinstance(path, (list, tuple)) else ()
    if not keys or not all(isinstance(key, str) and key for key in keys):
        raise PlanError(
            f"read_json: path is {one_line(path)}; expected keys that lead to an array, as in path='data.items'; "
            "hint: path=('a.b', 'items') where a key has a dot in it"
        )
    return keys
