"""Columns as datasets of an HDF5 file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from bagkit.errors import ColumnTypeError, PlanError, missing_extra, one_line
from bagkit.io.columns import BATCH, Packed, Table
from bagkit.io.converted import Column, dates_as_text
from bagkit.kernels.contexts import context

Strings = Literal["variable"] | int

MISSING: Final = "__missing"
"""What is added to a column's name for the dataset that says which of its values are missing."""

_NUMBERS: Final = {"bool": "?", "int": "<i8", "int beyond 2**53": "<i8", "float": "<f8", "null": "<f8"}


def import_h5py() -> Any:
    """Return the module h5py; raises MissingExtraError where there is none."""
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "hdf5", "for to_hdf5") from error
    return h5py


def check_layout(group: Any, strings: Any, compression: Any) -> None:
    """Raise PlanError for arguments of to_hdf5 that make no sense."""
    if not isinstance(group, str) or not group or "\0" in group or ".." in group.split("/"):
        raise PlanError(f"to_hdf5: group is {one_line(group)}; expected a name such as '/' or '/logs/2026'")
    if strings != "variable" and (type(strings) is not int or strings < 1):
        raise PlanError(
            f"to_hdf5: strings is {strings!r}; expected 'variable', or how many bytes of UTF-8 each may have"
        )
    if compression not in (None, "gzip", "lzf"):
        raise PlanError(f"to_hdf5: compression is {compression!r}; expected 'gzip', 'lzf' or None")


def write_hdf5(table: Table, path: str, group: str, strings: Strings, compression: str | None) -> None:
    """Write the table: a dataset for each column, appended batch by batch."""
    h5py = import_h5py()
    _check_names(table.columns)
    with _disk(path) as disk, h5py.File(disk, "w", libver=("v108", "latest")) as file:  # for attributes of any size
        home = file.require_group(group)
        home.attrs["rows"] = table.rows
        home.attrs.create("columns", [column.name for column in table.columns], dtype=h5py.string_dtype())
        for column in table.columns:
            _create(home, column.name, table.rows, _dtype(h5py, column, strings), compression)
        start = 0
        for _, rows, columns in table.batches():
            for column, values in zip(table.columns, columns, strict=True):
                _append(home, column, values, start, start + rows)
            start += rows
            disk.check()


class _Disk(io.FileIO):
    """A file whose disk seems to have room for all that HDF5 writes; the first error there was is raised in the end.

    Where the disk is full while HDF5 closes its datasets, it can end the whole process (seen with HDF5 2.0).
    """

    failure: OSError | None = None

    def check(self) -> None:
        """Raise the first error there was."""
        if self.failure is not None:
            raise self.failure

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
        return size or 0


@context
def _disk(path: str) -> Iterator[_Disk]:
    """Give the file at `path`; raises the first error of its disk, also where HDF5 makes another of that."""
    with _Disk(path, "w+") as disk:
        try:
            yield disk
        finally:
            disk.check()


def _create(home: Any, name: str, rows: int, dtype: Any, compression: str | None) -> Any:
    chunk = max(1, min(rows, BATCH))
    return home.create_dataset(name, (rows,), dtype, maxshape=(None,), chunks=(chunk,), compression=compression)


def _dtype(h5py: Any, column: Column, strings: Strings) -> Any:
    if column.type in _NUMBERS:
        return _NUMBERS[str(column.type)]
    if column.type == "bytes":
        return h5py.vlen_dtype("u1")
    return h5py.string_dtype("utf-8", None if strings == "variable" else strings)


def _append(home: Any, column: Column, values: Packed | list[Any], start: int, stop: int) -> None:
    import numpy as np

    missing = _missing(np, values)
    if missing is not None and missing.any():
        name = column.name + MISSING
        mask = home[name] if name in home else _create(home, name, len(home[column.name]), "?", None)
        mask[start:stop] = missing
    home[column.name][start:stop] = _array(np, column, values)


def _missing(np: Any, values: Packed | list[Any]) -> Any:
    if isinstance(values, list):
        return np.fromiter((value is None for value in values), bool, len(values))
    return None if values.present is None else ~np.frombuffer(values.present, bool)


def _array(np: Any, column: Column, values: Packed | list[Any]) -> Any:
    if isinstance(values, Packed) and column.type in _NUMBERS:
        return np.frombuffer(values.values, _NUMBERS[str(column.type)])
    found = values.to_list() if isinstance(values, Packed) else values
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
