"""Parses in two goes: first the fields that filters read, then the other fields of records that the filters keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

from bagkit.flow.blocks import Block, FirstOf
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Copying

Decode = Callable[[Sequence[Any]], list[Any]]

_SEEN: Final = 256
"""How many records are looked at before anything is said about them."""
_AGAIN: Final = 64
"""After how many blocks of whole records it is tried again; each time that it did not pay, after twice as many."""
_SELDOM: Final = 4096
"""The longest wait between two tries, in blocks."""
_WORTH: Final = 0.9
"""What two goes may take of the time of one: to tell which lines are kept takes some time too."""


@dataclass(slots=True)
class Late:
    """What both ways cost, as seen in one task so far: seconds, and records."""

    unchanged: Copying | None = None
    """What tells which lines are written as they are, if any are to be."""
    first_seconds: float = 0.0
    given: int = 0
    whole_seconds: float = 0.0
    whole: int = 0
    kept: int = 0
    waiting: int = 0
    again: int = _AGAIN
    read: Block | None = None
    """The block that a source has read last."""
    decode: Decode | None = None
    """How filters' records are made of its lines."""
    each_check: float = 0.0
    """Seconds for a line of it, to see whether that can be done."""

    def pays(self) -> bool:
        """Say whether the next block is parsed in two goes."""
        if self.waiting:
            self.waiting -= 1
            return False
        if self.unchanged is not None and (self.unchanged.pays() or self.unchanged.alone):
            return self.unchanged.is_hopeful
        if self.given < _SEEN or not self.whole:
            return True
        each = self.whole_seconds / self.whole
        if self.first_seconds / self.given + each * self.kept / self.given <= _WORTH * each:
            self.again = _AGAIN
            return True
        self.wait()
        return False

    def wait(self) -> None:
        """Forget what the first go has cost, and see again later."""
        self.first_seconds, self.given, self.kept, self.waiting = 0.0, 0, 0, self.again
        self.again = min(_SELDOM, 2 * self.again)

    def first(self, way: Callable[[], Decode | None], read: Block, lines: Block, rest: Rest) -> Block | None:
        """Return what filters read of `lines`, a part of `read`; None where they could change it, or it is wrong."""
        if read is not self.read:
            begun = perf_counter()
            self.read, self.decode = read, way()
            self.each_check = (perf_counter() - begun) / max(1, len(read.records))
        if self.decode is None:
            return None
        begun = perf_counter()
        try:
            found = self.decode(lines.records)
        except Exception:  # the careful way finds which record it is
            self.wait()
            return None
        self.first_seconds += perf_counter() - begun + self.each_check * len(found)
        self.given += len(found)
        return Block(found, FirstOf(lines, lines.records, rest))

    def rest(self, decode: Decode, lines: Sequence[Any]) -> list[Any]:
        """Return the records of lines that filters have kept; or of some the bytes that are written of them."""
        if self.unchanged is not None and self.unchanged.is_hopeful:
            return self.unchanged.lines_or_records(lines, decode)
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
