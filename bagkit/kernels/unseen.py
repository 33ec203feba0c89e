"""Records that hardly ever repeat: a task need not put them into a table, which would not be shorter.

Putting a record into a table that no cache holds takes longer than anything else done with it, and tasks that come
later have to do it again. So a task looks at some of its records first, and at some of the keys as it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from typing import Any

from bagkit.kernels.states import States
from bagkit.kernels.tabling import Table
from bagkit.kernels.texts import Texts

_LOOKED_AT = 16
"""One key in this many is looked at, to see whether it comes again."""
_CHECKED = 4
"""Steps between two decisions about that."""
_MANY = 1 << 16
"""Keys for which it pays to look at some first."""
_PLAIN = frozenset({str, int, bool, bytes, type(None)})
"""Types of records that can be put into any table, so that it may be done later."""


def are_new(found: int, number: int) -> bool:
    """Say whether a table that `found` keys in a `number` of records saves too little to go on with it."""
    return 4 * found > 3 * number


def add_unseen(states: States, records: Iterator[Any], step: int, heap: int | None) -> list[Any]:
    """Add plain records to `states`, as they are, while hardly any is there twice; return those that are not plain.

    What is pulled, `step` records at a time, is added while it is in the processor's cache: a table of all of it would
    not be. Ends, perhaps before the records do, where they repeat themselves or are not plain. No more than `heap`
    bytes are held.
    """
    from bagkit.kernels.digest import parts_of

    seen: Table = {}
    looked, known = 0, 0
    for number in count(1):
        batch = list(islice(records, step))
        kinds = set(map(type, batch))
        if not batch or not kinds <= _PLAIN:
            return batch
        parts = parts_of(batch, len(states.each), kinds)
        try:
            states.extend(list(map(Texts, parts)) if kinds == {str} else parts)
        except UnicodeEncodeError:
            return batch
        # The same keys each time, so that they are seen again when they come again.
        some = parts[0] if len(parts) > 1 else [key for key in batch if not hash(key) % _LOOKED_AT]
        seen.update(dict.fromkeys(some))
        looked += len(some)
        if number % _CHECKED == 0:
            states.write_if_over(None if heap is None else heap // 2)
            if not are_new(len(seen) - known, looked):
                return []
            looked, known = 0, len(seen)
    raise AssertionError("there is always a next number")


def has_repetitions(pieces: Sequence[Any]) -> bool:
    """Say whether a table of all `pieces` would be much smaller than they are; of few keys it is soon made anyhow."""
    if sum(map(len, pieces)) < _MANY:
        return True
    some = [key for key in chain.from_iterable(pieces) if not hash(key) % _LOOKED_AT]
    return not are_new(len(set(some)), len(some))
