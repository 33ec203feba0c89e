"""Values on their way between processes: pickles that travel in the message, or in a file of the run's directory.

    stored value   (kind, path, parts)
    part           bytes: a pickle | the place of a frame in the file at `path`, see exchange/frames.py

    ONE       a value is one part
    BATCHES   are one part a batch, written and read one at a time, so that no process holds a whole partition
    BUCKETS   of an exchange: how many and their numbers, packed, and a part for each; or, where they are too large for
              the message, an index of them in the file, and how many bytes they take there
    DEALT     the buckets for one partition: its number and the numbers of the tasks that sent theirs, packed, then
              these; the table at `path` says where other tasks wrote theirs

All that a task writes goes to one file. Stored values are plain tuples: the parent passes them on as they
came and never unpickles what only other tasks need.
"""

from __future__ import annotations

import _pickle
import marshal
import os
import sys

from bagkit.crossing.transport import PROTOCOL, Part, Stored, pickle_into, unpickled
from bagkit.exchange.checksum import crc32
from bagkit.exchange.frames import (
    FrameError,
    FrameFile,
    entries,
    load_frame,
    load_indexed,
    without_collector,
)
from bagkit.flow.replay import Replay

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from bagkit.errors import NotPicklableError
    from bagkit.flow.buckets import Buckets

ONE, BATCHES, BUCKETS, DEALT = range(4)


def sizes(value: Stored) -> tuple[int, int]:
    """Return how many bytes the parts in the message are, and how many those in the file."""
    kind, path, parts = value
    if kind == ONE and path is None:
        return len(parts[0]), 0  # nearly always
    inline = in_file = 0
    for part in parts:
        if isinstance(part, bytes):
            inline += len(part)
        else:
            in_file += part[1]
    return inline, in_file


NUMBERS = frozenset({int, float, bool, type(None)})
TEXTS = frozenset({str, bytes})
SHORT = 1000
"""How long a text or bytes may be that are pickled without more ado, as numbers are."""


_MARSHALLED = b"\x80\x05cmarshal\nloads\n\x8e"
_CALLED = b"\x85R."
"""What stands before and behind some bytes, and their length, in the pickle of what `marshal.loads` makes of them."""


class NotStored(Exception):
    """Writing to the file failed, which is no fault of the value that is pickled."""


