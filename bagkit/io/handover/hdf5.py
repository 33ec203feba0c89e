"""Columns as datasets of an HDF5 file, or as rows of a table that pandas and PyTables read; in one group or several."""

from __future__ import annotations

import io
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from bagkit.contexts import context
from bagkit.errors import OutputBusyError, PlanError, one_line
from bagkit.io.handover.column_types import encodes
from bagkit.io.handover.columns import listed
from bagkit.io.handover.converted import Column
from bagkit.io.handover.gathered import TypedColumns
from bagkit.io.handover.hdf5_datasets import Datasets, Strings
from bagkit.io.handover.hdf5_looks import Look, Rows, looks_by_group, rows_by_group, written_columns
from bagkit.io.handover.hdf5_tables import (
    ABOUT,
    TableHome,
    check_fits,
    check_parts,
    layout_for,
    mark_group,
    read_layout,
)
from bagkit.io.input.paths import named
from bagkit.io.output.stores import failing_as
from bagkit.lazily import import_extra
from bagkit.light_classes import dataclass
from bagkit.signatures import whole_number

Format = Literal["columns", "table"]

WAITING: Final = 1 << 16
"""How many rows of several groups wait until they are written, each group's together."""


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
        return whole_number(self.strings)


def import_h5py() -> Any:
    """Return the module h5py; raises MissingExtraError where there is none."""
    return import_extra("h5py", "hdf5", "for to_hdf5")


def _can_be_a_group(name: str) -> bool:
    return encodes(name) and "\0" not in name and ".." not in name.split("/")


def check_target(target: Target, columns: Any) -> None:
    """Raise PlanError for arguments of to_hdf5 that make no sense."""
    group, strings, compression, by = target.group, target.strings, target.compression, target.by
    if target.format not in ("columns", "table"):
        raise PlanError(f"to_hdf5: format is {target.format!r}; expected 'columns' or 'table'")
    if not isinstance(group, str) or not group or not _can_be_a_group(group):
        raise PlanError(f"to_hdf5: group is {one_line(group)}; expected a name such as '/' or '/logs/2026'")
    known: tuple[Any, ...] = (None, "variable"), (None, "gzip", "lzf")
    expected = "'variable', or how many bytes of UTF-8 each may have", "'gzip', 'lzf' or None"
    if target.format == "table":
        check_parts(group)
        known = (None,), (None, "gzip")
        fixed = "how many bytes of UTF-8 each may have in a table, or None for as many as the longest needs"
        expected = fixed, "'gzip' or None for a table"
    if strings not in known[0] and (whole_number(strings) or 0) < 1:
        raise PlanError(f"to_hdf5: strings is {strings!r}; expected {expected[0]}")
    if compression not in known[1]:
        raise PlanError(f"to_hdf5: compression is {compression!r}; expected {expected[1]}")
    if by is not None and (not isinstance(by, str) or (columns is not None and by not in columns)):
        raise PlanError(f"to_hdf5: by is {one_line(by)}; expected the name of a field, one of columns")


def write_hdf5(table: TypedColumns, path: str, target: Target) -> None:
    """Write the table, batch by batch: to a new file, or where rows are added to the copy at `path`."""
    h5py = import_h5py()
    columns = written_columns(table, target.by)
    looks = {target.group: Look(table.rows)}
    if target.format == "table" or target.by is not None:
        looks = looks_by_group(table, target.by, target.group)
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
        home = homes[name] = Datasets(h5py, node, columns, target.width or "variable", target.compression)
        if len(node.attrs.get("columns", ())) or node.attrs.get("rows"):
            home.extend(look.rows)
        else:  # there is nothing, or what a run without records has left
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
            rows = {column: [value for each, _ in found for value in listed(each[column])] for column in rows}
        homes[name].write(rows, number)
    waiting.clear()


# Files ----------------------------------------------------------------------------------------------------------------


def check_appendable(place: str, target: Target) -> None:
    """Raise PlanError for a file that is there and that no rows can be added to, as far as that is known."""
    h5py = import_h5py()
    if not os.path.exists(place):
        return
    if not h5py.is_hdf5(place):
        raise PlanError(f"to_hdf5: {named(place)} is no HDF5 file; hint: exist='overwrite' replaces it")
    if target.by is None:
        with opened_to_read(place) as file:
            node = file.get(target.group)
            if isinstance(node, h5py.Group):
                _check_format(node, target.format)
                if target.format == "table" and "table" in node:
                    read_layout(node)


@context
def opened_to_read(place: str) -> Iterator[Any]:
    """Give the file at `place`, which no one can write to meanwhile; raises OutputError where someone does."""
    with failing_as(place):  # also for HDF5's lock
        file = import_h5py().File(place, "r")
    with file:
        if file.mode != "r":  # this process shares it
            raise OutputBusyError(f"{named(place)} is open for writing in this process; hint: close it first")
        yield file


def copy_to_append(place: str, temporary: str) -> None:
    """Copy a file that is there, so that rows can be added to the copy."""
    if os.path.exists(place):
        with opened_to_read(place):
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
