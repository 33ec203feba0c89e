"""Texts that come again and again, made once: how a parser learns for each field which these are.

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


class _Texts:
    """What is known of the texts of one field; mutable. Any state of it is right, so threads may share it."""

    def __init__(self) -> None:
        self.known: frozenset[Any] = frozenset()
        self.is_open = True
        """Whether it may be worth while to tell a decoder of them."""
        self._letters = 0
        self._quiet = 0
        """How many records came since the last new text."""
        self.needed = QUIET

    @property
    def is_ready(self) -> bool:
        """Whether no new text is expected."""
        return bool(self.known) and self._quiet >= self.needed

    def take(self, values: list[Any]) -> bool:
        """Look at some values more; return whether there is a new text."""
        if not _TEXTS.issuperset(map(type, values)):
            self.close()
            return False
        new = set(values) - self.known
        if not new:
            self._quiet += len(values)
            return False
        self.known |= new
        self._letters += sum(map(len, filter(None, new)))
        self._quiet = 0
        if len(self.known) > MOST_TEXTS or self._letters > MOST_LETTERS:
            self.close()
        return True

    def close(self) -> None:
        """Look at this field no more."""
        self.known, self.is_open = frozenset(), False


class Recurring:
    """A BlockDecoder that learns which texts fields have; mutable. Threads may share it: any state of it is right."""

    def __init__(
        self,
        decode: BlockDecoder,
        fields: Sequence[Callable[[list[Any]], list[Any]]],
        knowing: Callable[[Sequence[frozenset[Any]]], BlockDecoder],
    ) -> None:
        """Begin with `decode`; each of `fields` gives a field of its records.

        `knowing` gives the decoder that is told the texts of each field; there are none where any value may come. That
        one gives the same records, or raises, as it does for any text that it was not told.
        """
        self._decode = decode
        self._fields = fields
        self._texts = [_Texts() for _ in fields]
        self._knowing = knowing
        self._faster: BlockDecoder | None = None
        self._left = LOOKED_AT

    def __call__(self, lines: Sequence[Any]) -> list[Any]:
        """Return the records of `lines`; raises what `decode` raises."""
        faster = self._faster
        if faster is not None:
            try:
                return faster(lines)
            except Exception:  # a new text, or lines that `decode` refuses too
                self._faster = None
                for texts in self._texts:
                    texts.needed *= 2  # if new ones keep coming, it is soon not worth while
        records = self._decode(lines)
        if self._left > 0:
            self._look_at(records, was_told=faster is not None)
        return records

    def _look_at(self, records: list[Any], *, was_told: bool) -> None:
        self._left -= len(records)
        for field, texts in zip(self._fields, self._texts, strict=True):
            if not texts.is_open:
                continue
            try:
                values = field(records)
            except AttributeError:  # what the field is in is no dict
                texts.close()
                continue
            if texts.take(values) and was_told and sum(other.is_open for other in self._texts) > 1:
                texts.close()  # the others are not to wait for it
        looked_at = [texts for texts in self._texts if texts.is_open]
        if not looked_at:
            self._left = 0
        elif all(texts.is_ready for texts in looked_at):
            self._faster = self._knowing([texts.known for texts in self._texts])
