"""What is known of many numbers in little memory, the same in whatever order and pieces they come.

While there are few different numbers each is counted. Of many, those that share their sign, exponent and first bits of
the mantissa are counted together: as few bits as it takes to have no more than BUCKETS counts. Which bits these are
depends on what numbers there are and on nothing else, so merging is exact.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, islice
from math import inf, isfinite, isnan
from operator import mul, not_, xor
from typing import Any, Final

from bagkit.ops._sums import Total, add, in_units, merge_totals, ratio

FEW: Final = 1024
"""Different numbers that are counted each."""
BUCKETS: Final = 2048
WAITING: Final = 4096
"""Numbers whose buckets are counted together: the counts have left a processor's cache by the next call."""
_UNIT: Final = 1074
_HALF: Final = 32
_HIGH_HALVES: Final = slice(sys.byteorder == "little", None, 2)
"""Of doubles as pairs of 32 bits: those that begin with the sign."""
QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Numbers:
    """Ints, or floats; mutable, of one path's state."""

    __slots__ = (
        "_buckets", "_waiting", "_waits", "few", "high", "infinite", "low", "nan", "number", "shift", "total", "whole",
    )  # fmt: skip

    def __init__(self) -> None:
        self.number = 0
        """How many finite numbers."""
        self.few: Counter[Any] | None = Counter()
        """How often each number came; None once they are too many."""
        self.nan = 0
        self.infinite = 0
        # What follows is kept only once there are many.
        self.total = Total()
        self.low: Any = inf
        self.high: Any = -inf
        self.whole = 0
        self._buckets: Counter[int] = Counter()
        self.shift = 0
        self._waiting: list[bytes] = []
        """Numbers whose buckets are not counted yet, as doubles."""
        self._waits = 0

    def take_floats(self, values: Sequence[float]) -> bool:
        """Take some floats; return whether all are finite."""
        finite = list(map(isfinite, values))
        if all(finite):
            self.take(values)
            return True
        odd = list(compress(values, map(not_, finite)))
        self.nan += sum(map(isnan, odd))
        self.infinite += len(odd) - sum(map(isnan, odd))
        rest = list(compress(values, finite))
        if rest:
            self.take(rest)
        return False

    def take(self, values: Sequence[Any]) -> None:
        """Take some finite numbers, not none, all ints or all floats."""
        self.number += len(values)
        few = self.few
        if few is None:
            self._take_many(values)
            return
        few.update(values)
        if len(few) > FEW:
            self._spread()

    def _spread(self) -> None:
        """Stop to count each number."""
        few, self.few = self.few or Counter(), None
        if not few:
            return
        numbers = list(few)
        self.low, self.high = min(numbers), max(numbers)
        if type(numbers[0]) is float:
            units = sum(map(mul, map(in_units, numbers), few.values()))
            self.total = Total(self.number, 0, units, 0.0, float)
        else:
            self.total = Total(self.number, sum(map(mul, numbers, few.values())))
        self.whole = _whole_of(few)
        for bits, count in zip(memoryview(_doubles(numbers)).cast("Q"), few.values(), strict=True):
            self._buckets[bits] += count
        self._settle()

    def _take_many(self, values: Sequence[Any]) -> None:
        if type(values[0]) is float:
            self.total = add(self.total, list(values))
            self.whole += sum(map(float.is_integer, values))
        else:
            self.total = self.total._replace(rest=sum(values, self.total.rest))
            self.whole += len(values)
        self.low, self.high = min(self.low, min(values)), max(self.high, max(values))
        self._waiting.append(_doubles(values))
        self._waits += len(values)
        if self._waits >= WAITING:
            self._count_waiting()

    def _count_waiting(self) -> None:
        data = b"".join(self._waiting)
        self._waiting, self._waits = [], 0
        shift = self.shift
        if shift < _HALF:
            self._buckets.update([each >> shift for each in memoryview(data).cast("Q")])
        else:
            shift -= _HALF
            self._buckets.update([each >> shift for each in array("I", data)[_HIGH_HALVES]])
        self._settle()

    @property
    def buckets(self) -> Counter[int]:
        """How many numbers share the bits from `shift` on; asked only once there are many."""
        if self._waits:
            self._count_waiting()
        return self._buckets

    def _settle(self) -> None:
        """Drop bits until there are few buckets: those two that differ only in their last n bits are one without n."""
        if len(self._buckets) > BUCKETS:
            keys = sorted(self._buckets)
            apart = sorted(map(int.bit_length, map(xor, keys, islice(keys, 1, None))), reverse=True)
            self._drop(apart[BUCKETS - 1])

    def _drop(self, bits: int) -> None:
        if not bits:
            return
        fewer: dict[int, int] = {}
        get = fewer.get
        for key, count in self._buckets.items():
            shorter = key >> bits
            fewer[shorter] = get(shorter, 0) + count
        self._buckets = Counter(fewer)
        self.shift += bits

    def merge(self, other: Numbers) -> None:
        """Take in what another has seen, which may change."""
        self.number += other.number
        self.nan += other.nan
        self.infinite += other.infinite
        if self.few is not None and other.few is not None:
            self.few.update(other.few)
            if len(self.few) > FEW:
                self._spread()
            return
        for each in (self, other):
            if each.few is not None:
                each._spread()
        self.total = merge_totals([self.total, other.total])
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.whole += other.whole
        more = other.buckets
        self._count_waiting()
        shift = max(self.shift, other.shift)
        self._drop(shift - self.shift)
        if shift > other.shift:
            other._drop(shift - other.shift)
            more = other.buckets
        self._buckets.update(more)
        self._settle()


