"""Messages and pickles: what crosses between the parent and a worker.

A message is a kind, a length and that many bytes, mostly a `marshal` of plain values. Both ends run the same Python,
and nobody else can write to their socket.

Imported by every worker, so light: `_pickle` is all of `pickle` that is used, at a third of the time to import.
"""

from __future__ import annotations

import _pickle
import sys
from struct import Struct

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from bagkit.flow.report import PlainFigures
    from bagkit.lower.graph import Task

    class Restartable(Protocol):
        """Where a pickle is written to."""

        def write(self, chunk: Any, /) -> Any:
            """Take some bytes, or something with a buffer of them."""

        def restart(self) -> None:
            """Throw away what was written of this pickle."""


Part = bytes | tuple[int, int, int]
"""A pickle; or where it lies in a file: its place, its length and its checksum."""
Stored = tuple[int, str | None, tuple[Part, ...]]
"""A value as it is sent: its kind (see `values.py`), the path of a file, and its parts."""

HEADER = Struct("<BQ")
PROTOCOL = 5
CLOSED = 113
"""The exit code of a worker whose connection a function has closed; it has no other way to say so."""

# From the parent to a worker
SURROUNDINGS, WORK, TASK, DIRECTORY, FORGET, PRELOAD, ANSWER, MODULES, LET_GO, SINCE = range(1, 11)
# From a worker to the parent
PROGRESS, FAILING, FAILED, DONE, NEED_DIRECTORY, TOLD, NEED_ENCODING, NEED_NAME, NEED_AS_NOW = range(11, 20)


if TYPE_CHECKING:
    TaskMessage = tuple[int, int, int, int, int, bytes, tuple[Stored, ...], tuple[str, ...], int]
    """The number of the task, its work, the attempt, how many values it gives, how many bytes of them may come back in
    the message (what is above goes to a file), the pickle of its part, its inputs; the names under which its values are
    kept (none, or one a key), and how many bytes these may take."""

    DoneMessage = tuple[
        int,
        float,
        float,
        int,
        int,
        bytes | None,
        list[Any],
        tuple[PlainFigures, ...],
        tuple[Stored, ...],
        tuple[int, ...],
    ]
    """The number of the task, its start and stop, the bytes it read, the records it skipped, the pickle of the failures
    it reports, what it has written, the figures of its steps, and its values, one a key; how many bytes each takes
    here, 0 if it is not kept."""


def known_code(code: int | None) -> int | None:
    """Return the exit code of a worker as users are told it: None where it says nothing of what its functions did."""
    return None if code == CLOSED else code


def frame(kind: int, body: bytes = b"") -> bytes:
    """Return a message as it goes through the socket."""
    return HEADER.pack(kind, len(body)) + body


class IncomingMessages:
    """Cuts what arrives into messages; mutable, owned by the end of the socket that reads."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Add `data`; return the messages that are complete now."""
        if not self._buffer and len(data) >= HEADER.size:
            kind, length = HEADER.unpack_from(data)
            if len(data) == HEADER.size + length:  # nearly always
                return [(kind, data[HEADER.size :])]
        buffer = self._buffer
        buffer += data
        messages = []
        at = 0
        while len(buffer) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(buffer, at)
            stop = at + HEADER.size + length
            if len(buffer) < stop:
                break
            messages.append((kind, bytes(memoryview(buffer)[at + HEADER.size : stop])))
            at = stop
        if at:
            del buffer[:at]
        return messages


def loads(data: Any) -> Any:
    """Return the value that `data` is the pickle of."""
    return unpickled(_pickle.loads, data)


def load_file(file: Any) -> Any:
    """Return the value that the open `file` holds the pickle of."""
    return unpickled(_pickle.load, file)


