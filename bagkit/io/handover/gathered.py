"""Batches of columns become typed columns, in the parent: it learns the types of all batches, and keeps them meanwhile.

When all types are known, `io/handover/converted.py` converts the values, under the policy for columns whose values go
together in no type. Where the policy makes an error of it, one partition is read once more, record by record, so that
the error has its place: see `io/handover/misfits.py`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import IO, Final

from bagkit.errors import ColumnTypeError
from bagkit.io.handover.column_types import Seen, Type, add_types, either, has_fields
from bagkit.io.handover.columns import (
    ColumnBatch,
    EncodeColumns,
    NoRowError,
    PackedValues,
    PartitionEnd,
    Policy,
    Values,
)
from bagkit.io.handover.converted import Column, columns_for
from bagkit.io.output.stores import failing_as, write_all
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class Conflict:
    """A column whose values go together in no type."""

    name: str
    text: str
    """What is wrong with it: `the field 'x' is str, and was int before`."""
    partition: int
    """Where it was first seen."""
    before: Seen = field(repr=False)
    """The types that were seen in the partitions before."""
    bare: bool = False
    """Whether it is that dicts have no fields in any record."""


class Misfit(Exception):
    """Something can't be handed over.

    `message` says what, for where reading `partition` again does not find it; with `final` it was converting values
    to those columns that failed, with `conflicts` it is these.
    """

    def __init__(
        self,
        partition: int,
        message: str,
        final: tuple[Column, ...] | None = None,
        conflicts: Sequence[Conflict] = (),
    ) -> None:
        super().__init__(message)
        self.partition = partition
        self.message = message
        self.final = final
        self.conflicts = tuple(conflicts)


def misfit_text(name: str, known: Sequence[Type] = (), kinds: Sequence[Type] = ()) -> str:
    """Return what is wrong with a column that can't be of one type."""
    before = f", and was {either(known)} before" if known else ""
    return f"the field {name!r} is {either(kinds)}{before}"


def misfit_message(operation: str, text: str) -> str:
    """Return the message for one column that can't be of one type."""
    return f"{operation}: {text}; expected values of one type that a column can have; {CONFLICT_HINT}"


CONFLICT_HINT: Final = "hint: on_conflict='string', 'json' or 'null', or columns=[...] without it"


class KeptInMemory:
    """Payloads kept in memory until all types are known."""

    def __init__(self) -> None:
        self._payloads: list[bytes] = []

    def put(self, payload: bytes) -> None:
        """Keep one more."""
        self._payloads.append(payload)

    def drain(self) -> Iterator[bytes]:
        """Yield them in order, keeping none."""
        self._payloads.reverse()
        while self._payloads:
            yield self._payloads.pop()


class KeptInFile:
    """Payloads kept in a file without a name, and without a buffer, until all types are known."""

    def __init__(self, file: IO[bytes], place: str) -> None:
        self._file = file
        self._place = place
        """What is written in the end: for errors."""
        self._sizes: list[int] = []

    def put(self, payload: bytes) -> None:
        """Keep one more; raises OutputError where the disk has no room for it."""
        with failing_as(self._place):
            write_all(self._file, payload)
        self._sizes.append(len(payload))

    def drain(self) -> Iterator[bytes]:
        """Yield them in order."""
        with open(self._file.fileno(), "rb", closefd=False) as file:
            file.seek(0)
            for size in self._sizes:
                yield file.read(size)


