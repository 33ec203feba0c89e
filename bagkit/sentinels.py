"""Marks that no user value can be mistaken for."""

from __future__ import annotations

import enum
from typing import Final


class Sentinel(enum.Enum):
    """An enum, because its members stay themselves through pickling and mypy can tell them apart."""

    NOT_GIVEN = "not given"
    """An argument that was left out, where None would be a value."""

    EMPTY = "empty"
    """The state of a reduction that has seen no record."""

    def __repr__(self) -> str:
        return self.name


NOT_GIVEN: Final = Sentinel.NOT_GIVEN
EMPTY: Final = Sentinel.EMPTY
