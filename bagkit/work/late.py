"""Whether records are parsed in two goes: what filters read of all of them, and the others of what the filters keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from bagkit.flow.blocks import Block, FirstOf

Decode = Callable[[Sequence[Any]], list[Any]]

_SEEN: Final = 256
"""How many records are looked at before anything is said about them."""
_AGAIN: Final = 64
"""After how many blocks of whole records it is tried again."""


@dataclass(slots=True)
class Late:
    """What both ways cost, as seen in one task so far: seconds, and records."""

    first_seconds: float = 0.0
    given: int = 0
    whole_seconds: float = 0.0
    whole: int = 0
    kept: int = 0
    waiting: int = 0

    def pays(self) -> bool:
        """Say whether the next block is parsed in two goes."""
        if self.waiting:
            self.waiting -= 1
            return False
        if self.given < _SEEN or not self.whole:
            return True
        each = self.whole_seconds / self.whole
        if self.first_seconds / self.given + each * self.kept / self.given <= each:
            return True
        self.wait()
        return False

    def wait(self) -> None:
        """Forget what the first go has cost, and see again later."""
        self.first_seconds, self.given, self.kept, self.waiting = 0.0, 0, 0, _AGAIN

    def first(self, decode: Decode, lines: Block, rest: Rest) -> Block | None:
        """Return what filters read of `lines`; None where there is what a filter could change, or what is wrong."""
        begun = perf_counter()
        try:
            found = decode(lines.records)
        except Exception:  # the careful way finds which record it is
            self.wait()
            return None
        self.first_seconds += perf_counter() - begun
        self.given += len(found)
        return Block(found, FirstOf(lines, lines.records, rest))

    def rest(self, decode: Decode, lines: Sequence[Any]) -> list[Any]:
        """Return the records of lines that filters have kept."""
        self.kept += len(lines)
        begun = perf_counter()
        found = decode(lines)
        self.whole_seconds += perf_counter() - begun
        self.whole += len(found)
        return found


@dataclass(frozen=True, slots=True)
class Rest:
    """How whole records are made of the lines that filters have kept."""

    late: Late
    quick: Decode
    careful: Callable[[Any], Any]
