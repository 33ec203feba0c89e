"""Methods that write the records to files."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class Writing(Making[T_co]):
    """Methods that write the records to files."""

    __slots__ = ()
