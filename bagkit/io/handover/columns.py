"""Records become typed columns: workers turn records into batches of columns, the parent learns their types.

    records -> EncodeColumns (in workers) -> ColumnBatch, ..., PartitionEnd -> Gathered (in the parent) -> Table

A batch keeps its values as they are, so that nothing is lost before the types of all batches are known. Only then
`io/handover/converted.py` converts the values, under the policy for columns whose values go together in no type. Where
the policy makes an error of it, one partition is read once more, record by record, so that the error has its place.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, chain, islice, pairwise, repeat
from operator import is_not, itemgetter
from typing import IO, Any, Final, Literal

from bagkit.errors import ColumnTypeError, PlanError, one_line
from bagkit.io.handover.converted import Column, final_columns
from bagkit.io.output.stores import failed
from bagkit.kernels.column_types import Seen, Type, Typing, add_seen, either, encodes, fits_one, has_fields
from bagkit.plan.kinds import ALL, Fields, PerPartition

Policy = Literal["error", "string", "json", "null"]
POLICIES: Final = ("error", "string", "json", "null")

BATCH: Final = 8192
"""Records in a batch of columns."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The values of one column in one batch: compact where all are of one simple type, else a list of them."""

    kind: str
    """The type of all values beside None, or "objects"."""
    values: Any
    """Of int and float an array, of bool bytes, of str (offsets, UTF-8), of objects a list."""
    present: bytes | None = None
    """A 1 for each value that is there, a 0 for each None; no such bytes where all are there."""

    def to_list(self) -> list[Any]:
        """Return the values as Python has them."""
        match self.kind:
            case "int" | "float":
                values = self.values.tolist()
            case "bool":
                values = list(map(bool, self.values))
            case "str":
                offsets, data = self.values
                if data.isascii():
                    text = data.decode("ascii")
                    values = list(map(text.__getitem__, map(slice, offsets, offsets[1:])))
                else:
                    values = [data[a:b].decode() for a, b in pairwise(offsets)]
            case _:
                return self.values  # type: ignore[no-any-return]
        if self.present is None:
            return values  # type: ignore[no-any-return]
        return [value if there else None for value, there in zip(values, self.present, strict=True)]


def pack(values: Sequence[Any]) -> Packed:
    """Return the values of a column in the smallest form that gives them back exactly."""
    kinds = set(map(type, values))
    nones = type(None) in kinds
    kinds.discard(type(None))
    if len(kinds) != 1:
        return Packed("objects", list(values))
    kind = kinds.pop()
    if kind not in _FILL:
        return Packed("objects", list(values))
    present = bytes(map(_IS_THERE, values)) if nones else None
    filled = [_FILL[kind] if value is None else value for value in values] if nones else values
    try:
        return Packed(kind.__name__, _PACKERS[kind](filled), present)
    except (OverflowError, UnicodeEncodeError):  # large ints, lone surrogates
        return Packed("objects", list(values))


def _pack_text(values: Iterable[str]) -> tuple[array[int], bytes]:
    parts = list(map(str.encode, values))
    return array("i", accumulate(map(len, parts), initial=0)), b"".join(parts)


_IS_THERE: Final = partial(is_not, None)
_FILL: Final[dict[type, Any]] = {int: 0, float: float("nan"), bool: False, str: ""}
_PACKERS: Final[dict[type, Callable[[Any], Any]]] = {
    int: partial(array, "q"),
    float: partial(array, "d"),
    bool: bytes,
    str: _pack_text,
}


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    """Some records as columns; `payload` is unpickled when it is needed."""

    rows: int
    types: dict[str, list[Type]]
    payload: bytes
    loose: dict[str, Packed] | None = None
    """The columns themselves where pickle can't do it: they come as other values do. None are left of an error."""

    def pickled(self) -> bytes:
        """Return the columns as bytes; raises NoRowError for those that can't be pickled here either."""
        if self.loose is None:
            return self.payload
        for name, packed in self.loose.items():
            try:
                pickle.dumps(packed, 5)
            except Exception as error:  # of many types, and of users' __reduce__
                raise NoRowError(
                    f"the field {name!r} has values that can't be pickled: {type(error).__name__}: {error}"
                ) from error
        return pickle.dumps(self.loose, 5)

    def columns(self) -> dict[str, Packed]:
        """Return the columns by name."""
        return pickle.loads(self.payload)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """Stands behind the batches of a partition; `problem` says why there are no more where a record is no row."""

    problem: str = ""


