"""Records that stay where they were made, as the caller's process knows them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Kept:
    """The records of a partition that `persist` has computed; mutable: `release` lets go of them.

    They are `local` records of this process, or what a scheduler has `stored` under a `name`, can `read`, and can
    `release`. Pickled, it is its records.

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
    ) -> None:
        self.name = name
        self.stored = stored
        self.nbytes = nbytes
        """About how many bytes there are to read; 0 where the records are here."""
        self.local = local
        self._read = read
        self._end = None if release is None else weakref.finalize(self, release)
        if self._end is not None:
            self._end.atexit = False

    @property
    def is_released(self) -> bool:
        """Whether the records are gone."""
        return self.local is None and self._read is None

    def also_here(self, records: Sequence[Any]) -> None:
        """Note that this process has the `records` too."""
        self.local, self.nbytes = records, 0

    def batches(self) -> Iterable[Sequence[Any]]:
        """Return the records in lists."""
        if self.local is not None:
            return (self.local,)
        assert self._read is not None, "who reads has asked whether there is something"
        return self._read()

    def release(self) -> None:
        """Let go of the records."""
        self.local = self._read = None
        if self._end is not None:
            self._end()

    def __reduce__(self) -> tuple[Any, ...]:
        records = self.local
        if records is None:
            records = [record for batch in self.batches() for record in batch]
        return _kept_here, (records,)


def _kept_here(records: Sequence[Any]) -> Kept:
    return Kept(local=records)
