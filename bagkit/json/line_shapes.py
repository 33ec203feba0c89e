"""The shape of lines of JSON, as a regular expression that takes only what is written in one way.

It is made of the first records: it has their keys, in their order, and takes for a value what a writer would write for
it, and nothing else. It is asked about lines that are known to be JSON in UTF-8, and need not see whether they are.

    keys        each once, in one order; some may be missing
    texts       any characters, and the escapes that all characters have that can't do without
    integers    of 18 digits at the most; -0 is written as 0
    floats      of 15 digits at the most and no exponent: no shorter text stands for the same float
    spaces      only where the notation has them
"""

from __future__ import annotations

import re
from typing import Any, Final

from bagkit.light_classes import dataclass

_SHORT_ESCAPES: Final = r'["\\bfnrt]'
_IN_ASCII: Final = r"u(?!00(?:0[89acd]|[2-6][0-9a-f]|7[0-9a-e]))[0-9a-f]{4}"
"""The escapes of characters that are not ASCII or have no other, where all text is ASCII."""
_INTEGER: Final = "[0-9]{1,18}+"
_SIGNED_INTEGER: Final = "(?!-0)-?+[0-9]{1,18}+"
_NO_MORE: Final = "(?![0-9eE])"
_FLOAT: Final = (
    rf"(?>-?+(?:[1-9][0-9]{{0,5}}+\.|0\.(?!0000))(?:[0-9]{{0,8}}[1-9]|0){_NO_MORE}"
    rf"|-?+(?=[0-9.]{{3,16}}+[,\]}}])(?:[1-9][0-9]*+\.|0\.(?!0000))(?:[0-9]*[1-9]|0){_NO_MORE})"
)
"""Most floats are of the first form, of six digits before the point at the most and nine behind it: told sooner."""
_TEXT: Final = "\0"
"""Stands in a pattern where a text stands."""
_SCALARS: Final = {str: _TEXT, float: _FLOAT, bool: "true|false", type(None): "null"}

_MOST_KEYS: Final = 256
_DEEPEST: Final = 24


class TooVaried(Exception):
    """Records have too many keys, or the same ones in another order."""


@dataclass(frozen=True, slots=True)
class Notation:
    """How a writer of JSON writes."""

    spaces: bool = False
    """Whether a space stands behind each comma and colon."""
    ascii_only: bool = False
    """Whether there are escapes for what is not ASCII."""

    @property
    def comma(self) -> str:
        """What stands between two values."""
        return ", " if self.spaces else ","

    @property
    def colon(self) -> str:
        """What stands between a key and its value."""
        return ": " if self.spaces else ":"

    def escapes(self) -> re.Pattern[bytes]:
        """Return the expression of one escape as it is written."""
        return re.compile(self._escape.encode())

    @property
    def _escape(self) -> str:
        return rf"\\(?:{_SHORT_ESCAPES}|{_IN_ASCII})" if self.ascii_only else rf"\\{_SHORT_ESCAPES}"

    def expression(self, pattern: str, escaping: bool) -> re.Pattern[bytes]:
        """Return the expression of a `Shape.pattern`; for a text it takes all up to the next quotation mark, or, if it
        is `escaping`, knows the escapes."""
        text = rf'"[^"\\]*+(?:{self._escape}[^"\\]*+)*+"' if escaping else '"[^"]*+"'
        return re.compile(pattern.replace(_TEXT, text).encode())

    def key(self, key: str) -> str:
        """Return the expression of a key. Where all is to be ASCII, it may still have to be made so."""
        import orjson

        ways = {orjson.dumps(key).decode()}
        if self.ascii_only:
            from bagkit.json.standard import standard_dumps

            ways.add(standard_dumps(key))
        return f"(?>{'|'.join(sorted(map(re.escape, ways)))})" if len(ways) > 1 else re.escape(ways.pop())


class Shape:
    """What stands in one place of records; mutable."""

    __slots__ = ("elements", "has_negative", "keys", "kinds", "optional")

    def __init__(self) -> None:
        self.kinds: dict[type, None] = {}
        self.has_negative = False
        """Whether one of its integers is: they take longer to tell."""
        self.keys: dict[str, Shape] | None = None
        self.optional: set[str] = set()
        self.elements: Shape | None = None

    def take(self, value: Any, depth: int = 0) -> None:
        """Look at one more value; raises TooVaried."""
        kind = type(value)
        self.kinds.setdefault(kind)
        if kind is int:
            self.has_negative = self.has_negative or value < 0
        elif kind is dict:
            self._take_keys(value)
            for key, inner in value.items():
                assert self.keys is not None
                self.keys[key].take(inner, _deeper(depth))
        elif kind is list and value:
            if self.elements is None:
                self.elements = Shape()
            for inner in value:
                self.elements.take(inner, _deeper(depth))

    def _take_keys(self, record: dict[str, Any]) -> None:
        known = self.keys
        if known is None:
            known = self.keys = {key: Shape() for key in record}
        elif known.keys() != record.keys() or list(known) != list(record):
            self.optional |= known.keys() ^ record.keys()
            order, at = list(known), 0
            for key in record:
                if key not in known:
                    order.insert(at, key)
                elif order.index(key) < at:
                    raise TooVaried
                at = order.index(key) + 1
            self.keys = {key: known.get(key) or Shape() for key in order}
        if len(self.keys or ()) > _MOST_KEYS:
            raise TooVaried

    def size(self) -> int:
        """Return the number of its places, with what is known of each: it only grows."""
        inner = [*(self.keys or {}).values(), *([self.elements] if self.elements else [])]
        known = 1 + len(self.kinds) + self.has_negative + len(self.optional)
        return known + sum([shape.size() for shape in inner])

    def pattern(self, notation: Notation) -> str:
        """Return the pattern of lines of dicts; `Notation.expression` makes expressions of it."""
        comma, members = notation.comma, []
        for key, shape in (self.keys or {}).items():
            member = f"{notation.key(key)}{notation.colon}{shape._of_kinds(notation)}"
            # Where some may be missing, commas are not looked at: they stand where they must, for it is JSON.
            member += f"(?:{comma})?+" if self.optional else ""
            members.append(f"(?:{member})?+" if key in self.optional else member)
        return rf"\{{{('' if self.optional else comma).join(members)}\}}"

    def _of_kinds(self, notation: Notation) -> str:
        kinds = [self._of_kind(kind, notation) for kind in self.kinds]
        return kinds[0] if len(kinds) == 1 and self.kinds.keys() != {bool} else f"(?>{'|'.join(kinds)})"

    def _of_kind(self, kind: type, notation: Notation) -> str:
        if kind is int:
            integer = _SIGNED_INTEGER if self.has_negative else _INTEGER
            # What follows in the expression is no digit, so it need not be looked at, but where a float may stand here.
            return rf"{integer}(?![0-9.eE])" if float in self.kinds else integer
        if kind is dict:
            return self.pattern(notation)
        if kind is not list:
            return _SCALARS[kind]
        one = "" if self.elements is None else self.elements._of_kinds(notation)
        if r"\[" in one:  # to have it twice, as is quicker, would double the pattern with each list in a list
            return rf"\[(?:{one}(?:{notation.comma}|(?=\])))*+\]"
        return rf"\[(?:{one}(?:{notation.comma}{one})*+)?+\]" if one else r"\[\]"


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise TooVaried
    return depth + 1
