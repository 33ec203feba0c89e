"""Texts that come again and again, made once: how a parser learns which these are.

It would make a new text for each record, and who counts by it would find out each time which of a few it is. A decoder
that is told the texts beforehand looks them up by their bytes, and gives the same object for the same text. So the
first blocks are looked at, and when nothing new comes such a decoder takes over, until there is a text that it does not
know. Where there are too many different ones, or other values than texts, nothing is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BlockDecoder = Callable[[Sequence[Any]], list[Any]]

MOST_TEXTS = 2048
"""How many texts are known. More would not stay in a processor's cache, and only there it is faster to find one."""
MOST_LETTERS = 1 << 17
"""How many letters all the texts may have together."""
QUIET = 1 << 14
"""After this many records without a new text none is expected: to make the decoder takes as long as some thousands."""
LOOKED_AT = 1 << 18
"""How many records are looked at in all."""
_TEXTS = frozenset({str, type(None)})


class Recurring:
    """A BlockDecoder that learns which texts a field has; mutable. Threads may share it: any state of it is right."""

    def __init__(
        self,
        decode: BlockDecoder,
        values: Callable[[list[Any]], list[Any]],
        knowing: Callable[[frozenset[Any]], BlockDecoder],
    ) -> None:
        """Begin with `decode`; `values` gives the field of its records, and `knowing` the decoder that is told texts.

        That one gives the same records, or raises, as it does for any text that it was not told.
        """
        self._decode = decode
        self._values = values
        self._knowing = knowing
        self._faster: BlockDecoder | None = None
        self._known: frozenset[Any] = frozenset()
        self._letters = 0
        self._quiet = 0
        """How many records came since the last new text."""
        self._needed = QUIET
        self._left = LOOKED_AT

    def __call__(self, lines: Sequence[Any]) -> list[Any]:
        """Return the records of `lines`; raises what `decode` raises."""
        faster = self._faster
        if faster is not None:
            try:
                return faster(lines)
            except Exception:  # a new text, or lines that `decode` refuses too
                self._faster = None
                self._needed *= 2  # if new ones keep coming, it is soon not worth while
        records = self._decode(lines)
        if self._left > 0:
            self._look_at(self._values(records))
        return records

    def _look_at(self, values: list[Any]) -> None:
        self._left -= len(values)
        if not _TEXTS.issuperset(map(type, values)):
            self._left = 0
            return
        new = set(values) - self._known
        if new:
            self._known |= new
            self._letters += sum(map(len, filter(None, new)))
            self._quiet = 0
            if len(self._known) > MOST_TEXTS or self._letters > MOST_LETTERS:
                self._known, self._left = frozenset(), 0
            return
        self._quiet += len(values)
        if self._known and self._quiet >= self._needed:
            self._faster = self._knowing(self._known)
