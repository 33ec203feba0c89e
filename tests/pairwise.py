"""Which part of a product of dimensions is tested: any two values meet, or all of it with `BAGKIT_PRODUCT=all`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import Any

WHOLE = os.environ.get("BAGKIT_PRODUCT") == "all"


def rows(*dimensions: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return the rows to test: `pairwise` ones, or with `BAGKIT_PRODUCT=all` every combination of values."""
    return list(itertools.product(*map(dict.fromkeys, dimensions))) if WHOLE else pairwise(*dimensions)


def pairwise(*dimensions: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows of the product in which any two values of different dimensions meet, the same rows each time.

    Each value of the first dimension meets each of the second once. Beside them the combinations of all others take
    turns, and another one comes first for each value of the first dimension. So each value of the first and each of the
    second meets every combination of the others; there may be as many of these as the shorter of the two has values.
    A value that is listed twice behind these two comes twice as often.

    >>> pairwise("ab", [1, 2], "xy")
    [('a', 1, 'x'), ('a', 2, 'y'), ('b', 1, 'y'), ('b', 2, 'x')]
    """
    first, second, *others = map(tuple, dimensions)
    more = tuple(itertools.product(*others))
    if len(more) > min(len(first), len(second)):
        raise ValueError(
            f"pairwise: {len(more)} combinations behind dimensions of {len(first)} and {len(second)} values"
        )
    return [(one, two, *more[(m + n) % len(more)]) for m, one in enumerate(first) for n, two in enumerate(second)]
