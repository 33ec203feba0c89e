"""Methods that look at records beside their neighbours, their place, or those of another bag."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class Sequences(Making[T_co]):
    """Methods that look at records beside their neighbours, their place, or those of another bag."""

    __slots__ = ()
