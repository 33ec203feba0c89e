"""Writing lines to files: what to_textfiles and to_jsonl put on a plan.

A record comes as the bytes of its line; what makes them is in ops/encoding.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Any, Literal, Protocol

from bagkit.errors import PlanError
from bagkit.exchange.checksum import crc32
from bagkit.io.input.codecs import check_installed, compression_of, compressor
from bagkit.io.input.made_of import MadeOf, operations, parts_made_of, without_keys
from bagkit.io.input.paths import base_name, checked_options, digest_of, named
from bagkit.io.input.sharding import ShardOf, shard_of
from bagkit.io.output.commits import FileWriting
from bagkit.io.output.input_names import planned_targets
from bagkit.io.output.manifest import Manifest, Recipe, WrittenFile, without_passwords
from bagkit.io.output.names import Targets, plan_targets
from bagkit.io.output.stores import Store, among, failing_as, store_of, write_all
from bagkit.light_classes import dataclass
from bagkit.ops.calls import SinkPart
from bagkit.plan.fingerprint import fingerprint
from bagkit.plan.kinds import Sink, Source
from bagkit.plan.node import Plan, walk

Exist = Literal["error", "overwrite", "resume", "update"]
BLOCK = 1 << 18
"""Bytes that are compressed and written at a time."""
_MOST_LINES = 1 << 12


@dataclass(frozen=True)
class WriteLines(Sink):
    """Lines to a file for each partition; made by `plan_lines`."""

    operation: str
    targets: Targets = field(repr=False)
    compressions: tuple[str | None, ...]
    exist: Exist
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    mark: bytes = b""
    """What a file begins with, unless it is empty."""
    separator: bytes = b""
    """What stands between lines that do not bring their own end."""
    last_separator: bool = False
    """Whether it also stands after the last one."""
    gives: Literal["paths", "manifest"] = "manifest"
    made_of: tuple[MadeOf, ...] = field(default=(), repr=False)
    """What each file is made of."""
    shard: ShardOf | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)
    """By which runs know each other that each write some of the files; empty where one run writes all."""

    opaque = False

    @property
    def label(self) -> str:
        return self.operation

    @property
    def store(self) -> Store:
        """Where the files are."""
        return store_of(self.targets.home, self.storage_options)

    def bare(self) -> WriteLines:
        return replace(self, targets=replace(self.targets, paths=()), compressions=(), made_of=())

    def begin(self, made_of: Plan, wanted: frozenset[int] | None = None) -> FileWriting:
        inputs = inputs_of(made_of)
        own = among(self.store, self.targets.paths, inputs)
        if own is not None:
            raise PlanError(
                f"{self.operation}: {named(own)} is written to, and it is also read from; "
                "hint: write to another directory"
            )
        updates = self.exist == "update"
        steps = () if updates else tuple(fingerprint(made_of, without_keys))
        known = tuple(operations(made_of)) if updates else None
        shard = None if self.shard is None else self.shard.as_json()
        recipe = Recipe(steps, without_passwords(inputs), self.made_with, len(self.targets.paths), known, shard)
        return FileWriting(
            self.operation,
            self.targets,
            self.store,
            self.compressions,
            self.exist,
            recipe,
            self.made_of,
            wanted,
            self.token,
        )

    @property
    def made_with(self) -> dict[str, Any]:
        """What the files depend on beside the plan and its inputs."""
        return {
            "compression": sorted({str(name) for name in self.compressions}),
            "mark": self.mark.hex(),
            "separator": self.separator.hex(),
            "last_separator": self.last_separator,
        }

    def start(self, where: Any, attempt: int) -> FileBeingWritten:
        number, directory, compression = where
        file = OutputFile(self.store, f"{directory}/{number}.{attempt}.{secrets.token_hex(8)}", compression)
        try:
            return FileBeingWritten(number, file, self.filling(file))
        except BaseException:
            file.abandon()
            raise

    def filling(self, file: OutputFile) -> Filling:
        """Return what puts records into `file`."""
        last = self.separator if self.last_separator else b""
        return Lines(file, self.mark if self.separator else b"", self.separator, last)

    def part(self, number: int) -> SinkPart:
        """Return what writes one of its partitions alone."""
        path = self.targets.paths[number]
        return SinkPart(self.operation, number, partial(_path if self.gives == "paths" else _described, path))

    def result(self, written: Sequence[Any]) -> Any:
        if self.gives == "paths":
            return list(self.targets.paths)
        rows = zip(self.targets.paths, written, self.made_of, strict=True)
        files = tuple(replace(_file(path, *each), inputs=part.inputs) for path, each, part in rows)
        return Manifest(files, self.targets.own("manifest.json"))


def _file(path: str, number: int, temporary: str, *facts: Any) -> WrittenFile:
    return replace(WrittenFile(path, number, *facts), kept=not temporary)


def _path(path: str, written: Any) -> str:
    return path


def _described(path: str, written: Any) -> WrittenFile:
    return _file(path, *written)


class OutputFile:
    """A temporary file that is being written; mutable, of the one task that writes it."""

    def __init__(self, store: Store, path: str, compression: str | None) -> None:
        self.path = path
        self._store = store
        self._compressor = compressor(compression) if compression is not None else None
        self._size = 0
        self._checksum = 0
        with failing_as(path, Exception):
            self._file = store.create(path)

    def write(self, block: bytes) -> None:
        """Write a few bytes, which are compressed if the file is."""
        if block:
            self._write(block if self._compressor is None else self._compressor.compress(block))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        self._checksum = crc32(data, self._checksum)
        self._size += len(data)
        with failing_as(self.path, Exception):
            write_all(self._file, data)

    def seal(self) -> tuple[int, int, int | None]:
        """Bring all to the disk; return the size, the checksum and the time of the file."""
        if self._compressor is not None:
            self._write(self._compressor.flush())
        with failing_as(self.path, Exception):
            return self._size, self._checksum, self._store.seal(self._file, self.path)

    def abandon(self) -> None:
        """Remove the file."""
        try:
            self._store.abandon(self._file, self.path)
        except Exception:
            pass  # the error that led here is the one to be told of; the caller's side removes the directory


class Filling(Protocol):
    """Puts records into a file; mutable, of that file."""

    def take(self, records: Sequence[bytes]) -> None:
        """Take the next few records."""

    def end(self) -> int:
        """Write what is left, and return how many records there were."""


class Lines:
    """Puts lines into a file, some at a time: as many as make a block, by those before. So bytes that are compressed do
    not depend on how many come together.

    If there are any, `mark` stands before them, `separator` between them, and `last` behind them: a file without lines
    has no line end, which would be read as a line that is empty.
    """

    def __init__(self, file: OutputFile, mark: bytes, separator: bytes, last: bytes) -> None:
        self._file = file
        self._mark = mark
        self._separator = separator
        self._last = last
        self._waiting: list[bytes] = []
        self._wanted = 1  # they may be large
        self._written = 0

    def take(self, records: Sequence[bytes]) -> None:
        """Take the next few lines."""
        waiting, begin = self._waiting, 0
        waiting += records
        while len(waiting) - begin >= self._wanted:
            end = begin + self._wanted
            self._write(waiting[begin:end])
            begin = end
        del waiting[:begin]

    def _write(self, lines: list[bytes]) -> None:
        count = len(lines)
        if not self._written:
            self._file.write(self._mark)
        elif self._wanted == 1:
            self._file.write(self._separator)  # apart, for to put it before a large line makes a copy of that
        elif self._separator:
            lines.insert(0, b"")  # and so the block begins with one
        self._written += count
        block = self._separator.join(lines)
        if len(block) * 2 < BLOCK:
            self._wanted = min(self._wanted * 2, _MOST_LINES)
        elif len(block) > BLOCK * 2:
            self._wanted = max(self._wanted // 2, 1)
        self._file.write(block)

    def end(self) -> int:
        """Write what is left, and return how many lines there were."""
        if self._waiting:
            self._write(self._waiting)
        if self._written:
            self._file.write(self._last)
        return self._written


class FileBeingWritten:
    """The file of one partition; mutable, of one task."""

    def __init__(self, number: int, file: OutputFile, filling: Filling) -> None:
        self._number = number
        self._file = file
        self._filling = filling

    def take(self, records: Sequence[bytes]) -> None:
        """Take the next few records."""
        self._filling.take(records)

    def seal(self) -> tuple[Any, ...]:
        """Bring all to the disk; return what is known of the file."""
        return self._number, self._file.path, self._filling.end(), *self._file.seal()

    def abandon(self) -> None:
        """Remove the file."""
        self._file.abandon()


def inputs_of(plan: Plan) -> dict[str, tuple[int | str | None, ...]]:
    """Return the size, the time and the ETag of each file that `plan` reads."""
    found: dict[str, tuple[int | str | None, ...]] = {}
    for each in walk(plan):
        if isinstance(each.op, Source):
            for piece in (piece for pieces in each.op.pieces() for piece in pieces):
                info = getattr(piece, "info", None)
                if info is not None:
                    found[info.path] = (info.size, info.mtime_ns, info.etag)
    return found


def plan_lines(
    operation: str,
    path: object,
    made_of: Plan,
    *,
    suffix: str,
    name_function: Callable[[int], str] | None,
    compression: str | None,
    storage_options: Mapping[str, Any] | None,
    exist: str,
    gives: Literal["paths", "manifest"],
    mark: bytes = b"",
    separator: bytes = b"",
    last_separator: bool = False,
    make: Callable[..., WriteLines] = WriteLines,
) -> WriteLines:
    """Return the sink for lines that go to `path`, made by `make`; raises PlanError if `path` can't be written to."""
    if exist not in ("error", "overwrite", "resume", "update"):
        raise PlanError(f"{operation}: exist is {exist!r}; expected 'error', 'overwrite', 'resume' or 'update'")
    parts = tuple(parts_made_of(made_of, identify=exist == "update"))
    shard, store_options = shard_of(made_of), checked_options(storage_options)
    if exist == "update":
        targets = _updated(operation, path, parts, suffix, name_function, store_options, shard)
    elif shard is not None:
        targets = _of_shard(operation, path, len(parts), suffix, name_function, shard)
    else:
        targets = plan_targets(operation, path, len(parts), name_function, suffix)
    names = [compression_of(base_name(each), compression, "written") for each in targets.paths]
    check_installed(names)  # now, rather than in a worker
    return make(
        operation,
        targets,
        tuple(names),
        exist,
        store_options,
        mark,
        separator,
        last_separator,
        gives,
        parts,
        shard,
    )


