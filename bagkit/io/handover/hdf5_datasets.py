"""Columns as datasets of an HDF5 group: one for each column, and one more where values of it are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from bagkit.errors import ColumnTypeError, PlanError
from bagkit.io.handover.columns import BATCH, PackedValues, Values, listed
from bagkit.io.handover.converted import Column, dates_as_text
from bagkit.io.handover.hdf5_looks import Rows
from bagkit.io.handover.hdf5_tables import check_names

Strings = Literal["variable"] | int

MISSING: Final = "__missing"
"""Added to a column's name, this names the dataset that says which of its values are missing."""

_NUMBERS: Final = {"bool": "?", "int": "<i8", "int beyond 2**53": "<i8", "float": "<f8", "null": "<f8"}


class Datasets:
    """A group with a dataset for each column."""

    def __init__(
        self, h5py: Any, node: Any, columns: Sequence[Column], strings: Strings, compression: str | None
    ) -> None:
        _check_names(columns)
        self._h5py = h5py
        self._node = node
        self._columns = list(columns)
        self._strings = strings
        self._compression = compression
        self._start = 0

    def make(self, rows: int) -> None:
        """Make the datasets."""
        for column in self._columns:
            if column.name in self._node:
                raise PlanError(
                    f"to_hdf5: the group {self._node.name!r} has a {column.name!r} already, which to_hdf5 did not "
                    "write as a column; hint: write to another group"
                )
        self._describe(rows)
        for column in self._columns:
            _create(self._node, column.name, rows, _dtype(self._h5py, column, self._strings), self._compression)

    def extend(self, rows: int) -> None:
        """Make the datasets longer, if these columns can be added to them."""
        node = self._node
        names = list(node.attrs["columns"])
        self._start = int(node.attrs["rows"])
        if any(name not in node or node[name].shape != (self._start,) for name in names):
            raise PlanError(
                f"to_hdf5: another program has changed the columns of {node.name!r}; hint: write to another group"
            )
        if not rows:
            return
        check_names(node.name, [column.name for column in self._columns], names)
        self._columns = [self._fitted(column) for column in self._columns]
        for name in names:
            for each in (name, name + MISSING):
                if each in node:
                    node[each].resize(self._start + rows, 0)
        self._describe(self._start + rows, names)

    def write(self, columns: Rows, rows: int) -> None:
        """Write the next rows."""
        for column in self._columns:
            values = columns[column.name]
            if isinstance(values, PackedValues) and values.kind != column.type and column.type == "float":
                values = values.to_list()
            _append(self._node, column, values, self._start, self._start + rows)
        self._start += rows

    def _describe(self, rows: int, names: Sequence[str] | None = None) -> None:
        names = [column.name for column in self._columns] if names is None else names
        self._node.attrs["rows"] = rows
        self._node.attrs.create("columns", names, dtype=self._h5py.string_dtype())

    def _fitted(self, column: Column) -> Column:
        """Return the column of the type that its dataset has; raises ColumnTypeError where its values have another."""
        import numpy as np

        there = _stored(self._h5py, self._node[column.name].dtype)
        mine = _stored(self._h5py, np.dtype(_dtype(self._h5py, column, self._strings)))
        if column.type == "null" and there in _TYPES:
            return replace(column, type=_TYPES[there])
        if column.type == "null" and there.startswith("text"):
            return replace(column, type="str")
        if there == "float64" and column.type == "int":
            return replace(column, type="float")
        if there != mine:
            raise ColumnTypeError(
                f"to_hdf5: the field {column.name!r} is {mine}, and {there} in the group {self._node.name!r}"
            )
        return column


_TYPES: Final = {"int64": "int", "float64": "float", "bool": "bool", "arrays of bytes": "bytes"}


def _stored(h5py: Any, dtype: Any) -> str:
    """Return in words what a dataset holds."""
    text = h5py.check_string_dtype(dtype)
    if text is not None:
        return "text of any length" if text.length is None else f"text of {text.length} bytes (strings={text.length})"
    return "arrays of bytes" if h5py.check_vlen_dtype(dtype) is not None else str(dtype)


def _create(home: Any, name: str, rows: int, dtype: Any, compression: str | None) -> Any:
    chunk = max(1, min(rows, BATCH))
    return home.create_dataset(name, (rows,), dtype, maxshape=(None,), chunks=(chunk,), compression=compression)


def _dtype(h5py: Any, column: Column, strings: Strings) -> Any:
    if column.type in _NUMBERS:
        return _NUMBERS[str(column.type)]
    if column.type == "bytes":
        return h5py.vlen_dtype("u1")
    return h5py.string_dtype("utf-8", None if strings == "variable" else strings)


def _append(home: Any, column: Column, values: Values, start: int, stop: int) -> None:
    import numpy as np

    missing = _missing(np, values)
    if missing is not None and missing.any():
        name = column.name + MISSING
        mask = home[name] if name in home else _create(home, name, len(home[column.name]), "?", None)
        mask[start:stop] = missing
    home[column.name][start:stop] = _array(np, column, values)


def _missing(np: Any, values: Values) -> Any:
    if isinstance(values, list):
        return np.fromiter((value is None for value in values), bool, len(values))
    return None if values.present is None else ~np.frombuffer(values.present, bool)


def _array(np: Any, column: Column, values: Values) -> Any:
    if isinstance(values, PackedValues) and column.type in _NUMBERS:
        return np.frombuffer(values.values, _NUMBERS[str(column.type)])
    found = listed(values)
    if column.type in _NUMBERS:
        empty = float("nan") if column.type in ("float", "null") else 0
        return np.array([empty if value is None else value for value in found], _NUMBERS[str(column.type)])
    if column.type == "bytes":
        return _byte_arrays(np, [value or b"" for value in found])
    array = np.empty(len(found), object)
    array[:] = ["" if value is None else value for value in dates_as_text(column, found)]
    return array


def _byte_arrays(np: Any, values: list[bytes]) -> Any:
    """Return what h5py takes for arrays of any length: where all have one length, that is a table of bytes."""
    lengths = set(map(len, values))
    if len(lengths) == 1:
        return np.frombuffer(b"".join(values), "u1").reshape(len(values), lengths.pop())
    array = np.empty(len(values), object)
    for at, value in enumerate(values):
        array[at] = np.frombuffer(value, "u1")
    return array


def _check_names(columns: Sequence[Column]) -> None:
    names = {column.name for column in columns}
    for name in names:
        if not name or "/" in name or "\0" in name or name == "." or not name.isprintable():
            raise ColumnTypeError(f"to_hdf5: the field {name!r} can't be the name of a dataset")
        if name + MISSING in names:
            raise ColumnTypeError(
                f"to_hdf5: the field {name + MISSING!r} has the name of the dataset for what is missing of {name!r}"
            )
