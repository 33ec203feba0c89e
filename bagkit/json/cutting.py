"""Cuts text into its JSON documents. Text that is not JSON is cut out too, for the parser to refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from bagkit.json.levels import cut_at_brackets, cut_at_commas

_SPACE: Final = b" \t\n\r"
_BETWEEN: Final = re.compile(rb"(?<=[}\]])[ \t\n\r]*(?=[{\[])")
_OBJECTS_MEET: Final = re.compile(rb"\}[ \t\n\r]*\{")
_ELEMENTS_MEET: Final = re.compile(rb'[}\]][ \t\n\r]*,[ \t\n\r]*[{\[](?:[ \t\n\r]*"[^"\\,]{0,64}"[ \t\n\r]*:)?')
_MISSES: Final = 3
"""How often in a row a part of an array may turn out not to end where it seemed to, until that is no longer tried."""
SCALAR: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"{}\[\],:]+|[,:]|"', re.DOTALL)
"""A text, a number, a word, a comma or a colon; or the quotation mark of a text that has no end."""


class Seam:
    """How elements of an array follow each other, as in `}, {"id":`; mutable, of one array.

    Where the last such place of some text is, msgspec says whether all before it are whole elements: then it is a cut,
    for nothing but that is JSON between brackets. That is faster than to find the level there.
    """

    def __init__(self) -> None:
        self._text = b""
        self._comma = 0
        self._misses = 0

    def learn(self, text: bytes, comma: int) -> None:
        """Take what is around a comma between two elements."""
        found = _ELEMENTS_MEET.match(text, comma - 1) if comma else None
        if found is not None:
            self._text = found.group()
            self._comma = self._text.index(b",")

    def cut(self, held: Sequence[bytes], text: bytes) -> tuple[int, Sequence[Any]] | None:
        """Return the last comma between two elements in `text`, behind `held`, and the elements before; or None."""
        at = text.rfind(self._text) if self._text and self._misses < _MISSES else -1
        if at < 0:
            return None
        comma = at + self._comma
        try:
            known: list[Any] = _raws()(b"".join([b"[", *held, text[:comma], b"]"]))
        except Exception:  # it is inside of an element, or something is no JSON for msgspec: the level will tell
            self._misses += 1
            return None
        self._misses = 0
        return comma, known


def elements(text: bytes, whole: bool) -> list[bytes]:
    """Return the elements of an array, or a part of it; what is no JSON among them is for its parser to refuse."""
    try:
        found = list(map(bytes, _raws()(b"[" + text + b"]")))
    except Exception:  # something is no JSON for msgspec: the slow way cuts, and the parser says what it is
        found = cut_at_commas(text)
    return found if found or whole else [b""]  # a comma has nothing beside it


@cache
def _raws() -> Callable[[bytes], list[Any]]:
    """Return the function that cuts an array into its elements."""
    import msgspec

    decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[msgspec.Raw]).decode
    return decode


def one_by_one(text: bytes, whole: bool) -> list[bytes]:
    """Return the documents that follow each other in `text`, and in place of an array its elements."""
    stripped = text.strip(_SPACE)
    found = _checked(_split_alike(stripped)) or _checked(_BETWEEN.split(stripped)) or _cut_at_brackets(text)
    if any(document.startswith(b"[") for document in found):
        found = [
            part for document in found
            for part in (elements(document[1:-1], True) if document[:1] + document[-1:] == b"[]" else [document])
        ]  # fmt: skip
    return found


def _split_alike(text: bytes) -> list[bytes]:
    """Return the parts of `text` between objects, as far as all have the same between them as the first two."""
    meeting = _OBJECTS_MEET.search(text)
    if meeting is None:
        return [text]
    first, *parts = text.split(meeting.group())
    return [first + b"}", *[b"{" + part + b"}" for part in parts[:-1]], b"{" + parts[-1]]


def _checked(found: list[bytes]) -> list[bytes]:
    """Return what is `found` if each of it is a document; nothing otherwise."""
    try:
        return found if list(map(bytes, _raws()(b"[" + b",".join(found) + b"]"))) == found else []
    except Exception:  # something is no JSON for msgspec, or these are no whole documents
        return []


def _cut_at_brackets(text: bytes) -> list[bytes]:
    """Return documents one by one, each cut out by its brackets; texts and numbers are documents too."""
    found, at = list[bytes](), 0
    for start, stop in [*cut_at_brackets(text), (len(text), len(text))]:
        found += SCALAR.findall(text, at, start)
        found += [text[start:stop]] if start < stop else []
        at = stop
    return found
