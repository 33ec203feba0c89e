"""What tasks of a graph for dask leave for each other in an exchange: bytes, or files.

In a directory that all machines see N tasks leave N values, and one task makes M of them. Without one dask moves whole
values, so each bucket has to be a value, and there are N × M. These are bytes: dask knows how large they are, brings
them to disk where it has to, and the memory is free then. Of objects it would know nothing.
"""

from __future__ import annotations

import marshal
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from bagkit.crossing import values
from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.transport import Stored
from bagkit.flow.buckets import together
from bagkit.flow.report import Report
from bagkit.lazy.dask_memory import watch
from bagkit.lazy.dask_pieces import bytes_of, kept
from bagkit.light_classes import dataclass
from bagkit.schedulers.value_store import INLINE_BYTES_LATER


@dataclass(frozen=True, slots=True)
class Left:
    """A value that is in files. Of one that has no path the parts are here: as bytes, or as pieces in this worker."""

    stored: Any

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + sum(map(sys.getsizeof, self.stored[2]))

    @property
    def whole(self) -> Stored:
        """The value with all bytes that are in this worker."""
        kind, path, parts = self.stored
        return kind, path, tuple(map(bytes_of, parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return left, (self.whole,)


def left(stored: Stored) -> Left:
    """Return what stands for a stored value here, be it made here or come from elsewhere."""
    kind, path, parts = stored
    return Left((kind, path, tuple([kept(part) if isinstance(part, bytes) else part for part in parts])))


class LeftBuckets:
    """The buckets of one task, as bytes or pieces.

    >>> buckets = LeftBuckets({1: b"N."})
    >>> buckets[0], buckets[1]
    ((), (Left(stored=(0, None, (b'N.',))),))
    """

    __slots__ = ("_filled",)

    def __init__(self, filled: dict[int, Any]) -> None:
        self._filled = {number: kept(part) for number, part in filled.items()}

    def __getitem__(self, number: int) -> tuple[Left, ...]:
        """Return the bucket for a partition in a tuple, which is empty if there is none."""
        return (Left((values.ONE, None, (self._filled[number],))),) if number in self._filled else ()

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + sum(map(sys.getsizeof, self._filled.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return LeftBuckets, ({number: bytes_of(part) for number, part in self._filled.items()},)


def left_buckets(stored: Stored) -> LeftBuckets:
    """Return what stands for the buckets of one task, which are all in `stored`."""
    first, *parts = stored[2]
    assert isinstance(first, bytes), "of an index in a file"
    return LeftBuckets(dict(zip(marshal.loads(first)[1], parts, strict=True)))


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a task leaves something for others, and finds what others have left."""

    directory: str | None
    """The one that all machines see."""
    leaves: bool
    """Whether its values are for an exchange."""

    def begin(self, inputs: Sequence[Any], report: Report) -> list[Any]:
        """Return the values of `inputs`; `report` tells the task of the directory."""
        if self.directory is None:
            watch()
        else:
            report.directory, report.dumps = self._path, dumps_records
        return [list(map(_found, each)) if type(each) is Gathered else _found(each) for each in inputs]

    def store(self, keep: Callable[[Any], Any], as_bytes: bool) -> Callable[[Any], Any]:
        """Return what keeps the values of the task: for an exchange a file or `as_bytes`, else `keep`."""
        return self._store if self.leaves and (as_bytes or self.directory is not None) else keep

    def _store(self, made: Any) -> list[Left | LeftBuckets]:
        budget = sys.maxsize if self.directory is None else INLINE_BYTES_LATER
        output = values.Output(budget, self._path, uuid.uuid4().hex)
        try:
            stored = [each for each, _ in output.store_all(made)]
            output.close()
        except BaseException:
            output.remove()
            raise
        if self.directory is None:
            return [left_buckets(each) if each[0] == values.BUCKETS else left(each) for each in stored]
        return list(map(Left, stored))

    def _path(self) -> str:
        return os.devnull if self.directory is None else self.directory


class Gathered(list[Any]):
    """The buckets for one partition, of all tasks."""


def gathered(*several: Sequence[Any]) -> Gathered:
    """Return what is in `several` tuples of buckets."""
    return Gathered(together(*several))


def _found(value: Any) -> Any:
    return values.load(value.whole) if type(value) is Left else value


@dataclass(frozen=True, slots=True)
class DealFiles:
    """Says for each of `count` partitions where its buckets are, of the values of all tasks."""

    directory: str
    count: int

    def __call__(self, *several: Left) -> list[Left]:
        stored = [each.stored for each in several]
        return list(map(Left, values.dealt(stored, self.count, self._write)))

    def _write(self, table: bytes) -> str:
        from bagkit.schedulers.run_directory import write_file

        return write_file(self.directory, f"table-{uuid.uuid4().hex}", table)
