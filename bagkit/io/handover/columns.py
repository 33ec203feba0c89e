"""Records become batches of columns, in workers.

    records -> EncodeColumns -> ColumnBatch, ..., PartitionEnd -> GatheredColumns (in the parent) -> TypedColumns

A batch keeps its values as they are, so that nothing is lost before the types of all batches are known. The parent
learns them in `io/handover/gathered.py`.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain, islice, pairwise, repeat
from operator import is_not, itemgetter
from typing import Any, Final, Literal

from bagkit.errors import PlanError, one_line
from bagkit.flow.batches import Bulk
from bagkit.io.handover.column_types import Type, Typing, encodes, fits_one
from bagkit.json.write import dicts_hint
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import ALL, Fields, OnRecords, PerPartition

Policy = Literal["error", "string", "json", "null"]
POLICIES: Final = ("error", "string", "json", "null")

Columns = Sequence[Any] | None
"""The names of columns, or the numbers of elements; None: the fields of each record."""

BATCH: Final = 8192
"""Records in a batch of columns."""


@dataclass(frozen=True, slots=True)
class PackedValues:
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


Values = PackedValues | list[Any]
"""The values of a column: packed, or in a list where they had to be converted."""


def listed(values: Values) -> list[Any]:
    """Return the values of a column as Python has them."""
    return values.to_list() if isinstance(values, PackedValues) else values


def pack(values: Sequence[Any]) -> PackedValues:
    """Return the values of a column in the smallest form that gives them back exactly."""
    kinds = set(map(type, values))
    nones = type(None) in kinds
    kinds.discard(type(None))
    if len(kinds) != 1:
        return PackedValues("objects", list(values))
    kind = kinds.pop()
    if kind not in _FILL:
        return PackedValues("objects", list(values))
    present = bytes(map(_IS_THERE, values)) if nones else None
    filled = [_FILL[kind] if value is None else value for value in values] if nones else values
    try:
        return PackedValues(kind.__name__, _PACKERS[kind](filled), present)
    except (OverflowError, UnicodeEncodeError):  # large ints, lone surrogates
        return PackedValues("objects", list(values))


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
class ColumnBatch(Bulk):
    """Some records as columns; `payload` is unpickled when it is needed."""

    rows: int
    types: dict[str, list[Type]]
    payload: bytes
    loose: dict[str, PackedValues] | None = None
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


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """Stands behind the batches of a partition; `problem` says why there are no more where a record is no row."""

    problem: str = ""


TOO_DEEP: Final = "the record is nested too deeply for columns; hint: json.dumps makes text of it"


class NoRowError(Exception):
    """A record can't be a row of a table."""


def own_columns(record: Any) -> Columns:
    """Return what the columns of a record are where nobody has named them: of a tuple or list the numbers from 0 up.

    None: a record has columns of its own.
    """
    return range(len(record)) if type(record) in (tuple, list) and record else None


def as_row(record: Any, columns: Columns) -> dict[str, Any]:
    """Return the record as a dict of the columns' values; raises NoRowError for one that can't be that."""
    if isinstance(columns, range) and not isinstance(record, (tuple, list)):
        raise NoRowError(f"the record is {_kind(record)}; expected a tuple of {len(columns)} elements, as before it")
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
        hint = dicts_hint(record) or "columns=[...] gives the elements of tuples names"
        raise NoRowError(f"the record is {_kind(record)}; expected a dict; hint: {hint}")
    if isinstance(record, (tuple, list)):
        if len(record) != len(columns):
            named = ", ".join(map(str, columns))
            raise NoRowError(f"the record has {len(record)} elements; expected {len(columns)}: {named}")
        return dict(zip(columns, record, strict=True))
    if len(columns) == 1:
        return {columns[0]: record}
    raise NoRowError(f"the record is {_kind(record)}; expected a dict, or a tuple of {len(columns)} elements")


def _kind(record: Any) -> str:
    return f"{one_line(record, 40)} of type {type(record).__name__}"


def columns_of(records: Sequence[Any], columns: Columns) -> dict[str, Sequence[Any]]:
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
    numbers: bool = False
    """Whether elements of tuples get numbers where there are no names of columns."""

    can_raise = False

    @property
    def label(self) -> str:
        return self.name

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.columns is None else frozenset(self.columns)

    def columns_from(self, record: Any, columns: Columns) -> Columns:
        """Return the columns that count from a record on; `columns` did before it."""
        return own_columns(record) if self.numbers and columns is None else columns

    def begin(self) -> OnRecords:
        return self._batches

    def _batches(self, records: Iterator[Any]) -> Iterator[Any]:
        columns: Columns = self.columns
        while batch := list(islice(records, BATCH)):
            columns = self.columns_from(batch[0], columns)
            try:
                made = _batch(columns_of(batch, columns), len(batch), self.typing, self.strict)
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
    except RecursionError:
        raise  # as from columns that are looked into: who reads the partition again finds the record
    except Exception:  # of many types: a class of the script is not to be found in a worker
        wrong = strict and not all(map(fits_one, types.values()))
        return ColumnBatch(rows, types, b"", {} if wrong else packed)


def check_depth(row: Mapping[str, Any]) -> None:
    """Raise RecursionError for a row that is too deep for a batch of columns."""
    try:
        pickle.dumps({name: pack([value]) for name, value in row.items()}, 5)
    except RecursionError:
        raise
    except Exception:
        pass  # the batch has another way for it


def encoding(operation: str, columns: Any, on_conflict: Any, typing: Typing, numbers: bool = False) -> EncodeColumns:
    """Return the op that makes columns for a method; raises PlanError for arguments that make no sense."""
    if on_conflict not in POLICIES:
        raise PlanError(f"{operation}: on_conflict is {on_conflict!r}; expected 'error', 'string', 'json' or 'null'")
    typing = replace(typing, in_order=on_conflict == "null")
    if columns is None:
        return EncodeColumns(operation, None, typing, on_conflict == "error", numbers)
    if isinstance(columns, Mapping):
        raise PlanError(
            f"{operation}: columns is {one_line(columns)}; expected a list of names, without types; "
            "hint: to_dataframe(meta=...) casts columns"
        )
    names = None if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable) else tuple(columns)
    if not names or not all(type(name) is str for name in names) or len(set(names)) < len(names):
        raise PlanError(f"{operation}: columns is {one_line(columns)}; expected a list of names, each once")
    return EncodeColumns(operation, names, typing, on_conflict == "error")
