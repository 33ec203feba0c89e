"""Records of partitions that are kept in a folder from one run to the next: `bag.cache(folder)`.

    <folder>/<key>.cache    frames of pickled records, an index of them, and at its end the index's place

The key is a digest of what the records depend on: the operations, what the partition is made of, the versions of bagkit
and Python. So an entry is right or there is none. It is written under another name, and renamed when it is whole; each
frame has its checksum, and who begins a run looks at all of them.
"""

from __future__ import annotations

import io
import os
import pickle
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from struct import Struct
from types import FunctionType
from typing import Any, Final

from bagkit.errors import NotPicklableError, OutputError, PlanError, SourceError, add_notes, one_line
from bagkit.exchange.checksum import crc32
from bagkit.exchange.frames import FrameError, FrameFile, FramePlace, entries, load_frame, load_indexed, room_left
from bagkit.flow import earlier_runs
from bagkit.flow.blocks import Block, NumberedOrigin
from bagkit.flow.report import Report
from bagkit.flow.stopped import Blameless
from bagkit.io.input.file_source import FileSource, checked_bytes
from bagkit.io.input.made_of import operations, parts_made_of
from bagkit.io.input.memory import FromSequence
from bagkit.io.input.paths import digest_of, named
from bagkit.io.output.manifest import versions
from bagkit.io.output.whole_files import local_path
from bagkit.light_classes import dataclass
from bagkit.ops.regroup import Concat, Pick
from bagkit.plan.caching import Caching, Use
from bagkit.plan.kinds import OnRecords, Pairing, Source
from bagkit.plan.node import Plan, walk
from bagkit.plan.pieces import Indivisible
from bagkit.user_code.main_module import MAIN
from bagkit.warn import warn_about

_MAGIC: Final = b"bagkit cache 1\r\n"
_END: Final = Struct("<QQI")
_SUFFIX: Final = ".cache"
_UNFINISHED: Final = ".part"
_FRAME: Final = 1 << 20
"""About how many bytes of pickled records are a frame."""
_OLD: Final = 86400.0
"""Seconds after which a file that was begun and not ended belongs to a dead run."""


@dataclass(frozen=True)
class Cache(Caching):
    """`cache(folder)`: the records, kept in the folder."""

    folder: str
    limit: int | None
    """How many bytes all entries may have; None for any number."""

    @property
    def label(self) -> str:
        return f"cache({one_line(self.folder, 80)})"

    def instead(self, asked: Plan, below: Plan, use: Use) -> Plan:
        keys = _keys(asked)
        if keys is None:
            message = (
                f"{self.label}: nothing is kept, as no later run could tell whether it is the same: an input has no "
                "time of change and no ETag, or a function or its data can't be pickled"
            )
            warn_about((self.label, id(asked)), message, UserWarning)
            return below
        if any(isinstance(plan.op, FileSource) and plan.op.files.damaged != "raise" for plan in walk(asked)):
            use = "read" if use == "keep" else use  # later runs would not warn of what is missing
        paths = [os.path.join(self.folder, key + _SUFFIX) for key in keys]
        sizes = [size_of_whole(path) for path in paths]
        if use != "look":
            for path, size in zip(paths, sizes, strict=True):
                if size is not None:
                    _touch(path)
        whole = [(path, size) for path, size in zip(paths, sizes, strict=True) if size is not None]
        kept = tuple([Entry(path, number, size) for number, (path, size) in enumerate(whole)])
        read = Plan(ReadCache(self.folder, kept))
        if len(kept) == len(paths):
            return read
        made = below if use == "read" else self._keeping(below, paths)
        if not kept:
            return made
        numbers = iter(range(len(kept)))
        picks = [number if size is None else len(paths) + next(numbers) for number, size in enumerate(sizes)]
        return Plan(Pick(tuple(picks)), (Plan(Concat(), (made, read)),))

    def _keeping(self, below: Plan, paths: list[str]) -> Plan:
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.label}: can't be written: {error}") from error
        places = Plan(FromSequence("cache", paths, (1,) * len(paths)))
        return Plan(KeepRecords(self.folder, self.limit, time.time()), (below, places))


