r"""Blocks of records as `json.dumps` writes them, several times faster.

orjson writes a whole block in one go, msgspec puts spaces behind its commas and colons, and what is not ASCII is
escaped afterwards: so it is cut into exactly the lines that `json.dumps` gives. What orjson refuses, and what it writes
in another way, is for `json.dumps` itself:

    dates, sets, subclasses, large integers, keys that are no text     orjson raises
    what contains itself, what is nested deep, lone surrogates         orjson raises
    UUIDs, enums, NaN; floats whose `repr` has an exponent             `bagkit.json.plain` tells
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, filterfalse
from typing import Any, Final

from bagkit.json.plain import floats_in, have_no_exponent
from bagkit.light_classes import dataclass

_SEPARATORS: Final = {None: (b", ", b": "), (", ", ": "): (b", ", b": "), (",", ":"): (b",", b":")}
_FLAGS: Final = ("ensure_ascii", "allow_nan", "check_circular", "skipkeys", "sort_keys")
_BETWEEN: Final = "\x1e"
"""Stands between the records of a block while they are written together."""
_ASTRAL: Final = re.compile(rb"\\U([0-9a-f]{8})")
_LONG: Final = 512
"""How many bytes lines must have for it to pay to ask each of them whether it is ASCII."""
_FEW: Final = 8
"""Records that `json.dumps` writes if one of them is for it."""
_LONGEST_WAIT: Final = 64
"""How many blocks are left to `json.dumps` before the next one is tried, where one after the other was for it."""


@dataclass(frozen=True, slots=True)
class Style:
    """How `json.dumps` was asked to write."""

    ascii_only: bool = True
    spaces: bool = True
    sort_keys: bool = False


def style_of(settings: Mapping[str, Any]) -> Style | None:
    """Return the style that keyword arguments of `json.dumps` ask for; None where only `json.dumps` knows.

    >>> style_of({}), style_of({"indent": 2})
    (Style(ascii_only=True, spaces=True, sort_keys=False), None)
    """
    asked = dict(settings)
    asked.pop("default", None)  # it is called with values that orjson refuses, or that are not plain
    flags = {name: asked.pop(name) for name in _FLAGS if name in asked}
    separators = asked.pop("separators", None)
    if any(value is not None for value in asked.values()) or not asked.keys() <= {"cls", "indent"}:
        return None
    if any(type(flag) is not bool for flag in flags.values()):
        return None
    if separators is not None and (
        type(separators) not in (tuple, list) or not all(type(part) is str for part in separators)
    ):
        return None
    written = _SEPARATORS.get(None if separators is None else tuple(separators))
    if written is None:
        return None
    return Style(flags.get("ensure_ascii", True), written[0] == b", ", flags.get("sort_keys", False))


class BlockDumper:
    r"""Gives the lines of blocks of records, as `dumps` does; mutable, of one run.

    >>> import json
    >>> BlockDumper(json.dumps, Style())([{"a": "é", "b": [1.5, None]}])
    ['{"a": "\\u00e9", "b": [1.5, null]}']
    """

    def __init__(self, dumps: Callable[[Any], str], style: Style) -> None:
        self._dumps = dumps
        self._quick = _quick_dumper(style)
        self._left = 0
        """How many blocks to leave to `dumps`."""
        self._wait = 0

    def __call__(self, records: Sequence[Any]) -> Iterable[str]:
        """Return the line of each record; what iterates over them raises what `dumps` raises."""
        if self._left:
            self._left -= 1
            return map(self._dumps, records)
        lines = self._try(records)
        if lines is not None:
            self._wait = 0
            return lines
        if len(records) == 1:
            self._put_off()
            return map(self._dumps, records)
        parts = [records[start : start + _FEW] for start in range(0, len(records), _FEW)]
        return chain.from_iterable(self._in_parts(parts))

    def _in_parts(self, parts: Sequence[Sequence[Any]]) -> Iterable[Iterable[str]]:
        found = False
        for part in parts:
            lines = self._try(part) if len(parts) > 1 else None
            found = found or lines is not None
            yield map(self._dumps, part) if lines is None else lines
        if not found:
            self._put_off()

    def _put_off(self) -> None:
        self._left = self._wait = min(2 * self._wait + 1, _LONGEST_WAIT)

    def _try(self, records: Sequence[Any]) -> list[str] | None:
        try:
            return self._quick(records)
        except Exception:  # whatever it was, json.dumps says it better, or finds nothing wrong
            return None


def _quick_dumper(style: Style) -> Callable[[Sequence[Any]], list[str] | None]:
    """Return what writes a block in one go. Where it returns None or raises, `json.dumps` decides."""
    import msgspec
    import orjson

    dumps, spaced = orjson.dumps, msgspec.json.format
    flags = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    if style.sort_keys:
        flags |= orjson.OPT_SORT_KEYS
    between = b', "\\u001e", ' if style.spaces else b',"\\u001e",'
    cut = _cut_as_ascii if style.ascii_only else _cut

    def dump(records: Sequence[Any]) -> list[str] | None:
        together: list[Any] = [_BETWEEN] * (2 * len(records) - 1)
        together[::2] = records
        data = dumps(together, None, flags)
        floats = floats_in(records)
        if floats is None or not have_no_exponent(floats):
            return None
        lines = cut((spaced(data, indent=0) if style.spaces else data)[1:-1], between, len(records))
        return lines if len(lines) == len(records) else None  # else a record has what stands between them

    return dump


def _cut(data: bytes, between: bytes, number: int) -> list[str]:
    return str(data, "utf-8").split(str(between, "ascii"))


def _cut_as_ascii(data: bytes, between: bytes, number: int) -> list[str]:
    """Return the lines of `data`, with escapes for what `json.dumps` has escapes for."""
    if b"\x7f" in data or data.isascii() or len(data) < _LONG * number:
        return str(as_ascii(data), "ascii").split(str(between, "ascii"))
    is_ascii: Callable[[Any], bool] = bytes.isascii
    lines = data.split(between)  # most of them may be ASCII
    others = iter(as_ascii(b"\n".join(filterfalse(is_ascii, lines))).split(b"\n"))
    return [str(line if line.isascii() else next(others), "ascii") for line in lines]


def as_ascii(data: bytes) -> bytes:
    """Return JSON documents with escapes for what is not ASCII, as `json.dumps` has them.

    Raises ValueError where that is not easy.

    >>> print(as_ascii('["é", "€", "😀"]'.encode()).decode())
    ["\\u00e9", "\\u20ac", "\\ud83d\\ude00"]
    """
    if b"\x7f" in data:
        data = data.replace(b"\x7f", b"\\u007f")
    if data.isascii():
        return data
    if b"\\" in data and b"\\\\" in data:
        raise ValueError(
            "the letter after two backslashes could be x or U, as if that were an escape that is made here"
        )
    escaped = str(data, "utf-8").encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
    return _ASTRAL.sub(_surrogates, escaped) if b"\\U" in escaped else escaped


def _surrogates(match: re.Match[bytes]) -> bytes:
    above = int(match[1], 16) - 0x10000
    return b"\\u%04x\\u%04x" % (0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF))
