"""The mark that a plan's optimiser puts on what becomes one task."""

from __future__ import annotations

from dataclasses import dataclass

from bagkit.plan.kinds import Fields, Op


@dataclass(frozen=True)
class ChainMark(Op):
    """All that is below, down to where records have to be whole, is the work of one task."""

    @property
    def label(self) -> str:
        return "chain"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def demand(self, wanted: Fields) -> Fields:
        return wanted