class Output:
    """The values that one attempt of a task gives; mutable, owned by that attempt.

    `budget` bytes stay in memory, what comes after goes to the file `name` in `directory()`. Whether values are plain
    data is only known if that is `watched`.
    """

    def __init__(self, budget: int, directory: Callable[[], str], name: str, *, watched: bool = False) -> None:
        self._pid = os.getpid()
        self._budget = budget
        self._directory = directory
        self._name = name
        self._made: FrameFile | None = None
        """The file, once something has asked for it: most tasks make little."""
        self._chunks: list[bytes] = []
        self._chunk_bytes = 0
        self._error: OSError | None = None
        self._spilled = False
        self._watched = self._plain = watched

    @property
    def _file(self) -> FrameFile:
        if self._made is None:
            self._made = FrameFile(self._new_path)
        return self._made

    def _new_path(self) -> str:
        return os.path.join(self._directory(), self._name)

    def store(self, value: Any) -> Stored:
        """Pickle `value`; an error of its pickling is a NotPicklableError, one of making its batches goes through."""
        if type(value) in NUMBERS or (type(value) in TEXTS and len(value) <= SHORT):
            data = _pickle.dumps(value, PROTOCOL)
            if len(data) <= self._budget and os.getpid() == self._pid:
                self._budget -= len(data)
                return ONE, None, (data,)
        batches, buckets = sys.modules.get("bagkit.flow.batches"), sys.modules.get("bagkit.flow.buckets")
        if buckets is not None and type(value) is buckets.Buckets:
            return self._of_kind(BUCKETS, self._buckets(value))
        if batches is not None and isinstance(value, batches.Batches):
            part = self._marshalled_part if value.parsed else self._part
            return self._batched([part(batch, ("batch", number)) for number, batch in enumerate(value)])
        if type(value) is Replay:
            value.drain()
        return self._of_kind(ONE, [self._part(value, None)])

    def store_all(self, values: Any) -> list[tuple[Stored, bool]]:
        """Pickle the values of a task, and return with each whether it is plain data.

        Of values that come by turns each batch is stored as it comes; they are plain if all batches are.
        """
        batches = sys.modules.get("bagkit.flow.batches")
        if batches is None or not isinstance(values, batches.InTurns):
            return list(map(self._store_watched, values))
        self._plain = self._watched

        def part(batch: list[Any], number: int, parsed: bool) -> Part:
            return (self._marshalled_part if parsed else self._part)(batch, ("batch", number))

        def single(value: Any) -> Stored:
            plain, made = self._plain, self.store(value)
            if made[0] != BATCHES:
                self._plain = plain
            return made

        stored = values.stored(part, self._batched, single)
        return [(one, self._plain and one[0] == BATCHES) for one in stored]

    def _store_watched(self, value: Any) -> tuple[Stored, bool]:
        self._plain = self._watched
        return self.store(value), self._plain

    def _batched(self, parts: list[Part]) -> Stored:
        return self._of_kind(BATCHES, parts)

    def _of_kind(self, kind: int, parts: list[Part]) -> Stored:
        in_file = any(isinstance(part, tuple) for part in parts)
        return kind, self._file.path if in_file else None, tuple(parts)

    def _buckets(self, value: Buckets) -> list[Part]:
        """Return all buckets as bytes and their numbers, or all of them in the file: who reads one reads no other."""
        budget = self._budget
        parts = [self._part(bucket, ("bucket", number)) for number, bucket in value.filled.items()]
        if all(isinstance(part, bytes) for part in parts):
            return [marshal.dumps((value.count, list(value.filled))), *parts]
        self._budget = budget
        try:
            places = dict(zip(value.filled, map(self._in_file, parts), strict=True))
            index = self._file.add_index([places.get(number, (0, 0, 0)) for number in range(value.count)])
        except OSError as error:
            self._error = error
            raise self._not_stored() from None
        return [index, (0, sum([place[1] for place in places.values()]), 0)]

    def _in_file(self, part: Part) -> tuple[int, int, int]:
        if isinstance(part, bytes):
            self._file.add(part)
            return self._file.cut()
        return part

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._made is not None:
            self._made.close()

    def remove(self) -> None:
        """Remove the file, if there is one: the task has failed."""
        if self._made is not None:
            self._made.remove()

    def _part(self, value: Any, where: tuple[str, int] | None) -> Part:
        try:
            self._plain = pickle_into(self, value, watched=self._watched) and self._plain
        except NotStored:
            raise self._not_stored() from None
        except Exception as error:
            raise _not_picklable(value.content() if type(value) is Replay else value, where, error) from error
        return self._written()

    def _written(self) -> Part:
        """Return what was written of this part."""
        if self._spilled:
            return self._file.cut()
        self._budget -= self._chunk_bytes
        return b"".join(self._chunks)

    def _marshalled_part(self, value: Any, where: tuple[str, int]) -> Part:
        """Store records that a parser of JSON has made: marshal takes a third of the time for them."""
        try:
            data = marshal.dumps(value)
        except ValueError:  # they are nested deeper than it goes down
            return self._part(value, where)
        self.restart()
        try:
            for chunk in (_MARSHALLED, len(data).to_bytes(8, "little"), data, _CALLED):
                self.write(chunk)
        except NotStored:
            raise self._not_stored() from None
        return self._written()

    def restart(self) -> None:
        """Throw away what was written of this part."""
        if os.getpid() != self._pid:
            os._exit(0)  # forked by the user's function, which let it return: the other one gives the result
        self._chunks.clear()
        self._chunk_bytes = 0
        if self._made is not None:
            self._made.restart()
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
    from bagkit.crossing.culprits import is_too_deep, not_picklable

    root = "the result" if where is None else f"the result's {where[0]} {where[1]}"
    hint = "; hint: scheduler='threads' pickles no results" if is_too_deep(error) else ""
    return not_picklable(value, root, error, f"it can't be sent back to the caller{hint}")


