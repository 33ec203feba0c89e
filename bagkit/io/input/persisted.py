"""Bags of what `persist` has computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from bagkit.errors import TaskError
from bagkit.flow.blocks import Block, NumberedOrigin
from bagkit.flow.kept import LET_GO, Kept
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import MemorySource
from bagkit.plan.pieces import Indivisible

UNKNOWN_BYTES = 2 << 20
"""About how much there is in a partition that is not made yet: more than is worth reading in the caller's process."""


@dataclass(frozen=True, slots=True)
class KeptPiece(Indivisible):
    """A partition whose records are kept; a scheduler that keeps them may put something in the place of `kept`."""

    kept: Kept = field(repr=False)
    partition: int

    of_earlier_runs = True
    label = ""

    @property
    def records(self) -> Sequence[Any] | None:
        """The records, if they are in this process."""
        return self.kept.local

    @property
    def weight(self) -> int:
        kept = self.kept
        return UNKNOWN_BYTES if kept.promise is not None and kept.local is None else kept.nbytes


@dataclass(frozen=True)
class Persisted(MemorySource):
    """The records of partitions that were computed, and stay until the last bag of them has gone."""

    parts: tuple[Kept, ...] = field(repr=False)

    label = "persist"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.parts)

    @property
    def standing(self) -> str:
        """How far the run is that makes the records, in words; nothing when it is over."""
        promised = [kept for kept in self.parts if kept.promise is not None]
        if not promised:
            return ""
        made = len(self.parts) - len(promised)
        state = promised[0].promise.state if promised[0].promise is not None else ""
        return f"{made:,} of {len(self.parts):,} made" + (f", {state}" if state else "")

    @cached_property
    def _pieces(self) -> tuple[tuple[KeptPiece, ...], ...]:
        return tuple((KeptPiece(kept, number),) for number, kept in enumerate(self.parts))

    def pieces(self) -> Sequence[tuple[KeptPiece, ...]]:
        if any(kept.is_released for kept in self.parts):
            raise TaskError(LET_GO)
        return self._pieces

    def bare(self) -> MemorySource:
        return Persisted(())

    def read(self, pieces: Sequence[KeptPiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            before = 0
            if getattr(piece.kept, "is_released", False):  # since the run was planned; what is in a worker is there
                raise TaskError(LET_GO)
            for batch in piece.kept.batches():
                yield Block(batch, NumberedOrigin("persist", piece.partition, before))
                before += len(batch)
