"""How many records are the same as one before, in bounded memory.

Of each record a digest of 64 bits is kept, while there are no more than EXACT: then the numbers are exact, but for two
different records in 2 ** 64 that share a digest. Of more records only those digests are kept that begin with some zero
bits, as few bits as it takes to have no more than SAMPLE different ones, each with its count: so the numbers are those
of a sample of different records. Which these are does not depend on the order or the pieces that records come in.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Any, Final

from isal.isal_zlib import crc32

EXACT: Final = 1 << 20
SAMPLE: Final = 1 << 17


def _shuffled_bytes() -> bytes:
    table = list(range(256))
    table.remove(_NEWLINE)
    Random(1).shuffle(table)
    return bytes([*table[:_NEWLINE], _NEWLINE, *table[_NEWLINE:]])


_NEWLINE: Final = 10
_OTHER_BYTES: Final = _shuffled_bytes()
"""Another byte for each but the end of a line: what has the same checksum as something has another one then."""


def digests_of(lines: bytes) -> array[int]:
    """Return a digest of 64 bits of each line, which all end. All loops are C's."""
    texts, others = lines.split(b"\n"), lines.translate(_OTHER_BYTES).split(b"\n")
    texts.pop()
    others.pop()
    both = array("I", bytes(8 * len(texts)))
    both[0::2] = array("I", list(map(crc32, texts)))
    both[1::2] = array("I", list(map(crc32, others)))
    return array("Q", both.tobytes())


class Duplicates:
    """The digests of some records; mutable, of one state."""

    __slots__ = ("bits", "counts", "each", "number", "without")

    def __init__(self) -> None:
        self.number = 0
        self.without = 0
        """Records that have no digest: of no key, or of values that can't be compared."""
        self.each: array[int] | None = array("Q")
        """The digests of all records; None once they are too many."""
        self.bits = 0
        """How many bits of the digests in `counts` are zero."""
        self.counts: Counter[int] = Counter()

    def take(self, digests: array[int]) -> None:
        """Take the digests of some records."""
        self.number += len(digests)
        if self.each is None:
            mask = (1 << self.bits) - 1
            self.counts.update([each for each in digests if not each & mask] if mask else digests)
            self._settle()
            return
        self.each += digests
        if self.number > EXACT:
            self._thin()

    def _thin(self) -> None:
        each, self.each = self.each, None
        for start in range(0, len(each or ()), SAMPLE):
            mask = (1 << self.bits) - 1
            self.counts.update([one for one in (each or ())[start : start + SAMPLE] if not one & mask])
            self._settle()

    def _settle(self) -> None:
        while len(self.counts) > SAMPLE:
            self.bits += 1
            mask = (1 << self.bits) - 1
            self.counts = Counter({one: count for one, count in self.counts.items() if not one & mask})

    def merge(self, other: Duplicates) -> None:
        """Take in what another has seen, which may change."""
        self.without += other.without
        if self.each is not None and other.each is not None:
            self.take(other.each)
            return
        for one in (self, other):
            if one.each is not None:
                one._thin()
        self.number += other.number
        self.bits = max(self.bits, other.bits)
        mask = (1 << self.bits) - 1
        kept = Counter({one: count for one, count in self.counts.items() if not one & mask})
        kept.update({one: count for one, count in other.counts.items() if not one & mask})
        self.counts = kept
        self._settle()

    def repeated(self) -> tuple[int, float]:
        """Return how many records are the same as one before, and the standard error of that number."""
        if self.each is None:
            extra = [count - 1 for count in self.counts.values() if count > 1]
            scale = 1 << self.bits
            error = sqrt(sum([each * each for each in extra]) * (scale - 1) * scale)
            return min(sum(extra) * scale, self.number), error
        return len(self.each) - len(set(self.each)), 0.0


def lines_of(records: Sequence[Any], encode_lines: Any, odd: bool) -> tuple[bytes, Sequence[int]]:
    """Return a line for each record that is the same for equal ones, and which of the records have one.

    `odd` says that there may be floats that JSON does not have, for which the encoder writes null.
    """
    try:
        data: bytes = encode_lines(records)
        if data.count(b"\n") == len(records) and not (odd and b"null" in data):
            return data, range(len(records))
    except Exception:  # a record that can't be written: one by one it is known which
        pass
    texts = [_text_of(record, encode_lines, odd) for record in records]
    found = [text + b"\n" for text in texts if text is not None]
    return b"".join(found), [row for row, text in enumerate(texts) if text is not None]


def _text_of(record: Any, encode_lines: Any, odd: bool) -> bytes | None:
    try:
        if not (odd and _has_odd(record)):
            found: bytes = encode_lines([record])[:-1]
            if b"\n" not in found:
                return found
    except Exception:  # the other way may take it: lone surrogates, keys that are no texts
        pass
    try:
        return b"~" + json.dumps(record, sort_keys=True).encode()
    except Exception:  # JSON has no text for it: it can't be compared, and is counted apart
        return None


def _has_odd(value: Any) -> bool:
    if isinstance(value, float):
        return value - value != 0
    if isinstance(value, dict):
        return any(map(_has_odd, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_odd, value))
