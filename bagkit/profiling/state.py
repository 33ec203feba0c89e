"""What is known of the records of a task, which can be put together with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.profiling.duplicates import Duplicates
from bagkit.profiling.lines import BadLines
from bagkit.profiling.paths import Limits, PathNode
from bagkit.profiling.runs import Runs


class State:
    """What is known of some records; mutable, of one task."""

    __slots__ = ("bad", "duplicates", "keys", "records", "root", "runs")

    def __init__(self, keys: Sequence[Any]) -> None:
        self.records = 0
        self.root = PathNode(0)
        self.duplicates = Duplicates()
        self.keys = [Duplicates() for _ in keys]
        self.bad = BadLines({}, {})
        self.runs = Runs()
        """Where the records stand, while it may be asked."""

    def wants_places(self) -> bool:
        """Return whether it may be asked where a record stands."""
        return any(each.each is not None for each in (self.duplicates, *self.keys))

    def merge(self, other: State, limits: Limits) -> None:
        """Take in what another has seen, which comes after it and may change."""
        self.records += other.records
        self.root.merge(other.root)
        self.root.settle(limits)
        self.duplicates.merge(other.duplicates, self.runs, other.runs)
        for one, more in zip(self.keys, other.keys, strict=True):
            one.merge(more, self.runs, other.runs)
        self.runs.merge(other.runs)
        if not self.wants_places():
            self.runs = Runs()
        self.bad.merge(other.bad)
