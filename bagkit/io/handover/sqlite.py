"""Columns as a table of an SQLite database."""

from __future__ import annotations

import errno
import os
import sqlite3
import string
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from bagkit.contexts import context
from bagkit.errors import ColumnTypeError, OutputBusyError, OutputError, OutputExistsError, PlanError, one_line
from bagkit.io.handover.column_types import encodes
from bagkit.io.handover.columns import Values, listed
from bagkit.io.handover.converted import Column, dates_as_text
from bagkit.io.handover.gathered import TypedColumns
from bagkit.io.input.paths import named
from bagkit.io.input.sqlite import quoted
from bagkit.io.output.stores import failed

_TYPES: Final = {"bool": "BOOLEAN", "int": "INTEGER", "int beyond 2**53": "INTEGER", "float": "REAL", "bytes": "BLOB",
                 "null": ""}  # fmt: skip


def check_table(path: str, name: Any, exist: Any) -> str:
    """Return the table's name; raises PlanError unless a table of this name can be made."""
    if exist not in ("error", "overwrite"):
        raise PlanError(f"to_sqlite: exist is {exist!r}; expected 'error' or 'overwrite'")
    if not isinstance(name, str) or not name or not _can_be_a_name(name) or _folded(name).startswith("sqlite_"):
        raise PlanError(f"to_sqlite: table is {one_line(name)}; expected the name of a table")
    _refuse_no_file(path)
    if exist == "error" and os.path.exists(path):
        with _failing_as(path), closing(sqlite3.connect(path)) as database:
            _refuse_existing(database, name)
    return name


def _refuse_no_file(path: str) -> None:
    """Raise OutputError where SQLite would make a file somewhere else, or wait for one that never answers."""
    if os.path.lexists(path) and not os.path.isfile(path):
        what = "a link to a file that does not exist" if os.path.islink(path) else "no regular file"
        raise OutputError(f"to_sqlite: {named(path)} is {what}; expected a database, or nothing; hint: remove it")


@context
def _failing_as(path: str) -> Iterator[None]:
    """Raise OutputError for what SQLite raises in this block."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise failed(path, OSError(errno.ENOSPC, str(error))) from error
        if code == sqlite3.SQLITE_BUSY:
            raise OutputBusyError(
                f"{named(path)}: another connection writes to this database; hint: wait for its end"
            ) from error
        raise failed(path, error) from error


def _refuse_existing(database: sqlite3.Connection, name: str) -> None:
    found = database.execute("SELECT name FROM sqlite_master WHERE lower(name) = lower(?)", (name,)).fetchone()
    if found:
        raise OutputExistsError(
            f"to_sqlite: the database has a {found[0]!r} already; hint: exist='overwrite' replaces the table"
        )


def write_sqlite(table: TypedColumns, path: str, name: str, exist: str) -> int:
    """Write the table in one transaction, and return how many rows it has; a new file is there whole or not at all."""
    _refuse_no_file(path)
    existed = os.path.exists(path)
    try:
        with _failing_as(path), closing(sqlite3.connect(path, isolation_level=None)) as database:
            _check_names(table.columns, database.getlimit(sqlite3.SQLITE_LIMIT_COLUMN))
            database.execute("BEGIN IMMEDIATE")
            _write(database, table, name, exist)
            database.execute("COMMIT")  # without it, closing rolls back
    except BaseException:
        for left in () if existed else (path, path + "-journal"):
            with suppress(OSError):  # what broke the writing may break this too, and is what is to be told
                Path(left).unlink(missing_ok=True)
        raise
    return table.rows


def _write(database: sqlite3.Connection, table: TypedColumns, name: str, exist: str) -> None:
    if exist == "overwrite":
        database.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
    else:
        _refuse_existing(database, name)
    columns = ", ".join(f"{quoted(column.name)} {_TYPES.get(str(column.type), 'TEXT')}" for column in table.columns)
    database.execute(f"CREATE TABLE {quoted(name)} ({columns})")
    insert = f"INSERT INTO {quoted(name)} VALUES ({', '.join('?' * len(table.columns))})"
    for _, _, values in table.batches():
        database.executemany(insert, _rows(table.columns, values))


def _rows(columns: Sequence[Column], values: Sequence[Values]) -> Iterator[tuple[Any, ...]]:
    parts = zip(columns, map(listed, values), strict=True)
    return zip(*[dates_as_text(column, part) for column, part in parts], strict=True)


def _check_names(columns: Sequence[Column], most: int) -> None:
    if not columns:
        raise ColumnTypeError("to_sqlite: the records have no fields, and a table needs one; hint: columns=[...]")
    if len(columns) > most:
        raise ColumnTypeError(
            f"to_sqlite: the records have {len(columns)} fields; expected {most} at the most, as SQLite has columns; "
            "hint: columns=[...]"
        )
    seen: dict[str, str] = {}
    for column in columns:
        other = seen.setdefault(_folded(column.name), column.name)
        if other != column.name:
            raise ColumnTypeError(
                f"to_sqlite: the fields {other!r} and {column.name!r} would be one column of SQLite's, "
                "which does not tell cases apart"
            )
        if not _can_be_a_name(column.name):
            raise ColumnTypeError(f"to_sqlite: the field {column.name!r} can't be the name of a column")


def _folded(name: str) -> str:
    """Return the name as SQLite compares names: it takes a and A for one, but no other letters, such as é and É."""
    return name.translate(_LOWER)


_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _can_be_a_name(name: str) -> bool:
    return "\0" not in name and encodes(name)
