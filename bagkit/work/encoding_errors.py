"""A hint for a line that does not decode: an encoding that would read it."""

from __future__ import annotations

import codecs
import re

from bagkit.errors import attribute
from bagkit.flow.blocks import Place
from bagkit.visible import one_line

_AROUND = 12
"""How many bytes before and after the first odd one are shown, as another encoding reads them."""
_SAID = ("encoding", "object", "start", "end")
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_hint(error: BaseException, place: Place | None) -> str | None:
    """Return an encoding that reads a line that is not UTF-8, and the line in it; None for other errors.

    >>> line = "name: Zürich".encode("latin-1")
    >>> try:
    ...     line.decode()
    ... except ValueError as error:
    ...     encoding_hint(error, Place("a.txt", line=1, record=line))
    "hint: encoding='latin-1' reads it as 'name: Zürich'; errors='replace' goes on with marks in place of such bytes"
    """
    if place is None or not isinstance(place.record, bytes) or not isinstance(error, UnicodeDecodeError):
        return None
    encoding, data, start, end = (attribute(error, name, UnicodeDecodeError) for name in _SAID)
    if encoding not in ("utf-8", "utf8") or data[start:end] not in place.record:
        return None
    mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if mark is not None and place.line == 1:
        return f"the file begins with a mark; hint: encoding={mark!r} reads it"
    near = data[max(0, start - _AROUND) : start + _AROUND]
    name = "cp1252" if re.search(rb"[\x80-\x9f]", near) else "latin-1"
    try:
        said = one_line(near.decode(name))
    except UnicodeDecodeError:
        return None
    return f"hint: encoding={name!r} reads it as {said}; errors='replace' goes on with marks in place of such bytes"
