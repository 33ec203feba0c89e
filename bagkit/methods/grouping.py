"""Methods that bring records of one key together, or put all in order."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class Grouping(Making[T_co]):
    """Methods that bring records of one key together, or put all in order."""

    __slots__ = ()
