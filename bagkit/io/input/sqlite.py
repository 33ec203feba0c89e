"""`read_sqlite`: what a query gives of a SQLite database, which is opened to be read only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field, replace
from itertools import pairwise, repeat
from math import isfinite
from typing import Any, Final
from urllib.parse import quote

from bagkit.errors import CorruptInputError, InputChangedError, PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, NumberedOrigin
from bagkit.flow.report import Report
from bagkit.io.input.files import FileInfo
from bagkit.io.input.listing import find_files
from bagkit.io.input.paths import is_url, named
from bagkit.light_classes import dataclass
from bagkit.option_values import did_you_mean
from bagkit.plan.kinds import Source
from bagkit.plan.pieces import Indivisible
from bagkit.signatures import checked_count

ROWS: Final = 1024
"""Rows in a block."""
_SELECTS: Final = re.compile(r"(\s+|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)
"""How a query begins that selects: behind comments."""
_LOG: Final = "-wal"
"""What the name of the file ends with in which SQLite keeps changes that are not in the database yet."""


@dataclass(frozen=True, slots=True)
class SqlitePiece(Indivisible):
    """The rows of a query whose key is from `low` to before `high`; None where there is no such bound."""

    info: FileInfo
    partition: int
    low: int | None = None
    high: int | None = None
    part: int = 1
    """How many such pieces the query is cut into."""

    @property
    def path(self) -> str:
        """The database's absolute path."""
        return self.info.path

    @property
    def weight(self) -> int:
        return (self.info.size or 0) // self.part

    @property
    def label(self) -> str:
        return named(self.path)


