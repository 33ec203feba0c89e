"""Records that stay where they were made, as the caller's process knows them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

LET_GO = "persist: the records were let go of by unpersist(); hint: use the bag that persist() was called on"


class Promise(Protocol):
    """Who says that a partition will be kept."""

    @property
    def state(self) -> str:
        """Whether it waits for others, runs, or has failed, in words."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """The lock of whoever keeps the promise, or lets go of the promised records."""

    def wait(self, kept: Kept, draw: bool) -> None:
        """Wait until the records are there; raise what has kept them from being made. Perhaps `draw` how far it is."""


class Kept:
    """The records of a partition that `persist` has computed; mutable: `release` lets go of them.

    They are `local` records of this process, or what a scheduler has `stored` under a `name`, can `read`, and can
    `release`; or there is a `promise`, and they come later. Pickled, it is its records.

    >>> import pickle
    >>> kept = Kept(local=[1, 2])
    >>> list(pickle.loads(pickle.dumps(kept)).batches())
    [[1, 2]]
    """

    def __init__(
        self,
        *,
        local: Sequence[Any] | None = None,
        name: str = "",
        stored: Any = None,
        nbytes: int = 0,
        read: Callable[[], Iterable[Sequence[Any]]] | None = None,
        release: Callable[[], None] | None = None,
        promise: Promise | None = None,
        plain: bool = False,
    ) -> None:
        self.name = name
        self.stored = stored
        self.nbytes = nbytes
        """About how many bytes there are to read; 0 where the records are here."""
        self.local = local
        self._read = read
        self.plain = plain
        """Whether they are known to be plain data, so that whoever finds what is stored reads the same."""
        self.promise = promise
        """Who will make them; None when they are there, or nobody wants them any more."""
        self._made: Kept | None = None
        """What has the records, if this was a promise: it may stand behind several."""
        self._end = None if release is None else weakref.finalize(self, release)
        if self._end is not None:
            self._end.atexit = False

    @property
    def is_released(self) -> bool:
        """Whether the records are gone."""
        if self._made is not None and self._made.is_released:
            return True
        return self.local is None and self._read is None and self.promise is None

    def wait(self, draw: bool = False) -> None:
        """Wait until the records are there, if they are to come; raise what has kept them from being made."""
        promise = self.promise
        if promise is not None:
            promise.wait(self, draw)

    def keep_promise(self, made: Kept) -> None:
        """Have the records that were `made`."""
        self._made, self.stored, self._read, self.name = made, made.stored, made._read, made.name
        self.plain = made.plain
        if self.local is None:
            self.local, self.nbytes = made.local, made.nbytes
        self.promise = None

    def also_here(self, records: Sequence[Any]) -> None:
        """Note that this process has the `records` too."""
        self.local, self.nbytes = records, 0

    def batches(self) -> Iterable[Sequence[Any]]:
        """Return the records in lists."""
        if self.local is not None:
            return (self.local,)
        self.wait()
        if self.local is not None:
            return (self.local,)
        assert self._read is not None, "who reads has asked whether there is something"
        return self._read()

    def release(self) -> None:
        """Let go of the records."""
        promise = self.promise
        if promise is not None:
            with promise.lock:
                self.promise = None
        self.local = self._read = None
        if self._made is not None:
            self._made.release()
        if self._end is not None:
            self._end()

    def __reduce__(self) -> tuple[Any, ...]:
        from bagkit.dask_locks import wait_while_pickled

        records = self.local
        if records is None:
            records = wait_while_pickled(lambda: [record for batch in self.batches() for record in batch])
        return _kept_here, (records,)


def _kept_here(records: Sequence[Any]) -> Kept:
    return Kept(local=records)