def load(value: Stored) -> Any:
    """Return the value; Batches read their parts when they are asked for."""
    kind, path, parts = value
    if kind == ONE:
        return _read(path, parts[0])
    if kind == DEALT:
        return without_collector(_dealt_buckets, path, parts)
    if kind == BUCKETS:
        return without_collector(_all_buckets, path, parts)
    from bagkit.flow.batches import Batches

    return Batches(StoredBatches(path, parts))


def loads(data: Any) -> Any:
    """Return the value that `data` is the pickle of."""
    earlier: Any = sys.modules.get("bagkit.flow.earlier_runs")
    return unpickled(_pickle.loads if earlier is None else earlier.loads, data)


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


def dealt(several: Sequence[Stored], count: int, write: Callable[[bytes], str]) -> list[Stored]:
    """Return for each of `count` partitions its buckets of all tasks, given what each has stored.

    Where some are in files, `write` is given a table of these files to keep, and returns its path: each reads there.
    """
    numbers: list[list[int]] = [[] for _ in range(count)]
    parts: list[list[Part]] = [[] for _ in range(count)]
    table = []
    for task, (_, path, (first, *rest)) in enumerate(several):
        if path is not None:
            table.append((task, path, first))
            continue
        assert isinstance(first, bytes)
        for number, part in zip(marshal.loads(first)[1], rest, strict=True):
            numbers[number].append(task)
            parts[number].append(part)
    where, place = None, (0, 0, 0)
    if table:
        data = marshal.dumps(table)
        where, place = write(data), (0, len(data), crc32(data))
    firsts = [marshal.dumps((number, tasks, place)) for number, tasks in enumerate(numbers)]
    return [(DEALT, where, (first, *rest)) for first, rest in zip(firsts, parts, strict=True)]


def files_of(several: Iterable[Stored]) -> list[str]:
    """Return the paths of the files that have parts of `several` values."""
    return [path for _, path, _ in several if path is not None]


def _all_buckets(path: str | None, parts: tuple[Any, ...]) -> Buckets:
    """Return the buckets of one task: where another program's graph deals them, as dask's do."""
    from bagkit.flow.buckets import Buckets

    if path is None:
        count, numbers = marshal.loads(parts[0])
        each = [None] * count
        for number, part in zip(numbers, parts[1:], strict=True):
            each[number] = loads(part)
        return Buckets(each)
    try:
        return Buckets([load_indexed(path, parts[0], number, loads) for number in range(entries(parts[0]))])
    except FrameError as error:
        raise _changed(path, error) from error


def _dealt_buckets(path: str | None, parts: tuple[Any, ...]) -> list[Any]:
    number, tasks, place = marshal.loads(parts[0])
    found = [(task, loads(part)) for task, part in zip(tasks, parts[1:], strict=True)]
    if path is not None:
        where = path
        try:
            for task, where, index in load_frame(path, place, marshal.loads):
                bucket = load_indexed(where, index, number, loads)
                if bucket is not None:
                    found.append((task, bucket))
        except FrameError as error:
            raise _changed(where, error) from error
        found.sort(key=lambda each: each[0])
    return [bucket for _, bucket in found]


def _read(path: str | None, part: Part) -> Any:
    if isinstance(part, bytes):
        return loads(part) if len(part) <= SHORT else without_collector(loads, part)
    assert path is not None
    try:
        return without_collector(load_frame, path, part, loads)
    except FrameError as error:
        raise _changed(path, error) from error


def _changed(path: str, error: FrameError) -> Exception:
    from bagkit.errors import TaskError

    return TaskError(f"{path}: a value that was stored here {error}")
