"""How many numbers there are, their mean, and how far apart they are: in one pass, and merged.

Of ints and floats the sum and the sum of squares are known exactly, so no result depends on order or partitions.
Others, as Decimal, are added up in their own arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Any

from bagkit.light_classes import NamedTuple
from bagkit.ops._sums import UNIT, Binades, Total, add, binades_of, exactly, in_units, merge_totals, ratio, split_floats


class Distances(NamedTuple):
    """How many numbers, their mean, and the sum of their squared distances from it, in their own arithmetic."""

    number: int = 0
    mean: Any = 0
    squares: Any = 0.0


class Moments(NamedTuple):
    """The sum of some numbers, and what their variance is made of."""

    total: Total = Total()
    sum: int = 0
    """The exact sum of the ints and finite floats, in units of 2 ** -1074."""
    squares: int = 0
    """The exact sum of their squares, in units of 2 ** -2148."""
    others: Distances = Distances()
    """Of the other numbers, but for those that wait."""
    waiting: tuple[Any, ...] = ()
    """Other numbers, fewer than BATCH: for their rounding, batches begin at the same ones however records come."""


BATCH = 4096


def add_moments(state: Moments, numbers: list[Any]) -> Moments:
    """Return the moments of what `state` is of, and of some numbers more, not none."""
    if binades := binades_of(numbers):
        return merge_moments((state, _of_floats(numbers, binades)))
    total = add(state.total, numbers)  # in their order, on which the rounding of some depends
    floats, others, _ = split_floats(numbers)
    ints = others
    if not set(map(type, others)) <= {int, bool}:
        ints = [number for number in others if type(number) in (int, bool)]
        state = _with_others(state, [number for number in others if type(number) not in (int, bool)])
    parts = [state, *([_of_ints(ints)] if ints else []), *([_of_floats(floats, binades_of(floats))] if floats else [])]
    return merge_moments(parts)._replace(total=total)


def _with_others(state: Moments, numbers: list[Any]) -> Moments:
    """Return `state` with numbers that are neither ints nor floats."""
    for number in {type(number): number for number in numbers}.values():
        _distances([number])  # raises for what is no number, while it is known which record that is
    waiting = (*state.waiting, *numbers)
    others = state.others
    while len(waiting) >= BATCH:
        others, waiting = _together(others, _distances(waiting[:BATCH])), waiting[BATCH:]
    return state._replace(others=others, waiting=waiting)


def _all_others(state: Moments) -> Distances:
    return _together(state.others, _distances(state.waiting)) if state.waiting else state.others


def _of_ints(numbers: Sequence[int]) -> Moments:
    total = sum(numbers)
    return Moments(Total(len(numbers), total), total << UNIT, sum(map(mul, numbers, numbers)) << 2 * UNIT)


def _of_floats(numbers: list[float], binades: Binades | None) -> Moments:
    found = exactly(numbers, binades)
    if found is not None:
        ints, power = found
    elif all(map(math.isfinite, numbers)):
        ints, power = list(map(in_units, numbers)), UNIT
    else:  # no variance then, so nothing else is looked at
        return Moments(Total(len(numbers), odd=sum(x for x in numbers if not math.isfinite(x)), kind=float))
    total = sum(ints) << UNIT - power
    squares = sum(map(mul, ints, ints)) << 2 * (UNIT - power)
    return Moments(Total(len(numbers), floats=total, kind=float), total, squares)


def _distances(numbers: Sequence[Any]) -> Distances:
    mean = sum(numbers) / len(numbers)
    return Distances(len(numbers), mean, sum([(x - mean) * (x - mean) for x in numbers]))


def merge_moments(states: Iterable[Moments]) -> Moments:
    """Return the moments of several sets of numbers together."""
    states = list(states)
    others = Distances()
    waiting: tuple[Any, ...] = ()
    for state in states:
        if waiting and (state.others.number or state.waiting):
            others, waiting = _together(others, _distances(waiting)), ()
        others, waiting = _together(others, state.others), waiting or state.waiting
    return Moments(
        merge_totals([state.total for state in states]),
        sum([state.sum for state in states]),
        sum([state.squares for state in states]),
        others,
        waiting,
    )


def _together(one: Distances, other: Distances) -> Distances:
    """Return the distances of two sets of numbers together.

    The formula is by Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances" (1979).
    """
    if not one.number or not other.number:
        return one if one.number else other
    number = one.number + other.number
    apart = other.mean - one.mean
    return Distances(
        number,
        one.mean + apart * other.number / number,
        one.squares + other.squares + apart * apart * one.number * other.number / number,
    )


def variance(state: Moments, ddof: int = 0, *, root: bool = False) -> Any:
    """Return the variance, or its square `root`; `ddof` is what is taken off the count (1 for a sample)."""
    others = _all_others(state)
    number = state.total.number - others.number
    kind = state.total.kind or float
    if state.total.odd:  # some are infinite, or no numbers
        return kind(math.nan)
    # By how much the squares exceed those that are the same number each time: exact, so nothing cancels out.
    excess = number * state.squares - state.sum * state.sum
    if others.number:
        exact = _exact_distances(state, others, number, excess)
        found = _together(exact, others).squares / (state.total.number - ddof)
        return _square_root(found) if root else found
    denominator = number * (number - ddof) << 2 * UNIT
    return kind(_root_of_ratio(excess, denominator) if root else ratio(excess, denominator))


def _exact_distances(state: Moments, others: Distances, number: int, excess: int) -> Distances:
    """Return the distances of the ints and floats, for merging with the distances of other numbers."""
    if not number:
        return Distances()
    if state.total.kind is None and not isinstance(others.mean, (float, complex)):
        nothing = others.mean * 0  # ints go with a Decimal or a Fraction, and floats do not
        return Distances(number, (nothing + (state.sum >> UNIT)) / number, (nothing + (excess >> 2 * UNIT)) / number)
    return Distances(number, ratio(state.sum, number << UNIT), ratio(excess, number << 2 * UNIT))


def _square_root(value: Any) -> Any:
    """Return the square root, in the value's own arithmetic where it has one."""
    if hasattr(value, "sqrt"):
        return value.sqrt()
    return value**0.5 if getattr(value, "shape", ()) else math.sqrt(value)  # of an array one for each number


def _root_of_ratio(numerator: int, denominator: int) -> float:
    """Return the float closest to the square root of a ratio, as the statistics module does it."""
    power = (numerator.bit_length() - denominator.bit_length() - 109) // 2
    if power >= 0:
        return ratio(_root_to_odd(numerator, denominator << 2 * power) << power, 1)
    return ratio(_root_to_odd(numerator << -2 * power, denominator), 1 << -power)


def _root_to_odd(numerator: int, denominator: int) -> int:
    root = math.isqrt(numerator // denominator)
    return root | (root * root * denominator != numerator)
