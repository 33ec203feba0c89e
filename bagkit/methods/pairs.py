"""Methods for records that are pairs of a key and a value."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class KeyValue(Making[T_co]):
    """Methods for records that are pairs of a key and a value."""

    __slots__ = ()
