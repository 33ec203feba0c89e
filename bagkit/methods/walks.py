"""Walks over the keys of a bag of pairs, with their values: so `dict(bag)` is one computation.

`dict` takes whatever has `keys` for a mapping: it makes a list of an iterator over the keys, and then asks for the
value of each. Others, such as OrderedDict, ask for the value of a key before they go on to the next. So the pairs are
computed instead of the keys, and the value of a key is given to the thread that was given the key.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import tee
from operator import itemgetter
from typing import Any
from weakref import ref

from bagkit.computing import iterate
from bagkit.errors import LazyError, one_line
from bagkit.lazily import Lazily
from bagkit.plan.node import Plan
from bagkit.tracebacks import shorten_traceback

ops = Lazily("bagkit.ops.pairs")

_KEY = itemgetter(0)


class _Last(threading.local):
    """What the last walk of this thread is over, and its pairs whose keys were handed out and values were not."""

    walk: tuple[Callable[[], Plan | None], deque[Any]] = (lambda: None, deque())


_last = _Last()


def _tapped(function: Callable[[Any], object], records: Iterator[Any]) -> Iterator[Any]:
    """Return `records`, calling `function` with each as it passes."""
    ahead, behind = tee(records)
    return map(_KEY, zip(ahead, map(function, behind), strict=False))


class KeysWalk(Iterator[Any]):
    """Gives the keys of the pairs of a plan; of one thread."""

    def __init__(self, pairs: Plan) -> None:
        self._over = ref(pairs)
        self._pairs: Iterator[Any] = iterate(Plan(ops.WithKeys(), (pairs,)), {})
        self._remember(deque(maxlen=1))

    def _remember(self, given: deque[Any]) -> None:
        self._keys: Iterator[Any] = map(_KEY, _tapped(given.append, self._pairs))
        self._walk = self._over, given

    def __length_hint__(self) -> int:
        """Take note that someone makes a list of this very iterator, as dict does and a loop does not."""
        self._remember(deque())
        self._keys = _tapped(hash, self._keys)  # what can't be a key of a dict is an error before all are remembered
        return 0

    def __next__(self) -> Any:
        _last.walk = self._walk
        try:
            return next(self._keys)
        except StopIteration:
            raise
        except BaseException as error:
            if isinstance(error, TypeError):
                self._walk[1].clear()
            shorten_traceback(error)
            raise


def value_of(pairs: Plan, key: object) -> Any:
    """Return the value that goes with `key`, which a walk over `pairs` has handed out; raise LazyError for others."""
    over, given = _last.walk
    if over() is pairs and given:
        own, value = given[0]
        if own is key or own == key:
            del given[0]
            return value
    shown = one_line(key, 80)
    if isinstance(key, slice):
        parts = (key.start, key.stop) if key.step is None else (key.start, key.stop, key.step)
        shown = ":".join(["" if part is None else one_line(part, 40) for part in parts])
        raise LazyError(f"a bag can't be indexed, got [{shown}]; hint: bag.take(5) gives the first five records")
    if hasattr(key, "plan"):
        raise LazyError("a bag can't be indexed by another; hint: bag.filter(lambda record: record['age'] > 30)")
    raise LazyError(
        f"a bag can't be indexed, got [{shown}]; hint: bag.take(5) gives the first five records, "
        f"bag.pluck({shown}) that field of each, bag.lookup({shown}) the values of that key"
    )
