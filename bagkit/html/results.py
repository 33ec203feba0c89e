"""Pages of what runs return: failures, what was collected, files that were written."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from bagkit.amounts import how_many
from bagkit.errors import ask, notes_of, text_of
from bagkit.html.style import counted, folded, framed, head, lines, shown, table
from bagkit.html.trees import TREE, tree
from bagkit.json.standard import standard_loads
from bagkit.tracebacks import frames_to_show

MOST_FAILURES: Final = 20
MOST_KINDS: Final = 20
COUNTED: Final = 100_000
"""Failures that are grouped."""
MOST_FILES: Final = 50
LONGEST_LINE: Final = 1_000_000
"""Characters of a record that is parsed to be shown."""
_OPENING: Final = frozenset(b"{[")
MOST_LINES: Final = 40
"""Of a traceback."""


class FailurePlace(Protocol):
    """What a page needs to know of a failure's place."""

    @property
    def record(self) -> Any: ...


class ShownFailure(Protocol):
    """What a page needs to know of a failure."""

    @property
    def operation(self) -> str: ...
    @property
    def error(self) -> BaseException: ...
    @property
    def place(self) -> FailurePlace | None: ...
    @property
    def where(self) -> str: ...
    @property
    def hint(self) -> str | None: ...


class ShownFile(Protocol):
    """What a page needs to know of a file that was written."""

    @property
    def path(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def nbytes(self) -> int: ...


def failure_page(failure: ShownFailure) -> str:
    """Return the page of one failure: what was raised, where, by which record."""
    title = head("Failure", failure.operation, failure.where)
    return framed(title, _failure(failure, opened=True), style=TREE)


def collected_page(result: object, failures: Sequence[ShownFailure], tallies: Mapping[str, int]) -> str:
    """Return the page of a result and the failures that it is without."""
    count = len(failures)
    said = how_many(count, "failure") if count else "no failure"
    parts = [head("Collected", said)]
    if count:
        parts.append(folded(said, _kinds(failures) + _list(failures), opened=True, kind="bk-bad"))
    parts.append(counted(tallies))
    parts.append(folded("the result", _result(result), opened=True))
    return framed(*parts, style=TREE)


def manifest_page(files: Sequence[ShownFile], records: int, size: str, tallies: Mapping[str, int]) -> str:
    """Return the page of files that were written, how large all of them are, and what was counted on the way."""
    count = len(files)
    facts = (how_many(records, "record"), size)
    more = f"… and {count - MOST_FILES:,} more in manifest.files" if count > MOST_FILES else ""
    rows = [(file.path, file.partition, file.records, file.nbytes) for file in files[:MOST_FILES]]
    listed = table(("path", "partition", "records", "bytes"), rows, more)
    title = head(f"Manifest of {how_many(count, 'file')}", *facts)
    return framed(title, folded("the files", listed, opened=count <= 12), counted(tallies))


def _result(result: object) -> str:
    own = ask(type(result), "_repr_html_")  # of a data frame, say, which may be set to give none
    page = None if own is None else own(result)
    return tree(result, opened=1) if page is None else str(page)


def _kinds(failures: Sequence[ShownFailure]) -> str:
    """Return how many there are of each kind, the most first."""
    some = failures[:COUNTED]
    kinds = Counter([(type(each.error).__name__, each.operation) for each in some])
    if len(kinds) == 1:
        return ""
    more = len(kinds) - MOST_KINDS
    left = f"… and {more:,} more kinds" if more > 0 else ""
    left += f" (of the first {COUNTED:,})" if len(failures) > COUNTED else ""
    rows = [(count, error, operation) for (error, operation), count in kinds.most_common(MOST_KINDS)]
    return table(("failures", "error", "in"), rows, left.strip())


def _list(failures: Sequence[ShownFailure]) -> str:
    listed = "".join(
        [folded(f"{_said(each.error)} in {each.operation}", _failure(each)) for each in failures[:MOST_FAILURES]]
    )
    more = len(failures) - MOST_FAILURES
    return listed + (f'<div class="bk-soft">… and {more:,} more in .failures</div>' if more > 0 else "")


def _failure(failure: ShownFailure, opened: bool = False) -> str:
    parts = [f'<div class="bk-bad">{shown(_said(failure.error), 1000)}</div>'] if opened else []
    parts.append(f"<div>in <code>{shown(failure.operation)}</code></div><div>at {shown(failure.where)}</div>")
    if failure.hint is not None:
        parts.append(f'<div class="bk-warn">{shown(failure.hint)}</div>')
    if failure.place is not None:
        parts.append(f"<div>record:</div>{tree(_parsed(failure.place.record), opened=1)}")
    said = _traceback(failure.error)
    if said:
        parts.append(folded("traceback", lines(said)))
    return "".join(parts)


def _parsed(record: Any) -> Any:
    """Return the value of a record that is a line of JSON, and any other record as it is."""
    if not isinstance(record, (str, bytes)) or len(record) > LONGEST_LINE or ord(record[:1] or " ") not in _OPENING:
        return record
    try:
        return standard_loads(record)
    except (ValueError, RecursionError):
        return record


def _traceback(error: BaseException) -> str:
    """Return the user's lines of a traceback, and what is noted on the error, such as a worker's lines."""
    text = "".join(traceback.format_tb(frames_to_show(error), limit=-MOST_LINES)) + "\n".join(notes_of(error))
    return "\n".join(text.splitlines()[-MOST_LINES:])


def _said(error: BaseException) -> str:
    name, text = type(error).__name__, text_of(error)
    return f"{name}: {text}" if text else name
