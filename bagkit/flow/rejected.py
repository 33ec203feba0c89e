"""A record that failed, on its way beside the others of its bag."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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


class AllRejected(Sequence[Any]):
    """The records of a block in which all have failed: what is known of each is made when somebody asks, and only that.

    Nearly always the next step asks. Who takes the records one by one gets a Rejected for each.
    """

    __slots__ = ("_count", "_made", "described")

    def __init__(self, count: int, described: Callable[[Collection[str] | None], list[dict[str, Any]]]) -> None:
        """`described` gives a dict for each, with the names that it is given; None is all names."""
        self._count = count
        self._made: list[Rejected] | None = None
        self.described = described

    def _all(self) -> list[Rejected]:
        if self._made is None:
            self._made = [Rejected(fields) for fields in self.described(None)]
        return self._made

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __iter__(self) -> Any:
        return iter(self._all())


@dataclass(slots=True, eq=False)
class RejectedFrom:
    """Origin of records that failed: each has the place of the one that failed."""

    at: Callable[[int], Place]
    """Gives the place of the record of a number."""

    def place(self, index: int, record: Any = None) -> Place:
        return self.at(index)


class Resuming:
    """A record that has failed and is tried again: it passes all operations before its `step`.

    It failed in the operation `failed_in`. That is its step too, unless the record that was there can't be had again:
    then it comes there once more, from its input on. `given` of its elements went on before it failed.
    """

    __slots__ = ("failed_in", "given", "record", "step")

    def __init__(self, step: int, record: Any, failed_in: int, given: int) -> None:
        self.step = step
        self.record = record
        self.failed_in = failed_in
        self.given = given

    def __reduce__(self) -> tuple[Any, ...]:
        return Resuming, (self.step, self.record, self.failed_in, self.given)

    def passed_on(self, record: Any) -> Resuming:
        """Return what its step has made of it, which waits for the next one."""
        return Resuming(self.step + 1, record, self.failed_in, self.given)


def all_rejected(records: Sequence[Any]) -> bool | None:
    """Return whether `records` are what failed: all or none of them; None where there are some of both."""
    if type(records) is AllRejected:
        return True
    kinds = set(map(type, records))
    if Rejected not in kinds:
        return False
    return True if len(kinds) == 1 else None
