"""Ways of taking records that a task treats differently: until there is enough, all at once, and with places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from bagkit.flow.blocks import PlacesOf


class UntilEnough:
    """A Taking that is given no more records once these can't change its state."""

    __slots__ = ("_enough", "state", "take")

    def __init__(self, start: Callable[[], Any], enough: Callable[[Any], object]) -> None:
        """Take records as what `start` makes; `enough` says of its state whether that is final."""
        taking = start()
        self.take: Callable[[list[Any]], None] = taking.take
        self.state: Callable[[], Any] = taking.state
        self._enough = enough

    def is_done(self) -> bool:
        """Return whether more records change nothing."""
        return bool(self._enough(self.state()))


class AllAtOnce:
    """A Taking that is given all records of its partition in one iterator."""

    __slots__ = ("state_of",)

    def __init__(self, state_of: Callable[[Iterator[Any]], Any]) -> None:
        self.state_of = state_of
        """Makes the state."""

    def take(self, records: list[Any]) -> None:
        """Refuse some of the records."""
        raise AssertionError("it is given all records at once")

    def state(self) -> Any:
        """Return the state of no records."""
        return self.state_of(iter(()))


class PlacedTaking(ABC):
    """A Taking that is told where its records stand."""

    __slots__ = ()

    def take(self, records: list[Any]) -> None:
        """Take records whose places are not known."""
        self.take_placed(records, PlacesOf())

    @abstractmethod
    def take_placed(self, records: list[Any], places: PlacesOf) -> None:
        """Take some records, not none; `places` says where each stands, or is of none."""

    @abstractmethod
    def state(self) -> Any:
        """Return what it has made of all records; called once, at the end."""
