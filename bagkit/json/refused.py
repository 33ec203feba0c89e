"""What msgspec says of a line that `json.loads` refuses too, so that nobody has to ask it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Scan = Callable[[str, int], Any] | None
_SHORT: Final = 1 << 16
_CUT_OFF: Final = "Input data was truncated"
_MALFORMED: Final = "JSON is malformed: "
_SURE: Final = tuple(
    [_MALFORMED + rest for rest in ("expected ", "trailing ", "object keys must be strings", "invalid number")]
)
"""How such a text begins. Of surrogates Python takes more, and of what no text begins so here it may."""
_CHARACTER: Final = f"{_MALFORMED}invalid character (byte "
_NAMES: Final = (b"N", b"I")
"""What NaN and Infinity begin with, which Python takes."""
_FEW: Final = 640
"""Bytes of a line in which no number can be too long for Python."""
_WORD: Final = 5
"""How many bytes msgspec reads of a word such as `true` before it says that one is invalid: which, it does not know."""
_NO_WORD: Final = b' ,:[]{}"-+.0123456789'
_ENDS: Final = {True: (b"\n", b"\r\n", b"\r"), False: (b"\n",)}
"""The line ends that are no part of a text that is to be without them, of raw lines and of others."""
_BEYOND: Final = 3
"""More bytes than a line end has."""


def is_refused(said: str, line: bytes | str) -> bool:
    """Return whether `json.loads` refuses `line` for sure, where msgspec `said` what is wrong with it.

    >>> is_refused("Input data was truncated", b'{"a": 1'), is_refused("Number out of range", b"1e400")
    (True, False)
    """
    if said == _CUT_OFF:
        escape = b"\\u" if isinstance(line, bytes) else "\\u"
        return escape not in line  # type: ignore[operator]  # it says so too of half a surrogate pair
    if not said.startswith(_CHARACTER):
        return said.startswith(_SURE)
    at = _byte(said)
    if at is None:
        return False
    return (line[at : at + 1] if type(line) is bytes else _bytes_of(line[: at + 1])[at : at + 1]) not in _NAMES


def _bytes_of(line: bytes | str) -> bytes:
    return line if isinstance(line, bytes) else line.encode(errors="surrogatepass")


def _byte(said: str) -> int | None:
    """Return the byte of a character that is invalid, as msgspec says."""
    at = said[len(_CHARACTER) : -1]
    return int(at) if at.isdecimal() else None


def text_if_cut(raw: bool, without_end: bool, line: Any, said: str) -> str | None:
    """Return what `json.loads` says of a refused line that ends in a string, as those mostly do that were cut off.

    msgspec has found nothing wrong before; it `said` what is. The others are as for `text_of`. None where only
    json.loads knows: to raise its error takes five times as long.

    >>> text_if_cut(True, False, b'{"name": "Ad', "Input data was truncated")
    'Unterminated string starting at: line 1 column 10 (char 9)'
    """
    if said == _CUT_OFF and len(line) > _FEW:
        return None
    data = _bytes_of(line[: _FEW + _BEYOND])  # a line may be long
    end = len(data) if said == _CUT_OFF else _byte(said) if said.startswith(_CHARACTER) else None
    if end is None or end > _FEW or not _is_plain(data, 0, end) or data.count(b'"', 0, end) % 2 == 0:
        return None
    rest, start = data[end : end + _BEYOND], data.rindex(b'"', 0, end)
    if data[max(0, end - _WORD) : start].strip(_NO_WORD):
        return None
    if not rest or (without_end and rest in _ENDS[raw]):
        return f"Unterminated string starting at: line 1 column {start + 1} (char {start})"
    return f"Invalid control character at: line 1 column {end + 1} (char {end})" if rest < b" " else None


_is_plain: Final = re.compile(rb"[ -\[\]-~]*").fullmatch
"""Whether bytes are ASCII that is seen, without escapes."""


def text_of(raw: bool, without_end: bool, line: Any) -> Any:
    """Return a line as json.loads is given it; a `raw` one is bytes with the line ends of the file."""
    if raw:
        line = line.decode().replace("\r\n", "\n").replace("\r", "\n")
    return line.removesuffix("\n") if without_end and type(line) is str else line


def refuse(scan: Scan, careful: Callable[[Any], Any], raw: bool, without_end: bool, line: Any) -> Any:
    """Raise what `careful` does for a line that json.loads refuses: its scanner alone takes less time."""
    if scan is not None and len(line) <= _SHORT:
        text = text_of(raw, without_end, line)
        if text.startswith(("{", "[")):  # before others json.loads looks for white space, and for a mark
            try:
                scan(text, 0)
            except (StopIteration, RecursionError):
                pass  # what json.loads makes of them
    return careful(line)


def put_lines(given: tuple[Iterator[Any], list[Any], Sequence[Any], list[tuple[int, str]], int]) -> None:
    """Put what is made of lines to a list, as `JsonParser.further` says: all of it is given as one value."""
    made, found, lines, refused, missing = given
    while True:
        try:
            found.extend(made)
            return
        except Exception as error:  # the careful way says what is wrong, or finds nothing wrong
            number = missing + len(found) + len(refused)
            said = str(error)
            if number >= len(lines) or not is_refused(said, lines[number]):
                return
            refused.append((number, said))