@dataclass(frozen=True, slots=True)
class ReadSqlite(Source):
    """The rows of a query; made by `plan_sqlite`."""

    query: str
    params: Any = field(repr=False)
    names: tuple[str, ...]
    """What the columns are called."""
    key: str | None
    """The column by whose ranges the rows are cut into partitions."""
    found: tuple[SqlitePiece, ...] = field(repr=False)
    log: tuple[int, int]
    """Size and time of the log beside the database when the plan was made."""

    @property
    def label(self) -> str:
        return f"read_sqlite({one_line(' '.join(self.query.split()), 60)})"

    def pieces(self) -> Sequence[tuple[SqlitePiece, ...]]:
        return [(piece,) for piece in self.found]

    def bare(self) -> ReadSqlite:
        return replace(self, found=())

    def read(self, pieces: Sequence[SqlitePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            self._check(piece.info)
            before = 0
            with closing(connected(piece.path)) as database:
                try:
                    cursor = database.execute(self._query_of(piece), self.params)
                    while rows := cursor.fetchmany(ROWS):
                        records = list(map(dict, map(zip, repeat(self.names), rows)))
                        yield Block(records, NumberedOrigin(piece.path, piece.partition, before))
                        before += len(rows)
                except _errors() as error:
                    self._check(piece.info)
                    raise SourceError(f"{named(piece.path)}: reading failed after {before} rows: {error}") from error
            self._check(piece.info)
            report.read(piece.weight)

    def _query_of(self, piece: SqlitePiece) -> str:
        if self.key is None:
            return self.query
        key = quoted(self.key)
        bounds = [f"{key} >= {piece.low}"] if piece.low is not None else []
        bounds += [f"{key} < {piece.high}"] if piece.high is not None else []
        where = " AND ".join(bounds) or "1"
        return _of(self.query, "*", f"WHERE {where}{f' OR {key} IS NULL' if piece.low is None else ''}")

    def _check(self, info: FileInfo) -> None:
        """Raise InputChangedError if the database, or its log, is not what it was when the plan was made."""
        try:
            now = os.stat(info.path)
        except OSError as error:
            raise InputChangedError(
                f"{named(info.path)}: was there when the plan was made and is gone: {error}"
            ) from error
        if (now.st_size, now.st_mtime_ns) != (info.size, info.mtime_ns) or log_of(info.path) != self.log:
            raise InputChangedError(
                f"{named(info.path)}: changed since the plan was made; expected the same; hint: make the bag again"
            )


def _of(query: str, what: str, more: str) -> str:
    # A line of its own for what follows: the query may end with a comment.
    return f"SELECT {what} FROM ({query}\n) {more}"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def log_of(path: str) -> tuple[int, int]:
    """Return the size and the time of the log beside a database; zeros where there is none, or nothing in it."""
    try:
        found = os.stat(path + _LOG)
    except OSError:
        return 0, 0
    return (found.st_size, found.st_mtime_ns) if found.st_size else (0, 0)


def connected(path: str) -> Any:
    """Return a connection that only reads a database, which has to be there."""
    import sqlite3

    return sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True, check_same_thread=False)


def _errors() -> tuple[type[Exception], ...]:
    import sqlite3

    return (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError)


# -- while planning ----------------------------------------------------------------------------------------------------


def plan_sqlite(path: Any, query: Any, params: Any, *, key: Any, npartitions: Any) -> ReadSqlite:
    """Return the source of `read_sqlite`: looks whether the query can be run, and what its columns are called.

    Raises NoFilesError, SourceError and CorruptInputError for the database, PlanError for all other arguments.
    """
    if not isinstance(path, (str, os.PathLike)) or is_url(os.fspath(path)):
        raise PlanError(f"read_sqlite: path is {one_line(path)}; expected the path of a file on this machine")
    if not isinstance(query, str) or not query.strip():
        raise PlanError(f"read_sqlite: query is {one_line(query)}; expected SQL, such as 'select * from people'")
    if not isinstance(params, (Mapping, list, tuple)):
        raise PlanError(f"read_sqlite: params is {one_line(params)}; expected a tuple, or a dict for names")
    if (key is None) != (npartitions is None):
        raise PlanError("read_sqlite: got only one of key and npartitions; expected both, or none of them")
    if npartitions is not None:
        npartitions = checked_count("read_sqlite", "npartitions", npartitions)
    (info,) = find_files(_escaped(path), {})
    if info.members is not None:
        raise PlanError(f"read_sqlite: {named(os.fspath(path))} is in an archive; expected a file; hint: unpack it")
    query, given = query.strip().rstrip(";"), dict(params) if isinstance(params, Mapping) else tuple(params)
    log = log_of(info.path)
    with closing(_opened(info.path)) as database:
        names = _names(database, info.path, query, given)
        bounds = [] if key is None else _bounds(database, info.path, query, given, names, key, npartitions or 1)
    edges = [None, *bounds, None]
    pieces = [SqlitePiece(info, n, low, high, len(edges) - 1) for n, (low, high) in enumerate(pairwise(edges))]
    return ReadSqlite(query, given, names, key, tuple(pieces), log)


def _escaped(path: Any) -> str:
    import glob

    text = str(os.fspath(path))
    return glob.escape(text) if glob.has_magic(text) else text


def _opened(path: str) -> Any:
    import sqlite3

    database: Any = None
    try:
        database = connected(path)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if database is not None:
            database.close()
        if "not a database" in str(error) or "malformed" in str(error):
            raise CorruptInputError(f"{named(path)}: can't be read as a SQLite database: {error}") from error
        raise SourceError(f"{named(path)}: can't be opened as a SQLite database: {error}") from error
    return database


def _names(database: Any, path: str, query: str, params: Any) -> tuple[str, ...]:
    if not _SELECTS.match(query):
        table = query if query.isidentifier() else "people"
        raise PlanError(
            f"read_sqlite: query is {one_line(query, 200)}; expected one that selects; hint: 'select * from {table}'"
        )
    try:
        found = database.execute(_of(query, "*", "LIMIT 0"), params).description
    except _errors() as error:
        raise PlanError(
            f"read_sqlite: {named(path)}: the query can't be run: {error}; got {one_line(query, 200)}"
            f"{_tables(database, error)}"
        ) from error
    names = tuple([column[0] for column in found])
    for name in names:
        # What a query has twice is given another name where it is asked for columns of.
        first = re.sub(r":\d+\Z", "", name)
        if names.count(name) > 1 or (first != name and first in names):
            raise PlanError(
                f"read_sqlite: the query gives the column {first!r} more than once; a dict takes each once; "
                "hint: select ... as other_name"
            )
    return names


def _tables(database: Any, error: Exception) -> str:
    """Return which tables there are, where an error is about one that is not."""
    missing = re.search(r"no such table: (?:\w+\.)?(.*)", str(error))
    if missing is None:
        return ""
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    there = f"; it has {', '.join(map(repr, tables[:10]))}" if tables else "; it has no tables"
    return there + did_you_mean(missing[1], tables, most=3)


def _bounds(
    database: Any, path: str, query: str, params: Any, names: Sequence[str], key: Any, npartitions: int
) -> list[int]:
    """Return the integers at which the rows are cut; fewer where there are not as many between least and greatest."""
    if key not in names:
        raise PlanError(
            f"read_sqlite: key is {one_line(key)}; expected one of the query's columns, {', '.join(map(repr, names))}"
        )
    column = quoted(key)
    try:
        least, greatest = database.execute(_of(query, f"min({column}), max({column})", ""), params).fetchone()
    except _errors() as error:
        raise SourceError(f"{named(path)}: reading failed: {error}") from error
    if not all(value is None or isinstance(value, (int, float)) for value in (least, greatest)):
        odd = greatest if isinstance(least, (int, float)) else least
        raise PlanError(
            f"read_sqlite: key is {key!r}, and that column has the value {one_line(odd, 40)}; expected numbers only"
        )
    if least is None or least == greatest or not isfinite(greatest - least):
        return []
    low, span = int(least // 1), int(greatest // 1) + 1 - int(least // 1)
    count = min(npartitions, span)
    return [low + span * number // count for number in range(1, count)]
