"""The values of one run, as bytes or files, from when a task made them until nobody needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bagkit.crossing import values
from bagkit.crossing.transport import Stored, name_of
from bagkit.errors import NotPicklableError, TaskError
from bagkit.flow.batches import Batches
from bagkit.flow.kept import Kept
from bagkit.lower.graph import Key, Task
from bagkit.schedulers.pool import let_go
from bagkit.schedulers.run_directory import RunDirectory

INLINE_BYTES = 1 << 16
"""Values of a task up to this come in its message; what is more gets to where it is read by a file in half the time."""
INLINE_BYTES_LATER = 1 << 12
"""The same, once the values that wait here are as many bytes as may be undelivered."""
UNDELIVERED_BYTES = 64 << 20


class ValueStore:
    """Stored values by their keys; mutable, owned by one run.

    The directory for large ones is made in `temporary_directory` when it is first needed. A quarter of `memory_limit`
    may wait for the caller.
    """

    def __init__(self, targets: Iterable[Key], temporary_directory: str | None, memory_limit: int | None) -> None:
        self._limit = memory_limit // 4 if memory_limit else UNDELIVERED_BYTES
        self._targets = frozenset(targets)
        self._temporary_directory = temporary_directory
        self._stored: dict[Key, Stored] = {}
        self._undelivered: dict[Key, int] = {}
        self._directory: RunDirectory | None = None
        self._inline_bytes = 0
        """Of the values that are here, not in files."""
        self._undelivered_bytes = 0
        """Of targets that are made and that the caller has not yet taken."""

    @property
    def undelivered(self) -> int:
        """How many targets are made and not yet taken."""
        return len(self._undelivered)

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the caller that nothing more is to be made ahead."""
        return self._undelivered_bytes >= self._limit

    @property
    def inline_budget(self) -> int:
        """How many bytes of what a task makes may come in its message."""
        return INLINE_BYTES if self._inline_bytes < self._limit else INLINE_BYTES_LATER

    @property
    def has_directory(self) -> bool:
        """Whether the directory was needed so far."""
        return self._directory is not None

    def directory(self) -> str:
        """Return the path of the directory for large values."""
        if self._directory is None:
            self._directory = RunDirectory(self._temporary_directory)
        return self._directory.path

    def write_file(self, name: str, data: bytes, what: str = "functions") -> str:
        """Write `data`, bytes of `what`, to a file of the directory; return its path.

        It stays until the end of the run, or until the last value that uses it is released.
        """
        self.directory()
        assert self._directory is not None
        return self._directory.write(name, data, what)

    def __getitem__(self, key: Key) -> Stored:
        return self._stored[key]

    def put_all(self, keys: Sequence[Key], stored: Sequence[Stored]) -> int:
        """Keep the values of a task; return their bytes.

        Of several targets only the first counts as undelivered: the caller asks for the others when it has the first of
        all tasks, so to wait until they are taken would be to stop.
        """
        counted = next((key for key in keys if key in self._targets), None)
        return sum([self.put(key, each, counts=key == counted) for key, each in zip(keys, stored, strict=True)])

    def put(self, key: Key, stored: Stored, *, counts: bool = True) -> int:
        """Keep `stored`; return its bytes. What waits for the caller `counts` among what is not to become too much."""
        self._stored[key] = stored
        inline, in_file = values.sizes(stored)
        self._inline_bytes += inline
        if stored[1] is not None and self._directory is not None:
            self._directory.keep(stored[1])
        if counts and key in self._targets:
            self._undelivered[key] = inline + in_file
            self._undelivered_bytes += inline + in_file
        return inline + in_file

    def deal(self, task: Task, number: int) -> None:
        """Do the task number `number` of the run, a Dealing: where its values are is known here, and nothing moves."""
        several = [self._stored[need] for need in task.needs]

        def write(table: bytes) -> str:
            path = self.write_file(f"{number}-table", table, "places of buckets")
            assert self._directory is not None
            self._directory.hold(path, values.files_of(several))
            return path

        for key, stored in zip(task.keys, values.dealt(several, len(task.keys), write), strict=True):
            self.put(key, stored)

    def take(self, key: Key) -> None:
        """Note that the caller takes a target, which no longer counts as undelivered."""
        self._undelivered_bytes -= self._undelivered.pop(key, 0)

    def load(self, key: Key, task: Task) -> Any:
        """Return the value, which `task` made, as an object for the caller."""
        stored = self._stored[key]
        value = _read(stored, task)
        path = stored[1]
        if isinstance(value, Batches) and path is not None and self._directory is not None:
            self._directory.keep_for(value, path)
        return value

    def keep(self, key: Key, task: Task, name: str, nbytes: int) -> Kept:
        """Return the value that `task` made in a form that stays stored when the run is over.

        A worker keeps it under a `name`, and has `nbytes` of it, or none.
        """
        stored, directory = self._stored[key], self._directory
        path = stored[1] if directory is not None else None
        if path is not None and directory is not None:
            directory.keep(path)
        return Kept(
            name=name,
            stored=(stored, nbytes),
            nbytes=sum(values.sizes(stored)),
            read=partial(_read, stored, task),
            release=partial(_let_go, name, directory, path),
        )

    def loader(self, key: Key, task: Task) -> Callable[[], Any]:
        """Return what loads the value, which `task` made, also when it is released here: its file stays as long."""
        stored = self._stored[key]
        return partial(_read, stored, task) if stored[1] is None else self.keep(key, task, "", 0).batches

    def release(self, key: Key) -> None:
        """Let go of a value that nobody needs."""
        stored = self._stored.pop(key)
        self._inline_bytes -= values.sizes(stored)[0]
        if stored[1] is not None and self._directory is not None:
            self._directory.drop(stored[1])

    def discard_file(self, name: str) -> None:
        """Remove what a task left in the directory when its worker died."""
        if self._directory is not None:
            self._directory.discard(name)

    def end(self) -> None:
        """Let go of all values; remove the directory once the caller has none of those in it."""
        for key in tuple(self._stored):
            self.release(key)
        if self._directory is not None:
            self._directory.end()


def _read(stored: Stored, task: Task) -> Any:
    try:
        return values.load(stored)
    except (KeyboardInterrupt, TaskError):
        raise
    except BaseException as raised:
        error = (isinstance(raised, NotPicklableError) and raised.__cause__) or raised
        raise NotPicklableError(
            f"{name_of(task)}: the result was pickled in the worker, and can't be unpickled here: "
            f"{type(error).__name__}: {error}"
        ) from error


def _let_go(name: str, directory: RunDirectory | None, path: str | None) -> None:
    let_go(name)
    if directory is not None and path is not None:
        directory.drop(path)
