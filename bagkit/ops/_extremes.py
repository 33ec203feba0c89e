"""The smallest and the largest record, as `min` and `max` find them in one list, whatever the partitions are.

Both keep a first record that is NaN, for nothing is smaller or larger, and pass over each later one. So a partition
that begins with NaN has it as its extreme only where it is the first; else what counts is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, dropwhile
from typing import Any

from bagkit.light_classes import NamedTuple

Choose = Callable[[Iterable[Any]], Any]
"""`min` or `max`."""


class BehindNaN(NamedTuple):
    """What is found where the first record is not equal to itself."""

    first: Any
    rest: tuple[Any, ...]
    """The extreme of all that comes behind; nothing where all that is not equal to itself either."""


def extreme(choose: Choose, records: Sequence[Any]) -> Any:
    """Return the smallest or the largest of records, not none; BehindNaN where the first is one."""
    first = records[0]
    if _is_nan(first):
        return BehindNaN(first, _of(choose, dropwhile(_is_nan, records)))
    return choose(records)


def merge_extremes(choose: Choose, states: Sequence[Any]) -> Any:
    """Return the extreme of all `states`, not none, in their order."""
    values = chain.from_iterable(state.rest if isinstance(state, BehindNaN) else (state,) for state in states)
    first = states[0]
    return BehindNaN(first.first, _of(choose, values)) if isinstance(first, BehindNaN) else choose(values)


def extreme_of(state: Any) -> Any:
    """Return what `min` or `max` gives for the records that `state` is of."""
    return state.first if isinstance(state, BehindNaN) else state


def _of(choose: Choose, values: Iterator[Any]) -> tuple[Any, ...]:
    for first in values:
        return (choose(chain((first,), values)),)
    return ()


def _is_nan(value: Any) -> bool:
    """Return whether the value is not equal to itself: NaN, or NaT."""
    try:
        return bool(value != value)
    except Exception:  # of arrays, say, or of what can't be compared
        return False
