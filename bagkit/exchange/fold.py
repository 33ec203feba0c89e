"""Plain functions that boil records down: they know no bag, and each runs its loop in C where there is one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from itertools import chain
from operator import itemgetter
from typing import Any

from bagkit.flow.stopped import results


def add_counts(states: Iterable[dict[Any, int]]) -> dict[Any, int]:
    """Return the counts of all `states` together, in the order of first sight."""
    total: dict[Any, int] = {}
    for state in states:
        add_count(total, state)
    return total


def add_count(total: dict[Any, int], state: dict[Any, int]) -> None:
    """Add the counts of `state` to `total`."""
    if not total:
        total.update(state)
        return
    seen = total.get
    for value, number in state.items():
        total[value] = seen(value, 0) + number


class Largest:
    """The `k` largest records of those that it takes, largest first; of equal ones those that come first."""

    def __init__(self, k: int, key: Callable[[Any], Any] | None) -> None:
        self._k = k
        self._key = key
        self._ranked: list[tuple[Any, Any]] = []
        """What records are compared by, and they."""

    def take(self, records: Sequence[Any]) -> None:
        """Take some records more."""
        ranks = records if self._key is None else results(self._key, records)
        ranked: Iterable[tuple[Any, Any]] = zip(ranks, records, strict=True)
        if self._ranked and len(self._ranked) == self._k:
            lowest = self._ranked[-1][0]
            if ranks is records:
                ranked = [(record, record) for record in records if lowest < record]  # no pair for all the others
            else:
                ranked = [(rank, record) for rank, record in ranked if lowest < rank]
            if not ranked:
                return
        self._ranked = nlargest(self._k, chain(self._ranked, ranked), key=_RANK)

    def state(self) -> list[Any]:
        """Return the records, without what they are compared by, which need not be picklable."""
        return [record for _, record in self._ranked]


_RANK = itemgetter(0)


def fresh(initial: Any) -> Any:
    """Return `initial`, as an object that no one else holds: folding into it changes no other fold."""
    return initial if initial is None or type(initial) in IMMUTABLE else copy.deepcopy(initial)


IMMUTABLE = frozenset({int, float, complex, bool, str, bytes})


def fresh_initial(initial: Any) -> Any:
    """Return an initial value that no one else holds: what `initial` makes if it can be called, else a copy of it."""
    return initial() if callable(initial) else fresh(initial)
