"""The records that this worker keeps from one run to the next, by their names; what it keeps is said by its parent.

Imported by a worker when there is something to keep, so light.
"""

from __future__ import annotations

import gc

from bagkit.crossing.values import load

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from bagkit.crossing.transport import Stored

READ, KEEP, TAKE = range(3)
"""What a task does with kept records: read the file if they are not here; the same, and keep them; or have them to
itself, since its functions may change them."""

_records: dict[str, list[Sequence[Any]]] = {}
_promised: set[str] = set()
"""What the parent believes to be here. With some of it missing the file is read, which is only slower."""


class Resident:
    """What stands for kept records on the way to a worker, and in it."""

    def __init__(self, name: str, stored: Stored, use: int) -> None:
        self._name = name
        self._stored = stored
        self._use = use

    def batches(self) -> Iterable[Sequence[Any]]:
        """Return the records in lists."""
        found = _records.get(self._name)
        if self._use == TAKE:
            forget(self._name)
        if found is not None:
            return found
        return _keeping(self._name, self._stored) if self._use == KEEP else load(self._stored)


def _keeping(name: str, stored: Stored) -> Iterable[Sequence[Any]]:
    _promised.add(name)
    read = []
    for batch in load(stored):
        read.append(batch)
        yield batch
    _settle(name, read)


def keep(name: str, stored: Stored, room: int) -> int:
    """Keep the records that were stored just now, if they take no more than `room` bytes; return how many, or 0.

    They are read again from where they are stored: what a function has made may be in use elsewhere.
    """
    from bagkit.exchange.spill import size_of

    read, nbytes = [], 1
    for batch in load(stored):
        read.append(batch)
        nbytes += size_of(batch)
        if nbytes > room:
            return 0
    _promised.add(name)
    _settle(name, read)
    return nbytes


def _settle(name: str, read: list[Sequence[Any]]) -> None:
    if name not in _promised:
        return  # it was let go of meanwhile
    _records[name] = read
    gc.freeze()  # plain data, most of it for long: the collector need not go through it again and again


def forget(name: str) -> None:
    """Keep the records no more, if they are here."""
    _promised.discard(name)
    _records.pop(name, None)


def is_needed() -> bool:
    """Return whether this process has something that it is to keep."""
    return bool(_promised)
