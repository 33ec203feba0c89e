"""Records that wait on disk: how much memory a task may hold, and where the rest goes.

    Room     how many bytes a task may hold, and a directory for the rest
    Bucket   what one task has for one partition of the next stage: frames on disk, then a list in memory
    Frame    where one list of records is in a file
    Meter    how many bytes lists of records take, from a sample of them

A task holds about a quarter of its memory at a time: the same again is in its pickle, and in what comes back of one.
"""

from __future__ import annotations

import _pickle
import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from itertools import count
from sys import getsizeof
from time import monotonic
from typing import Any

from bagkit.exchange.checksum import deflate_module
from bagkit.exchange.frames import (
    FrameError,
    FrameFile,
    FramePlace,
    load_frame,
    room_left,
    without_collector,
)
from bagkit.light_classes import NamedTuple, dataclass

_numbers = count()
_process = os.urandom(4).hex()
"""Tells the names of this process's files from others where several machines share a directory."""
SAMPLE = 16
"""How many records of a list are measured."""
_LEAST_PACKED = 4096
"""Fewer bytes are not compressed: there is little to save."""
HELD_SECONDS = 0.02
"""What is made in less time is little: to ask whether something is frozen takes a tenth of that in a worker."""
MOST_AT_ONCE = 4096
LEAST_AT_ONCE = 16


class SpillError(OSError):
    """Records could not be written to disk, or are no longer there as they were written."""


class NotUnpickled(Exception):
    """Records were pickled to wait on disk, and pickle can't make them again."""


class Frame(NamedTuple):
    """Where one list of records is."""

    path: str
    place: FramePlace
    nbytes: int
    """How many bytes its records take in memory."""
    packed: bool = False
    """Whether the frame is compressed."""


@dataclass(slots=True)
class Bucket:
    """The records of one task for one partition of the next stage; the records on disk come first."""

    frames: list[Frame] = field(default_factory=list)
    rest: list[Any] = field(default_factory=list)
    rest_nbytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.frames or self.rest)

    def __reduce__(self) -> tuple[Any, ...]:
        return Bucket, (self.frames, self.rest, self.rest_nbytes)  # quicker: there is one for each task and partition

    @property
    def nbytes(self) -> int:
        """How many bytes all of it takes in memory."""
        return sum(frame.nbytes for frame in self.frames) + self.rest_nbytes

    def lists(self) -> Iterator[tuple[list[Any], int]]:
        """Yield what it holds, a list and its bytes at a time."""
        for frame in self.frames:
            yield read_frame(frame), frame.nbytes
        if self.rest:
            yield self.rest, self.rest_nbytes


