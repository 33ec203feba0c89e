"""Lines that are no JSON where JSON is read: they are data of the profile, and no error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bagkit.errors import LineTooLongError, one_line
from bagkit.flow.blocks import Block, Place
from bagkit.json.standard import is_standard_loads
from bagkit.ops.elementwise import Filter, Map, MapLines, OnErrorFor, ParseJson
from bagkit.ops.regroup import Concat
from bagkit.plan.kinds import BlockParser, Parsing, PerPartition, Ways
from bagkit.plan.node import Plan, walk
from bagkit.profiling.examples import Example, example, first_of


@dataclass(frozen=True, slots=True)
class BadLine:
    """What stands in the place of a record whose line is no JSON."""

    reason: str
    line: Any


@dataclass(frozen=True)
class ParseLines(BlockParser):
    """`map(json.loads)` that gives a BadLine for what is no JSON."""

    of_lines: bool

    per_record = "one"
    opaque = False
    can_raise = False

    @property
    def _parser(self) -> ParseJson:
        return ParseJson(of_lines=self.of_lines)

    label = "parse_json"

    @property
    def error_label(self) -> str:
        return self._parser.error_label

    def begin(self) -> Parsing:
        return _ParsingLines(self._parser.begin())


class _ParsingLines:
    """What a ParseLines does with the lines of a partition."""

    unchanged = None
    gives_whole = False

    def __init__(self, parsing: Parsing) -> None:
        self._parsing = parsing

    def ways(self, block: Block) -> Ways:
        ways = self._parsing.ways(block)
        in_turn = None if ways.in_turn is None else ways.in_turn.inside(_parsed)
        return Ways(ways.quick, partial(_parsed, ways.careful), None, in_turn)

    def whole(self, lines: Sequence[Any]) -> Iterable[Any]:
        return _each_parsed(self._parsing.whole, lines)

    def __call__(self, lines: Sequence[Any]) -> Iterable[Any]:
        return _each_parsed(self._parsing, lines)


def _each_parsed(parse: Callable[[Sequence[Any]], Iterable[Any]], lines: Sequence[Any]) -> Iterable[Any]:
    try:
        return list(parse(lines))
    except Exception:  # it is known line by line then
        return [_parsed(lambda line: next(iter(parse([line]))), line) for line in lines]


def _parsed(careful: Callable[[Any], Any], line: Any) -> Any:
    try:
        return careful(line)
    except Exception as error:
        return BadLine(_reason(error), _shown(line))


def _shown(line: Any) -> Any:
    return line[:200] if isinstance(line, (str, bytes)) else one_line(line)


_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def _reason(error: Exception) -> str:
    """Return why a line is no JSON, in the same words for all lines with the same fault."""
    if isinstance(error, UnicodeDecodeError):
        if error.object.startswith(_MARKS):
            return "begins with a mark of UTF-16 (encoding='utf-16' reads it)"
        if error.reason != "invalid start byte" and not error.object[error.end :].strip():
            return "cut off"
        return f"bytes that are not {error.encoding}"
    if isinstance(error, LineTooLongError):
        return "longer than max_line"
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return "blank line"
        if error.doc.startswith("\ufeff"):
            return "begins with a byte order mark (utf-8-sig reads it)"
        return "cut off" if _is_cut(error) else error.msg
    return f"{type(error).__name__}: {one_line(error, 80)}"


_CUT_ESCAPE: Final = re.compile(r"\\u[0-9a-fA-F]{0,4}")
_CUT_NUMBER: Final = re.compile(r"\.|(?:\.[0-9]+)?[eE][+-]?")
"""What may stand behind the digits of a number that is not at its end."""
_WORDS: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Return whether a line would be JSON if it went on: what is wrong with it is that it ends."""
    whole = error.doc.rstrip()
    rest = whole[error.pos :]
    if not rest or error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\uXXXX escape"):  # XXXX is what json itself says
        return _CUT_ESCAPE.fullmatch(whole, whole.rfind("\\")) is not None
    if error.msg.startswith("Invalid \\escape"):
        return rest == "\\"  # the end of the line follows it
    if error.msg.startswith("Expecting value"):
        return any(word.startswith(rest) for word in _WORDS)
    return whole[error.pos - 1].isdigit() and _CUT_NUMBER.fullmatch(rest) is not None


@dataclass(slots=True)
class BadLines:
    """Lines that are no JSON, by reason; mutable, of one state."""

    counts: dict[str, int]
    examples: dict[str, list[Example]]

    def take(self, line: BadLine, place: Callable[[], Place | None]) -> None:
        """Take one line."""
        self.counts[line.reason] = self.counts.get(line.reason, 0) + 1
        shown = self.examples.setdefault(line.reason, [])
        if len(shown) < 3:
            shown.append(example(line.line, place()))

    def merge(self, other: BadLines) -> None:
        """Take in what another has seen, which comes after it."""
        for reason, count in other.counts.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
            self.examples[reason] = first_of((self.examples.get(reason, ()), other.examples[reason]))


def is_record(value: Any) -> bool:
    """Return whether a value is no BadLine."""
    return type(value) is not BadLine


def with_bad_lines(plan: Plan) -> tuple[Plan, tuple[Plan, ...]]:
    """Return the plan in which lines that are no JSON do not fail; and where they are left out on the way, their plans.

    The first gives BadLines too where nothing but `concat` comes between the parsers and who asks.
    """
    reached = _with_parsers(plan)
    parsers = {each: Plan(ParseLines(isinstance(each.op, MapLines)), each.inputs) for each in reached if _parses(each)}
    if not parsers:
        return plan, ()
    direct = all(isinstance(each.op, Concat) for each in reached if each not in parsers)
    done: dict[Plan, Plan] = {}
    for each in walk(plan):
        parsed = parsers.get(each)
        if parsed is not None:
            done[each] = parsed if direct else Plan(Filter(is_record), (parsed,))
        elif each in reached:
            done[each] = each.with_inputs(tuple([done.get(part, part) for part in each.inputs]))
    return done[plan], () if direct else tuple(parsers.values())


def _with_parsers(plan: Plan) -> dict[Plan, None]:
    """Return the parsers that records of `plan` come from, and what lies between: work record by record, `concat`."""
    found: dict[Plan, None] = {}
    stack = [plan]
    while stack:
        each = stack.pop()
        by_record = isinstance(each.op, PerPartition) and not isinstance(each.op, OnErrorFor) and len(each.inputs) == 1
        if each in found or not (by_record or isinstance(each.op, Concat)):
            continue
        found[each] = None
        stack += [] if _parses(each) else reversed(each.inputs)
    return found


def _parses(plan: Plan) -> bool:
    op = plan.op
    return isinstance(op, Map) and not op.kwargs and len(plan.inputs) == 1 and is_standard_loads(op.function)