def unpickled(load: Callable[[Any], Any], data: Any) -> Any:
    """Return what `load` makes of a pickle; of a class that pickle can't make again the error says so."""
    try:
        return load(data)
    except (ImportError, MemoryError, RecursionError):
        raise
    except Exception as error:
        from bagkit.errors import BagkitError, NotPicklableError

        if isinstance(error, BagkitError):
            raise
        said, module = f"{type(error).__name__}: {error}", _module_at_import(error)
        if module:
            raise NotPicklableError(
                f"{module}, and it raises {said}; hint: what a module needs when it is imported has to be in each "
                "worker process; scheduler='threads' imports nothing again"
            ) from error
        raise NotPicklableError(
            f"a value was pickled, and can't be unpickled in another process: {said}; "
            "hint: pickle.loads(pickle.dumps(value)) shows it; scheduler='threads' pickles nothing"
        ) from error


def _module_at_import(error: Exception) -> str:
    """Return words about the module, and its line, that was being imported where `error` was raised; "" for none."""
    words, trace = "", error.__traceback__
    while trace is not None:
        code, module = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__")
        if code.co_name == "<module>":
            place = f"{code.co_filename}, line {trace.tb_lineno}"
            words = f"the module {module!r} is imported in another process ({place})"
        trace = trace.tb_next
    return words


DEEP = 10_000
"""The recursion limit for pickling values that are nested too deeply for the usual one."""


_pickling = 0


def is_pickling() -> bool:
    """Return whether this process is about to send something: then its `__main__` is not the user's."""
    return _pickling > 0


def pickle_into(file: Restartable, value: Any, *, watched: bool = False) -> bool:
    """Pickle `value` in a worker, by cloudpickle where pickle declines; return whether it is plain data, if `watched`.

    The worker's `__main__` is not the user's, so pickle declines what is from there, as it should.
    """
    global _pickling
    _pickling += 1
    try:
        if watched:
            return _plain_into(file, value)
        _pickle_into(file, value)
        return False
    finally:
        _pickling -= 1


class PlainPickler(_pickle.Pickler):
    """Notices whether what it pickles is plain data: nothing that is of a class or is a function."""

    plain = True

    def reducer_override(self, value: Any) -> Any:
        """Take note of `value`, which is neither a text, a number, None nor a usual container."""
        self.plain = False
        return NotImplemented


def _plain_into(file: Restartable, value: Any) -> bool:
    file.restart()
    pickler = PlainPickler(file, PROTOCOL)
    try:
        pickler.dump(value)
        return pickler.plain
    except Exception:  # it is nested deeply, or more than pickle alone can do
        _pickle_into(file, value)
        return False


def _pickle_into(file: Restartable, value: Any) -> None:
    for dump in (_dump, _dump_deep):
        file.restart()
        try:
            dump(file, value)
            return
        except RecursionError:
            continue
        except Exception:
            break  # cloudpickle does more, and gives the better error
    from bagkit.crossing.by_value import Pickler

    file.restart()
    Pickler(file).dump(value)


def _dump(file: Restartable, value: Any) -> None:
    _pickle.Pickler(file, PROTOCOL).dump(value)


def _dump_deep(file: Restartable, value: Any) -> None:
    """Pickle a value of json.loads, which may be twice as deep as pickle follows.

    Up to Python 3.11 it is the recursion limit that stops pickle, whose C frames are small. Since 3.12 it is a limit of
    calls in C, which pickle in Python does not make.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        if sys.version_info < (3, 12):
            _dump(file, value)
        else:
            import pickle

            pickle._Pickler(file, PROTOCOL).dump(value)  # type: ignore[attr-defined]
    finally:
        sys.setrecursionlimit(limit)


def to_bytes(value: Any) -> bytes:
    """Pickle `value` in a worker; raise what pickling raises."""
    chunks = _Chunks()
    pickle_into(chunks, value)
    return b"".join(chunks.parts)


class _Chunks:
    """A pickle in memory; mutable, of one call."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, chunk: Any, /) -> None:
        if type(chunk) is _pickle.PickleBuffer:
            chunk = chunk.raw()  # a large array, as it lies in memory: also where that is column by column
        self.parts.append(chunk if type(chunk) is bytes else bytes(chunk))

    def restart(self) -> None:
        self.parts.clear()


def task_name(label: str, place: str) -> str:
    """Return the words for a task that start a message."""
    label = label or "task"
    return f"{label}, {place}" if place else label


def name_of(task: Task) -> str:
    """Return the words for `task` that start a message."""
    return task_name(task.label, task.place)
