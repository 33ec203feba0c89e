"""The ops of `split_errors`. What fails goes past the steps between its operation and the split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from bagkit.flow.rejected import Rejected, all_rejected
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Fields, OnRecords, Op, PerPartition, as_they_are


@dataclass(frozen=True)
class SplitErrors(PerPartition):
    """`split_errors()`: the records, and among them what is known of those that failed in the ops before it."""

    written: tuple[Op, ...]
    """The ops before it as their user wrote them, first to last, from behind the source."""

    per_record = "same"
    can_raise = False
    label = "split_errors"

    def demand(self, wanted: Fields) -> Fields:
        return wanted

    def begin(self) -> OnRecords:
        return as_they_are


class Choosing(PerPartition):
    """Takes the records, or the failures, out of what a SplitErrors gives."""

    per_record = "some"
    can_raise = False


@dataclass(frozen=True)
class Good(Choosing):
    """The records of split_errors."""

    label = "good"

    def demand(self, wanted: Fields) -> Fields:
        return wanted

    def begin(self) -> OnRecords:
        return _are_good


def _are_good(records: Sequence[Any]) -> Any:
    failed = all_rejected(records)
    if failed is None:
        return [type(record) is not Rejected for record in records]
    return repeat(not failed, len(records))


@dataclass(frozen=True)
class Bad(Choosing):
    """What failed before split_errors."""

    label = "bad"

    def demand(self, wanted: Fields) -> Fields:
        return frozenset()  # nothing is read of the good ones

    def begin(self) -> OnRecords:
        return lambda records: [type(record) is Rejected for record in records]
