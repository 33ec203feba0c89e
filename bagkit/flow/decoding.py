"""Bytes that are not UTF-8: a hint at an encoding that reads them."""

from __future__ import annotations

import codecs
import re

from bagkit.visible import one_line

_AROUND = 12
"""How many bytes before and after the first odd one are shown, as another encoding reads them."""
_SAID = ("encoding", "object", "start", "end")
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def undecoded(error: UnicodeDecodeError) -> bytes:
    """Return the bytes that `error` is about; none if it is about another encoding than UTF-8."""
    encoding, data, start, end = _said(error)
    return bytes(data[start:end]) if encoding in ("utf-8", "utf8") else b""


def other_encoding(error: UnicodeDecodeError, *, first: bool) -> str | None:
    """Return words about an encoding that reads what `error` says is not UTF-8; `first` is what a file begins with.

    >>> try:
    ...     "name: Zürich".encode("latin-1").decode()
    ... except ValueError as error:
    ...     other_encoding(error, first=True)
    "hint: encoding='latin-1' reads it as 'name: Zürich'; errors='replace' goes on with marks in place of such bytes"
    """
    if not undecoded(error):
        return None
    _, data, start, _ = _said(error)
    mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if mark is not None and first:
        return f"the file begins with a mark; hint: encoding={mark!r} reads it"
    near = data[max(0, start - _AROUND) : start + _AROUND]
    name = "cp1252" if re.search(rb"[\x80-\x9f]", near) else "latin-1"
    try:
        said = one_line(near.decode(name))
    except UnicodeDecodeError:
        return None
    return f"hint: encoding={name!r} reads it as {said}; errors='replace' goes on with marks in place of such bytes"


def _said(error: UnicodeDecodeError) -> tuple[str, bytes, int, int]:
    """Return what Python has noted in `error`, without asking code of its class."""
    encoding, data, start, end = (vars(UnicodeDecodeError)[name].__get__(error) for name in _SAID)
    return encoding, data, start, end