def _of_shard(
    operation: str,
    path: object,
    npartitions: int,
    suffix: str,
    name_function: Callable[[int], str] | None,
    shard: ShardOf,
) -> Targets:
    """Return the paths of a shard: with names, and an account, that no other shard has."""

    def name(partition: int) -> str:
        return shard.name(partition, None if name_function is None else name_function(shard.number_of(partition)))

    if not npartitions:
        raise PlanError(
            f"{operation}: shard {shard.number} of {shard.of} has no partition; expected as many shards as partitions, "
            "or fewer; hint: blocksize= cuts large files into more partitions"
        )
    targets = plan_targets(operation, path, npartitions, name, suffix, sorts=False)
    return replace(targets, key=digest_of(f"{targets.key} {shard.number} of {shard.of}", 6))


def _updated(
    operation: str,
    path: object,
    parts: Sequence[MadeOf],
    suffix: str,
    name_function: Callable[[int], str] | None,
    storage_options: Mapping[str, Any],
    shard: ShardOf | None,
) -> Targets:
    if shard is not None:
        raise PlanError(
            f"{operation}: exist='update' can't be used for a shard, whose inputs may be of another the next time; "
            "hint: update the whole bag, or exist='resume'"
        )
    if name_function is not None:
        raise PlanError(
            f"{operation}: name_function names files by the numbers of partitions, which change when inputs come and "
            "go; hint: leave it out, exist='update' names files after their inputs"
        )
    return planned_targets(operation, path, parts, suffix, storage_options)
