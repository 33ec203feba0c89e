"""`read_text`: the lines of text files."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from bagkit.errors import OptionError, PlanError, one_line
from bagkit.io.input.codecs import check_installed, compression_of
from bagkit.io.input.files import FileInfo, opened
from bagkit.io.input.listing import find_files
from bagkit.io.input.paths import base_name, named
from bagkit.io.input.text_blocks import Counter, decode_line, given, read_blocks
from bagkit.kernels import lines
from bagkit.kernels.lines import Ends
from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block
from bagkit.options import parse_bytes
from bagkit.plan.kinds import Source


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A file, or the lines whose first byte is from byte `start` to before `stop` (None: to the file's end)."""

    info: FileInfo
    partition: int
    start: int = 0
    stop: int | None = None
    compression: str | None = None
    divisible: bool = False
    """Whether its lines can be found from the middle."""

    @property
    def path(self) -> str:
        """The file's absolute path, or URL."""
        return self.info.path

    @property
    def weight(self) -> int:
        return (self.info.size or 0) if self.stop is None else self.stop - self.start

    @property
    def label(self) -> str:
        return named(self.path) + ("" if self.stop is None else f" bytes {self.start}-{self.stop}")

    def cut(self, size: int) -> Sequence[FilePiece]:
        if not self.divisible or self.weight <= size:
            return (self,)
        count = -(-self.weight // size)
        edges = [self.start + self.weight * n // count for n in range(count + 1)]
        return tuple(replace(self, start=a, stop=b) for a, b in pairwise(edges))


@dataclass(frozen=True, slots=True)
class ReadText(Source):
    """The lines of files; made by `plan_text`."""

    name: str
    """What the user gave as paths, in short."""
    partitions: tuple[tuple[FilePiece, ...], ...] = field(repr=False)
    encoding: str = "utf-8"
    """As `codecs.lookup` names it."""
    errors: str = "strict"
    linedelimiter: str | None = None
    include_path: bool = False
    guess: bool = True
    """Whether the user left it to us what compression a file has."""
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    max_line: int | None = None
    """How many bytes a line may have, with its end."""

    @property
    def label(self) -> str:
        return f"read_text({self.name})"

    gives_plain = True

    @property
    def gives_raw_lines(self) -> bool:  # type: ignore[override]
        plain = self.linedelimiter is None and not self.include_path
        return plain and self.encoding == "utf-8" and self.errors == "strict"

    def user_functions(self) -> tuple[Any, ...]:
        # Through their code an error in a line is known as this op's.
        return (lines.decode_line, decode_line, given)

    def pieces(self) -> Sequence[tuple[FilePiece, ...]]:
        return self.partitions

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.partitions)

    def bare(self) -> ReadText:
        return replace(self, partitions=())

    def read(self, pieces: Sequence[FilePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            with opened(piece.info, self.storage_options) as file:
                counter = Counter(self, piece, file)
                yield from read_blocks(self, piece, counter, raw)
                report.read(max(0, piece.weight - counter.told))


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
    max_line: int | str | None = None,
) -> ReadText:
    """Return the source of `read_text`: finds the files and checks everything that can be checked without opening them.

    Raises PlanError for arguments that do not go together, NoFilesError where a path or pattern names no file, and
    SourceError for a file that can't be read.
    """
    size, longest = _check_bytes(blocksize, "blocksize"), _check_bytes(max_line, "max_line")
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
        _piece(info, compression_of(base_name(info.path), compression), ends)
        for info in find_files(urlpath, storage_options)
    ]
    check_installed(file.compression for file in files)
    return ReadText(
        name=one_line(urlpath, 80),
        partitions=_partitions(files, size, files_per_partition),
        encoding=encoding,
        errors=errors,
        linedelimiter=linedelimiter,
        include_path=bool(include_path),
        guess=compression == "infer",
        storage_options=dict(storage_options or {}),
        max_line=longest,
    )


def _piece(info: FileInfo, compression: str | None, ends: Ends[bytes] | None) -> FilePiece:
    divisible = compression is None and info.ranges is True and ends is not None and ends.lead >= 0
    return FilePiece(info, 0, compression=compression, divisible=divisible)


def _partitions(
    files: list[FilePiece], blocksize: int | None, per_partition: int | None
) -> tuple[tuple[FilePiece, ...], ...]:
    if blocksize is not None:
        for file in files:
            if file.compression is not None:
                raise PlanError(
                    f"blocksize: {named(file.path)} is compressed ({file.compression}) and can't be read from "
                    "the middle; expected blocksize=None"
                )
        groups = [[part] for file in files for part in _blocks(file, blocksize)]
    else:
        step = per_partition or 1
        groups = [files[at : at + step] for at in range(0, len(files), step)]
    return tuple(tuple(replace(file, partition=number) for file in group) for number, group in enumerate(groups))


def _blocks(file: FilePiece, blocksize: int) -> Sequence[FilePiece]:
    if file.info.ranges is False:
        raise PlanError(
            f"blocksize: {named(file.path)} can't be read from the middle, as far as its server says; "
            "expected blocksize=None"
        )
    # Where delimiters can overlap, or a server gives no ranges, a range is read from the file's beginning on: slow, but
    # asked for.
    return [replace(part, divisible=file.divisible) for part in replace(file, divisible=True).cut(blocksize)]


def _check_bytes(size: Any, name: str) -> int | None:
    try:
        return None if size is None else parse_bytes(size, name)
    except OptionError as error:
        raise PlanError(str(error)) from None


def _check_encoding(encoding: Any, errors: Any) -> tuple[str, str]:
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise PlanError(
            f"encoding: got {one_line(encoding)}; expected an encoding that Python knows ({error})"
        ) from error
    if not getattr(codec, "_is_text_encoding", True) or codec.incrementaldecoder is None:
        raise PlanError(f"encoding: got {encoding!r}; expected an encoding of text")
    try:
        codecs.lookup_error(errors)
    except (LookupError, TypeError) as error:
        raise PlanError(
            f"errors: got {one_line(errors)}; expected 'strict', 'replace', 'ignore', ... ({error})"
        ) from error
    if errors in ("xmlcharrefreplace", "namereplace"):
        raise PlanError(
            f"errors: got {errors!r}, which is for writing only; expected 'strict', 'replace', 'ignore', ..."
        )
    return codec.name, errors
