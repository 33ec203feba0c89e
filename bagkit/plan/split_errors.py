"""The ops of `split_errors`. What fails goes past the steps between its operation and the split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import Any

from bagkit.flow.rejected import AllRejected, Rejected, all_rejected
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import ALL, Fields, OnRecords, Op, PerPartition, as_they_are


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


@dataclass(frozen=True)
class Described(PerPartition):
    """What failed, as records that people and JSON know."""

    fields: Fields = ALL
    """What all who take the rejects read of them."""

    per_record = "one"
    can_raise = False
    error_label = "rejects"

    @property
    def label(self) -> str:
        if self.fields is ALL:
            return self.error_label
        from bagkit.plan.fields import shown_fields  # workers import this module at their start, and ask no label

        return f"rejects(fields: {shown_fields(self.fields)})"

    def begin(self) -> OnRecords:
        if self.fields is ALL:
            return partial(_described, None)
        return partial(_described, frozenset([field if isinstance(field, str) else field[0] for field in self.fields]))


def _described(names: frozenset[str] | None, records: Sequence[Any]) -> list[dict[str, Any]]:
    if type(records) is AllRejected:
        return records.described(names)
    return [record.fields for record in records]
