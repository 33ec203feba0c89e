"""Tables of an HDF5 file as pandas.read_hdf and PyTables read them: a dataset of rows, and attributes about it.

This is the layout that `DataFrame.to_hdf(format="table", data_columns=True)` writes. Its types are fixed, and ints and
bools know no missing values, so how such a column is stored depends on whether there are some.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any, Final

from bagkit.errors import ColumnTypeError, PlanError, one_line
from bagkit.io.handover.columns import BATCH, PackedValues, Values, listed
from bagkit.io.handover.converted import Column, times_in_utc
from bagkit.io.handover.hdf5_looks import Look
from bagkit.light_classes import dataclass

INTS: Final = ("int", "int beyond 2**53")
TIMES: Final = ("datetime", "datetime with a time zone", "date")

ABOUT: Final = "bagkit"
"""The attribute of a group that says what `to_hdf5` wrote there. Rows are appended only to such a table."""

_RESERVED: Final = ("_c_", "_f_", "_g_", "_i_", "_p_", "_v_")
"""With these begin names that PyTables keeps for itself."""

_TAKEN: Final = ("index", "", ".", "__members__")

_CHUNK: Final = 1 << 18
"""About how many bytes are read and written together."""


@dataclass(frozen=True, slots=True)
class RowMember:
    """How one column is stored."""

    name: str
    label: str
    """Its name in the file: another one where PyTables can't have that."""
    type: str
    """The type of its values."""
    dtype: str
    """numpy's name of what they are stored as: `<i8`, `<f8`, `u1` for bools, `S12` for texts."""

    @property
    def width(self) -> int:
        """How many bytes of UTF-8 a text may have."""
        return int(self.dtype[1:])

    @property
    def is_block(self) -> bool:
        """Whether it has a name that only pandas knows of."""
        return self.label != self.name

    @property
    def field(self) -> tuple[Any, ...]:
        """What numpy calls it in the type of a row."""
        return (self.label, self.dtype, (1,)) if self.is_block else (self.label, self.dtype)

    @property
    def pandas_type(self) -> str:
        """What pandas makes of it."""
        if self.type in TIMES:
            return "datetime64[ns]"
        if self.dtype[0] == "S":
            return f"bytes{8 * self.width}"
        return {"<i8": "int64", "<f8": "float64", "u1": "bool"}[self.dtype]


@dataclass(frozen=True, slots=True)
class RowLayout:
    """How the rows of a group are stored."""

    members: tuple[RowMember, ...]
    missing: str
    """The text that stands for a missing one."""

    def described(self, rows: int) -> str:
        """Return it as JSON, with the number of rows."""
        members = [asdict(member) for member in self.members]
        return json.dumps({"rows": rows, "missing": self.missing, "members": members})


def check_parts(group: str) -> None:
    """Raise PlanError for a group that PyTables can't have."""
    for part in group.split("/"):
        if part.startswith(_RESERVED):
            raise PlanError(f"to_hdf5: group is {one_line(group)}; PyTables keeps names like {part!r} for itself")


def layout_for(columns: Sequence[Column], look: Look, strings: int | None) -> RowLayout:
    """Return how columns are stored in which `look` saw these values."""
    if not columns:
        raise ColumnTypeError("to_hdf5: the records have no fields, and a table needs one; hint: columns=[...]")
    missing = look.free_text()
    labels = _labels([column.name for column in columns])
    members = []
    for column, label in zip(columns, labels, strict=True):
        kind = str(column.type)
        some = column.name in look.missing
        if kind == "bytes":
            raise ColumnTypeError(
                f"to_hdf5: the field {column.name!r} is bytes, which a table of pandas has no column for; "
                "hint: format='columns', or text"
            )
        if kind == "int beyond 2**53" and some:
            raise ColumnTypeError(
                f"to_hdf5: the field {column.name!r} has missing values, for which a table has float64 with NaN, and "
                "ints beyond 2**53, which are no floats; hint: format='columns', or text"
            )
        members.append(RowMember(column.name, label, kind, _dtype(column.name, kind, look, strings, missing)))
    return RowLayout(tuple(members), missing)


