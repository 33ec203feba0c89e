"""What msgspec says of a line that `json.loads` refuses too, so that nobody has to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Scan = Callable[[str, int], Any] | None
_SHORT: Final = 1 << 16
_CUT_OFF: Final = "Input data was truncated"
_MALFORMED: Final = "JSON is malformed: "
_SURE: Final = ("expected ", "trailing ", "object keys must be strings", "invalid number")
"""How the rest of such a text begins. Of surrogates Python takes more, and of what no text begins so here it may."""
_CHARACTER: Final = "invalid character (byte "
_NAMES: Final = (b"N", b"I")
"""What NaN and Infinity begin with, which Python takes."""


def is_refused(said: str, line: bytes | str) -> bool:
    """Return whether `json.loads` refuses `line` for sure, where msgspec `said` what is wrong with it.

    >>> is_refused("Input data was truncated", b'{"a": 1'), is_refused("Number out of range", b"1e400")
    (True, False)
    """
    if said == _CUT_OFF:
        escape = b"\\u" if isinstance(line, bytes) else "\\u"
        return escape not in line  # type: ignore[operator]  # it says so too of half a surrogate pair
    if not said.startswith(_MALFORMED):
        return False
    if said.startswith(_SURE, len(_MALFORMED)):
        return True
    if not said.startswith(_CHARACTER, len(_MALFORMED)):
        return False
    at = said[len(_MALFORMED) + len(_CHARACTER) : -1]
    data = line if isinstance(line, bytes) else line.encode(errors="surrogatepass")
    return at.isdecimal() and data[int(at) : int(at) + 1] not in _NAMES


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


def put_lines(given: tuple[Iterator[Any], list[Any], Sequence[Any], list[int], int]) -> None:
    """Put what is made of lines to a list, as `JsonParser.further` says: all of it is given as one value."""
    made, found, lines, refused, missing = given
    while True:
        try:
            found.extend(made)
            return
        except Exception as error:  # the careful way says what is wrong, or finds nothing wrong
            number = missing + len(found) + len(refused)
            if number >= len(lines) or not is_refused(str(error), lines[number]):
                return
            refused.append(number)
