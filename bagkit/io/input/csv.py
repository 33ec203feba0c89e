"""`read_csv`: the rows of CSV files, as the csv module reads them.

A quoted field may have line ends in it, and whether one is quoted only the file's beginning tells: so a file is read
from its beginning on, and never cut.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any, Final

from bagkit.errors import CorruptInputError, PlanError, SourceError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.flow.decoding import other_encoding
from bagkit.io.input import lines
from bagkit.io.input.encodings import Encoding, checked_encoding
from bagkit.io.input.file_source import FilePiece, FileSource, PieceReader, find_partitions
from bagkit.io.input.lines import DelimiterEnds
from bagkit.io.input.paths import named
from bagkit.light_classes import dataclass
from bagkit.sentinels import NOT_GIVEN

ROWS: Final = 256
"""Rows in a block: measured the fastest, for the garbage collector looks at more where more are held."""

_DIALECT: Final = ("delimiter", "quotechar", "doublequote", "escapechar", "skipinitialspace", "quoting", "strict")


@dataclass(frozen=True, slots=True)
class RowMaker:
    """Makes a dict of a row by the names of its fields; what is too much or too little is an error unless said."""

    names: tuple[str, ...]
    restkey: Any = NOT_GIVEN
    restval: Any = NOT_GIVEN

    def __call__(self, row: Sequence[Any]) -> dict[Any, Any]:
        record: dict[Any, Any] = dict(zip(self.names, row, strict=False))
        count, expected = len(row), len(self.names)
        if (count > expected and self.restkey is NOT_GIVEN) or (count < expected and self.restval is NOT_GIVEN):
            fields = "1 field" if count == 1 else f"{count} fields"
            raise SourceError(
                f"read_csv: the row has {fields}; expected {expected}, as in the header; "
                "hint: restkey=... keeps surplus fields, restval=... fills missing ones"
            )
        if count > expected:
            record[self.restkey] = list(row[expected:])
        record.update(zip(self.names[count:], repeat(self.restval)))
        return record


@dataclass(frozen=True, slots=True)
class ReadCsv(FileSource):
    """The rows of CSV files; made by `plan_csv`."""

    encoding: Encoding
    dialect: Mapping[str, Any]
    header: bool | tuple[str, ...]
    as_tuples: bool
    restkey: Any
    restval: Any
    field_limit: int
    """The csv module's limit for the characters of a field, as the caller has it."""

    function = "read_csv"
    unit = "row"

    def user_functions(self) -> tuple[Any, ...]:
        return (RowMaker.__call__,)  # through its code an error in a row is known as this op's

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        return _read(self, reader)


class _Feed:
    """The lines of a file in lists, which are kept until they are taken."""

    def __init__(self, source: ReadCsv, reader: PieceReader) -> None:
        encoding = source.encoding
        text = lines.decode_text(reader.chunks(), encoding.name, encoding.errors, translate=False)
        self._blocks = lines.whole_lines(text, DelimiterEnds("\n"))
        self._kept: deque[list[str]] = deque()
        self._first = 0
        """The number of the first line that is kept, counted from 0."""
        self._begun = False

    def __iter__(self) -> Iterator[list[str]]:
        for block in self._blocks:
            if not self._begun:
                block = block.removeprefix("\ufeff")
                self._begun = True
            long = len(block) > lines.LONG and "\r" not in block  # a StringIO takes four bytes a character
            found = (
                lines.split_lines(block, DelimiterEnds("\n")) if long else io.StringIO(block, newline="").readlines()
            )
            self._kept.append(found)
            yield found
        # One empty line more: it is a row of its own, unless the file ends inside of quotes.
        yield ["\n"]

    def take(self, start: int, stop: int) -> list[str]:
        """Return the lines from number `start` up to `stop`, and keep those after them only."""
        taken: list[str] = []
        while self._kept:
            found = self._kept[0]
            taken += found[max(0, start - self._first) : max(0, stop - self._first)]
            if self._first + len(found) > stop:
                break
            self._first += len(found)
            self._kept.popleft()
        return taken


def _read(source: ReadCsv, reader: PieceReader) -> Iterator[Block]:
    feed, piece = _Feed(source, reader), reader.piece
    csv.field_size_limit(max(csv.field_size_limit(), source.field_limit))
    table = csv.reader(chain.from_iterable(feed), **source.dialect)
    names = source.header if isinstance(source.header, tuple) else ()
    last: list[str] = []
    failure: Exception | None = None
    headed = source.header is not True
    while failure is None:
        start, rows = table.line_num, list[list[str]]()
        try:
            rows.extend(islice(table, ROWS if headed else 1))
        except Exception as error:
            failure = error
        if not rows:
            break
        last = rows[-1]
        taken = feed.take(start, table.line_num)
        rows = list(filter(None, rows))  # a blank line is no row
        if rows and not headed:
            names, headed = _names(piece, rows.pop()), True
        if rows:
            yield _block(source, reader, CsvOrigin(piece, start, tuple(taken), source.dialect), rows, names)
    if failure is not None:
        raise _named_failure(failure, source, piece, table.line_num) from failure
    if last:
        raise CorruptInputError(
            f"{named(piece.path)}: ends inside of a quoted field, or behind an escape character; the row is "
            f"{one_line(last, 80)}"
        )