@dataclass(slots=True)
class GatheredColumns:
    """What the parent knows of the batches so far; mutable, of one call."""

    encode: EncodeColumns
    policy: Policy
    store: KeptInMemory | KeptInFile
    seen: Seen = field(default_factory=dict)
    before: Seen = field(default_factory=dict)
    """The types before the partition that is being gathered."""
    partitions: list[list[int]] = field(default_factory=lambda: [[]])
    """The rows of each batch of each partition; the last is not complete."""
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    """Columns that are an error; what comes after the first of them is looked at, and not kept."""
    types: list[Seen] = field(default_factory=lambda: [{}])
    """The types that were seen in each partition; the last is not complete."""
    bare: dict[str, Conflict] = field(default_factory=dict)
    """Columns with dicts that had no fields so far."""

    def add(self, item: ColumnBatch | PartitionEnd) -> None:
        """Take the next batch; raises Misfit for a value that can't be handed over."""
        number = len(self.partitions) - 1
        if isinstance(item, PartitionEnd):
            if item.problem:
                self._raise_conflicts()
                raise Misfit(number, f"{self.encode.name}: {item.problem}")
            self.partitions.append([])
            self.types.append({})
            self.before = {name: list(kinds) for name, kinds in self.seen.items()}
            return
        self._look_at(item.types, number)
        if not self.conflicts:
            try:
                self.store.put(item.pickled())
            except NoRowError as error:
                raise Misfit(number, f"{self.encode.name}: {error}") from error
        self.partitions[-1].append(item.rows)

    def _look_at(self, types: Mapping[str, Sequence[Type]], number: int) -> None:
        known = {name: list(kinds) for name, kinds in self.seen.items()}
        if known.keys() != types.keys() and int in map(type, (*known, *types)) and known:
            # A number that is missing, or stands beside names, is no sign of what was meant.
            before, now = (", ".join(map(str, names)) for names in (known, types))
            text = f"{self.encode.name}: records have the columns {now}, and had {before} before"
            raise Misfit(number, f"{text}; expected tuples of as many elements; hint: columns=[...] gives them names")
        wrong = add_types(self.seen, types)
        add_types(self.types[-1], types)
        if self.policy != "error":
            return
        for name in wrong:
            text = misfit_text(name, known.get(name, []), types[name])
            self.conflicts[name] = Conflict(name, text, number, self.before)
        for name, kinds in types.items():
            if name not in self.bare and not all(map(has_fields, kinds)):
                self.bare[name] = Conflict(name, misfit_text(name, (), kinds), number, self.before, bare=True)

    def _raise_conflicts(self) -> None:
        if self.conflicts:
            found = list(self.conflicts.values())
            message = misfit_message(self.encode.name, found[0].text)
            raise Misfit(found[0].partition, message, conflicts=found)

    def table(self) -> TypedColumns:
        """Return the table of all that was gathered; raises Misfit for columns that are an error."""
        for name, conflict in self.bare.items():
            if not all(map(has_fields, self.seen[name])):
                self.conflicts.setdefault(name, conflict)
        self._raise_conflicts()
        columns = columns_for(self.encode, self.policy, self.seen)
        return TypedColumns(columns, self.partitions[:-1], self.store, self.types[:-1])


@dataclass(frozen=True, slots=True)
class TypedColumns:
    """Columns whose types are known, batch by batch."""

    columns: tuple[Column, ...]
    partitions: list[list[int]]
    """The rows of each batch of each partition."""
    store: KeptInMemory | KeptInFile
    types: list[Seen] = field(default_factory=list)
    """The types that were seen in each partition."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(map(sum, self.partitions))

    def batches(self) -> Iterator[tuple[int, int, list[Values]]]:
        """Yield, once, of each batch the number of its partition, its rows, and its columns.

        A column is packed where its values are of the column's type as they are, else a list of what they become.
        Raises Misfit where they can't become that.
        """
        payloads = self.store.drain()
        for number, batches in enumerate(self.partitions):
            for rows in batches:
                found = pickle.loads(next(payloads))
                try:
                    yield number, rows, [_final_values(column, found.get(column.name), rows) for column in self.columns]
                except ColumnTypeError as error:
                    raise Misfit(number, str(error), self.columns) from None


def _final_values(column: Column, packed: PackedValues | None, rows: int) -> Values:
    if packed is None:
        return [None] * rows
    return packed if column.holds(packed.kind) else column.convert(packed.to_list())
