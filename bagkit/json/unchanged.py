"""Finds lines of JSON that a writer would write unchanged, byte for byte, without making their records.

A regular expression tells. It is made of the first records: it has their keys, in their order, and takes for a value
what is written in one way only. It is asked about lines that are known to be JSON in UTF-8, and need not see whether
they are. What it does not take may be written so all the same; then its record is made, and written, as ever.

    keys        each once, in one order; some may be missing
    texts       any characters, and the escapes that all characters have that can't do without
    integers    of 18 digits at the most; -0 is written as 0
    floats      of 15 digits at the most and no exponent: no shorter text stands for the same float
    spaces      none; msgspec takes them out of a line first, if it has any
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Final

_TEXT: Final = '"[^"]*+"'
"""A text of a line without a backslash."""
_ESCAPING: Final = r'"[^"\\]*+(?:\\["\\bfnrt][^"\\]*+)*+"'
_INTEGER: Final = "(?:0|-?[1-9][0-9]{0,17}+)(?![0-9.eE])"
_NO_MORE: Final = "(?![0-9eE])"
_FLOAT: Final = (
    rf"(?>-?+(?:[1-9][0-9]{{0,5}}+\.|0\.(?!0000))(?:[0-9]{{0,8}}[1-9]|0){_NO_MORE}"
    rf"|-?+(?=[0-9.]{{3,16}}+[,\]}}])(?:[1-9][0-9]*+\.|0\.(?!0000))(?:[0-9]*[1-9]|0){_NO_MORE})"
)
"""Most floats are of the first form, of six digits before the point at the most and nine behind it: told sooner."""
_SCALARS: Final = {int: _INTEGER, float: _FLOAT, bool: "true|false", type(None): "null"}

_LOOKED_AT: Final = 32
"""How many records are looked at before an expression is made, which takes as long as to write some hundreds."""
_OF_BLOCK: Final = 16
_LEARNT: Final = 512
"""How many of a block, and in all, are looked at to make it: that takes longer than to write them."""
_MOST_KEYS: Final = 256
_LARGEST: Final = 1 << 10
"""Of a shape: an expression is made in some 50 µs for each key and list."""
_DEEPEST: Final = 24
_SEEN: Final = 256
"""Lines after which it is asked whether enough of them are written as they are."""
_SEEN_AGAIN: Final = 64
"""The same after a pause."""
_TOO_MANY: Final = 0.5
_AGAIN: Final = 256
"""After how many blocks it is tried again; each time that it was in vain, after twice as many."""
_SELDOM: Final = 8192


class _TooVaried(Exception):
    """Records have too many keys, or the same ones in another order."""


class _Shape:
    """What stands in one place of records; mutable."""

    __slots__ = ("elements", "keys", "kinds", "optional")

    def __init__(self) -> None:
        self.kinds: dict[type, None] = {}
        self.keys: dict[str, _Shape] | None = None
        self.optional: set[str] = set()
        self.elements: _Shape | None = None

    def take(self, value: Any, depth: int = 0) -> None:
        """Look at one more value; raises _TooVaried."""
        kind = type(value)
        self.kinds.setdefault(kind)
        if kind is dict:
            self._take_keys(value)
            for key, inner in value.items():
                assert self.keys is not None
                self.keys[key].take(inner, _deeper(depth))
        elif kind is list and value:
            if self.elements is None:
                self.elements = _Shape()
            for inner in value:
                self.elements.take(inner, _deeper(depth))

    def _take_keys(self, record: dict[str, Any]) -> None:
        known = self.keys
        if known is None:
            known = self.keys = {key: _Shape() for key in record}
        elif known.keys() != record.keys() or list(known) != list(record):
            self.optional |= known.keys() ^ record.keys()
            order, at = list(known), 0
            for key in record:
                if key not in known:
                    order.insert(at, key)
                elif order.index(key) < at:
                    raise _TooVaried
                at = order.index(key) + 1
            self.keys = {key: known.get(key) or _Shape() for key in order}
        if len(self.keys or ()) > _MOST_KEYS:
            raise _TooVaried

    def size(self) -> int:
        """Return the number of its places, with what is known of each: it only grows."""
        inner = [*(self.keys or {}).values(), *([self.elements] if self.elements else [])]
        return 1 + len(self.kinds) + len(self.optional) + sum([shape.size() for shape in inner])

    def pattern(self, text: str) -> str:
        """Return the regular expression for it, where `text` is the one for texts."""
        kinds = [self._of_kind(kind, text) for kind in self.kinds]
        return kinds[0] if len(kinds) == 1 and self.kinds.keys() != {bool} else f"(?>{'|'.join(kinds)})"

    def _of_kind(self, kind: type, text: str) -> str:
        if kind is str:
            return text
        if kind is dict:
            return self.of_keys(text)
        if kind is not list:
            return _SCALARS[kind]
        if self.elements is None:
            return r"\[\]"
        one = self.elements.pattern(text)
        return rf"\[(?:{one}(?:,{one})*+)?+\]"

    def of_keys(self, text: str) -> str:
        """Return the regular expression for a dict."""
        import orjson

        members = []
        for key, shape in (self.keys or {}).items():
            member = f"{re.escape(orjson.dumps(key).decode())}:{shape.pattern(text)}"
            # Where some may be missing, commas are not looked at: they stand where they must, for it is JSON.
            member += ",?+" if self.optional else ""
            members.append(f"(?:{member})?+" if key in self.optional else member)
        return rf"\{{{('' if self.optional else ',').join(members)}\}}"


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise _TooVaried
    return depth + 1


class Unchanged:
    """Finds lines that `to_jsonl` would write as they are; mutable. Threads may share it: any state of it is right."""

    def __init__(self, alone: bool = False) -> None:
        """Begin to look. `alone` says that lines are parsed twice for this only, not for a filter."""
        import msgspec

        self.alone = alone
        self._without_spaces: Callable[[bytes], bytes] = partial(msgspec.json.format, indent=-1)  # type: ignore[assignment]  # overloads: of bytes it gives bytes
        self._shape = _Shape()
        self._size = 0
        """The size of the shape that the expressions were made of."""
        self._plain: Callable[[bytes], Any] | None = None
        self._escaping: Callable[[bytes], Any] | None = None
        self._missed = 0
        self._until = _LOOKED_AT
        self._left = _LEARNT
        self._given = self._missing = 0
        self._waiting: float = 0
        self._again = _AGAIN
        self._seen = _SEEN

    def __reduce__(self) -> tuple[Any, ...]:
        return Unchanged, (self.alone,)

    @property
    def is_hopeful(self) -> bool:
        """Whether many lines are expected to be written as they are."""
        return not self._waiting

    def pays(self) -> bool:
        """Say whether it is worth while for the next block."""
        if self._waiting:
            self._waiting -= 1
        return not self._waiting

    def lines_or_records(self, lines: Sequence[Any], decode: Callable[[Sequence[Any]], list[Any]]) -> list[Any]:
        r"""Return for each of `lines` the bytes that are written of it, or its record; raises what `decode` raises.

        >>> import json
        >>> lines = [b'{"a": 1}\n', b'{"a":2}\n', b'{"a":1e5}\n'] * 20
        >>> Unchanged().lines_or_records(lines[:3], lambda lines: [json.loads(line) for line in lines])
        [{'a': 1}, {'a': 2}, {'a': 100000.0}]
        >>> unchanged = Unchanged()
        >>> _ = unchanged.lines_or_records(lines, lambda lines: [json.loads(line) for line in lines])
        >>> unchanged.lines_or_records(lines[:3], lambda lines: [json.loads(line) for line in lines])
        [b'{"a":1}\n', b'{"a":2}\n', {'a': 100000.0}]
        """
        found, missing = self._find(lines)
        if missing:
            records = decode([lines[number] for number in missing])
            for number, record in zip(missing, records, strict=True):
                found[number] = record
            self._learn(records)
        if self._plain is not None:
            self._account(len(lines), len(missing))
        return found

    def _find(self, lines: Sequence[Any]) -> tuple[list[Any], Sequence[int]]:
        """Return what is written of each of `lines`, and the numbers of those for which it is not known."""
        matches = self._plain
        if matches is None or set(map(type, lines)) != {bytes}:
            return [None] * len(lines), range(len(lines))
        together = b"".join(lines)
        if b"\\" in together:
            escaping = self._escaping = self._escaping or self._made(_ESCAPING)
            ways = [escaping if b"\\" in line else matches for line in lines]
            return _told([self._written(line, way) for line, way in zip(lines, ways, strict=True)])
        if matches(lines[0]) is None:
            without_spaces = list(map(self._without_spaces, lines))
            if all(map(matches, without_spaces)):
                return [line + b"\n" for line in without_spaces], ()
        elif all(map(matches, lines)) and together.count(b"\n") == len(lines):
            return list(lines), ()
        return _told([self._written(line, matches) for line in lines])

    def _written(self, line: bytes, matches: Callable[[bytes], Any]) -> bytes | None:
        """Return what is written of `line`, if it is known."""
        if matches(line):
            return line if line.endswith(b"\n") else line + b"\n"
        line = self._without_spaces(line)
        return line + b"\n" if matches(line) else None

    def _learn(self, records: Sequence[Any]) -> None:
        if self._left <= 0:
            return
        looked_at = records[:_OF_BLOCK]
        self._left -= len(looked_at)
        self._missed += len(records)
        try:
            for record in looked_at:
                self._shape.take(record)
            if self._missed < self._until:
                return
            size = self._shape.size()
            if size > _LARGEST:
                raise _TooVaried
            if size != self._size:
                self._plain, self._escaping, self._size = self._made(_TEXT), None, size
            self._missed, self._until = 0, 2 * self._until
        except Exception:  # too varied, too deep, or a key that UTF-8 does not have
            self._left = 0
            if self._plain is None:
                self._waiting = inf

    def _made(self, text: str) -> Callable[[bytes], Any]:
        return re.compile(rf"{self._shape.of_keys(text)}\n?+".encode()).fullmatch

    def _account(self, given: int, missing: int) -> None:
        """Note how many lines of a block were not found, and wait where these are many."""
        self._given += given
        self._missing += missing
        if self._given < self._seen:
            return
        if self._missing > _TOO_MANY * self._given:
            self._waiting, self._again = self._again, min(_SELDOM, 2 * self._again)
            self._seen = _SEEN_AGAIN
        else:
            self._again, self._seen = _AGAIN, _SEEN
        self._given = self._missing = 0


def _told(found: list[Any]) -> tuple[list[Any], Sequence[int]]:
    return found, [number for number, line in enumerate(found) if line is None]