def _names(piece: FilePiece, row: Sequence[Any]) -> tuple[str, ...]:
    names = tuple(map(str, row))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SourceError(
            f"{named(piece.path)}: the header has the name {twice[0]!r} more than once; expected each once; "
            "hint: as_tuples=True"
        )
    return names


def _block(
    source: ReadCsv, reader: PieceReader, origin: CsvOrigin, rows: list[list[str]], names: tuple[str, ...]
) -> Block:
    if source.as_tuples:
        return reader.block(origin, reader.with_path(list(map(tuple, rows))))
    if set(map(len, rows)) == {len(names)}:
        return reader.block(origin, reader.with_path(list(map(dict, map(zip, repeat(names), rows)))))
    return reader.block(origin, rows, parse=reader.parse_with_path(RowMaker(names, source.restkey, source.restval)))


def _named_failure(failure: Exception, source: ReadCsv, piece: FilePiece, line: int) -> Exception:
    where = f"{named(piece.path)}: line {max(line, 1)}"  # 0 where not even the first is read
    if isinstance(failure, UnicodeError):
        name = source.encoding.name
        words = other_encoding(failure, first=line <= 1) if isinstance(failure, UnicodeDecodeError) else None
        words = words or "hint: errors='replace'"
        return SourceError(f"{where} or one soon after it does not decode as {name}: {failure}; {words}")
    if isinstance(failure, (csv.Error, ValueError)):
        hint = "; hint: csv.field_size_limit(...) before read_csv" if "field limit" in str(failure) else ""
        return SourceError(f"{where} can't be read as CSV: {failure}{hint}")
    return failure


@dataclass(frozen=True, slots=True)
class CsvOrigin:
    """Where the rows of a block are from: the lines that they were read of."""

    piece: FilePiece
    before: int
    """How many lines of the file there were before."""
    lines: tuple[str, ...]
    dialect: Mapping[str, Any]

    def place(self, index: int, record: Any) -> Place:
        reader = csv.reader(iter(self.lines), **self.dialect)
        start = 0
        for row in reader:
            if row:
                index -= 1
            if index < 0:
                break
            start = reader.line_num
        text = "".join(self.lines[start : reader.line_num]).rstrip("\r\n")
        return Place(self.piece.path, self.piece.partition, self.before + start + 1, record=text)


def plan_csv(
    urlpath: Any,
    dialect: Any,
    options: Mapping[str, Any],
    *,
    header: Any,
    as_tuples: bool,
    restkey: Any,
    restval: Any,
    encoding: str,
    errors: str,
    include_path: bool,
    **options_of_files: Any,
) -> ReadCsv:
    """Return the source of `read_csv`: finds the files and checks everything that can be checked without opening them.

    Raises PlanError for arguments that make no sense, and what `find_partitions` raises.
    """
    names = _check_header(header, as_tuples)
    given = [name for name, value in (("restkey", restkey), ("restval", restval)) if value is not NOT_GIVEN]
    if as_tuples and given:
        raise PlanError(f"read_csv: {given[0]} is given with as_tuples=True; expected dicts, or no {given[0]}")
    params = _plain_dialect(dialect, options)
    known = checked_encoding(encoding, errors)
    files = find_partitions(urlpath, **options_of_files)
    limit = csv.field_size_limit()
    return ReadCsv(files, known, bool(include_path), params, names, bool(as_tuples), restkey, restval, limit)


def _plain_dialect(dialect: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the csv module makes of its own arguments, in a form that crosses to other processes."""
    unknown = [name for name in options if name not in _DIALECT]
    if unknown:
        from bagkit.other_names import OF_CSV

        hint = f"; hint: {OF_CSV[unknown[0]]}" if unknown[0] in OF_CSV else ""
        known = ", ".join(_DIALECT)
        raise PlanError(f"read_csv: there is no option {unknown[0]!r}; the csv module has {known}{hint}")
    try:
        found = csv.reader([], dialect, **options).dialect
    except (TypeError, ValueError, csv.Error) as error:
        raise PlanError(f"read_csv: {error}; got dialect={one_line(dialect, 40)} and {dict(options)!r}") from None
    return {name: getattr(found, name) for name in _DIALECT}


def _check_header(header: Any, as_tuples: bool) -> bool | tuple[str, ...]:
    if header is True or (header is False and as_tuples):
        return bool(header)
    if header is False:
        raise PlanError("read_csv: header is False, and dicts need names; expected header=[...], or as_tuples=True")
    names = tuple(header) if isinstance(header, Iterable) and not isinstance(header, (str, bytes)) else ()
    if as_tuples or not names or not all(type(name) is str for name in names) or len(set(names)) < len(names):
        raise PlanError(
            f"read_csv: header is {one_line(header, 60)}; expected True, False (with as_tuples=True), or for dicts "
            "a list of names, each once"
        )
    return names
