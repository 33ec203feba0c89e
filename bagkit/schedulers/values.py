"""Values on their way between processes: pickles that travel in the message, or in a file of the run's directory.

    stored value   (batched, path, pieces)
    piece          bytes: a pickle | (offset, length, crc32): where in the file at `path` it is

A value is one piece. Batches are one piece a batch, written and read one at a time, so that no process holds a whole
partition. All that a task writes goes to one file. Stored values are plain tuples: the parent passes them on as they
came and never unpickles what only other tasks need.
"""

from __future__ import annotations

import _pickle
import gc
import os
import sys

from bagkit.kernels.replay import Replay
from bagkit.schedulers.transport import loads, pickle_into

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from bagkit.errors import NotPicklableError

Piece = bytes | tuple[int, int, int]
Stored = tuple[bool, str | None, tuple[Piece, ...]]

MAPPED_BYTES = 1 << 20
"""Pieces longer than this are read through a map of the file, without a copy."""


def sizes(value: Stored) -> tuple[int, int]:
    """Return how many bytes the pieces in the message are, and how many those in the file."""
    batched, path, pieces = value
    if not batched and path is None:
        return len(pieces[0]), 0  # nearly always
    inline = in_file = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            inline += len(piece)
        else:
            in_file += piece[1]
    return inline, in_file


class NotStored(Exception):
    """Writing to the file failed, which is no fault of the value that is pickled."""


class Output:
    """The values that one attempt of a task gives; mutable, owned by that attempt.

    `budget` bytes stay in memory, what comes after goes to the file `name` in `directory()`.
    """

    def __init__(self, budget: int, directory: Callable[[], str], name: str) -> None:
        self._pid = os.getpid()
        self._budget = budget
        self._directory = directory
        self._name = name
        self._chunks: list[bytes] = []
        self._chunk_bytes = 0
        self._error: OSError | None = None
        self._file: int | None = None
        self._path: str | None = None
        self._end = 0
        self._start = 0
        self._crc = 0
        self._spilled = False

    def store(self, value: Any) -> Stored:
        """Pickle `value`; an error of its pickling is a NotPicklableError, one of making its batches goes through."""
        graph = sys.modules.get("bagkit.lower.graph")
        pieces: list[Piece] = []
        batched = graph is not None and isinstance(value, graph.Batches)
        if batched:
            pieces += (self._piece(batch, ("batch", number)) for number, batch in enumerate(value))
        else:
            if type(value) is Replay:
                value.drain()
            pieces.append(self._piece(value, None))
        in_file = any(isinstance(piece, tuple) for piece in pieces)
        return batched, self._path if in_file else None, tuple(pieces)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _piece(self, value: Any, where: tuple[str, int] | None) -> Piece:
        try:
            pickle_into(self, value)
        except NotStored:
            raise self._not_stored() from None
        except Exception as error:
            raise _not_picklable(value, where, error) from error
        if self._spilled:
            start, self._start = self._start, self._end
            return start, self._end - start, self._crc
        self._budget -= self._chunk_bytes
        return b"".join(self._chunks)

    def restart(self) -> None:
        """Throw away what was written of this piece."""
        if os.getpid() != self._pid:
            os._exit(0)  # forked by the user's function, which let it return: the other one gives the result
        self._chunks.clear()
        self._chunk_bytes = 0
        self._crc = 0
        self._end = self._start
        self._spilled = False

    def write(self, chunk: Any) -> None:
        """Take the next bytes of this piece."""
        if type(chunk) is _pickle.PickleBuffer:
            chunk = chunk.raw()  # a large array, as it lies in memory: also where that is column by column
        if self._spilled:
            return self._spill(chunk)
        self._chunks.append(chunk if type(chunk) is bytes else bytes(chunk))
        self._chunk_bytes += len(self._chunks[-1])
        if self._chunk_bytes > self._budget:
            self._spilled = True
            for each in self._chunks:
                self._spill(each)
            self._chunks.clear()
        return None

    def _spill(self, chunk: Any) -> None:
        from bagkit.kernels.checksum import crc32

        self._crc = crc32(chunk, self._crc)
        rest = memoryview(chunk).cast("B")
        try:
            if self._file is None:
                self._path = os.path.join(self._directory(), self._name)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            while rest:
                written = os.pwrite(self._file, rest, self._end)
                self._end += written
                rest = rest[written:]
        except OSError as error:
            self._error = error
            raise NotStored from error

    def _not_stored(self) -> Exception:
        from bagkit.errors import TaskError

        error = TaskError(
            f"{self._path}: the result can't be stored: {self._error}; hint: give another temporary_directory"
        )
        error.__cause__ = self._error
        return error


def _not_picklable(value: Any, where: tuple[str, int] | None, error: Exception) -> NotPicklableError:
    from bagkit.schedulers.culprits import is_too_deep, not_picklable

    root = "the result" if where is None else f"the result's {where[0]} {where[1]}"
    hint = "; hint: scheduler='threads' pickles no results" if is_too_deep(error) else ""
    return not_picklable(value, root, error, f"it can't be sent back to the caller{hint}")


def load(value: Stored) -> Any:
    """Return the value; Batches read their pieces when they are asked for."""
    batched, path, pieces = value
    if not batched:
        return _read(path, pieces[0])
    from bagkit.lower.graph import Batches

    return Batches(StoredBatches(path, pieces))


class StoredBatches:
    """Batches that are unpickled one by one, each time they are iterated."""

    def __init__(self, path: str | None, pieces: tuple[Piece, ...]) -> None:
        self._path = path
        self._pieces = pieces

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Any]:
        for piece in self._pieces:
            yield _read(self._path, piece)


def _read(path: str | None, piece: Piece) -> Any:
    """Unpickle a piece, with the garbage collector out of the way: it would look at every new dict again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        if isinstance(piece, bytes):
            return loads(piece)
        assert path is not None
        return _read_file(path, *piece)
    finally:
        if enabled:
            gc.enable()


def _read_file(path: str, offset: int, length: int, crc: int) -> Any:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _damaged(path, f"can't be read: {error}; was it removed?") from error
    try:
        if length <= MAPPED_BYTES or offset + length > os.fstat(file).st_size:
            data = os.pread(file, length, offset)
            return loads(_verified(data, path, length, crc))
        import mmap

        with (
            mmap.mmap(file, offset + length, access=mmap.ACCESS_READ) as whole,
            memoryview(whole) as view,
            view[offset : offset + length] as part,
        ):
            return loads(_verified(part, path, length, crc))
    finally:
        os.close(file)


def _verified(data: bytes | memoryview, path: str, length: int, crc: int) -> bytes | memoryview:
    from bagkit.kernels.checksum import crc32

    if len(data) != length or crc32(data) != crc:
        raise _damaged(path, f"was changed: got {len(data)} bytes, expected {length} and another checksum")
    return data


def _damaged(path: str, what: str) -> Exception:
    from bagkit.errors import TaskError

    return TaskError(f"{path}: a value that was stored here {what}")
