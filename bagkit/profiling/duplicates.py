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
from collections.abc import Callable, Sequence
from io import BytesIO
from math import sqrt
from random import Random
from typing import Any, Final

from bagkit.exchange.checksum import deflate_module
from bagkit.profiling.examples import SHOWN, Repeat, repeat_of
from bagkit.profiling.runs import Runs

crc32: Callable[[bytes], int] = deflate_module().crc32
EXACT: Final = 1 << 20
SAMPLE: Final = 1 << 17
CHUNK: Final = 1 << 10
"""Digests that are looked at together for the first that come again."""


def _shuffled_bytes() -> bytes:
    table = list(range(256))
    table.remove(_NEWLINE)
    Random(1).shuffle(table)
    return bytes([*table[:_NEWLINE], _NEWLINE, *table[_NEWLINE:]])


_NEWLINE: Final = 10
_OTHER_BYTES: Final = _shuffled_bytes()
"""Another byte for each but the end of a line: what has the same checksum as something has another one then."""


def digests_of(lines: bytes, number: int) -> array[int] | None:
    """Return a digest of 64 bits of each line, which all end; None if there are not `number` of them.

    All loops are C's.
    """
    texts = BytesIO(lines).readlines()  # which searches for ends many bytes at a time; split and count do not
    if len(texts) != number:
        return None
    both = array("I", bytes(8 * number))
    both[0::2] = array("I", list(map(crc32, texts)))
    both[1::2] = array("I", list(map(crc32, BytesIO(lines.translate(_OTHER_BYTES)).readlines())))
    return array("Q", both.tobytes())


class Duplicates:
    """The digests of some records; mutable, of one state."""

    __slots__ = ("bits", "counts", "each", "number", "numbers", "shown", "without")

    def __init__(self) -> None:
        self.number = 0
        self.without = 0
        """Records that have no digest: of no key, or of values that can't be compared."""
        self.each: array[int] | None = array("Q")
        """The digests of all records; None once they are too many."""
        self.numbers: array[int] | None = None
        """For each of these digests the number of its record; None while all records have one."""
        self.shown: list[Repeat] = []
        """The first repeats of those records whose digests are not kept any more."""
        self.bits = 0
        """How many bits of the digests in `counts` are zero."""
        self.counts: Counter[int] = Counter()

    def take(self, digests: array[int], rows: Sequence[int], of: int, runs: Runs) -> None:
        """Take the digests of those records of a batch `of` as many that stand in `rows`."""
        before = self.number + self.without
        self.without += of - len(digests)
        if self.each is None:
            self.number += len(digests)
            mask = (1 << self.bits) - 1
            self.counts.update([each for each in digests if not each & mask] if mask else digests)
            self._settle()
            return
        if self.without:
            self._count_numbers().extend([before + row for row in rows])
        self.number += len(digests)
        self.each += digests
        if self.number > EXACT:
            self._thin(runs)

    def _count_numbers(self) -> array[int]:
        if self.numbers is None:
            self.numbers = array("Q", range(self.number))
        return self.numbers

    def _thin(self, runs: Runs) -> None:
        self.shown = self.repeats(runs)
        each, self.each, self.numbers = self.each or array("Q"), None, None
        for start in range(0, len(each), SAMPLE):
            mask = (1 << self.bits) - 1
            self.counts.update([one for one in each[start : start + SAMPLE] if not one & mask])
            self._settle()

    def repeats(self, runs: Runs) -> list[Repeat]:
        """Return the first records that are the same as one before, of those whose digests are known."""
        if self.each is None:
            return self.shown
        return [repeat_of(runs.place(number), runs.place(first)) for number, first in self._first_pairs(self.each)]

    def _first_pairs(self, each: array[int]) -> list[tuple[int, int]]:
        """Return the numbers of the first records that are the same as one before, and of the first that is."""
        seen: set[int] = set()
        again, end = set[int](), 0
        for start in range(0, len(each), CHUNK):
            some, number = each[start : start + CHUNK], len(seen)
            seen.update(some)
            if len(seen) - number < len(some):
                again.update(some)
                end = start + len(some)
                if end - len(seen) >= SHOWN:
                    break
        first: dict[int, int] = {}
        pairs = []
        for at in range(end) if again else ():
            if each[at] in again and first.setdefault(each[at], at) != at:
                pairs.append((at, first[each[at]]))
        numbers = self.numbers
        found = pairs if numbers is None else [(numbers[one], numbers[other]) for one, other in pairs]
        return found[:SHOWN]

    def _settle(self) -> None:
        while len(self.counts) > SAMPLE:
            self.bits += 1
            mask = (1 << self.bits) - 1
            self.counts = Counter({one: count for one, count in self.counts.items() if not one & mask})

    def merge(self, other: Duplicates, runs: Runs, other_runs: Runs) -> None:
        """Take in what another has seen, which may change: its records come after these."""
        before = self.number + self.without
        if self.each is not None and other.each is not None and self.number + other.number <= EXACT:
            if self.without or other.without:
                theirs = range(other.number) if other.numbers is None else other.numbers
                self._count_numbers().extend([before + number for number in theirs])
            self.each += other.each
            self.number += other.number
            self.without += other.without
            return
        shown = [*self.repeats(runs), *other.repeats(other_runs)][:SHOWN]
        for one, its_runs in ((self, runs), (other, other_runs)):
            if one.each is not None:
                one._thin(its_runs)
        self.shown = shown
        self.number += other.number
        self.without += other.without
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


def digests_of_equals(records: Sequence[Any], encode_lines: Any) -> array[int] | None:
    """Return a digest of each record that equal ones share, if no record is out of the ordinary."""
    try:
        return digests_of(encode_lines(records), len(records))
    except Exception:  # a record that can't be written: one by one it is known which
        return None


def digests_of_odd(records: Sequence[Any], encode_lines: Any, odd: bool) -> tuple[array[int], Sequence[int]]:
    """Return a digest of each record that has one, which equal ones share, and which of the records these are.

    `odd` says that there may be floats that JSON does not have, for which the encoder writes null.
    """
    texts = [_text_of(record, encode_lines, odd) for record in records]
    known = [row for row, text in enumerate(texts) if text is not None]
    found = digests_of(b"".join([text + b"\n" for text in texts if text is not None]), len(known))
    assert found is not None, "no text has an end of a line in it"
    return found, known


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
