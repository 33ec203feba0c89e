"""Methods that see the records of a bag as a sequence, or its partitions one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bagkit.methods.making import Making, T_co
from bagkit.ops.pairs import Tap

if TYPE_CHECKING:
    from bagkit.bag import Bag


class Sequences(Making[T_co]):
    """Methods that see the records of a bag as a sequence, or its partitions one by one."""

    __slots__ = ()

    def tap(self, func: Callable[[T_co], object]) -> Bag[T_co]:
        """Return this bag, which calls `func` with each record on its way: where the task runs, each time it runs.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2]).tap(print).map(str).compute(scheduler="sync")
        1
        2
        ['1', '2']
        """
        return self._then(Tap(func))
