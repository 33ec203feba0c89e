"""Methods that take some of the records by chance."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class Sampling(Making[T_co]):
    """Methods that take some of the records by chance."""

    __slots__ = ()
