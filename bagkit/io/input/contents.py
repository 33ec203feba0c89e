"""`read_files`: the whole content of each file as one record."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bagkit.errors import PlanError
from bagkit.io.input.files import opened
from bagkit.io.input.paths import shown_path
from bagkit.io.input.text import FilePiece, ReadText, plan_text
from bagkit.io.input.text_blocks import Counter, intact
from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block, Place
from bagkit.plan.kinds import Source


@dataclass(frozen=True, slots=True)
class Decoded:
    """Makes text of a file's bytes as Python's text mode does: line ends become `\\n`."""

    encoding: str
    errors: str

    def __call__(self, data: bytes) -> str:
        return data.decode(self.encoding, self.errors).replace("\r\n", "\n").replace("\r", "\n")


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
class ReadFiles(Source):
    """The contents of files; made by `plan_files`."""

    text: ReadText
    """How files are opened, and become text; without its partitions."""
    partitions: tuple[tuple[FilePiece, ...], ...] = field(repr=False)
    binary: bool
    include_path: bool

    @property
    def label(self) -> str:
        return f"read_files({self.text.name})"

    def user_functions(self) -> tuple[Any, ...]:
        return (Decoded.__call__,)  # through its code an error in decoding is known as this op's

    def pieces(self) -> Sequence[tuple[FilePiece, ...]]:
        return self.partitions

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.partitions)

    def bare(self) -> ReadFiles:
        return replace(self, partitions=())

    def read(self, pieces: Sequence[FilePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            with opened(piece.info, self.text.storage_options) as file:
                counter = Counter(self.text, piece, file)
                with intact(counter, "files"):
                    content = io.BytesIO()  # grows in place: pieces that are joined are two copies
                    content.writelines(counter.chunks(0))
                    data = content.getvalue()
                    content.close()
            yield counter.block(FileOrigin(piece), [data], None, parse=self._parse(piece))
            report.read(max(0, piece.weight - counter.told))

    def _parse(self, piece: FilePiece) -> Callable[[bytes], Any] | None:
        decoded = None if self.binary else Decoded(self.text.encoding, self.text.errors)
        if not self.include_path:
            return decoded
        return WithPath(shown_path(piece.path, self.text.storage_options), decoded)


def plan_files(urlpath: Any, *, binary: Any, include_path: Any, **options: Any) -> ReadFiles:
    """Return the source of `read_files`; raises what `plan_text` raises."""
    for name, value in (("binary", binary), ("include_path", include_path)):
        if not isinstance(value, bool):
            raise PlanError(f"read_files: {name} is {value!r}; expected True or False")
    text = plan_text(urlpath, **options)
    # A file is never cut, however its lines could be found.
    pieces = tuple(tuple(replace(piece, divisible=False) for piece in group) for group in text.partitions)
    bare = replace(text, partitions=(), guess=text.guess and not binary)
    return ReadFiles(bare, pieces, binary, include_path)
