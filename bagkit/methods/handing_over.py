"""Methods that hand the records over to other libraries."""

from __future__ import annotations

from bagkit.methods.making import Making, T_co


class HandingOver(Making[T_co]):
    """Methods that hand the records over to other libraries."""

    __slots__ = ()
