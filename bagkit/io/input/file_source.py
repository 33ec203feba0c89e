"""What all sources of files do alike: find the files, put them into partitions, open one after the other and count.

A format is a subclass of FileSource that says what the records in one open file are. The smallest is
`io/input/contents.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from itertools import pairwise, repeat
from typing import Any, ClassVar, Final, Self

from bagkit.contexts import context
from bagkit.errors import CorruptInputError, OptionError, PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.io.input import shares
from bagkit.io.input.again import READ_RETRIES, Attempts
from bagkit.io.input.borders import SEPARABLE, borders
from bagkit.io.input.codecs import DamagedError, check_installed, compression_of, refuse_binary, refuse_compressed
from bagkit.io.input.encodings import Encoding
from bagkit.io.input.files import FileInfo, InputFile, opened
from bagkit.io.input.inflating import inflate
from bagkit.io.input.lines import BLOCK, PLAIN_BLOCK
from bagkit.io.input.listing import find_files
from bagkit.io.input.members import Member, MemberFile, members_of
from bagkit.io.input.paths import base_name, checked_options, is_url, named, shown_path
from bagkit.io.input.shares import Share
from bagkit.light_classes import dataclass
from bagkit.option_values import parse_bytes
from bagkit.plan.kinds import Source
from bagkit.signatures import whole_number

LEAST_SHARE: Final = 1 << 20
"""Bytes of a share of a compressed file; what takes less is not worth a task."""

LEAST_FETCHED: Final = 1 << 24
"""The same of a remote file: to look for members takes some requests."""

UNEVEN: Final = 1.1
"""How much larger the largest part of whole members may be than the first of shares that skip what is before them."""

DAMAGED: Final = ("raise", "skip_file", "keep")
"""What can be done about a file that is cut off or damaged."""
DAMAGED_HINT = "; hint: damaged='keep' takes what comes before the damage, damaged='skip_file' leaves out such files"

_TAIL: Final = 1 << 16
"""How much is read at a time behind the end of a range, to find the end of its last record."""


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A file, or the records whose first byte is from byte `start` to before `stop` (None: to the file's end).

    Bytes are counted as they are on disk. A record of a compressed file begins where the first of these was read that
    its own first byte is made of (`io/input/shares.py`).
    """

    info: FileInfo
    partition: int
    start: int = 0
    stop: int | None = None
    compression: str | None = None
    divisible: bool = False
    """Whether its records can be found from the middle."""
    shareable: bool = False
    """Whether they can be found by reading on from the file's beginning, which is quick."""
    separable: bool = False
    """Whether they can be found from any member on of a compressed file, if it has several."""
    of_members: bool = False
    """Whether it begins where a member does, and ends where another one begins."""
    member: Member | None = None
    """The file in the archive that it is, if it is one in an archive."""
    is_alone: bool = False
    """Whether it is all that is in the archive: in records it has the path of that, as dask has it."""
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What a remote file is opened with where it is looked for members."""

    @property
    def path(self) -> str:
        """The file's absolute path, or URL."""
        return self.info.path if self.member is None else f"{self.info.path}/{self.member.name}"

    @property
    def weight(self) -> int:
        if self.member is not None:
            return self.member.packed
        return ((self.info.size or 0) if self.stop is None else self.stop) - self.start

    @property
    def label(self) -> str:
        if not self.start and self.stop is None:
            return named(self.path)
        stop = self.info.size if self.stop is None else self.stop
        return f"{named(self.path)}{' compressed' if self.compression else ''} bytes {self.start}-{stop}"

    def cut(self, size: int) -> Sequence[FilePiece]:
        if not self.divisible or self.weight <= size:
            return (self,)
        count = -(-self.weight // size)
        edges = [self.start + self.weight * n // count for n in range(count + 1)]
        return tuple(replace(self, start=a, stop=b) for a, b in pairwise(edges))

    @property
    def is_share(self) -> bool:
        return (self.shareable or self.of_members) and (self.start > 0 or self.stop is not None)

    @property
    def most_parts(self) -> int:
        if not self.separable or self.start or self.stop is not None:
            return 1
        return max(1, self.weight // (LEAST_FETCHED if is_url(self.path) else LEAST_SHARE))

    def shares(self, count: int, opaque: bool = False) -> Sequence[FilePiece]:
        count = min(count, self.weight // LEAST_SHARE)
        if not self.shareable or count < 2:
            return (self,)
        edges = [0, *shares.edges(self.weight, count, shares.SKIPPING_WITH_CODE if opaque else shares.SKIPPING), None]
        return tuple(replace(self, start=a or 0, stop=b) for a, b in pairwise(edges))

    def parts(self, count: int) -> Sequence[FilePiece]:
        found = borders(self.info, self.compression or "", min(count, self.most_parts), self.storage_options)
        edges, whole = [0, *found, None], replace(self, of_members=True, storage_options={})
        parts = tuple(replace(whole, start=a or 0, stop=b) for a, b in pairwise(edges))
        largest = max(part.weight for part in parts)
        # Where it would be shared anyway, it is cut there only if that is about as even.
        if not found or (self.shareable and largest > UNEVEN * self.shares(count)[0].weight):
            return (self,)
        return parts


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source, in partitions; made by `find_partitions`."""

    name: str
    """What the user gave as paths, in short."""
    partitions: tuple[tuple[FilePiece, ...], ...] = field(repr=False)
    guess: bool
    """Whether the user left it to us what compression a file has."""
    storage_options: Mapping[str, Any] = field(repr=False)
    damaged: str = "raise"
    """What is done about a file that turns out to be damaged: one of DAMAGED."""
    retries: int = READ_RETRIES
    """How often to try again in a row what may be repeated, of remote files."""

    def cut(self, size: int) -> Files:
        """Return the same with about `size` bytes in a partition, where files can be cut."""
        pieces = [part for pieces in self.partitions for piece in pieces for part in piece.cut(size)]
        return replace(self, partitions=_numbered([piece] for piece in pieces))

    @context
    def opened(self, piece: FilePiece, report: Report | None = None) -> Iterator[InputFile | MemberFile]:
        """Open the file of a piece, and close it in the end; raises as `files.opened` does."""
        with opened(piece.info, self.storage_options, Attempts(self.retries, report)) as file:
            yield file if piece.member is None else MemberFile(file, piece.member)


@dataclass(frozen=True, slots=True)
class FileSource(Source):
    """Reads files; a subclass is a format, and says in `blocks` what is in one of them."""

    files: Files
    encoding: Encoding | None
    """None where the format makes no text of bytes."""
    include_path: bool
    """Whether the path of the file is in each record."""

    function: ClassVar[str]
    """What users call: "read_text"."""
    unit: ClassVar[str]
    """What a record of the format is called: "line"."""
    takes_damaged: ClassVar[bool] = True
    """Whether the format's function takes `damaged=`."""
    any_content: ClassVar[bool] = False
    """Whether a file can have any content: only one that is compressed can be damaged then."""

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        """Yield the records of an open piece; `raw` asks for lines as bytes, where the format has that."""
        raise NotImplementedError  # each format has its own

    @property
    def label(self) -> str:
        return f"{self.function}({self.files.name})"

    def pieces(self) -> Sequence[tuple[FilePiece, ...]]:
        return self.files.partitions

    def bare(self) -> Self:
        return replace(self, files=replace(self.files, partitions=()))

    def read(self, pieces: Sequence[FilePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            if self.files.damaged == "skip_file" and not self._is_whole(piece, report):
                report.read(piece.weight)
                continue
            with self.files.opened(piece, report) as file:
                reader = PieceReader(self, piece, file)
                try:
                    with _intact(reader):
                        yield from self.blocks(reader, raw)
                except CorruptInputError as error:
                    if self.files.damaged != "keep":
                        raise
                    if reader.meets_damage_first:
                        report.damage.append(reader.damage(error, "they are kept"))
            report.read(max(0, piece.weight - reader.nbytes))

    def _is_whole(self, piece: FilePiece, report: Report) -> bool:
        """Read a file to its end, and return whether that works; if not, report what is wrong."""
        if self.any_content and piece.compression is None:
            return True
        with self.files.opened(piece, report) as file:
            reader = PieceReader(self, piece, file, only_counts=True)
            try:
                with _intact(reader):
                    for _ in self.blocks(reader, raw=True):
                        report.read(0)
            except CorruptInputError as error:
                report.damage.append(reader.damage(error, "the file is left out"))
                return False
            except (SourceError, UnicodeError):
                pass  # which is not about the file as a whole: whoever reads it meets it behind the same records
        return True

    def _read_again(self, piece: FilePiece) -> PieceReader:
        """Return what has read a damaged file from its beginning to where it is damaged."""
        whole = replace(piece, start=0, stop=None)
        with self.files.opened(whole) as file:
            reader = PieceReader(self, whole, file, only_counts=True)
            with suppress(DamagedError):
                deque(self.blocks(reader, raw=True), 0)
        return reader


class PieceReader:
    """An open piece, and how much of it was read; mutable, of one reading."""

    def __init__(
        self, source: FileSource, piece: FilePiece, file: InputFile | MemberFile, only_counts: bool = False
    ) -> None:
        self.source = source
        self.piece = piece
        self.file = file
        self.only_counts = only_counts
        """Whether nothing is done with the records but to count them."""
        self.counts_all = True
        """Whether `count` has all records; not where some were left out unread."""
        path = piece.info.path if piece.is_alone else piece.path
        self.path = shown_path(path, source.files.storage_options) if source.include_path else None
        """What goes into each record as its path; None where nothing does."""
        self.count = 0
        """How many records were handed out."""
        self.nbytes = 0
        """How many bytes of the file those were, as it is on disk."""
        self.unpacked: int | None = None
        """How many bytes they were uncompressed; None where the format does not count them."""
        self.share: Share | None = None
        """What the piece is read as, where it is a part of a compressed file."""
        self.good: PieceReader = self
        """What has counted what is good of a damaged file, from its beginning on."""

    @property
    def to_the_byte(self) -> bool:
        """Whether all is wanted that comes before damage: a decompressor that fails gives nothing of its last part."""
        return self.source.files.damaged == "keep"

    @property
    def meets_damage_first(self) -> bool:
        """Whether damage that was met is in this piece, and not in one before it, or behind the last line of this."""
        share = self.share
        return share is None or (share.begun_at() is not None and share.stop is None)

    def damage(self, error: CorruptInputError, done: str) -> tuple[Place, CorruptInputError]:
        """Return the place of damage, and `error`, which says what is `done` about it."""
        piece, good = self.piece, self.good
        known = good.unpacked is not None
        told = CorruptInputError(f"{error}; {done}")
        told.__cause__ = error.__cause__
        return (
            Place(piece.path, piece.partition, good.count + 1 if known else None, good.unpacked if known else None),
            told,
        )

    def chunks(self, begin: int = 0) -> Iterator[bytes]:
        """Yield the uncompressed data from `begin` on; raises SourceError where it is certainly not what was meant."""
        encoding, guess = self.source.encoding, self.source.files.guess
        packed = self.piece.compression is not None
        first = begin == 0
        for chunk in chunks_of(self.file, self.piece.compression, begin, self.piece.stop, self.to_the_byte):
            if first and guess and not packed:
                refuse_compressed(self.piece.path, chunk)
            if first and (guess or packed) and encoding is not None and encoding.is_strict_utf8:
                refuse_binary(self.piece.path, chunk)
            first = False
            yield chunk

    def block(self, origin: Any, records: Sequence[Any], upto: int | None = None, **more: Any) -> Block:
        """Return the block of `records`; `upto` is where they end in the file, if that is known."""
        if upto is None and self.piece.compression is not None:
            upto = max(self.file.position, self.piece.start)
        read = self.file.consumed if upto is None else min(upto, self.piece.stop or upto) - self.piece.start
        before, self.nbytes = self.nbytes, max(self.nbytes, read)
        self.count += len(records)
        return Block(records, origin, nbytes=self.nbytes - before, **more)

    def with_path(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return records as `(record, path)` where the source includes paths, and as they are elsewhere."""
        return records if self.path is None else list(zip(records, repeat(self.path)))

    def parse_with_path(self, parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return `parse`, such that it gives `(record, path)` where the source includes paths."""
        return parse if self.path is None else _WithPath(parse, self.path)


@dataclass(frozen=True, slots=True)
class _WithPath:
    parse: Callable[[Any], Any]
    path: str

    def __call__(self, record: Any) -> tuple[Any, str]:
        return self.parse(record), self.path


@context
def _intact(reader: PieceReader) -> Iterator[None]:
    """Raise CorruptInputError where compressed data turn out to be damaged, InputChangedError for a changed file."""
    try:
        yield
    except DamagedError as error:
        reader.file.check()
        if not reader.meets_damage_first and reader.source.files.damaged == "keep":
            raise CorruptInputError(str(error)) from error  # nobody is told of it
        if reader.piece.start or not reader.counts_all:
            reader.good = reader.source._read_again(reader.piece)  # so that the error is the same whoever finds it
        reader = reader.good
        amount = "" if reader.unpacked is None else f" ({reader.unpacked} bytes, uncompressed)"
        good = f"{reader.count} {reader.source.unit}" + (" was" if reader.count == 1 else "s were")
        asks = reader.source.takes_damaged and reader.source.files.damaged == "raise"
        raise CorruptInputError(
            f"{named(reader.piece.path)}: {error}; before that, {good} good{amount}" + (DAMAGED_HINT if asks else "")
        ) from (error.__cause__ or error)
    reader.file.check()


def chunks_of(
    file: InputFile | MemberFile, compression: str | None, begin: int, stop: int | None, to_the_byte: bool = False
) -> Iterator[bytes]:
    """Yield the uncompressed data of a file from byte `begin` to behind `stop`, and as far on as it is asked for."""
    if isinstance(file, MemberFile):
        yield from file.chunks(BLOCK, to_the_byte)
        return
    if compression is not None:
        yield from inflate(file.read, compression, BLOCK, to_the_byte)
        return
    file.begin(begin, stop)
    while True:
        size = PLAIN_BLOCK if stop is None else min(PLAIN_BLOCK, stop - file.position)
        chunk = file.read(size if size > 0 else _TAIL)
        if not chunk:
            return
        yield chunk


# -- while planning ----------------------------------------------------------------------------------------------------


def find_partitions(
    urlpath: Any,
    *,
    compression: str | None = "infer",
    storage_options: Mapping[str, Any] | None = None,
    blocksize: int | str | None = None,
    files_per_partition: int | None = None,
    divisible: bool = False,
    read_on: bool = False,
    from_members: bool = False,
    damaged: str = "raise",
) -> Files:
    """Find the files that `urlpath` names, and put them into partitions; opens none.

    Args:
        urlpath: What the user gave: a path, a pattern, a URL, or a list of them.
        compression: "infer", the name of one, or None.
        storage_options: For fsspec.
        blocksize: About how many bytes of a file go into a partition; None for whole files.
        files_per_partition: How many whole files go into one; None for one.
        divisible: Whether the format finds records from the middle of a file that is not compressed.
        read_on: Whether it finds them by reading on from the beginning of any file, compressed or not.
        from_members: Whether it finds them from any member on of a file that is compressed.
        damaged: What is done about a damaged file: one of DAMAGED.

    Returns:
        The files, each with its compression.

    Raises:
        PlanError: If arguments do not go together.
        NoFilesError: If a path or pattern names no file.
        SourceError: If a file can't be read.
        MissingExtraError: If the package of a compression is not installed.
    """
    size = checked_bytes(blocksize, "blocksize")
    if size is not None and files_per_partition is not None:
        raise PlanError("blocksize: got both blocksize and files_per_partition; expected at most one of them")
    step = 1 if files_per_partition is None else whole_number(files_per_partition) or 0
    if step < 1:
        raise PlanError(f"files_per_partition: got {one_line(files_per_partition)}; expected an int of 1 or more")
    if damaged not in DAMAGED:
        raise PlanError(f"damaged: got {one_line(damaged)}; expected one of {', '.join(map(repr, DAMAGED))}")
    options, pieces = checked_options(storage_options), list[FilePiece]()
    for info in find_files(urlpath, options):
        packed = "zip" if info.members else compression_of(base_name(info.path), compression)
        if packed == "zip" and (found := _in_archive(info, compression, options)):
            pieces.extend(found)
            continue
        cuttable = divisible and packed is None and info.ranges is True
        quick = packed in shares.QUICK if divisible else read_on and (packed is None or packed in shares.QUICK)
        # A file is left out as a whole, and only shares of lines know which of them meets what is wrong.
        shareable = quick and not is_url(info.path) and (damaged == "raise" or (damaged == "keep" and divisible))
        # Nor is more kept of a damaged file than one reading gives: none of what comes after the damage.
        separable = from_members and packed in SEPARABLE and info.ranges is True and damaged == "raise"
        piece = FilePiece(info, 0, 0, None, packed, cuttable, shareable, separable)
        pieces.append(replace(piece, storage_options=options) if separable and options else piece)
    check_installed(piece.member.inner if piece.member else piece.compression for piece in pieces)
    if size is not None:
        groups = [[part] for piece in pieces for part in _blocks(piece, size)]
    else:
        groups = [pieces[at : at + step] for at in range(0, len(pieces), step)]
    return Files(one_line(urlpath, 80), _numbered(groups), compression == "infer", options, damaged)


def _in_archive(info: FileInfo, compression: str | None, storage_options: Mapping[str, Any]) -> Sequence[FilePiece]:
    """Return the files in an archive; each may be compressed too, as its name says, or the user."""
    inside = None if compression in ("zip", None) else compression
    members = [
        replace(member, inner=compression_of(base_name(member.name), inside))
        for member in members_of(info, storage_options)
    ]
    alone = len(members) == 1 and info.members is None
    return [FilePiece(info, 0, compression="zip", member=member, is_alone=alone) for member in members]


def _numbered(groups: Iterable[Sequence[FilePiece]]) -> tuple[tuple[FilePiece, ...], ...]:
    return tuple(tuple(replace(piece, partition=number) for piece in group) for number, group in enumerate(groups))


def _blocks(piece: FilePiece, blocksize: int) -> Sequence[FilePiece]:
    if piece.compression is not None:
        raise PlanError(
            f"blocksize: {named(piece.path)} is compressed ({piece.compression}) and can't be read from "
            "the middle; expected blocksize=None"
        )
    if piece.info.ranges is False:
        raise PlanError(
            f"blocksize: {named(piece.path)} can't be read from the middle, as far as its server says; "
            "expected blocksize=None"
        )
    # Where delimiters can overlap, or a server gives no ranges, a range is read from the file's beginning on: slow, but
    # asked for.
    return [replace(part, divisible=piece.divisible) for part in replace(piece, divisible=True).cut(blocksize)]


def checked_bytes(size: Any, name: str) -> int | None:
    """Return the number of bytes that the user gave as the argument `name`; raises PlanError for what is none."""
    try:
        return None if size is None else parse_bytes(size, name)
    except OptionError as error:
        raise PlanError(str(error)) from None
