"""Where an exception was raised in a worker, as the caller's process shows it.

A worker sends files, lines and names. The caller's process looks up the source: it has what a worker has not, the cells
of a notebook, or the program that came by `python -c`.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from typing import Any

from bagkit.errors import NotPicklableError
from bagkit.tracebacks import cell_of, frames_of_worker

LINES = 22
"""More lines of a traceback than this are cut in the middle."""

Row = tuple[str, int | None, str, str | None, int | None, int | None, int | None, str, int]
"""File, line, function, source as the worker knows it, last line, first and last column, full name, first line."""


def pack_frames(error: BaseException, raised: BaseException) -> list[Row]:
    """Return the user's frames of `error`, or ours where it is about those; none where the frames say nothing.

    It is what was `raised`, or among its causes.
    """
    if isinstance(error, NotPicklableError):
        return []  # raised by bagkit of a value; the user's frames, if any, are with its cause
    trace = frames_of_worker(error, raised)
    try:
        summary = traceback.extract_tb(trace)
    except Exception:
        return []  # of a loader of the user's that fails
    rows: list[Row] = []
    for frame in summary:
        assert trace is not None
        code, trace = trace.tb_frame.f_code, trace.tb_next
        columns: Any = (getattr(frame, name, None) for name in ("end_lineno", "colno", "end_colno"))
        rows.append(
            (frame.filename, frame.lineno, frame.name, frame.line, *columns, code.co_qualname, code.co_firstlineno)
        )
    return rows


def frames_text(rows: list[Row]) -> str:
    """Return the lines of a traceback; empty without rows."""
    summary = traceback.StackSummary()
    summary.extend(_frame(*row) for row in rows)
    lines = "".join(summary.format()).splitlines()
    for filename in {row[0] for row in rows}:
        cell = cell_of(filename)
        if cell:
            lines = [line.replace(f'File "{filename}"', cell) for line in lines]
    if len(lines) > LINES:
        lines = [*lines[: LINES // 2], f"  ... {len(lines) - LINES} lines ...", *lines[-(LINES // 2) :]]
    return "\n".join(lines)


def _frame(
    filename: str,
    line: int | None,
    name: str,
    source: str | None,
    end_line: int | None,
    column: int | None,
    end_column: int | None,
    full_name: str,
    first_line: int,
) -> traceback.FrameSummary:
    lines = _lines(filename, line, end_line, (filename, full_name, first_line))
    if len(lines) < (end_line or 0) - (line or 0) + 1:  # not all of what the columns are of
        end_line = column = end_column = None
    # Since Python 3.13 all lines of the expression are shown, before only the first.
    shown = "".join(lines if sys.version_info >= (3, 13) else lines[:1]) or source or ""
    return traceback.FrameSummary(
        filename, line, name, lookup_line=False, line=shown, end_lineno=end_line, colno=column, end_colno=end_column
    )


def _lines(filename: str, first: int | None, last: int | None, code: tuple[str, str, int]) -> list[str]:
    """Return the lines from `first` to `last` as far as this process knows them."""
    if first is None:
        return []
    lines = linecache.getlines(filename)
    if not lines:
        # The program of `python -c` and what is typed in, which linecache knows by code since Python 3.13.
        # Its keys have a name more in 3.13 than in 3.14.
        known: dict[tuple[Any, ...], Any] = getattr(linecache, "_interactive_cache", {})
        lines = next((entry[2] for key, entry in known.items() if key[-3:] == code and len(entry) > 2), [])
    return lines[first - 1 : max(first, last or 0)]
