"""What is known of the records of a task, which can be put together with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.profiling.duplicates import Duplicates
from bagkit.profiling.lines import BadLines
from bagkit.profiling.paths import Limits, PathNode


class State:
    """What is known of some records; mutable, of one task."""

    __slots__ = ("bad", "duplicates", "keys", "records", "root")

    def __init__(self, keys: Sequence[Any]) -> None:
        self.records = 0
        self.root = PathNode(0)
        self.duplicates = Duplicates()
        self.keys = [Duplicates() for _ in keys]
        self.bad = BadLines({}, {})

    def merge(self, other: State, limits: Limits) -> None:
        """Take in what another has seen, which comes after it and may change."""
        self.records += other.records
        self.root.merge(other.root)
        self.root.settle(limits)
        self.duplicates.merge(other.duplicates)
        for one, more in zip(self.keys, other.keys, strict=True):
            one.merge(more)
        self.bad.merge(other.bad)
