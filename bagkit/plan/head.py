"""The op that ends a read early: whoever reads for it makes no more records than it takes."""

from __future__ import annotations

from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Fields, PerPartition


@dataclass(frozen=True)
class Head(PerPartition):
    """The first `k` records of the partition: what `take` reads of each."""

    k: int

    can_raise = False

    @property
    def label(self) -> str:
        return f"head({self.k})"

    def demand(self, wanted: Fields) -> Fields:
        return wanted
