"""Columns as datasets of an HDF5 file, or as rows of a table that pandas and PyTables read; in one group or several."""

from __future__ import annotations

import io
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

from bagkit.errors import ColumnTypeError, OutputBusyError, PlanError, missing_extra, one_line
from bagkit.io.handover.columns import BATCH, PackedValues, Values
from bagkit.io.handover.converted import Column, dates_as_text
from bagkit.io.handover.gathered import TypedColumns
from bagkit.io.handover.hdf5_looks import Look, Rows, looks_of, rows_by_group, written_columns
from bagkit.io.handover.hdf5_tables import (
    ABOUT,
    TableHome,
    check_fits,
    check_names,
    check_parts,
    layout_for,
    mark_group,
    read_layout,
)
from bagkit.io.input.paths import named
from bagkit.io.output.stores import failed
from bagkit.kernels.contexts import context

Format = Literal["columns", "table"]
Strings = Literal["variable"] | int

MISSING: Final = "__missing"
"""What is added to a column's name for the dataset that says which of its values are missing."""

WAITING: Final = 1 << 16
"""How many rows of several groups wait until they are written, each group's together."""

_NUMBERS: Final = {"bool": "?", "int": "<i8", "int beyond 2**53": "<i8", "float": "<f8", "null": "<f8"}


@dataclass(frozen=True, slots=True)
class Target:
    """What of a file is written, and how."""

    group: str
    format: Format = "columns"
    strings: Strings | None = None
    """"variable", or how many bytes texts may have; None is "variable", and as many as needed in a table."""
    compression: str | None = None
    by: str | None = None
    """The field whose value names the group below `group` that a record goes to."""
    append: bool = False
    """Whether rows are added to those that are there."""

    @property
    def width(self) -> int | None:
        """How many bytes of UTF-8 texts may have; None for any number."""
        return self.strings if isinstance(self.strings, int) else None


def import_h5py() -> Any:
    """Return the module h5py; raises MissingExtraError where there is none."""
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "hdf5", "for to_hdf5") from error
    return h5py


def check_target(target: Target, columns: Any) -> None:
    """Raise PlanError for arguments of to_hdf5 that make no sense."""
    group, strings, compression, by = target.group, target.strings, target.compression, target.by
    if target.format not in ("columns", "table"):
        raise PlanError(f"to_hdf5: format is {target.format!r}; expected 'columns' or 'table'")
    if not isinstance(group, str) or not group or "\0" in group or ".." in group.split("/"):
        raise PlanError(f"to_hdf5: group is {one_line(group)}; expected a name such as '/' or '/logs/2026'")
    number = type(strings) is int and strings >= 1
    if target.format == "table":
        check_parts(group)
        if strings is not None and not number:
            raise PlanError(
                f"to_hdf5: strings is {strings!r}; expected how many bytes of UTF-8 each may have in a table, or None "
                "for as many as the longest needs"
            )
        if compression not in (None, "gzip"):
            raise PlanError(f"to_hdf5: compression is {compression!r}; expected 'gzip' or None for a table")
    if strings not in (None, "variable") and not number:
        raise PlanError(
            f"to_hdf5: strings is {strings!r}; expected 'variable', or how many bytes of UTF-8 each may have"
        )
    if compression not in (None, "gzip", "lzf"):
        raise PlanError(f"to_hdf5: compression is {compression!r}; expected 'gzip', 'lzf' or None")
    if by is not None and (not isinstance(by, str) or (columns is not None and by not in columns)):
        raise PlanError(f"to_hdf5: by is {one_line(by)}; expected the name of a field, one of columns")


def write_hdf5(table: TypedColumns, path: str, target: Target) -> None:
    """Write the table, batch by batch: to a new file, or where rows are added to the copy at `path`."""
    h5py = import_h5py()
    columns = written_columns(table, target.by)
    looks = {target.group: Look(table.rows)}
    if target.format == "table" or target.by is not None:
        looks = looks_of(table, target.by, target.group)
    mode: Literal["r+", "w"] = "r+" if target.append and os.path.exists(path) else "w"
    with _disk(path, mode) as disk, h5py.File(disk, mode, libver=("v108", "latest")) as file:  # attributes of any size
        homes = (_table_homes if target.format == "table" else _column_homes)(h5py, file, columns, looks, target)
        waiting: dict[str, list[tuple[Rows, int]]] = defaultdict(list)
        rows_waiting = 0
        for name, rows, number in rows_by_group(table, target.by, target.group):
            waiting[name].append((rows, number))
            rows_waiting += number
            if len(looks) == 1 or rows_waiting >= WAITING:
                _write_waiting(homes, waiting)
                rows_waiting = 0
            disk.check()
        _write_waiting(homes, waiting)
        disk.check()


class Home(Protocol):
    """A group that rows are written to."""

    def write(self, columns: Rows, rows: int) -> None:
        """Write the next rows."""