def _labels(names: Sequence[str]) -> Iterator[str]:
    number = 0
    for name in names:
        if name not in _TAKEN and "/" not in name and name.isprintable() and not name.startswith(_RESERVED):
            yield name
            continue
        while f"values_block_{number}" in names:
            number += 1
        yield f"values_block_{number}"
        number += 1


def _dtype(name: str, kind: str, look: Look, strings: int | None, missing: str) -> str:
    if kind in TIMES:
        return "<i8"
    if kind in INTS or kind == "bool":
        return "<f8" if name in look.missing else "u1" if kind == "bool" else "<i8"
    if kind in ("float", "null"):
        return "<f8"
    longest = look.widths.get(name, 0)
    if strings is None:
        return f"S{max(longest, len(missing))}"
    if name in look.missing and strings < len(missing):
        raise ColumnTypeError(
            f"to_hdf5: the field {name!r} has missing values, which {missing!r} stands for; strings is {strings}; "
            f"expected {len(missing)} or more"
        )
    return f"S{strings}"


# What is there already ------------------------------------------------------------------------------------------------


def read_layout(home: Any) -> RowLayout:
    """Return how the rows of a group are stored; raises PlanError unless to_hdf5 wrote them, and all of them."""
    try:
        found = json.loads(home.attrs[ABOUT])
        rows = home["table"].shape[0]
    except (KeyError, ValueError):
        raise PlanError(
            f"to_hdf5: the group {home.name!r} is no table that to_hdf5 wrote; hint: write to another group"
        ) from None
    if rows != found["rows"] or "_i_table" in home:
        raise PlanError(
            f"to_hdf5: another program has changed the table {home.name!r} (it has {rows} rows and "
            f"to_hdf5 wrote {found['rows']}, or it has an index); hint: write to another group"
        )
    return RowLayout(tuple(RowMember(**member) for member in found["members"]), found["missing"])


def check_fits(layout: RowLayout, columns: Sequence[Column], look: Look, home: str) -> None:
    """Raise ColumnTypeError where the values that `look` saw can't be added to a table."""
    kinds = {column.name: str(column.type) for column in columns}
    check_names(home, list(kinds), [member.name for member in layout.members])
    for member in layout.members:
        wrong = _misfit(member, kinds[member.name], look, layout.missing)
        if wrong:
            raise ColumnTypeError(f"to_hdf5: the field {member.name!r} {wrong} in the group {home!r}")