TOO_DEEP: Final = "the record is nested too deeply for columns; hint: json.dumps makes text of it"


class NoRowError(Exception):
    """A record can't be a row of a table."""


def as_row(record: Any, columns: Sequence[str] | None) -> dict[str, Any]:
    """Return the record as a dict of the columns' values; raises NoRowError for one that can't be that."""
    if isinstance(record, Mapping):
        if columns is not None:
            return {name: record.get(name) for name in columns}
        for name in record:
            if not isinstance(name, str) or not encodes(name):
                raise NoRowError(
                    f"the record has the key {one_line(name, 40)}; expected text that UTF-8 can hold; "
                    "hint: columns=[...]"
                )
        return {str.__str__(name): value for name, value in record.items()}  # plain text for members of an enum
    if columns is None:
        raise NoRowError(
            f"the record is {_kind(record)}; expected a dict; hint: columns=[...] gives the elements of tuples names"
        )
    if isinstance(record, (tuple, list)):
        if len(record) != len(columns):
            raise NoRowError(f"the record has {len(record)} elements; expected {len(columns)}: {', '.join(columns)}")
        return dict(zip(columns, record, strict=True))
    if len(columns) == 1:
        return {columns[0]: record}
    raise NoRowError(f"the record is {_kind(record)}; expected a dict, or a tuple of {len(columns)} elements")


def _kind(record: Any) -> str:
    return f"{one_line(record, 40)} of type {type(record).__name__}"


def columns_of(records: Sequence[Any], columns: Sequence[str] | None) -> dict[str, Sequence[Any]]:
    """Return the values of `records` by column, None for those that are missing; without a Python call for each."""
    kinds = set(map(type, records))
    if kinds == {dict} and columns is None:
        names = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, records))))
        if all(type(name) is str for name in names) and encodes("".join(names)):
            return {name: list(map(dict.get, records, repeat(name))) for name in names}
    elif kinds == {dict} and columns is not None:
        return {name: list(map(dict.get, records, repeat(name))) for name in columns}
    elif kinds <= {tuple, list} and columns is not None and set(map(len, records)) == {len(columns)}:
        return {name: list(map(itemgetter(at), records)) for at, name in enumerate(columns)}
    rows = [as_row(record, columns) for record in records]
    names = dict.fromkeys(chain.from_iterable(rows))
    return {name: [row.get(name) for row in rows] for name in names}


@dataclass(frozen=True)
class EncodeColumns(PerPartition):
    """Turns the records of a partition into batches of columns."""

    name: str
    """The method that wants them."""
    columns: tuple[str, ...] | None
    typing: Typing
    strict: bool = False
    """Whether types that do not go together are an error."""

    can_raise = False
    stands_for_many = True

    @property
    def label(self) -> str:
        return self.name

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.columns is None else frozenset(self.columns)

    def run(self, records: Iterator[Any]) -> Iterator[Any]:
        while batch := list(islice(records, BATCH)):
            try:
                made = _batch(columns_of(batch, self.columns), len(batch), self.typing, self.strict)
            except NoRowError as error:
                yield PartitionEnd(str(error))
                return
            except RecursionError:
                yield PartitionEnd(TOO_DEEP)
                return
            yield made
        yield PartitionEnd()


def _batch(columns: Mapping[str, Sequence[Any]], rows: int, typing: Typing, strict: bool) -> ColumnBatch:
    types = {name: typing.types_of(values) for name, values in columns.items()}
    packed = {name: pack(values) for name, values in columns.items()}
    try:
        return ColumnBatch(rows, types, pickle.dumps(packed, 5))
    except Exception:  # of many types: a class of the script is not to be found in a worker
        wrong = strict and not all(map(fits_one, types.values()))
        return ColumnBatch(rows, types, b"", {} if wrong else packed)


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
    return f"{operation}: {text}; expected values of one type in a column; {CONFLICT_HINT}"


