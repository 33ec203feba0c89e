"""Records on standard output: JSON lines, CSV, or a table for people."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain, islice
from typing import Any, Final, TextIO

from bagkit.errors import OutputError, PlanError, one_line
from bagkit.visible import printable

LOOKED_AT: Final = 1000
"""Records whose fields become the columns, and whose values say how wide these are."""
WIDEST: Final = 60
NARROWEST: Final = 6


def printed(records: Iterable[Any], output: str | None, columns: str | None, names: Sequence[str] = ()) -> None:
    """Print `records`; `names` are what the elements of tuples are called."""
    how = chosen(output)
    wanted = [each.strip() for each in columns.split(",")] if columns else None
    if how == "json":
        for record in records:
            sys.stdout.write(json_text(record if wanted is None else some_fields(wanted, record)) + "\n")
        return
    if how == "csv":
        write_csv(records, sys.stdout, wanted, names)
    else:
        _table(iter(records), wanted, names)


def some_fields(wanted: Sequence[str], record: Any) -> Any:
    """Return only the `wanted` fields of a dict, as far as it has them; other values as they are."""
    return {name: record[name] for name in wanted if name in record} if isinstance(record, dict) else record


def chosen(output: str | None) -> str:
    """Return how to print, also if the user does not say; raises OutputError where there is nowhere to print to."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; expected a terminal, a file or a pipe")
    return output or ("table" if sys.stdout.isatty() else "json")


def json_text(value: Any) -> str:
    """Return `value` as JSON; what JSON does not have as text, and names of fields that are no text too.

    >>> json_text({"a": {1, 2}, "day": __import__("datetime").date(2026, 11, 27), (1, 2): "ü"})
    '{"a": [1, 2], "day": "2026-11-27", "(1, 2)": "ü"}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=_plain)
    except TypeError:  # of keys
        text = json.dumps(
            _with_text_keys(value), ensure_ascii=False, default=lambda inner: _with_text_keys(_plain(inner))
        )
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    as_dict = getattr(value, "_asdict", None) or getattr(value, "to_dict", None)
    return as_dict() if callable(as_dict) else str(value)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        plain = (str, int, float, bool, type(None))
        return {key if isinstance(key, plain) else str(key): _with_text_keys(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(_with_text_keys, value))
    return value


def write_csv(records: Iterable[Any], file: TextIO, columns: Sequence[str] | None, names: Sequence[str] = ()) -> None:
    """Write `records` as CSV. What has no place in the columns is an error."""
    first, rest = _first(iter(records))
    known = _columns(first, columns, names)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(known.names)
    for record in chain(first, rest):
        if columns is None:
            _refuse_others(record, known)
        row = known.row(record)
        if len(row) > len(known.names):
            raise PlanError(f"csv: a record has {len(row)} values, and there are {len(known.names)} columns{_AS_JSON}")
        writer.writerow(map(_cell, row))


_AS_JSON: Final = "; hint: --output json"


def _refuse_others(record: Any, known: Columns) -> None:
    """Raise PlanError for a record that is not as the first ones are."""
    if known.spread and not isinstance(record, known.spread):
        wanted = "fields" if dict in known.spread else "lists"
        raise PlanError(
            f"csv: a record is {one_line(record, 60)}, and the columns are {wanted} of the first {LOOKED_AT:,}"
            + _AS_JSON
        )
    others = [key for key in record if str(key) not in known.names] if dict in known.spread else []
    if others:
        raise PlanError(
            f"csv: a record has the field {one_line(others[0], 60)}, and the first {LOOKED_AT:,} have not; "
            f"hint: --columns {','.join([*known.names, str(others[0])])}"
        )


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    text = json_text(value)
    return json.loads(text) if text.startswith('"') else text


def _first(records: Iterator[Any]) -> tuple[list[Any], Iterator[Any]]:
    return list(islice(records, LOOKED_AT)), records


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are called, and the types of records whose parts stand in them; others stand in the first."""

    names: Sequence[str]
    spread: tuple[Any, ...]

    def row(self, record: Any) -> list[Any]:
        """Return what a record has in each column; a list may have more."""
        if isinstance(record, dict) and dict in self.spread:
            found = {str(key): value for key, value in record.items()}
            return [found.get(name) for name in self.names]
        values = [*record] if isinstance(record, self.spread) else [record]
        return [*values, *[None] * (len(self.names) - len(values))]


def _columns(first: Sequence[Any], wanted: Sequence[str] | None, names: Sequence[str]) -> Columns:
    if wanted:
        return Columns(wanted, (dict, list, tuple) if len(wanted) > 1 else (dict,))
    if first and all(isinstance(record, dict) for record in first):
        return Columns(list(dict.fromkeys(str(key) for record in first for key in record)), (dict,))
    width = max(map(len, first)) if first and all(isinstance(record, (list, tuple)) for record in first) else 1
    if width <= 1:
        return Columns(list(names[:1]) or ["value"], ())
    return Columns([names[number] if number < len(names) else str(number) for number in range(width)], (list, tuple))


def _table(records: Iterator[Any], columns: Sequence[str] | None, names: Sequence[str]) -> None:
    first, rest = _first(records)
    if not first:
        print("no records", file=sys.stderr)
        return
    known = _columns(first, columns, names)
    heads = [printable(name, WIDEST) for name in known.names]
    rows = [_texts(record, known) for record in first]
    numbers = [all(map(_is_number, column)) for column in zip(*map(known.row, first), strict=False)][: len(heads)]
    widths = _fitting([max(map(len, column)) for column in zip(heads, *rows, strict=True)])
    sys.stdout.write(_line(heads, widths, numbers) + "\n")
    sys.stdout.write("  ".join(["─" * width for width in widths]) + "\n")
    for row in chain(rows, (_texts(record, known) for record in rest)):
        sys.stdout.write(_line(row, widths, numbers) + "\n")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _texts(record: Any, columns: Columns) -> list[str]:
    found = []
    for value in columns.row(record)[: len(columns.names)]:
        text = "" if value is None else value if isinstance(value, str) else json_text(value)
        found.append(printable(text, 500))
    return found


def _fitting(widths: list[int]) -> list[int]:
    """Return widths with which a line fits on the terminal, if it can: the widest columns give way first."""
    room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
    widths = [min(width, max(WIDEST, room if len(widths) == 1 else 0)) for width in widths]
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> str:
    cells = []
    for text, width, number in zip(row, widths, numbers, strict=True):
        cut = text if len(text) <= width else text[: width - 1] + "…"
        cells.append(cut.rjust(width) if number else cut.ljust(width))
    return "  ".join(cells).rstrip()
