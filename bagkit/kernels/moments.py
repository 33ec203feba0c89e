"""How many numbers there are, their mean, and how far apart they are: in one pass, merged, without losing digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from bagkit.kernels.fold import BATCH


class Moments(NamedTuple):
    """How many numbers, their mean, and the sum of their squared distances from it.

    The mean is `pivot + shift`, where the pivot is one of the numbers: of numbers that are large and close together
    (a hundred times larger than their distances, or 10 ** 15 times) the distances keep all their digits.
    """

    number: int
    pivot: Any
    shift: Any
    squares: Any

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.pivot + self.shift


NO_MOMENTS = Moments(0, 0, 0.0, 0.0)


def moments(records: Iterator[Any]) -> Moments:
    """Return the moments of `records`."""
    merged = NO_MOMENTS
    while batch := list(islice(records, BATCH)):
        merged = merge_moments((merged, moments_of(batch)))
    return merged


def moments_of(numbers: Sequence[Any]) -> Moments:
    """Return the moments of some numbers, not none, in two passes."""
    pivot = _pivot(numbers)
    away = [x - pivot for x in numbers] if pivot else numbers
    shift = sum(away) / len(numbers)
    return Moments(len(numbers), pivot, shift, sum([(x - shift) * (x - shift) for x in away]))


def _pivot(numbers: Sequence[Any]) -> Any:
    """Return a number that may be taken off all others; 0 where that could be infinite, or overflow as numpy's do."""
    first = numbers[0]
    return first if set(map(type, numbers)) <= {int, float, bool} and first - first == 0 else 0


def merge_moments(states: Iterable[Moments]) -> Moments:
    """Return the moments of several sets of numbers together.

    The formula is that of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances" (1979).
    """
    merged = NO_MOMENTS
    for state in states:
        if not merged.number or not state.number:
            merged = merged if merged.number else state
            continue
        number = merged.number + state.number
        apart = state.pivot - merged.pivot + (state.shift - merged.shift)
        merged = Moments(
            number,
            merged.pivot,
            merged.shift + apart * state.number / number,
            merged.squares + state.squares + apart * apart * merged.number * state.number / number,
        )
    return merged


def variance(state: Moments, ddof: int) -> Any:
    """Return the variance; `ddof` is what is taken off the count (1 for a sample)."""
    return state.squares / (state.number - ddof)


def square_root(value: Any) -> Any:
    """Return the square root, in the value's own arithmetic where it has one."""
    return value.sqrt() if hasattr(value, "sqrt") else math.sqrt(value)
