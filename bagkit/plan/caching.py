"""Ops whose records are kept from one run to the next; a run decides when it begins whether to read or to keep."""

from __future__ import annotations

from typing import Literal

from bagkit.plan.kinds import Fields, OnRecords, PerPartition, as_they_are
from bagkit.plan.node import Plan

Use = Literal["keep", "read", "look"]
"""Read what is kept, and keep what is not; only read; or only say what would be done, in a plan that is shown."""


class Caching(PerPartition):
    """Gives the records of its input, as they are; where a run allows for it, of an earlier run."""

    per_record = "same"
    can_raise = False

    def demand(self, wanted: Fields) -> Fields:
        return wanted

    def begin(self) -> OnRecords:
        return as_they_are

    def instead(self, asked: Plan, below: Plan, use: Use) -> Plan:
        """Return what runs instead: `asked` is its input as it was written, `below` the same as it runs."""
        raise NotImplementedError  # each op of the kind has its own
