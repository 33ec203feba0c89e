"""Records on standard output: JSON lines, CSV, or a table for people."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
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
    if how == "json":
        for record in records:
            sys.stdout.write(json_text(record) + "\n")
        return
    wanted = [each.strip() for each in columns.split(",")] if columns else None
    if how == "csv":
        write_csv(records, sys.stdout, wanted, names)
    else:
        _table(iter(records), wanted, names)


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
        text = json.dumps(_with_text_keys(value), ensure_ascii=False, default=_plain)
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


def write_csv(records: Iterable[Any], file: TextIO, columns: Sequence[str] | None, names: Sequence[str] = ()) -> int:
    """Write `records` as CSV, and return how many there were. A field that is no column is an error."""
    first, rest = _first(iter(records))
    known = list(columns or _columns(first, names))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(known)
    count = 0
    for record in chain(first, rest):
        if columns is None:
            _refuse_others(record, known)
        writer.writerow([_cell(value) for value in _row(record, known)])
        count += 1
    return count


def _refuse_others(record: Any, known: Sequence[str]) -> None:
    others = [key for key in record if str(key) not in known] if isinstance(record, dict) else []
    if others:
        raise PlanError(
            f"csv: a record has the field {one_line(others[0], 60)}, and the first {LOOKED_AT:,} have not; "
            f"hint: --columns {','.join([*known, str(others[0])])}"
        )


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    text = json_text(value)
    return json.loads(text) if text.startswith('"') else text


def _first(records: Iterator[Any]) -> tuple[list[Any], Iterator[Any]]:
    return list(islice(records, LOOKED_AT)), records


def _columns(first: Sequence[Any], names: Sequence[str]) -> list[str]:
    if first and all(isinstance(record, dict) for record in first):
        return list(dict.fromkeys(str(key) for record in first for key in record))
    width = max([len(each) for each in first if isinstance(each, (list, tuple))], default=1)
    if width == 1:
        return list(names[:1]) or ["value"]
    return [names[number] if number < len(names) else str(number) for number in range(width)]


def _row(record: Any, columns: Sequence[str]) -> list[Any]:
    if isinstance(record, dict):
        found = {str(key): value for key, value in record.items()}
        return [found.get(name) for name in columns]
    values = list(record) if isinstance(record, (list, tuple)) and len(columns) > 1 else [record]
    return [*values, *[None] * (len(columns) - len(values))][: max(len(columns), len(values))]


def _table(records: Iterator[Any], columns: Sequence[str] | None, names: Sequence[str]) -> None:
    first, rest = _first(records)
    if not first:
        print("no records", file=sys.stderr)
        return
    known = list(columns or _columns(first, names))
    numbers = [all(_is_number(row[n]) for row in (_row(r, known) for r in first)) for n in range(len(known))]
    rows = [_texts(record, known) for record in first]
    widths = _fitting([max(len(row[n]) for row in [*rows, _heads(known)]) for n in range(len(known))])
    sys.stdout.write(_line(_heads(known), widths, numbers) + "\n")
    sys.stdout.write("  ".join(["─" * width for width in widths]) + "\n")
    for row in chain(rows, (_texts(record, known) for record in rest)):
        sys.stdout.write(_line(row, widths, numbers) + "\n")


def _heads(columns: Sequence[str]) -> list[str]:
    return [printable(name, WIDEST) for name in columns]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _texts(record: Any, columns: Sequence[str]) -> list[str]:
    found = []
    for value in _row(record, columns)[: len(columns)]:
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