def _doubles(values: Sequence[Any]) -> bytes:
    """Return numbers as doubles; ints beyond all of these as infinite ones."""
    try:
        return struct.pack(f"={len(values)}d", *values)
    except (struct.error, OverflowError):
        return struct.pack(f"={len(values)}d", *[ratio(value, 1) for value in values])


def _number(bits: int) -> float:
    found: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return found


def mean_of(parts: Iterable[Numbers]) -> float | None:
    """Return the mean of all; None where there is no finite number, or none that a float can hold."""
    above = number = 0
    for each in parts:
        number += each.number
        if each.few is None:
            above += (each.total.rest << _UNIT) + each.total.floats
            continue
        for value, count in each.few.items():
            one = add(Total(), [value])
            above += ((one.rest << _UNIT) + one.floats) * count
    mean = ratio(above, number << _UNIT) if number else inf
    return mean if isfinite(mean) else None


def whole_of(part: Numbers) -> int:
    """Return how many are whole numbers."""
    if part.few is None:
        return part.whole
    return _whole_of(part.few)


def _whole_of(few: Mapping[Any, int]) -> int:
    return sum([count for value, count in few.items() if isinstance(value, int) or value.is_integer()])


def extremes_of(parts: Iterable[Numbers]) -> tuple[Any, Any]:
    """Return the smallest and the largest number; None and None where there is none."""
    edges = [(min(p.few), max(p.few)) if p.few is not None else (p.low, p.high) for p in parts if p.number]
    return (min([low for low, _ in edges]), max([high for _, high in edges])) if edges else (None, None)


def counts_of(parts: Sequence[Numbers]) -> list[tuple[Any, int]] | None:
    """Return how often each number came, smallest first; None where that is not known."""
    total: Counter[Any] = Counter()
    for each in parts:
        if each.few is None:
            return None
        total.update(each.few)
    return sorted(total.items())


def quantiles_of(parts: Sequence[Numbers]) -> tuple[dict[float, Any], float]:
    """Return the quantiles, and by what share of itself each may be off: 0 where they are exact."""
    weighted = counts_of(parts)
    error = 0.0
    low, high = extremes_of(parts)
    if weighted is None:
        weighted = []
        for each in parts:
            if each.few is not None:
                weighted += each.few.items()
            else:
                counted = each.buckets.items()
                weighted += [(_middle(key, each.shift, low, high), count) for key, count in counted]
                error = max(error, 2.0 ** (each.shift - 53))
        weighted.sort()
    number = sum([count for _, count in weighted])
    found: dict[float, Any] = {}
    at, seen = -1, 0
    for fraction in QUANTILES if number else ():
        while seen < max(1, round(fraction * number + 0.4999999)):
            at += 1
            seen += weighted[at][1]
        found[fraction] = weighted[at][0]
    return found, error


def _middle(key: int, shift: int, low: Any, high: Any) -> Any:
    """Return the number in the middle of a bucket."""
    first, last = _number(key << shift), _number(((key + 1) << shift) - 1)
    middle = (first + last) / 2 if isfinite(last) else first
    middle = min(max(middle, low), high)
    if isinstance(middle, int) or not (isinstance(low, int) and isinstance(high, int) and isfinite(middle)):
        return middle
    return round(middle)
