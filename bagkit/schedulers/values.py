"""Values on their way between processes: pickles that travel in the message, or in a file of the run's directory.

    stored value   (batched, path, parts)
    part           bytes: a pickle | the place of a frame in the file at `path`, see exchange/frames.py

A value is one part. Batches are one part a batch, written and read one at a time, so that no process holds a whole
partition. All that a task writes goes to one file. Stored values are plain tuples: the parent passes them on as they
came and never unpickles what only other tasks need.
"""

from __future__ import annotations

import _pickle
import os
import sys

from bagkit.exchange.frames import FrameError, FrameFile, load_frame, without_collector
from bagkit.flow.replay import Replay
from bagkit.schedulers.transport import loads, pickle_into

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from bagkit.errors import NotPicklableError

Part = bytes | tuple[int, int, int]
Stored = tuple[bool, str | None, tuple[Part, ...]]


def sizes(value: Stored) -> tuple[int, int]:
    """Return how many bytes the parts in the message are, and how many those in the file."""
    batched, path, parts = value
    if not batched and path is None:
        return len(parts[0]), 0  # nearly always
    inline = in_file = 0
    for part in parts:
        if isinstance(part, bytes):
            inline += len(part)
        else:
            in_file += part[1]
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
        self._file = FrameFile(lambda: os.path.join(directory(), name))
        self._chunks: list[bytes] = []
        self._chunk_bytes = 0
        self._error: OSError | None = None
        self._spilled = False
        self._watched = False
        self.plain = True
        """Whether what was stored last is plain data, if that is watched."""

    def store(self, value: Any, *, watched: bool = False) -> Stored:
        """Pickle `value`; an error of its pickling is a NotPicklableError, one of making its batches goes through."""
        self._watched = self.plain = watched
        batches = sys.modules.get("bagkit.flow.batches")
        parts: list[Part] = []
        batched = batches is not None and isinstance(value, batches.Batches)
        if batched:
            parts += (self._part(batch, ("batch", number)) for number, batch in enumerate(value))
        else:
            if type(value) is Replay:
                value.drain()
            parts.append(self._part(value, None))
        in_file = any(isinstance(part, tuple) for part in parts)
        return batched, self._file.path if in_file else None, tuple(parts)

    def close(self) -> None:
        """Close the file, if there is one."""
        self._file.close()

    def _part(self, value: Any, where: tuple[str, int] | None) -> Part:
        try:
            self.plain = pickle_into(self, value, watched=self._watched) and self.plain
        except NotStored:
            raise self._not_stored() from None
        except Exception as error:
            raise _not_picklable(value, where, error) from error
        if self._spilled:
            return self._file.cut()
        self._budget -= self._chunk_bytes
        return b"".join(self._chunks)

    def restart(self) -> None:
        """Throw away what was written of this part."""
        if os.getpid() != self._pid:
            os._exit(0)  # forked by the user's function, which let it return: the other one gives the result
        self._chunks.clear()
        self._chunk_bytes = 0
        self._file.restart()
        self._spilled = False

    def write(self, chunk: Any) -> None:
        """Take the next bytes of this part."""
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
        try:
            self._file.add(chunk)
        except OSError as error:
            self._error = error
            raise NotStored from error

    def _not_stored(self) -> Exception:
        from bagkit.errors import TaskError

        error = TaskError(
            f"{self._file.path}: the result can't be stored: {self._error}; hint: give another temporary_directory"
        )
        error.__cause__ = self._error
        return error


def _not_picklable(value: Any, where: tuple[str, int] | None, error: Exception) -> NotPicklableError:
    from bagkit.schedulers.culprits import is_too_deep, not_picklable

    root = "the result" if where is None else f"the result's {where[0]} {where[1]}"
    hint = "; hint: scheduler='threads' pickles no results" if is_too_deep(error) else ""
    return not_picklable(value, root, error, f"it can't be sent back to the caller{hint}")


def load(value: Stored) -> Any:
    """Return the value; Batches read their parts when they are asked for."""
    batched, path, parts = value
    if not batched:
        return _read(path, parts[0])
    from bagkit.flow.batches import Batches

    return Batches(StoredBatches(path, parts))


class StoredBatches:
    """Batches that are unpickled one by one, each time they are iterated."""

    def __init__(self, path: str | None, parts: tuple[Part, ...]) -> None:
        self._path = path
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Any]:
        for part in self._parts:
            yield _read(self._path, part)


def _read(path: str | None, part: Part) -> Any:
    if isinstance(part, bytes):
        return without_collector(loads, part)
    assert path is not None
    try:
        return without_collector(load_frame, path, part, loads)
    except FrameError as error:
        from bagkit.errors import TaskError

        raise TaskError(f"{path}: a value that was stored here {error}") from error