def check_names(home: str, names: Sequence[str], old: Sequence[str]) -> None:
    """Raise ColumnTypeError unless the new columns are the same as the old ones, in any order."""
    more, less = [name for name in names if name not in old], [name for name in old if name not in names]
    if more or less:
        raise ColumnTypeError(
            f"to_hdf5: the group {home!r} has other columns: the records have {_listed(more)} more, and lack "
            f"{_listed(less)}; hint: columns=[...] chooses fields, and makes those that no record has"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (" and others" if len(names) > 5 else "") if names else "none"


def _misfit(member: RowMember, kind: str, look: Look, missing: str) -> str:
    """Return what is wrong with adding values of a type to a column; nothing if they fit."""
    some = member.name in look.missing
    stored = f"{member.type} ({member.pandas_type})"
    if member.dtype in ("<i8", "u1") and member.type not in TIMES and some:
        return f"has missing values, and is {stored}, which knows none,"
    if kind == "null":
        return ""
    if member.dtype == "<f8" and member.type != "bool":
        return "" if kind in ("int", "float") else f"is {kind}, and {stored}"
    if kind != member.type and not (kind in INTS and member.type in INTS):
        return f"is {kind}, and {stored}"
    if member.dtype[0] != "S":
        return ""
    if look.widths.get(member.name, 0) > member.width:
        longest = look.widths[member.name]
        return f"has text of {longest} bytes in UTF-8, and has room for {member.width} (strings= when it was made)"
    if some and len(missing) > member.width:
        return f"has missing values, and has no room for {missing!r}, which stands for them,"
    if missing in look.texts:
        return f"has the text {missing!r}, which stands for those that are missing,"
    return ""


# Writing --------------------------------------------------------------------------------------------------------------


class TableHome:
    """A group with a table that rows are added to."""

    def __init__(self, h5py: Any, home: Any, layout: RowLayout) -> None:
        self._h5py = h5py
        self._home = home
        self._layout = layout
        self._start = 0
        self._table: Any = None

    def make(self, rows: int, compression: str | None) -> None:
        """Make the table, for about `rows` rows."""
        h5d, h5p, h5s = self._h5py.h5d, self._h5py.h5p, self._h5py.h5s
        dtype = self._row_type()
        settings = h5p.create(h5p.DATASET_CREATE)
        settings.set_chunk((max(16, min(rows, BATCH, _CHUNK // dtype.itemsize)),))
        if compression is not None:
            settings.set_shuffle()
            settings.set_deflate(4)
        space = h5s.create_simple((0,), (h5s.UNLIMITED,))
        try:
            h5d.create(self._home.id, b"table", self._file_type(dtype), space, settings)
        except ValueError as error:
            if "too large" not in str(error):
                raise
            raise ColumnTypeError(
                f"to_hdf5: the records have {len(self._layout.members):,} fields; expected as many as a table of HDF5 "
                "can describe in 64 KiB, with their names and types; hint: columns=[...], or format='columns'"
            ) from None
        self._explain()

    def copied(self, file: Any, name: str) -> TableHome:
        """Return a new group like this one, which has no rows yet."""
        self._h5py.h5o.copy(self._home.id, b".", file.id, name.encode())
        return TableHome(self._h5py, file[name], self._layout)

    def extend(self, rows: int) -> None:
        """Make room for further rows."""
        table = self._home["table"]
        self._table = table.id
        (self._start,) = table.shape
        self._table.set_extent((self._start + rows,))
        _Attributes(self._h5py, table).numbers("<i8", NROWS=self._start + rows)
        _Attributes(self._h5py, self._home).texts(**{ABOUT: self._layout.described(self._start + rows)})

    def write(self, columns: Mapping[str, Values], rows: int) -> None:
        """Write the next rows."""
        import numpy as np

        found = np.zeros(rows, self._row_type())
        found["index"] = np.arange(self._start, self._start + rows)
        for member in self._layout.members:
            values = _array(np, member, columns[member.name], self._layout.missing)
            found[member.label] = values.reshape(rows, 1) if member.is_block else values
        space = self._table.get_space()
        space.select_hyperslab((self._start,), (rows,))
        # With the file's own type: bools are bitfields there, which HDF5 makes of no other type.
        self._table.write(self._h5py.h5s.create_simple((rows,)), space, found, self._table.get_type())
        self._start += rows

    def _row_type(self) -> Any:
        import numpy as np

        return np.dtype([("index", "<i8"), *(member.field for member in self._layout.members)])

    def _file_type(self, dtype: Any) -> Any:
        h5t = self._h5py.h5t
        made = h5t.create(h5t.COMPOUND, dtype.itemsize)
        made.insert(b"index", 0, h5t.STD_I64LE)
        for member in self._layout.members:
            if member.dtype[0] == "S":
                kind = h5t.C_S1.copy()
                kind.set_size(member.width)
            else:
                kind = {"<i8": h5t.STD_I64LE, "<f8": h5t.IEEE_F64LE, "u1": h5t.STD_B8LE}[member.dtype]
            kind = h5t.array_create(kind, (1,)) if member.is_block else kind
            made.insert(member.label.encode(), dtype.fields[member.label][1], kind)
        return made

    def _explain(self) -> None:
        """Write the attributes that PyTables and pandas look for."""
        table, group = _Attributes(self._h5py, self._home["table"]), _Attributes(self._h5py, self._home)
        members = self._layout.members
        labels = [member.label for member in members]
        table.texts(CLASS="TABLE", TITLE="", VERSION="2.7", FIELD_0_NAME="index", index_kind="integer")
        table.numbers("<i8", FIELD_0_FILL=0)
        for number, member in enumerate(members, 1):
            table.texts(**{f"FIELD_{number}_NAME": member.label, f"{member.label}_dtype": member.pandas_type})
            if member.dtype[0] == "S":
                table.blank(f"FIELD_{number}_FILL")
                table.texts(**{f"{member.label}_nan_rep": self._layout.missing})
            else:
                table.numbers(member.dtype, **{f"FIELD_{number}_FILL": 0})
            table.pickled(**{f"{member.label}_kind": [member.name], f"{member.label}_meta": None})
        zones = {member.label: {"tz": UTC} for member in members if member.type == TIMES[1]}
        group.texts(
            pandas_type="frame_table",
            pandas_version="0.15.2",  # what pandas before 3 writes, and reads
            table_type="appendable_frame",
            encoding="UTF-8",
            errors="strict",
            nan_rep=self._layout.missing,
        )
        group.pickled(
            index_cols=[(0, "index")],
            values_cols=labels,
            non_index_axes=[(1, [member.name for member in members])],
            data_columns=[member.name for member in members if not member.is_block],
            info={1: {"names": [None], "type": "Index"}, "index": {}, **{label: {} for label in labels}, **zones},
        )
        group.numbers("<i8", levels=1)
        group.numbers("u1", mi_level_nan_rep=0, data_col_nan_rep=1)


@dataclass(frozen=True, slots=True)
class _Attributes:
    """Writes attributes as PyTables does: text as UTF-8 of fixed length, other objects pickled."""

    h5py: Any
    node: Any

    def texts(self, **texts: str) -> None:
        for name, text in texts.items():
            data = text.encode()
            dtype = self.h5py.string_dtype("utf-8", max(1, len(data)))
            self.node.attrs.create(name, data if data else self.h5py.Empty(dtype), dtype=dtype)

    def pickled(self, **objects: Any) -> None:
        for name, value in objects.items():
            data = pickle.dumps(value, 0)
            self.node.attrs.create(name, data, dtype=self.h5py.string_dtype("ascii", len(data)))

    def numbers(self, dtype: str, **numbers: int) -> None:
        for name, number in numbers.items():
            self.node.attrs.create(name, number, dtype=dtype)

    def blank(self, name: str) -> None:
        """Write a text without letters where PyTables has one of length 1."""
        self.node.attrs.create(name, b"", dtype=self.h5py.string_dtype("ascii", 1))


def mark_group(h5py: Any, node: Any, is_root: bool) -> None:
    """Write the attributes that PyTables gives a group."""
    attributes = _Attributes(h5py, node)
    attributes.texts(CLASS="GROUP", TITLE="", VERSION="1.0")
    if is_root:
        attributes.texts(PYTABLES_FORMAT_VERSION="2.1")


# Values ---------------------------------------------------------------------------------------------------------------


def _array(np: Any, member: RowMember, values: Values, missing: str) -> Any:
    found = listed(values)
    if member.type in TIMES:
        return _nanoseconds(np, member, found)
    if member.dtype[0] == "S":
        absent = missing.encode()
        return np.array([absent if value is None else value.encode() for value in found], member.dtype)
    if (
        isinstance(values, PackedValues)
        and values.kind in _PACKED
        and (values.present is None or values.kind == "float")
    ):
        return np.frombuffer(values.values, _PACKED[values.kind]).astype(member.dtype, copy=False)
    if member.dtype == "<f8":
        nan = float("nan")
        return np.array([nan if value is None else value for value in found], member.dtype)
    return np.array(found, member.dtype)


_PACKED: Final = {"int": "<i8", "float": "<f8", "bool": "u1"}


def _nanoseconds(np: Any, member: RowMember, values: list[Any]) -> Any:
    """Return times as nanoseconds since 1970, of UTC where they have a zone; those missing as pandas' NaT."""
    times = times_in_utc(np, values) if member.type == TIMES[1] else np.array(values, "datetime64[us]")
    beyond = ~np.isnat(times) & (
        (times < np.datetime64("1677-09-22", "us")) | (times > np.datetime64("2262-04-11", "us"))
    )
    if beyond.any():
        raise ColumnTypeError(
            f"to_hdf5: the field {member.name!r} has the time {values[int(beyond.argmax())].isoformat()}; tables of "
            "pandas go from 1677-09-22 to 2262-04-11; hint: format='columns', or text"
        )
    return times.astype("datetime64[ns]").view("<i8")
