"""Plain functions that boil an iterator down: they know no bag, and each runs its loop in C where there is one."""

from __future__ import annotations

import copy
import itertools
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from functools import reduce
from heapq import nlargest
from typing import Any

BATCH = 4096
"""Records looked at together where a loop over lists beats one over an iterator."""


def count(records: Iterable[Any]) -> int:
    """Return how many records there are, without holding them."""
    counter = itertools.count()
    deque(zip(records, counter, strict=False), maxlen=0)  # a loop in C that keeps nothing
    return next(counter)


def frequencies(records: Iterable[Hashable]) -> dict[Any, int]:
    """Return how often each value occurs, in the order of first sight."""
    return dict(Counter(records))


def add_counts(states: Iterable[dict[Any, int]]) -> dict[Any, int]:
    """Return the counts of all `states` together, in the order of first sight."""
    total: dict[Any, int] = {}
    for state in states:
        add_count(total, state)
    return total


def add_count(total: dict[Any, int], state: dict[Any, int]) -> None:
    """Add the counts of `state` to those of `total`."""
    if not total:
        total.update(state)
        return
    seen = total.get
    for value, number in state.items():
        total[value] = seen(value, 0) + number


def largest(k: int, records: Iterable[Any], key: Callable[[Any], Any] | None) -> list[Any]:
    """Return the `k` largest records, largest first; of equal ones those that come first."""
    return nlargest(k, records, key=key)


def fresh(initial: Any) -> Any:
    """Return `initial`, as an object that no one else holds: folding into it changes no other fold."""
    return initial if initial is None or type(initial) in _IMMUTABLE else copy.deepcopy(initial)


_IMMUTABLE = frozenset({int, float, complex, bool, str, bytes})


def started(initial: Any) -> Any:
    """Return an initial value that no one else holds: what `initial` makes if it can be called, else a copy of it."""
    return initial() if callable(initial) else fresh(initial)


def fold(binop: Callable[[Any, Any], Any], records: Iterable[Any], initial: Any) -> Any:
    """Return `functools.reduce(binop, records, initial)`, on a fresh initial."""
    return reduce(binop, records, fresh(initial))
