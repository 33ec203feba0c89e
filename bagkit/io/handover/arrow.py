"""Columns as Arrow's: for pyarrow, polars and Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from bagkit.errors import ColumnTypeError
from bagkit.io.handover.column_types import ListOf, StructOf, Type
from bagkit.io.handover.columns import Values, listed
from bagkit.io.handover.converted import Column
from bagkit.io.handover.gathered import TypedColumns


def arrow_type(pa: Any, kind: Type) -> Any:
    """Return Arrow's type for a column's."""
    if isinstance(kind, ListOf):
        return pa.list_(arrow_type(pa, kind.item))
    if isinstance(kind, StructOf):
        return pa.struct([pa.field(name, arrow_type(pa, inner)) for name, inner in kind.fields])
    return {
        "null": pa.null(),
        "bool": pa.bool_(),
        "int": pa.int64(),
        "int beyond 2**53": pa.int64(),
        "float": pa.float64(),
        "str": pa.string(),
        "bytes": pa.binary(),
        "datetime": pa.timestamp("us"),
        "datetime with a time zone": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
    }[kind]


def arrow_schema(pa: Any, table: TypedColumns) -> Any:
    """Return the schema of the table's columns."""
    return pa.schema([pa.field(column.name, arrow_type(pa, column.type)) for column in table.columns])


def record_batches(pa: Any, table: TypedColumns, schema: Any) -> Iterator[tuple[int, Any]]:
    """Yield, once, the table's batches with the number of their partition."""
    for number, rows, columns in table.batches():
        if not columns:
            # Rows without columns: Arrow counts them in an array only.
            yield number, pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
            continue
        for batch in _within_capacity(pa, table.columns, columns, rows, schema):
            yield number, batch


def _within_capacity(
    pa: Any, columns: Sequence[Column], values: Sequence[Values], rows: int, schema: Any
) -> Iterator[Any]:
    """Yield the rows as one batch, or as several where an array would hold more than 2 GiB of text or bytes."""
    try:
        arrays = [_array(pa, column, packed, rows) for column, packed in zip(columns, values, strict=True)]
    except _Full as full:
        if rows == 1:
            raise ColumnTypeError(
                f"{full.column.operation}: the field {full.column.name!r} has a value of more than 2 GiB, which is "
                "what Arrow takes at the most; hint: leave it out with columns=[...]"
            ) from full.__cause__
        half = rows // 2
        lists = list(map(listed, values))
        yield from _within_capacity(pa, columns, [each[:half] for each in lists], half, schema)
        yield from _within_capacity(pa, columns, [each[half:] for each in lists], rows - half, schema)
        return
    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Full(Exception):
    """The values of a column are more than an array can hold."""

    def __init__(self, column: Column) -> None:
        super().__init__(column.name)
        self.column = column


def _array(pa: Any, column: Column, packed: Values, rows: int) -> Any:
    if isinstance(packed, list):
        if column.type == "datetime with a time zone":
            packed = list(map(_whole_offset, packed))
        try:
            made = pa.array(packed, arrow_type(pa, column.type))
        except pa.ArrowCapacityError as error:  # within lists and dicts
            raise _Full(column) from error
        except (TypeError, pa.ArrowException) as error:  # such as numpy's dates inside of lists
            raise ColumnTypeError(
                f"{column.operation}: the field {column.name!r} can't be {column.type} of Arrow's: {error}"
            ) from error
        if isinstance(made, pa.ChunkedArray):
            raise _Full(column)
        return made
    valid = None if packed.present is None else _bitmap(pa, packed.present, rows)
    kind = arrow_type(pa, column.type)
    if packed.kind == "str":
        offsets, data = packed.values
        return pa.Array.from_buffers(kind, rows, [valid, pa.py_buffer(offsets), pa.py_buffer(data)])
    values = _bitmap(pa, packed.values, rows) if packed.kind == "bool" else pa.py_buffer(packed.values)
    return pa.Array.from_buffers(kind, rows, [valid, values])


def _whole_offset(time: Any) -> Any:
    """Return the time, in UTC if its offset has microseconds, which Arrow would leave out."""
    return time if time is None or not time.utcoffset().microseconds else time.astimezone(UTC)


def _bitmap(pa: Any, flags: bytes, rows: int) -> Any:
    """Return one bit for each byte."""
    ones = pa.Array.from_buffers(pa.uint8(), rows, [None, pa.py_buffer(flags)])
    return ones.cast(pa.bool_()).buffers()[1]


def arrow_table(pa: Any, table: TypedColumns) -> Any:
    """Return the pyarrow.Table of the table."""
    schema = arrow_schema(pa, table)
    return pa.Table.from_batches([batch for _, batch in record_batches(pa, table, schema)], schema)