CONFLICT_HINT: Final = "hint: on_conflict='string', 'json' or 'null'"


class Kept:
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


class Spilled:
    """Payloads kept in a file without a name until all types are known."""

    def __init__(self, file: IO[bytes], place: str) -> None:
        self._file = file
        self._place = place
        """What is written in the end: for errors."""
        self._sizes: list[int] = []

    def put(self, payload: bytes) -> None:
        """Keep one more; raises OutputError where the disk has no room for it."""
        try:
            self._file.write(payload)
        except OSError as error:
            raise failed(self._place, error) from error
        self._sizes.append(len(payload))

    def drain(self) -> Iterator[bytes]:
        """Yield them in order."""
        self._file.seek(0)
        for size in self._sizes:
            yield self._file.read(size)


@dataclass(slots=True)
class Gathered:
    """What the parent knows of the batches so far; mutable, of one call."""

    encode: EncodeColumns
    policy: Policy
    store: Kept | Spilled
    seen: Seen = field(default_factory=dict)
    before: Seen = field(default_factory=dict)
    """The types before the partition that is being gathered."""
    partitions: list[list[int]] = field(default_factory=lambda: [[]])
    """The rows of each batch of each partition; the last is not complete."""
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    """Columns that are an error; what comes after the first of them is looked at, and not kept."""
    bare: dict[str, Conflict] = field(default_factory=dict)
    """Columns with dicts that had no fields so far."""

    def add(self, item: ColumnBatch | PartitionEnd) -> None:
        """Take what comes next; raises Misfit for what can't be handed over."""
        number = len(self.partitions) - 1
        if isinstance(item, PartitionEnd):
            if item.problem:
                self._raise_conflicts()
                raise Misfit(number, f"{self.encode.name}: {item.problem}")
            self.partitions.append([])
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
        wrong = add_seen(self.seen, types)
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

    def table(self) -> Table:
        """Return the table of all that was gathered; raises Misfit for columns that are an error."""
        for name, conflict in self.bare.items():
            if not all(map(has_fields, self.seen[name])):
                self.conflicts.setdefault(name, conflict)
        self._raise_conflicts()
        seen = self.seen if self.encode.columns is None else {
            name: self.seen.get(name, []) for name in self.encode.columns
        }  # fmt: skip
        return Table(
            final_columns(self.encode.name, seen, self.policy, self.encode.typing), self.partitions[:-1], self.store
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Columns whose types are known, batch by batch."""

    columns: tuple[Column, ...]
    partitions: list[list[int]]
    """The rows of each batch of each partition."""
    store: Kept | Spilled

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(map(sum, self.partitions))

    def batches(self) -> Iterator[tuple[int, int, list[Packed | list[Any]]]]:
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


def _final_values(column: Column, packed: Packed | None, rows: int) -> Packed | list[Any]:
    if packed is None:
        return [None] * rows
    return packed if column.holds(packed.kind) else column.convert(packed.to_list())


def encoding(operation: str, columns: Any, on_conflict: Any, typing: Typing) -> EncodeColumns:
    """Return the op that makes columns for a method; raises PlanError for arguments that make no sense."""
    if on_conflict not in POLICIES:
        raise PlanError(f"{operation}: on_conflict is {on_conflict!r}; expected 'error', 'string', 'json' or 'null'")
    typing = replace(typing, in_order=on_conflict == "null")
    if columns is None:
        return EncodeColumns(operation, None, typing, on_conflict == "error")
    names = None if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable) else tuple(columns)
    if not names or not all(type(name) is str for name in names) or len(set(names)) < len(names):
        raise PlanError(f"{operation}: columns is {one_line(columns)}; expected a list of names, each once")
    return EncodeColumns(operation, names, typing, on_conflict == "error")