@dataclass(frozen=True, slots=True)
class Room:
    """What one task may use: memory, and a place on disk."""

    memory: int | None = None
    """How many bytes; None for as many as it takes."""
    directory: Callable[[], str] | None = None
    """Gives the path where files may be made that other tasks can read; None where there is no such place."""
    dumps: Callable[[Any], bytes] = _pickle.dumps
    tasks: int = 1
    """How many tasks hold at the same time what they did not write."""
    files: list[Any] = field(default_factory=list, compare=False)
    """Takes the files that are made, for whoever closes them when the task ends."""

    @property
    def heap(self) -> int | None:
        """How many bytes of records to hold at a time; None for any number."""
        return None if self.memory is None or self.directory is None else max(1, self.memory // 4)

    @property
    def rest(self) -> int | None:
        """How many bytes of records a task may leave unwritten when it ends."""
        return None if self.heap is None else self.heap // self.tasks

    @property
    def frame(self) -> int:
        """How many bytes of records go to one frame, where many frames are open together."""
        return min(1 << 20, max(1 << 14, (self.memory or 1 << 30) // 16 // self.tasks))

    def file(self) -> SpillFile:
        """Return a new file in the directory, made when something is written."""
        assert self.directory is not None
        file = SpillFile(self.directory, self.dumps)
        self.files.append(file)
        return file


class SpillFile(FrameFile):
    """A file of lists of records."""

    def __init__(self, directory: Callable[[], str], dumps: Callable[[Any], bytes]) -> None:
        super().__init__(lambda: os.path.join(directory(), f"spill-{os.getpid()}-{_process}-{next(_numbers)}"))
        self._dumps = dumps

    def write(self, records: Sequence[Any], nbytes: int) -> Frame:
        """Write a list of records that take `nbytes` in memory; raise SpillError where the disk is full."""
        data, packed = _packed(self._dumps(records))
        try:
            self.add(data)
        except OSError as error:
            self.close()
            where = self.path or "the directory for spilled records"
            raise SpillError(
                f"{where}: can't be written: {error}{room_left(os.path.dirname(self.path), error)}"
            ) from error
        return Frame(self.path, self.cut(), nbytes, packed)


def _packed(data: bytes) -> tuple[bytes, bool]:
    """Return `data` compressed, and True; or as it is, where that is not much longer."""
    if len(data) < _LEAST_PACKED:
        return data, False
    packed: bytes = deflate_module().compress(data, 1)
    return (packed, True) if len(packed) < len(data) * 3 // 4 else (data, False)


def _load_packed(data: bytes | memoryview) -> Any:
    return _pickle.loads(deflate_module().decompress(data))


def read_frame(frame: Frame) -> list[Any]:
    """Return the records of `frame`; raise SpillError if the file is not as it was written, and NotUnpickled."""
    loads = _load_packed if frame.packed else _pickle.loads
    try:
        records: list[Any] = without_collector(load_frame, frame.path, frame.place, loads)
    except FrameError as error:
        raise SpillError(f"{frame.path}: {error}") from error
    except (ImportError, MemoryError, RecursionError):
        raise
    except Exception as error:  # of the class of a record
        raise NotUnpickled(f"{type(error).__name__}: {error}") from error
    return records


class Held:
    """Keeps the garbage collector off the records that tasks hold, which it would look at again and again.

    With a million of them that takes longer than all the rest. What is frozen is freed as ever when it is let go of.
    Use it in a `with`; where something was frozen before (as in workers), what is frozen now stays so too.
    """

    _lock = threading.Lock()
    _tasks = 0
    """Of this process, which may run several in threads: what one froze is not for another to unfreeze."""
    _unfreeze: bool | None = None
    """Whether to unfreeze when the last of them ends; None while nothing was frozen."""

    _since = 0.0
    """When the first of them began."""

    def __enter__(self) -> None:
        with Held._lock:
            if not Held._tasks:
                Held._since = monotonic()
            Held._tasks += 1

    @staticmethod
    def add() -> None:
        """Count all that there is now as held, unless it was made in no time."""
        with Held._lock:
            if Held._unfreeze is None:
                if monotonic() - Held._since < HELD_SECONDS:
                    return
                Held._unfreeze = not gc.get_freeze_count()  # which goes through all that is frozen
            gc.freeze()

    def __exit__(self, *exc: object) -> None:
        with Held._lock:
            Held._tasks -= 1
            if not Held._tasks:
                if Held._unfreeze:
                    gc.unfreeze()
                Held._unfreeze = None


class Meter:
    """Adds up what lists of records take, and says how many to take next; mutable, of one task."""

    def __init__(self, heap: int | None, made: Callable[[Sequence[Any]], Sequence[Any]] | None = None) -> None:
        """Take how many bytes may be held; `made` gives the records to measure, if others wait in their place."""
        self._heap = heap
        self._made = made
        self.nbytes = 0
        self.step = MOST_AT_ONCE if heap is None else 4 * LEAST_AT_ONCE

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return self._heap is not None and self.nbytes >= self._heap

    def add(self, records: Sequence[Any]) -> None:
        """Count `records` in."""
        if self._heap is None or not records:
            return
        size = size_of(records, self._made)
        self.nbytes += size
        wanted = self._heap // 16 * len(records) // max(size, 1)
        self.step = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, wanted))


def size_of(records: Sequence[Any], made: Callable[[Sequence[Any]], Sequence[Any]] | None = None) -> int:
    """Return about how many bytes `records` take, from a sample that is the same each time, or what is `made` of it."""
    sample = records[:: max(1, len(records) // SAMPLE)]
    sample = sample if made is None else made(sample)
    return sum(map(deep_size, sample)) * len(records) // max(1, len(sample))


def _array_size(value: Any) -> int:
    """Return the bytes of an array, which may be in memory that is not its own; 0 for what is none."""
    try:
        size = getattr(value, "nbytes", 0) if type(value) not in _PLAIN else 0
    except Exception:  # whatever code of the user's says instead
        return 0
    return size if type(size) is int else 0


_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def _attributes(value: Any) -> Any:
    try:
        return getattr(value, "__dict__", None)
    except Exception:
        return None


def deep_size(value: Any, depth: int = 8) -> int:
    """Return about how many bytes `value` takes with all that it holds; of large collections some are measured.

    >>> deep_size(["a" * 1000] * 2) > 2000
    True
    """
    size = getsizeof(value, 64) + 8
    if depth and type(value) not in _PLAIN:
        if isinstance(value, dict):
            inside: Any = list(value.values())  # the keys of records are shared
        elif isinstance(value, (list, tuple)):
            inside = value
        elif isinstance(value, (set, frozenset)):
            inside = list(value)
        else:
            size = max(size, _array_size(value))
            inside = _attributes(value)
            inside = list(inside.values()) if type(inside) is dict else ()
        if inside:
            sample = inside if len(inside) <= 32 else inside[:: len(inside) // 32]
            sizes = [getsizeof(p, 64) + 8 if type(p) in _PLAIN else deep_size(p, depth - 1) for p in sample]
            size += sum(sizes) * len(inside) // len(sample)
    return size
