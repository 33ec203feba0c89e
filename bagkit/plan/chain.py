"""The mark that the optimiser puts above the ops that become one task."""

from __future__ import annotations

from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Fields, Op


@dataclass(frozen=True)
class ChainMark(Op):
    """The ops below it are the work of one task, down to an op that needs the results of several tasks."""

    plain = "as given"
    label = "chain"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def demand(self, wanted: Fields) -> Fields:
        return wanted