def _table_homes(
    h5py: Any, file: Any, columns: Sequence[Column], looks: Mapping[str, Look], target: Target
) -> dict[str, Home]:
    """Return the groups with tables, which have room for the rows."""
    everything = Look()
    for look in looks.values():
        everything.merge(look)
    homes: dict[str, TableHome] = {}
    first: TableHome | None = None
    for name, look in looks.items():
        if first is not None and name not in file:
            homes[name] = first.copied(file, name)  # writing all that is in a new group takes five times as long
            continue
        node = _node(h5py, file, name, target)
        _check_format(node, target.format)
        if "table" in node:
            layout = read_layout(node)
            if look.rows:
                check_fits(layout, columns, look, node.name)
            homes[name] = TableHome(h5py, node, layout)
            continue
        is_empty = not len(node)
        homes[name] = TableHome(h5py, node, layout_for(columns, everything, target.width))
        homes[name].make(everything.rows // len(looks), target.compression)
        if is_empty and target.by is not None:
            first = homes[name]
    for name, home in homes.items():
        home.extend(looks[name].rows)
    return dict(homes)


def _column_homes(
    h5py: Any, file: Any, columns: Sequence[Column], looks: Mapping[str, Look], target: Target
) -> dict[str, Home]:
    """Return the groups with a dataset for each column, which have room for the rows."""
    homes: dict[str, Home] = {}
    for name, look in looks.items():
        node = _node(h5py, file, name, target)
        _check_format(node, target.format)
        home = homes[name] = _Datasets(h5py, node, columns, target)
        if "columns" in node.attrs:
            home.extend(look.rows)
        else:
            home.make(look.rows)
    return homes


def _node(h5py: Any, file: Any, name: str, target: Target) -> Any:
    """Return the group of this name, made if need be."""
    node = file
    made = [file] if "PYTABLES_FORMAT_VERSION" not in file.attrs else []
    for part in filter(None, name.split("/")):
        if part not in node:
            made.append(node.create_group(part))
        node = node[part]
        if not isinstance(node, h5py.Group):
            raise PlanError(f"to_hdf5: {node.name!r} is a dataset of the file; expected a group, or nothing")
    for each in made if target.format == "table" else ():
        mark_group(h5py, each, is_root=each is file)
    return node


def _check_format(node: Any, wanted: Format) -> None:
    """Raise PlanError for a group that has rows in the other format: readers would see one half or the other."""
    there: Format | None = "columns" if "columns" in node.attrs else "table" if ABOUT in node.attrs else None
    if there not in (None, wanted):
        raise PlanError(
            f"to_hdf5: the group {node.name!r} was written with format={there!r}; got format={wanted!r}; "
            f"hint: format={there!r}, or another group"
        )


def _write_waiting(homes: Mapping[str, Home], waiting: dict[str, list[tuple[Rows, int]]]) -> None:
    for name, found in waiting.items():
        rows, number = found[0]
        if len(found) > 1:
            number = sum(each for _, each in found)
            rows = {column: [value for each, _ in found for value in _listed(each[column])] for column in rows}
        homes[name].write(rows, number)
    waiting.clear()


def _listed(values: Values) -> list[Any]:
    return values.to_list() if isinstance(values, PackedValues) else values


# Files ----------------------------------------------------------------------------------------------------------------


def check_appendable(place: str, target: Target) -> None:
    """Raise PlanError for a file that is there and that no rows can be added to, as far as that is known."""
    h5py = import_h5py()
    if not os.path.exists(place):
        return
    if not h5py.is_hdf5(place):
        raise PlanError(f"to_hdf5: {named(place)} is no HDF5 file; hint: exist='overwrite' replaces it")
    if target.by is None:
        with reading(place) as file:
            node = file.get(target.group)
            if isinstance(node, h5py.Group):
                _check_format(node, target.format)
                if target.format == "table" and "table" in node:
                    read_layout(node)


@context
def reading(place: str) -> Iterator[Any]:
    """Give the file at `place`, which no one can write to meanwhile; raises OutputError where someone does."""
    try:
        file = import_h5py().File(place, "r")
    except OSError as error:  # of HDF5's lock too
        raise failed(place, error) from error
    with file:
        if file.mode != "r":  # this process shares it
            raise OutputBusyError(f"{named(place)} is open for writing in this process; hint: close it first")
        yield file


def copy_to_append(place: str, temporary: str) -> None:
    """Copy a file that is there, so that rows can be added to the copy."""
    if os.path.exists(place):
        with reading(place):
            shutil.copy(place, temporary)


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
def _disk(path: str, mode: str) -> Iterator[_Disk]:
    """Give the file at `path`; raises the first error of its disk, also where HDF5 makes another of that."""
    with _Disk(path, "w+" if mode == "w" else mode) as disk:
        try:
            yield disk
        finally:
            disk.check()


# Columns as datasets --------------------------------------------------------------------------------------------------


class _Datasets:
    """A group with a dataset for each column."""

    def __init__(self, h5py: Any, node: Any, columns: Sequence[Column], target: Target) -> None:
        _check_names(columns)
        self._h5py = h5py
        self._node = node
        self._columns = list(columns)
        self._target = target
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
            _create(self._node, column.name, rows, _dtype(self._h5py, column, self._strings), self._target.compression)

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

    @property
    def _strings(self) -> Strings:
        return self._target.strings or "variable"

    def _describe(self, rows: int, names: Sequence[str] | None = None) -> None:
        names = [column.name for column in self._columns] if names is None else names
        self._node.attrs["rows"] = rows
        self._node.attrs.create("columns", names, dtype=self._h5py.string_dtype())

    def _fitted(self, column: Column) -> Column:
        """Return the column of the type that its dataset has; raises ColumnTypeError where its values have another."""
        there = _stored(self._h5py, self._node[column.name].dtype)
        mine = _stored(self._h5py, _numpy_type(self._h5py, column, self._strings))
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


def _numpy_type(h5py: Any, column: Column, strings: Strings) -> Any:
    import numpy as np

    return np.dtype(_dtype(h5py, column, strings))


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
    found = values.to_list() if isinstance(values, PackedValues) else values
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
