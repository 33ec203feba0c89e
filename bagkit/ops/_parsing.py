"""What a task does with lines of JSON: in one go or one by one, and with errors as a reader of lines sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bagkit.flow.blocks import Block
from bagkit.json.parse import JsonParser, json_parser
from bagkit.json.standard import loads_here
from bagkit.json.unchanged import Unchanged
from bagkit.plan.kinds import Copying, Ways


def load_line(loads: Callable[[Any], Any], line: Any) -> Any:
    """Return `loads(line)`; the position in an error is that in the line without its end.

    >>> load_line(json.loads, '{"a": ' + chr(10))
    Traceback (most recent call last):
    json.decoder.JSONDecodeError: Expecting value: line 1 column 7 (char 6)
    """
    try:
        return loads(line)
    except json.JSONDecodeError as error:
        doc = error.doc
        if not doc.endswith("\n") or not _is_refused(doc):
            raise
    return loads_here()(doc.removesuffix("\n"))  # raises: a line end says nothing in JSON


def _is_refused(doc: str) -> bool:
    """Return whether the standard library refuses `doc`, and not only a decoder of the user's, which asks for more."""
    try:
        loads_here()(doc)
    except json.JSONDecodeError:
        return True
    return False


def _quick_way(parser: JsonParser, block: Block) -> Callable[[Sequence[Any]], list[Any]] | None:
    return parser.ways(block.records, block.data)[0]


class ParsingJson:
    """What a ParseJson does with the lines of a partition."""

    def __init__(
        self, parser: JsonParser, first: JsonParser | None, of_lines: bool, unchanged: Unchanged | None
    ) -> None:
        self.unchanged: Copying | None = unchanged
        self._parser = parser
        self._first = first
        self._of_lines = of_lines
        self._whole: JsonParser | None = None

    def ways(self, block: Block) -> Ways:
        if block.parse is not None:  # lines that did not go in one go are made one by one, and parsed one by one
            return Ways(None, self._parser.after(block.parse), None)
        first = None if self._first is None else partial(_quick_way, self._first, block)
        return self._ways(block.records, block.data, first)

    def whole(self, lines: Sequence[Any]) -> Iterable[Any]:
        if self._whole is None:
            self._whole = json_parser(None)
        return _in_one_go(*self._whole.ways(lines, None), lines)

    def _ways(self, lines: Sequence[Any], data: bytes | None, first: Any = None) -> Ways:
        quick, careful = self._parser.ways(lines, data)
        return Ways(quick, partial(load_line, careful) if self._of_lines else careful, first)

    def __call__(self, lines: Sequence[Any]) -> Iterable[Any]:
        quick, careful, _ = self._ways(lines, None)
        return _in_one_go(quick, careful, lines)


def _in_one_go(
    quick: Callable[[Sequence[Any]], list[Any]] | None, careful: Callable[[Any], Any], lines: Sequence[Any]
) -> Iterable[Any]:
    if quick is not None:
        try:
            return quick(lines)
        except Exception:  # whatever it was, the careful way says it better, or finds nothing wrong
            pass
    return map(careful, lines)
