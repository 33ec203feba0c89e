"""Records that travel between tasks as the lines they were read from: those who get them parse them.

A splitting task is given a record in two parts: what its key function reads, and the line. A line costs a fifth of what
it takes to pickle a record and unpickle it; and it takes less memory while it waits. Where there is no line, the record
itself stands in its place: a line is bytes, which no record of JSON is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

Parse = Callable[[Sequence[Any]], Iterable[Any]]
"""Makes records of lines that are known to be right."""

KEY_PART: Callable[[Any], Any] = itemgetter(0)
LINE_PART: Callable[[Any], Any] = itemgetter(1)
TOGETHER = 512
"""Records that are parsed together, and are in memory until they are handed on; more where a group has more."""


def records_of(parse: Parse, waiting: Sequence[Any]) -> list[Any]:
    """Return the records of lines, and what is no line as it is.

    >>> records_of(lambda lines: [line.decode() for line in lines], [b"a", 1, b"b"])
    ['a', 1, 'b']
    """
    types = set(map(type, waiting))
    if types == {bytes}:
        return list(parse(waiting))
    if bytes not in types:
        return list(waiting)
    made = iter(list(parse([each for each in waiting if type(each) is bytes])))
    return [next(made) if type(each) is bytes else each for each in waiting]


def whole_records(parse: Parse) -> Callable[[Sequence[Any]], list[Any]]:
    """Return what makes whole records of records in two parts."""
    return lambda records: records_of(parse, list(map(LINE_PART, records)))


def completed(
    groups: Iterable[list[tuple[Any, list[Any]]]], parsers: Sequence[Parse | None]
) -> Iterator[list[tuple[Any, list[Any]]]]:
    """Yield groups of records in place of groups of lines; `parsers` has what parses the lines of each input.

    With several inputs the cell of a group has a list for each.

    >>> list(completed([[("k", [b"a", b"b"])]], [lambda lines: [line.decode() for line in lines]]))
    [[('k', ['a', 'b'])]]
    """
    for entries in groups:
        for some in _portions(entries, len(parsers)):
            if len(parsers) == 1:
                (parse,) = parsers
                assert parse is not None
                cells = _completed_cells(parse, [cell for _, cell in some])
                yield [(key, cell) for (key, _), cell in zip(some, cells, strict=True)]
            else:
                sides = [
                    lists if parse is None else _completed_cells(parse, lists)
                    for parse, lists in zip(parsers, zip(*[cell for _, cell in some], strict=True), strict=True)
                ]
                yield [(key, list(lists)) for (key, _), *lists in zip(some, *sides, strict=True)]


def _completed_cells(parse: Parse, cells: Sequence[list[Any]]) -> list[list[Any]]:
    records = iter(records_of(parse, list(chain.from_iterable(cells))))
    return [list(islice(records, len(cell))) for cell in cells]


def _portions(entries: list[tuple[Any, list[Any]]], sides: int) -> Iterator[list[tuple[Any, list[Any]]]]:
    """Yield the groups of `entries`, some at a time, with about TOGETHER records or one group."""
    start = count = 0
    for stop, (_, cell) in enumerate(entries, 1):
        count += len(cell) if sides == 1 else sum(map(len, cell))
        if count >= TOGETHER or stop == len(entries):
            yield entries[start:stop]
            start, count = stop, 0
