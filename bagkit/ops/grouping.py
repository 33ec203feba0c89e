"""Operations that bring records of one key together, or put all in order: what exchanges do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, Literal

from bagkit.errors import GroupTooLargeError, PlanError, TaskError, UnstableKeyError, one_line
from bagkit.kernels.digest import Undigestible
from bagkit.kernels.group import Entry, Gathering, KeyTooLarge, merge_by_key, split_by_key
from bagkit.kernels.spill import Room, SpillError
from bagkit.ops.functions import function_label
from bagkit.plan.kinds import Exchange

How = Literal["inner", "left", "right", "outer"]
HOWS = ("inner", "left", "right", "outer")


@dataclass(frozen=True)
class ByKey(Exchange):
    """Groups by key, and what `emit` makes of lists of them: `groupby(key)`, `join(other, key)`."""

    name: str
    shown: str
    """What stands in the brackets after the name."""
    keys: tuple[Callable[[Any], Any], ...]
    """The key function of each input."""
    gathering: Gathering
    emit: Callable[[list[Entry]], Sequence[Any]]
    count: int | None = None
    value: Callable[[Any], Any] | None = None
    """What is kept of a record; None for all of it."""
    functions: tuple[Any, ...] = ()
    memory: int | None = None

    def __post_init__(self) -> None:
        check_count(self.name, self.count)

    @property
    def label(self) -> str:
        return f"{self.name}({self.shown})" if self.shown else self.name

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def split(self, side: int, records: Iterator[Any], count: int, room: Room, bounds: Any = None) -> list[Any]:
        with kernel_errors(self.name):
            return split_by_key(records, self.keys[side], self.value, self.gathering, count, room)

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        with kernel_errors(self.name):
            yield from map(self.emit, merge_by_key(sides, self.gathering, room))


def check_count(operation: str, count: object) -> None:
    """Raise PlanError unless `count` is a number of partitions, or None."""
    if count is not None and (type(count) is not int or count < 1):
        raise PlanError(f"{operation}: npartitions is {count!r}; expected an int of 1 or more")


@contextmanager
def kernel_errors(operation: str) -> Iterator[None]:
    """Raise what kernels raise of their own as errors for the user."""
    try:
        yield
    except Undigestible as error:
        raise UnstableKeyError(
            f"{operation}: the key {one_line(error.key)} can't be told from others in another process: {error}; "
            "expected text, numbers, dates, enums, frozen dataclasses, or tuples of those; "
            "hint: give a key function that returns one of them"
        ) from error
    except KeyTooLarge as error:
        raise GroupTooLargeError(
            f"{operation}: the records of the key {one_line(error.key)} take about {error.nbytes >> 20} MiB, and a "
            f"task may hold {error.limit >> 20} MiB; hint: foldby and aggregate_by_key hold no groups; or give more "
            "memory_limit, or fewer workers"
        ) from error
    except SpillError as error:
        raise TaskError(f"{operation}: {error}; hint: give another temporary_directory") from error


def shown_key(key: Any) -> str:
    """Return a key as the user wrote it, for labels."""
    return function_label(key) if callable(key) else repr(key)


# What becomes of groups: each is called with a list of (key, cell) ---------------------------------------------------


def as_they_are(groups: list[Entry]) -> Sequence[Any]:
    """Return `(key, list of records)`."""
    return groups


def only_cells(groups: list[Entry]) -> Sequence[Any]:
    """Return what cells of one element hold."""
    return [cell[0] for _, cell in groups]


def keys_with_cells(groups: list[Entry]) -> Sequence[Any]:
    """Return `(key, what its cell of one element holds)`."""
    return [(key, cell[0]) for key, cell in groups]


def keys_with_sides(groups: list[Entry]) -> Sequence[Any]:
    """Return `(key, (records of one bag, records of the next, ...))`."""
    return [(key, tuple(cell)) for key, cell in groups]


@dataclass(frozen=True, slots=True)
class JoinedPairs:
    """Makes of groups of two bags the pairs `(record of the other, record of this)`."""

    how: How

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        return list(chain.from_iterable(map(self._pairs, groups)))

    def _pairs(self, group: Entry) -> list[tuple[Any, Any]]:
        ours, others = group[1]
        if not others and self.how in ("left", "outer"):
            others = [None]
        if not ours and self.how in ("right", "outer"):
            ours = [None]
        return [(other, one) for one in ours for other in others]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Takes of groups of two bags the records of the first, if the second has the key, or if it has not."""

    in_both: bool

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        if self.in_both:
            return [ours[0] for _, (ours, others) in groups if ours and others]
        return [record for _, (ours, others) in groups if not others for record in ours]


def itself(record: Any) -> Any:
    """Return `record`: the key where records are their own."""
    return record


FIRST_FIELD, SECOND_FIELD = itemgetter(0), itemgetter(1)
by_pairs = partial(ByKey, value=SECOND_FIELD)
"""An exchange of (key, value) pairs."""
