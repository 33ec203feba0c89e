"""Summaries of fixed size that can be merged: approximate quantiles, and approximate counts of distinct values.

Neither uses chance, so the same records in the same partitions give the same answer.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from itertools import accumulate, chain, repeat
from math import ceil, inf, log, log2, sqrt
from numbers import Number
from operator import itemgetter, methodcaller, ne
from typing import Any, Final

from bagkit.exchange.digest import Undigestible, digest, is_compared_as
from bagkit.light_classes import dataclass

# Quantiles ------------------------------------------------------------------------------------------------------------

_HEIGHT: Final = 32
"""Levels that the error is shared by; more would need 2 to the power of this many full buffers."""


@dataclass(slots=True)
class Ranks:
    """Some of the values seen, each standing for `2 ** level` of them; mutable, of the reduction that fills it.

    A buffer that is full is sorted, and every other value of it goes one level up: first those at odd places, the next
    time those at even ones. That moves any value's rank by at most the weight of one. In all levels together that is,
    of `n` values, at the most `n * levels / size`: a bound, not an expectation. (Munro and Paterson, "Selection and
    Sorting with Limited Storage", 1980; Manku, Rajagopalan and Lindsay, 1998.)
    """

    size: int | None
    """How many values a level holds before half of them go up; None keeps all."""
    levels: list[list[Any]] = field(default_factory=lambda: [[]])
    turns: int = 0
    number: int = 0
    lowest: Any = None
    highest: Any = None

    def add(self, values: Sequence[Any]) -> None:
        """Take in some values, not none; raises ValueError for one that is not equal to itself, and so has no rank."""
        if any(map(ne, values, values)):
            raise ValueError("quantiles: a record is NaN, which is neither more nor less than others; hint: filter it")
        self._note(len(values), min(values), max(values))
        # A buffer settles when it is full, however the values come.
        start = 0
        while start < len(values):
            stop = len(values) if self.size is None else start + self.size - len(self.levels[0])
            self.levels[0] += values[start:stop]
            self._settle()
            start = stop

    def merge(self, other: Ranks) -> None:
        """Take in what another has seen."""
        if not other.number:
            return
        self._note(other.number, other.lowest, other.highest)
        self.turns += other.turns
        for level, values in enumerate(other.levels):
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level] += values
        self._settle()

    def _note(self, number: int, lowest: Any, highest: Any) -> None:
        self.lowest = lowest if not self.number else min(self.lowest, lowest)
        self.highest = highest if not self.number else max(self.highest, highest)
        self.number += number

    def _settle(self) -> None:
        level = 0
        while self.size is not None and level < len(self.levels):
            values = self.levels[level]
            if len(values) >= self.size:
                values.sort()
                rest = [values.pop()] if len(values) % 2 else []
                if level + 1 == len(self.levels):
                    self.levels.append([])
                self.levels[level + 1] += values[self.turns % 2 :: 2]
                self.levels[level] = rest
                self.turns += 1
            level += 1

    def at(self, fractions: Sequence[float]) -> list[Any]:
        """Return for each fraction the smallest value seen that this share of the values does not exceed."""
        weighted = [zip(values, repeat(1 << level)) for level, values in enumerate(self.levels)]
        pairs = sorted(chain.from_iterable(weighted), key=itemgetter(0))
        ranks = list(accumulate(map(itemgetter(1), pairs)))
        return [self._value(fraction, pairs, ranks) for fraction in fractions]

    def _value(self, fraction: float, pairs: Sequence[tuple[Any, int]], ranks: Sequence[int]) -> Any:
        if fraction <= 0 or fraction >= 1:
            return self.highest if fraction >= 1 else self.lowest
        # Rounded, because 0.07 * 100 is a little more than 7.
        return pairs[bisect_left(ranks, max(1, ceil(round(fraction * self.number, 6))))][0]


def ranks_size(error: float) -> int | None:
    """Return how many values a level holds, so that ranks are off by at most `error` of the number of values."""
    return None if error == 0 else 2 * ceil((_HEIGHT + 2) / error / 2)


def merge_ranks(states: Sequence[Ranks]) -> Ranks:
    """Return the ranks of all."""
    merged = Ranks(states[0].size)
    for state in states:
        merged.merge(state)
    return merged


# Distinct values ------------------------------------------------------------------------------------------------------

Seen = set[int] | bytearray
"""The fingerprints of the values seen while they are few; then registers, as HyperLogLog has them."""

_FEW: Final = 8
"""How many times fewer fingerprints than registers are kept as they are."""


def register_bits(error: float) -> int:
    """Return the binary logarithm of how many registers give that standard error.

    >>> register_bits(0.01)
    14
    """
    return max(4, ceil(2 * log2(1.04 / error)))


def add_seen(bits: int, state: Seen, records: Iterable[Any]) -> Seen:
    """Return `state`, changed, with what is in `records`; raises TypeError for one without a (lasting) hash."""
    return with_seen(bits, state, fingerprints(set(records)))


def merge_seen(bits: int, states: Iterable[Seen]) -> Seen:
    """Return what was seen in all."""
    merged: Seen = set()
    for state in states:
        if isinstance(state, set):
            merged = with_seen(bits, merged, state)
        elif isinstance(merged, set):
            merged = with_seen(bits, bytearray(state), merged)
        else:
            merged = bytearray(map(max, merged, state))
    return merged


def with_seen(bits: int, state: Seen, prints: Iterable[int]) -> Seen:
    """Return `state`, changed, with more fingerprints."""
    if isinstance(state, set):
        state.update(prints)
        if len(state) <= (1 << bits) // _FEW:
            return state
        state, prints = bytearray(1 << bits), state
    low = 64 - bits
    mask = (1 << low) - 1
    for one in prints:
        zeros = low + 1 - (one & mask).bit_length()
        if zeros > state[one >> low]:
            state[one >> low] = zeros
    return state


def estimate(state: Seen) -> int:
    """Return about how many different values were seen; exact while there are few.

    The estimator is Ertl's, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 2.
    """
    if isinstance(state, set):
        return len(state)
    size = len(state)
    low = 64 - (size.bit_length() - 1)
    counts = [0] * (low + 2)
    for zeros in state:
        counts[zeros] += 1
    total = size * _tau(1 - counts[low + 1] / size)
    for zeros in range(low, 0, -1):
        total = 0.5 * (total + counts[zeros])
    total += size * _sigma(counts[0] / size)
    return round(size * size / (2 * log(2) * total))


def _sigma(x: float) -> float:
    if x == 1:
        return inf
    y, total, before = 1.0, x, -1.0
    while total != before:
        x, before = x * x, total
        total += x * y
        y += y
    return total


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, total, before = 1.0, 1 - x, -1.0
    while total != before:
        x, before = sqrt(x), total
        y *= 0.5
        total -= (1 - x) ** 2 * y
    return total / 3


def fingerprints(values: set[Any]) -> Sequence[int]:
    """Return a number of 64 bits for each value: the same for equal ones, in every process and on every machine."""
    kinds = set(map(type, values))
    if kinds == {str}:
        texts = map(methodcaller("encode", "utf-8", "surrogatepass"), values)
        return _unpacked(b"".join([blake2b(text, digest_size=8, person=b"str").digest() for text in texts]))
    if kinds == {int}:
        return _unpacked(b"".join([_digest(b"int", b"%d" % number) for number in values]))
    if kinds == {float}:
        return _unpacked(b"".join([_digest(b"int", _float(number)) for number in values]))
    return _unpacked(b"".join(map(_fingerprint, values)))


def _unpacked(data: bytes) -> Sequence[int]:
    return struct.unpack(f"<{len(data) // 8}Q", data)


def _digest(kind: bytes, data: bytes) -> bytes:
    return blake2b(data, digest_size=8, person=kind).digest()


def _fingerprint(value: Any) -> bytes:
    kind = type(value)
    for parent in kind.__mro__:
        if parent in _FINGERPRINTS:
            if is_compared_as(kind, parent):
                return _FINGERPRINTS[parent](value)
            break
    if kind.__module__.partition(".")[0] == "numpy":
        return _of_numpy(value)
    return _other(value)


def _other(value: Any) -> bytes:
    try:
        return _digest(b"other", digest(value).to_bytes(8, "little"))
    except Undigestible as error:
        error.key = value
        raise


def _of_numpy(value: Any) -> bytes:
    if isinstance(value, str | bytes):
        return _fingerprint(value.item())  # type: ignore[union-attr]
    return _digest(b"int", _number(value)) if isinstance(value, Number) else _other(value)


def _text(value: str) -> bytes:
    return _digest(b"str", str.encode(value, "utf-8", "surrogatepass"))


def _tuple(value: tuple[Any, ...]) -> bytes:
    return _digest(b"tuple", b"".join(map(_fingerprint, tuple.__iter__(value))))


def _frozenset(value: frozenset[Any]) -> bytes:
    return _digest(b"set", b"".join(sorted(map(_fingerprint, frozenset.__iter__(value)))))


def _any_number(value: Any) -> bytes:
    return _digest(b"int", _float(value) if type(value) is float else _number(value))


def _float(value: float) -> bytes:
    if value.is_integer():
        return b"%d" % int(value)
    return b"#%d" % (hash(value) if value == value else 0)


def _number(value: Any) -> bytes:
    """Return text that equal numbers of all types share: a hash of numbers is one too, but for -1 and -2."""
    if isinstance(value, complex) and not value.imag:
        value = value.real
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):  # complex, NaN, infinite
        return b"#%d" % (hash(value) if value == value else 0)
    return b"%d" % (whole,) if whole == value else b"#%d" % hash(value)


_FINGERPRINTS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _text,
    bytes: lambda value: _digest(b"bytes", value),
    tuple: _tuple,
    frozenset: _frozenset,
    **dict.fromkeys((int, float, complex, Decimal, Fraction), _any_number),
}
