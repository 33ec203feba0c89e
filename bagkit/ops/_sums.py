"""Sums that are the same in whatever order and pieces the numbers come: exact for floats, Python's own for others."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Sequence
from itertools import chain
from math import fsum, inf, isfinite
from operator import neg
from typing import Any, Final

from bagkit.light_classes import NamedTuple

UNIT: Final = 1074
"""Every finite float is a whole multiple of 2 ** -1074, so sums of floats are ints of that unit until the end."""


class Total(NamedTuple):
    """The sum of some numbers, as far as it is known: floats and all others are added up apart."""

    number: int = 0
    """How many numbers there were."""
    rest: Any = 0
    """Python's own sum of those that are no floats."""
    floats: int = 0
    """The exact sum of the finite floats, in units of 2 ** -1074."""
    odd: float = 0.0
    """The sum of the floats that are infinite or NaN; 0 where there are none."""
    kind: Any = None
    """What a sum of the floats is: float, or numpy's float64; None where there are none."""


class Binades(NamedTuple):
    """In which powers of two some floats lie: 16 binades have one number; the number for 1.0 is 63."""

    lowest: int
    highest: int


def add(total: Total, batch: list[Any]) -> Total:
    """Return the total of what `total` is of, and of a batch of numbers, not none."""
    number = total.number + len(batch)
    binades = binades_of(batch)
    if binades is None:
        try:
            rest = sum(batch, total.rest)
        except OverflowError:  # an int beyond all floats, which may fit in the end
            rest = None
        if type(rest) is int:
            return total._replace(number=number, rest=rest)
        floats, others, kind = split_floats(batch)
        if not floats:
            return total._replace(number=number, rest=sum(batch, total.rest))
        found = add(total._replace(rest=sum(others, total.rest)), floats)
        return found._replace(number=number, kind=wider(total.kind, kind))
    units, odd = _exact_sum(batch, binades)
    return Total(number, total.rest, total.floats + units, total.odd + odd, wider(total.kind, float))


def merge_totals(totals: Iterable[Total]) -> Total:
    """Return the total of all `totals` together."""
    totals = list(totals)
    kind = None
    for total in totals:
        kind = wider(kind, total.kind)
    return Total(
        sum([total.number for total in totals]),
        sum([total.rest for total in totals]),
        sum([total.floats for total in totals]),
        sum([total.odd for total in totals], 0.0),
        kind,
    )


def value(total: Total) -> Any:
    """Return the sum: where there are floats, and ints at the most beside them, the float closest to the exact sum.

    It is infinite where it is too large for a float. Raises OverflowError where an int is too large to go with floats.
    """
    if total.kind is None:
        return total.rest
    if total.odd:  # which NaN is too
        return total.kind(total.odd) + total.rest
    if type(total.rest) is not int:
        return total.kind(ratio(total.floats, 1 << UNIT)) + total.rest
    number = ratio(total.floats + (total.rest << UNIT), 1 << UNIT)
    if not isfinite(number):
        float(total.rest)  # raises what Python's sum would
    return total.kind(number)


def mean(total: Total) -> Any:
    """Return the sum divided by how many numbers there are; raises OverflowError as `value` does."""
    found = value(total)
    if type(total.rest) is int and total.kind is not None and not total.odd and found in (inf, -inf):
        return total.kind(ratio(total.floats + (total.rest << UNIT), total.number << UNIT))
    return found / total.number


def sums_to_nan(total: Total) -> bool:
    """Return whether one of the numbers is NaN, or their sum is."""
    return bool(total.odd != total.odd or total.rest != total.rest)


def ratio(numerator: int, denominator: int) -> float:
    """Return the float closest to a ratio of ints, infinite where it is too large for one."""
    try:
        return numerator / denominator
    except OverflowError:
        return inf if numerator > 0 else -inf


def split_floats(batch: Sequence[Any]) -> tuple[list[float], list[Any], Any]:
    """Return the floats of a batch, the others, and what a sum of the floats is (None where there are none)."""
    kinds = set(map(type, batch))
    found = {kind for kind in kinds if kind is float or (issubclass(kind, float) and kind.__module__ == "numpy")}
    kind = None
    for each in found:
        kind = wider(kind, each)
    floats = [float(number) for number in batch if type(number) in found] if found else []
    return floats, [number for number in batch if type(number) not in found] if floats else list(batch), kind


def wider(kind: Any, other: Any) -> Any:
    """Return what a sum of floats of both kinds is: a float only if neither is numpy's."""
    return other if kind in (None, float) and other is not None else kind


def exactly(numbers: list[float], binades: Binades | None) -> tuple[list[int], int] | None:
    """Return finite floats as ints in units of 2 ** -n, and n; None where they are too far apart for a quick way."""
    if binades is None or binades.lowest < 4 or binades.highest > 126 or binades.highest - binades.lowest > 59:
        return None
    # The last digit of the smallest is a multiple of this unit; so these products and ints are exact.
    power = 1075 - 16 * binades.lowest
    return list(map(int, map((2.0**power).__mul__, numbers))), power


def in_units(number: float) -> int:
    """Return a finite float in units of 2 ** -1074."""
    numerator, denominator = number.as_integer_ratio()
    return numerator << (UNIT + 1 - denominator.bit_length())


def binades_of(batch: list[Any]) -> Binades | None:
    """Return in which binades the numbers of a batch lie, other than 0; None unless all are plain floats.

    Version 2 of marshal's format writes a list as 5 bytes, and each float as a "g" and its 8 bytes. What has a "g" at
    every ninth byte is all floats: the first begins at the first of those, and so each that follows.
    """
    if type(batch[0]) is not float:
        return None
    try:
        data = marshal.dumps(batch, 2)
    except ValueError:  # something else is there
        return None
    if len(data) != 5 + 9 * len(batch) or data[5::9].strip(b"g"):
        return None
    highest_bytes = data[13::9]
    found = {code & 127 for code in set(highest_bytes)}
    if 0 in found and highest_bytes.count(0) + highest_bytes.count(128) == batch.count(0.0):
        found.discard(0)
    return Binades(min(found, default=63), max(found, default=63))


def _exact_sum(numbers: list[float], binades: Binades) -> tuple[int, float]:
    """Return the exact sum of the finite ones in units; or where others are there, 0 and the sum of those."""
    try:
        return sum(map(in_units, _parts(numbers, binades))), 0.0
    except (OverflowError, ValueError):  # fsum's, of sums too large on the way, and of infinities
        odd = [number for number in numbers if not isfinite(number)]
        return (0, sum(odd)) if odd else (sum(map(in_units, numbers)), 0.0)


def _parts(numbers: list[float], binades: Binades) -> list[float]:
    """Return floats with exactly the sum of `numbers`: the rounded sum, the error of that, and so on.

    Where all lie in 32 binades, two are enough, which saves a look at what is left. If the lowest of those binades
    begins at 2 ** low, all numbers are multiples of 2 ** (low - 52), and so is what is left after the first part. That
    is at most half of the last digit of a sum below 2 ** (low + 32 + 12), if there are 2 ** 12 numbers: 2 ** (low - 9).
    Such a multiple has less than 53 digits, so the second part is all of it.
    """
    enough = 2 if binades.highest - binades.lowest <= 1 and len(numbers) <= 1 << 12 else inf
    parts: list[float] = []
    while isfinite(part := fsum(chain(numbers, map(neg, parts)))):
        if part:
            parts.append(part)
        if not part or len(parts) == enough:
            return parts
    raise ValueError("some are infinite, or no numbers")
