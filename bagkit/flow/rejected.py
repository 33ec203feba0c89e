"""A record that failed, on its way beside the others of its bag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.flow.blocks import Place
from bagkit.light_classes import dataclass


class Rejected:
    """What is known of a record that failed, in the place of a record; no record of a user's is one."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        return Rejected, (self.fields,)


@dataclass(slots=True, eq=False)
class RejectedFrom:
    """Origin of records that failed: each has the place of the one that failed."""

    places: Sequence[Place]

    def place(self, index: int, record: Any = None) -> Place:
        return self.places[index]


class Resuming:
    """A record that has failed and is tried again: it passes all operations before its `step`."""

    __slots__ = ("record", "step")

    def __init__(self, step: int, record: Any) -> None:
        self.step = step
        self.record = record

    def __reduce__(self) -> tuple[Any, ...]:
        return Resuming, (self.step, self.record)


def all_rejected(records: Sequence[Any]) -> bool | None:
    """Return whether `records` are what failed: all or none of them; None where there are some of both."""
    kinds = set(map(type, records))
    if Rejected not in kinds:
        return False
    return True if len(kinds) == 1 else None
