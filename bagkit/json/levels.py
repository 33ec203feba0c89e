"""How deep JSON text is nested, and where it can be cut, mostly found in C.

A chunk of text is boiled down to its quotes and brackets; strings go, then pairs of brackets go, and what is left says
how many brackets it closes and opens. That takes a tenth of the time of parsing. Only some hundreds of bytes around the
place where text is to be cut are looked at sign by sign. Kinds of brackets are not told apart: whether the text is JSON
is for its parser to say. A chunk never begins behind a backslash that says something of what follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from bagkit.light_classes import dataclass

Cut = Literal["comma", "close"]
"""What ends a document: a comma, or its own closing bracket."""

_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_DELETED: Final = bytes([sign for sign in range(256) if sign not in b'"[]{}'])
_ONE_KIND: Final = bytes.maketrans(b"[]", b"{}")
_ROUNDS: Final = 64
_PARTS: Final = 8
_SMALL: Final = 2048
"""Bytes that are looked at sign by sign."""
_SIGN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]|\\.', re.DOTALL)
_STRING_ENDS: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Level:
    """Where some text is: behind `depth` open brackets, and maybe inside of a string."""

    depth: int = 0
    in_string: bool = False


def passed(text: bytes, level: Level) -> tuple[Level, int]:
    """Return the level behind `text`, which begins at `level`, and the lowest depth in it.

    >>> passed(b'{"a": [1, "]"', Level())
    (Level(depth=2, in_string=False), 0)
    >>> passed(b'}]}, "', Level(2))
    (Level(depth=-1, in_string=True), -1)
    """
    if b"\\" in text:
        text = _ESCAPE.sub(b"", text)
    signs = text.translate(_ONE_KIND, _DELETED)
    if level.in_string:
        signs = b'"' + signs
    signs = signs.replace(b'""', b"")  # two strings that are joined by it stay strings
    in_string = False
    if b'"' in signs:
        parts = signs.split(b'"')
        in_string = len(parts) % 2 == 0
        signs = b"".join(parts[::2])
    rounds = 0
    while b"{}" in signs and rounds < _ROUNDS:
        signs = signs.replace(b"{}", b"")
        rounds += 1
    if b"{}" in signs:
        closed, opened = _counted(signs)
    else:
        closed = signs.count(b"}")
        opened = len(signs) - closed
    return Level(level.depth - closed + opened, in_string), level.depth - closed


def _counted(signs: bytes) -> tuple[int, int]:
    """Return how many brackets are closed and opened, one by one: nested deep, pairs inside of pairs take too long."""
    depth = lowest = 0
    for sign in signs:
        depth += 1 if sign == 0x7B else -1
        lowest = min(lowest, depth)
    return -lowest, depth - lowest


def surveyed(text: bytes, level: Level, cut: Cut) -> tuple[Level, int, int]:
    """Return the level behind `text`, the place of the bracket that closes depth 0, and the last cut.

    A cut is a comma at depth 0, or behind a bracket that closes to depth 0. What is not there is -1; where the closing
    bracket is, the cut is not looked for.

    >>> surveyed(b'1, [2, "]"]], 3', Level(), "comma"), surveyed(b'{} [[], 1] [[]', Level(), "close")
    ((Level(depth=-1, in_string=False), 11, -1), (Level(depth=1, in_string=False), -1, 10))
    """
    if len(text) <= _SMALL:
        end, edge, _ = _looked_at(text, level, cut)
        return passed(text, level)[0], end, edge
    parts = list(_parts(text, level))
    after, edge = passed(parts[-1][1], parts[-1][2])[0], -1
    for start, part, before, lowest in parts:
        if lowest < 0:
            return after, start + surveyed(part, before, cut)[1], -1
    for start, part, before, lowest in reversed(parts):
        if lowest == 0 and (edge := surveyed(part, before, cut)[2]) >= 0:
            return after, -1, start + edge
    return after, -1, -1


def _looked_at(text: bytes, level: Level, cut: Cut) -> tuple[int, int, list[int]]:
    """Return the closing bracket, the last cut, and all commas at depth 0."""
    edge, commas = -1, list[int]()
    for at, depth, sign in _signs(text, level):
        if depth < 0:
            return at, -1, commas
        if depth == 0 and sign == b",":
            commas.append(at)
        if depth == 0 and (sign == b"," if cut == "comma" else sign in b"]}"):
            edge = at if cut == "comma" else at + 1
    return -1, edge, commas


def cut_at_commas(text: bytes) -> list[bytes]:
    """Return the parts of `text` between its commas at depth 0, whatever they are."""
    edges = _looked_at(text, Level(), "comma")[2]
    return [text[a:b].strip() for a, b in zip([0, *(at + 1 for at in edges)], [*edges, len(text)], strict=True)]


def cut_at_brackets(text: bytes) -> list[tuple[int, int]]:
    """Return where the parts of `text` that brackets are around begin and end.

    >>> cut_at_brackets(b'{"a": []} 1 ["]"]')
    [(0, 9), (12, 17)]
    """
    found, start = [], 0
    for at, depth, sign in _signs(text, Level()):
        if depth == 1 and sign in b"[{":
            start = at
        elif depth == 0 and sign in b"]}":
            found.append((start, at + 1))
    return found


def _signs(text: bytes, level: Level) -> Iterator[tuple[int, int, bytes]]:
    """Yield the brackets and commas of `text` that are in no string, and the depth behind each."""
    depth, at = level.depth, 0
    if level.in_string:
        ends = _STRING_ENDS.match(text)
        at = ends.end() if ends is not None else len(text)
    for match in _SIGN.finditer(text, at):
        sign = match.group()
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        elif sign != b",":
            continue
        yield match.start(), depth, sign


def _parts(text: bytes, level: Level) -> Iterator[tuple[int, bytes, Level, int]]:
    """Yield some parts of `text`: where each begins, itself, the level there, and the lowest depth in it."""
    size, start = max(_SMALL // 2, -(-len(text) // _PARTS)), 0
    while start < len(text):
        stop = start + size
        while stop < len(text) and ends_in_escape(text, stop):
            stop += 1
        part = text[start:stop]
        after, lowest = passed(part, level)
        yield start, part, level, lowest
        level, start = after, stop


def ends_in_escape(text: bytes, stop: int) -> bool:
    """Return whether `text` up to `stop` ends in a backslash that escapes the next character."""
    if text[stop - 1 : stop] != b"\\":
        return False
    before = text[max(0, stop - 64) : stop]
    count = len(before) - len(before.rstrip(b"\\"))
    if count == len(before):
        count = stop - len(text[:stop].rstrip(b"\\"))
    return count % 2 == 1