def _keys(plan: Plan) -> list[str] | None:
    """Return the key of each partition of a plan; None where what it is made of can't be known a second time."""

    def found() -> list[tuple[Any, ...]]:
        steps = operations(plan)
        return [(_MAGIC, versions(), steps, part.identity) for part in parts_made_of(plan)]

    known = found()
    if known != found():
        return None
    return [digest_of(repr(each)) for each in known]


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry(Indivisible):
    """An entry that is read."""

    path: str
    partition: int
    weight: int

    of_earlier_runs = True
    label = ""


@dataclass(frozen=True)
class ReadCache(Source):
    """Reads entries."""

    folder: str
    kept: tuple[Entry, ...] = field(repr=False)

    @property
    def label(self) -> str:
        return f"read cache({one_line(self.folder, 80)})"

    def pieces(self) -> Sequence[tuple[Entry, ...]]:
        return [(entry,) for entry in self.kept]

    def bare(self) -> ReadCache:
        return ReadCache(self.folder, ())

    def read(self, pieces: Sequence[Entry], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            before = 0
            try:
                for records in records_of(piece.path):
                    yield Block(records, NumberedOrigin("cache", piece.partition, before))
                    before += len(records)
            except FrameError as error:
                raise SourceError(
                    f"{named(piece.path)}: an entry of the cache {error}, after the run had begun; hint: run it again"
                ) from error
            report.read(piece.weight)


def _unpickled(data: Any) -> Any:
    """Return the records of a pickle; of a class that pickle can't make again the error says so."""
    try:
        return earlier_runs.loads(data)
    except (ImportError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise NotPicklableError(
            f"records of the cache can't be unpickled: {type(error).__name__}: {error}; "
            "hint: keep dicts, lists and other plain data"
        ) from error


def records_of(path: str, loads: Callable[[Any], Any] = _unpickled) -> Iterator[list[Any]]:
    """Yield what an entry has, list by list; raises FrameError where it is not whole."""
    index = _index_of(path)
    for number in range(entries(index)):
        yield load_indexed(path, index, number, loads)


def _index_of(path: str) -> FramePlace:
    size = _END.size + len(_MAGIC) + 4
    try:
        with open(path, "rb") as file:
            file.seek(-size, os.SEEK_END)
            end = file.read()
    except OSError as error:
        raise FrameError(f"can't be read: {error}") from error
    place, check, magic = end[: _END.size], end[_END.size : _END.size + 4], end[_END.size + 4 :]
    if magic != _MAGIC or check != crc32(place).to_bytes(4, "little"):
        raise FrameError("is not whole")
    found: FramePlace = _END.unpack(place)
    load_frame(path, found, bytes)
    return found


def size_of_whole(path: str) -> int | None:
    """Return the size of an entry if all of it is as it was written; else None."""
    try:
        known = os.stat(path)
    except OSError:
        return None
    return known.st_size if _is_whole(path, known.st_size, known.st_mtime_ns) else None


@lru_cache(1 << 14)
def _is_whole(path: str, size: int, mtime_ns: int) -> bool:
    try:
        for _ in records_of(path, len):
            pass
    except (FrameError, OSError):
        return False
    return True


def _touch(path: str) -> None:
    """Note that an entry is used now: entries that were unused for longest go first."""
    try:
        os.utime(path, ns=(time.time_ns(), os.stat(path).st_mtime_ns))
    except OSError:
        pass  # of another user, or gone: the run will see


# -- writing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeepRecords(Pairing):
    """The records as they are, which are kept when all of a partition have come."""

    folder: str
    limit: int | None
    since: float
    """When the run began: what it has used since then stays."""

    bags = 2
    read_first = 1
    can_raise = True

    @property
    def label(self) -> str:
        return f"keep in cache({one_line(self.folder, 80)})"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        ((path,),) = read
        return lambda records: self._kept(iter(records), path)

    def _kept(self, records: Iterator[Any], path: str) -> Iterator[Any]:
        unfinished = f"{path}.{secrets.token_hex(8)}{_UNFINISHED}"
        file = FrameFile(lambda: unfinished)
        try:
            places: list[FramePlace] = []
            wanted, number = 1, 0
            while batch := list(islice(records, wanted)):
                try:
                    data = _pickled(batch)  # before anyone else can change them
                except Exception as error:  # whatever the classes of records raise
                    raise _not_kept(batch, number, error) from error
                self._add(file, data)
                number += len(batch)
                places.append(file.cut())
                wanted = min(wanted * 2, 1024) if len(data) < _FRAME else max(wanted // 2, 1)
                yield from batch
            self._end(file, places, path)
        finally:
            file.remove()

    def _add(self, file: FrameFile, data: bytes) -> None:
        try:
            file.add(data)
        except OSError as error:
            raise self._not_written(error) from error

    def _end(self, file: FrameFile, places: Iterable[FramePlace], path: str) -> None:
        try:
            index = _END.pack(*file.add_index(places))
            file.add(index + crc32(index).to_bytes(4, "little") + _MAGIC)
            size = os.path.getsize(file.path)
            if self.limit is None or (size <= self.limit and make_room(self.folder, self.limit - size, self.since)):
                os.rename(file.path, path)
        except FileNotFoundError:
            pass  # somebody has cleared the cache meanwhile
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> Blameless:
        room = room_left(self.folder, error)
        return Blameless(OutputError(f"{self.label}: can't be written: {error}{room}"))


class _Pickler(pickle.Pickler):
    """Pickles what can be read in any process: not classes and functions of a program or a notebook."""

    def reducer_override(self, value: Any) -> Any:
        kind: Any = value if isinstance(value, (type, FunctionType)) else type(value)
        if getattr(kind, "__module__", None) in MAIN:
            name = kind.__qualname__
            raise pickle.PicklingError(f"{name} is of the program itself, which other processes do not have")
        return NotImplemented


def _pickled(records: Sequence[Any]) -> bytes:
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(records)
    return file.getvalue()


def _not_kept(batch: Sequence[Any], before: int, error: Exception) -> Blameless:
    """Return the error of the record of `batch` that can't be pickled, with its number: others were read after it."""
    at = next((index for index, record in enumerate(batch) if not _can_be_pickled(record)), 0)
    refused = NotPicklableError(
        f"cache: a record of the type {type(batch[at]).__name__} can't be kept: {error}; expected what can be pickled; "
        "hint: keep dicts, lists and other plain data, or put its class into a module"
    )
    add_notes(refused, [f"at record {before + at} of the partition", f"record: {one_line(batch[at])}"])
    return Blameless(refused)


def _can_be_pickled(record: Any) -> bool:
    try:
        return bool(_pickled([record]))
    except Exception:  # whatever its class raises
        return False


# -- room --------------------------------------------------------------------------------------------------------------


def make_room(folder: str, limit: int, since: float) -> bool:
    """Remove the entries not used for the longest time, but none used `since`; return whether the rest has `limit`."""
    found = []
    for path in _own(folder, _SUFFIX):
        try:
            known = path.stat()
        except OSError:
            continue
        found.append((known.st_atime, known.st_size, path))
    total = sum(size for _, size, _ in found)
    for used, size, path in sorted(found):
        if total <= limit or used >= since:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue  # it stays, and takes its room
        total -= size
    return total <= limit


def _own(folder: str, suffix: str) -> list[Path]:
    """Return the files in `folder` that are ours; none of a folder that is not there, or can't be listed."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []  # keeping something there says what is wrong with it
    return [Path(folder, name) for name in names if name.endswith(suffix) and _is_key(name.partition(".")[0])]


def _is_key(name: str) -> bool:
    return len(name) == 32 and set(name) <= set("0123456789abcdef")


def plan_cache(folder: Any, limit: Any) -> Cache:
    """Return the op that keeps records in `folder`; raises PlanError for arguments that make no sense."""
    place = _folder("cache", folder)
    size = checked_bytes(limit, "limit")
    if os.path.lexists(place) and not os.path.isdir(place):
        raise PlanError(f"cache: {named(place)} is a file; expected a folder")
    for path in _own(place, _UNFINISHED):
        try:
            if path.stat().st_mtime < time.time() - _OLD:
                path.unlink()
        except OSError:
            pass  # somebody else has removed it
    return Cache(place, size)


def clear(folder: Any) -> int:
    """Remove all entries in `folder`; return how many there were."""
    place = _folder("cache_clear", folder)
    found = _own(place, _SUFFIX)
    for path in (*found, *_own(place, _UNFINISHED)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cache_clear: {named(str(path))} can't be removed: {error.strerror or error}") from error
    return len(found)


def _folder(operation: str, folder: Any) -> str:
    return os.path.abspath(os.path.expanduser(local_path(operation, "folder", folder, "folder")))
