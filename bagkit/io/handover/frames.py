"""Columns as data frames: of pandas, which needs no Arrow, and of polars."""

from __future__ import annotations

from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.io.handover.arrow import arrow_table
from bagkit.io.handover.casts import check_dtypes
from bagkit.io.handover.columns import PackedValues, Values, listed
from bagkit.io.handover.converted import Column, times_in_utc
from bagkit.io.handover.gathered import TypedColumns
from bagkit.lazily import import_extra


def import_pandas() -> Any:
    """Return the module pandas; raises MissingExtraError where there is none."""
    return import_extra("pandas", "pandas", "for to_dataframe")


def import_polars() -> Any:
    """Return the module polars; raises MissingExtraError where there is none."""
    return import_extra("polars", "polars", "for to_polars")


def polars_frame(table: TypedColumns) -> Any:
    """Return the polars.DataFrame of the table."""
    pa = import_extra("pyarrow", "polars", "for to_polars")
    found = arrow_table(pa, table)
    # Of an empty name polars makes "column_0", so it gets to see other names first.
    frame = import_polars().from_arrow(found.rename_columns(list(map(str, range(found.num_columns)))))
    frame.columns = found.column_names
    return frame


def pandas_frame(table: TypedColumns) -> Any:
    """Return the pandas.DataFrame of the table."""
    pd = import_pandas()
    parts: list[list[Values]] = [[] for _ in table.columns]
    for _, _, columns in table.batches():
        for part, packed in zip(parts, columns, strict=True):
            part.append(packed)
    data = {}
    for column, part in zip(table.columns, parts, strict=True):
        data[column.name] = _series(pd, column, part)
        part.clear()
    return pd.DataFrame(data, index=pd.RangeIndex(table.rows), columns=[column.name for column in table.columns])


def _series(pd: Any, column: Column, parts: list[Values]) -> Any:
    dtype = _NUMBERS.get(str(column.type))
    packed = [part for part in parts if isinstance(part, PackedValues)]
    if dtype is not None and len(packed) == len(parts):
        return _numbers(pd, dtype, packed)
    values = [value for part in parts for value in listed(part)]
    if dtype is not None:
        missing = any(value is None for value in values)
        return pd.Series(values, dtype=_NULLABLE.get(dtype, dtype) if missing else dtype)
    if column.type in ("null", "bytes", "date", "list or dict"):
        return pd.Series(values, dtype=object)
    if column.type == "str":
        # As pandas infers text: of pandas' own type since its version 3, objects before.
        return pd.Series(values, dtype="str" if pd.__version__ >= "3" else object)
    return _times(pd, values, zoned=column.type != "datetime")


def _times(pd: Any, values: list[Any], zoned: bool) -> Any:
    """Return the times in microseconds, as Python has them: nanoseconds end in the year 2262."""
    import numpy as np

    if not zoned:
        return pd.Series(np.array(values, "datetime64[us]"))
    return pd.Series(times_in_utc(np, values)).dt.tz_localize("UTC")


_NUMBERS = {"int": "int64", "int beyond 2**53": "int64", "float": "float64", "bool": "bool"}
_NULLABLE = {"int64": "Int64", "bool": "boolean"}
"""Where values are missing; in a column of float64 they are NaN."""


def _numbers(pd: Any, dtype: str, parts: list[PackedValues]) -> Any:
    import numpy as np

    arrays = [np.frombuffer(packed.values, dtype) for packed in parts]
    values = np.concatenate(arrays) if arrays else np.empty(0, dtype)
    if dtype == "float64" or all(packed.present is None for packed in parts):
        return pd.Series(values)
    missing = np.concatenate(
        [
            np.zeros(len(array), bool) if packed.present is None else ~np.frombuffer(packed.present, bool)
            for packed, array in zip(parts, arrays, strict=True)
        ]
    )
    kind = pd.arrays.IntegerArray if dtype == "int64" else pd.arrays.BooleanArray
    return pd.Series(kind(values, missing))


def meta_dtypes(meta: Any, columns: Any) -> dict[str, Any] | None:
    """Return the dtypes of dask's `meta`: a frame, a dict, or pairs of name and dtype; None where there is none.

    Raises PlanError for both `meta` and `columns`, and for a meta of another kind.
    """
    if meta is None:
        return None
    if columns is not None:
        raise PlanError("to_dataframe: both meta and columns are given; expected one of them")
    try:
        dtypes = dict(meta.dtypes.items() if hasattr(meta, "dtypes") else meta)
    except (AttributeError, TypeError, ValueError):  # a Series has one dtype
        raise PlanError(
            f"to_dataframe: meta is {one_line(meta)}; expected a frame, a dict, or pairs of name and dtype"
        ) from None
    check_dtypes(import_pandas(), dtypes)
    return dtypes
