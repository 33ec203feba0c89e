"""Methods that say in a few numbers what the records are like."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class Summaries(Making[T_co]):
    """Methods that say in a few numbers what the records are like."""

    __slots__ = ()
