"""What a task does with lines of JSON: in one go or one by one, and with errors as a reader of lines sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Any

from bagkit.flow.blocks import Block
from bagkit.flow.untold import Untold
from bagkit.json.parse import JsonParser, PutLines, json_parser
from bagkit.json.standard import loads_here
from bagkit.plan.going_on import Further, InTurn, Note, put_further
from bagkit.plan.kinds import Copying, Field, Ways

if TYPE_CHECKING:
    from bagkit.json.unchanged import Unchanged


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
        self,
        parser: JsonParser,
        first: JsonParser | None,
        of_lines: bool,
        unchanged: Unchanged | None,
        columns: tuple[Field, ...] | None,
    ) -> None:
        """Begin to parse. `columns` are the fields that records have for who wrote the plan; None for all."""
        self.unchanged: Copying | None = unchanged
        self._parser = parser
        self._first = first
        self._of_lines = of_lines
        self._whole = json_parser(columns)
        is_all = parser.fields == columns and parser.shape == "record"
        self.gives_whole = is_all and first is None and unchanged is None

    def ways(self, block: Block) -> Ways:
        if block.parse is not None:  # lines that did not go in one go are made one by one, and parsed one by one
            return Ways(None, self._parser.after(block.parse), None)
        first = None if self._first is None else partial(_quick_way, self._first, block)
        return self._ways(block.records, block.data, first)

    def whole(self, lines: Sequence[Any]) -> Iterable[Any]:
        return _in_one_go(*self._whole.ways(lines, None), lines)

    def _ways(self, lines: Sequence[Any], data: bytes | None, first: Any = None) -> Ways:
        quick, careful = self._parser.ways(lines, data)
        standard = self._parser.as_standard(data is not None, without_end=self._of_lines)
        if self._of_lines:
            careful = partial(load_line, careful)
        if quick is None and data is None:  # elements of any type
            return Ways(quick, careful, first)
        refused, text = self._parser.as_refused, self._parser.text_if_refused
        untold = Untold(standard, refused(data is not None, self._of_lines), text(data is not None, self._of_lines))
        in_turn = _LinesInTurn(self._parser, standard, quick is None, untold)
        return Ways(quick, careful, first, in_turn)

    def __call__(self, lines: Sequence[Any]) -> Iterable[Any]:
        ways = self._ways(lines, None)
        return _in_one_go(ways.quick, ways.careful, lines)


class _LinesInTurn(InTurn):
    """An InTurn; mutable, of one task."""

    def __init__(
        self, parser: JsonParser, careful: Callable[[Any], Any], is_mixed: bool, untold: Untold | None = None
    ) -> None:
        """Lines that are mixed are not all such that the parser may be given them.

        `untold` stands for what is wrong with a line that is not taken with care, since that would raise for sure.
        """
        self._parser = parser
        self._careful = careful
        self._is_mixed = is_mixed
        self._untold = untold

    def inside(self, outer: Callable[[Callable[[Any], Any], Any], Any]) -> InTurn:
        return _LinesInTurn(self._parser, partial(outer, self._careful), self._is_mixed)

    def further(self, lines: Sequence[Any], with_frames: bool) -> Further:
        untold = None if with_frames else self._untold
        if not self._is_mixed:
            return self._in_turn(lines, untold)
        return _Parts(map(partial(self._sorted_out, untold), _sorted_lines(self._parser, lines)))

    def _sorted_out(self, untold: Untold | None, given: tuple[Sequence[Any], bool]) -> tuple[int, Further]:
        lines, taken = given
        if taken:
            return len(lines), self._in_turn(lines, untold)
        self.with_care += len(lines)
        return len(lines), partial(put_further, map(self._careful, lines))

    def _in_turn(self, lines: Sequence[Any], untold: Untold | None) -> Further:
        rest = iter(lines)
        put = self._parser.further(rest)

        def further(found: list[Any], start: int, note: Note | None = None) -> None:
            nonlocal rest, put
            missing = start - len(found)
            while (start := missing + len(found)) < len(lines):
                if length_hint(rest) != len(lines) - start:  # a signal came between two lines
                    rest = iter(lines[start:])
                    put = self._parser.further(rest)
                missing += self._put(put, found, lines, missing, note, untold)
                if (start := missing + len(found)) < len(lines):
                    missing += self._put_careful(found, lines[start], start, note)

        return further

    def _put(
        self,
        put: PutLines,
        found: list[Any],
        lines: Sequence[Any],
        missing: int,
        note: Note | None,
        untold: Untold | None,
    ) -> int:
        """Put what is made of lines up to one that is to be taken with care; return how many fail before it."""
        refused: list[tuple[int, str]] = []
        later = note is not None and untold is not None
        try:
            put(found, lines if later else (), refused, missing)
        except RecursionError:  # before it began
            pass
        for number, said in refused:
            assert note is not None, "none was asked for"
            assert untold is not None, "none was asked for"
            note(number, untold, 0, untold, said)
        self.with_care += len(refused)
        return len(refused)

    def _put_careful(self, found: list[Any], line: Any, number: int, note: Note | None) -> int:
        """Put what is made of a line with care; return how many lines have failed."""
        self.with_care += 1
        try:
            found.append(self._careful(line))
        except Exception as error:
            if note is None:
                raise
            note(number, error)
            return 1
        return 0


class _Parts:
    """The Further of records that others make, some each; mutable."""

    def __init__(self, parts: Iterator[tuple[int, Further]]) -> None:
        """Each of `parts` says how many records it has."""
        self._parts = parts
        self._begin = self._end = 0
        self._further: Further | None = None

    def __call__(self, found: list[Any], start: int, note: Note | None = None) -> None:
        while True:
            if start < self._end and self._further is not None:
                self._further(found, start - self._begin, note and partial(self._note, note, self._begin))
            part = next(self._parts, None)
            if part is None:
                return
            start = self._begin = self._end
            length, self._further = part
            self._end += length

    @staticmethod
    def _note(note: Note, begin: int, number: int, *noted: Any) -> None:
        note(begin + number, *noted)


def _sorted_lines(parser: JsonParser, lines: Sequence[bytes]) -> Iterator[tuple[Sequence[Any], bool]]:
    """Yield `lines` in parts: some that `parser` takes all, and single ones that it does not; and which they are."""
    start = 0
    for number in [n for n, line in enumerate(lines) if not line.isascii() and not _is_text(line)]:
        if start < number:
            yield from _halves(parser, lines[start:number])
        yield lines[number : number + 1], False
        start = number + 1
    if start < len(lines):
        yield from _halves(parser, lines[start:])


def _is_text(line: bytes) -> bool:
    try:
        str(line, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _halves(parser: JsonParser, lines: Sequence[Any]) -> Iterator[tuple[Sequence[Any], bool]]:
    taken = parser.takes(lines)
    if taken or len(lines) == 1:
        yield lines, taken
    else:
        half = len(lines) // 2
        yield from _halves(parser, lines[:half])
        yield from _halves(parser, lines[half:])


def _in_one_go(
    quick: Callable[[Sequence[Any]], list[Any]] | None, careful: Callable[[Any], Any], lines: Sequence[Any]
) -> Iterable[Any]:
    if quick is not None:
        try:
            return quick(lines)
        except Exception:  # whatever it was, the careful way says it better, or finds nothing wrong
            pass
    return map(careful, lines)
