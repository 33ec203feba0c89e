"""`read_files`: the whole content of each file as one record."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bagkit.errors import PlanError
from bagkit.flow.blocks import Block, Place
from bagkit.io.input.codecs import DamagedError
from bagkit.io.input.encodings import Encoding, checked_encoding
from bagkit.io.input.file_source import FilePiece, FileSource, PieceReader, find_partitions
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class Decoded:
    """Makes text of a file's bytes as Python's text mode does: line ends become `\\n`."""

    encoding: Encoding
    cut_off: bool = False
    """Whether the last character may not be whole, for the file goes on where it can't be read."""

    def __call__(self, data: bytes) -> str:
        if self.cut_off:
            text = codecs.getincrementaldecoder(self.encoding.name)(self.encoding.errors).decode(data)
        else:
            text = data.decode(self.encoding.name, self.encoding.errors)
        return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class WithPath:
    """Makes `(path, content)` of a file's bytes."""

    path: str
    content: Callable[[bytes], Any] | None

    def __call__(self, data: bytes) -> tuple[str, Any]:
        return self.path, data if self.content is None else self.content(data)


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """A file that is one record."""

    piece: FilePiece

    def place(self, index: int, record: Any) -> Place:
        return Place(self.piece.path, self.piece.partition, record=record)


@dataclass(frozen=True, slots=True)
class ReadFiles(FileSource):
    """The contents of files; made by `plan_files`."""

    function = "read_files"
    unit = "file"
    any_content = True

    def user_functions(self) -> tuple[Any, ...]:
        return (Decoded.__call__,)  # through its code an error in decoding is known as this op's

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        content = io.BytesIO()  # grows in place: pieces that are joined are two copies
        damage: DamagedError | None = None
        try:
            content.writelines(reader.chunks())
        except DamagedError as error:
            if self.files.damaged != "keep":
                raise
            damage = error
        data = content.getvalue()
        content.close()
        reader.file.check()
        parse = None if self.encoding is None else Decoded(self.encoding, damage is not None)
        if damage is None or data:
            yield reader.block(
                FileOrigin(reader.piece), [data], parse=parse if reader.path is None else WithPath(reader.path, parse)
            )
        if damage is not None:
            raise damage


def plan_files(
    urlpath: Any, *, binary: Any, include_path: Any, encoding: str, errors: str, **options: Any
) -> ReadFiles:
    """Return the source of `read_files`; raises what `find_partitions` raises."""
    for name, value in (("binary", binary), ("include_path", include_path)):
        if not isinstance(value, bool):
            raise PlanError(f"read_files: {name} is {value!r}; expected True or False")
    known = checked_encoding(encoding, errors)
    files = find_partitions(urlpath, **options)
    if binary:
        return ReadFiles(replace(files, guess=False), None, include_path)
    return ReadFiles(files, known, include_path)
