"""What a case is, and the records that cases work on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RECORDS: dict[str, list[Any]] = {
    "ints": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 0, -7],
    "floats": [0.5, 2.0, -1.25, 0.5, 1e9, 0.0, 3.0],
    "strings": ["pear", "fig", "", "apple", "fig", "éa", "kiwi", "b\n", "pear"],
    "dicts": [
        {"name": "ada", "n": 3, "tags": ["x", "y"]},
        {"name": "bob", "n": 1, "tags": []},
        {"name": "ada", "n": 2, "tags": ["y"]},
        {"name": "cy", "n": 3, "tags": ["z", "x"]},
        {"name": "bob", "n": 3, "tags": ["x"]},
    ],
    "pairs": [("a", 3), ("b", 1), ("a", 2), ("c", 3), ("b", 3), ("a", 3)],
    "lists": [[1, 2], [], [3], [4, 5, 6], [], [1, 2]],
    "equal": [1, True, 1.0, 2, 2.0, False, 0, "1", 0.0, 1],
    "truths": [0, 1, "", "x", None, [], [0], 0.0, 2.5],
}


@dataclass(frozen=True)
class Case:
    name: str
    takes: str
    on_bag: Callable[[Any], Any]
    on_list: Callable[[Any], Any]
    """Given the list of all records; or with `sees_partitions` the list of partitions, each a list."""
    gives: str = ""
    sees_partitions: bool = False
    approximate: bool = False
    of_all: bool = False
    """Whether what it says holds for all its records together, and not for any some of them."""

    @property
    def operation(self) -> str:
        """The method's name: what stands before the first space or bracket."""
        return self.name.partition("(")[0].partition(" ")[0]

    def expected(self, partitions: list[list[Any]]) -> Any:
        """Return what plain Python makes of the records."""
        return self.on_list(partitions if self.sees_partitions else list(itertools.chain.from_iterable(partitions)))
