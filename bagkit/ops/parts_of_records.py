"""Operations that give parts of JSON records, or first build the parts that filters read."""

from __future__ import annotations

from functools import partial
from typing import Literal

from bagkit.json.parse import only
from bagkit.light_classes import dataclass
from bagkit.ops.elementwise import ParseJson
from bagkit.plan.fields import in_order, shown_fields, within
from bagkit.plan.kinds import ALL, Completion, Field, Fields, LaterCompletion, OnRecords, PerPartition, as_they_are


@dataclass(frozen=True)
class Columns(PerPartition):
    """`read_json(columns=)`: leaves only some fields of each record; a record that is no dict stays as it is."""

    fields: frozenset[Field]

    per_record = "one"
    can_raise = False

    @property
    def label(self) -> str:
        return f"columns({shown_fields(self.fields)})"

    def demand(self, wanted: Fields) -> Fields:
        return within(wanted, self.fields)

    def begin(self) -> OnRecords:
        return partial(map, only(in_order(self.fields)))


@dataclass(frozen=True)
class CompleteJson(Completion):
    """Makes the records of `parser` of the lines that filters have kept."""

    parser: ParseJson
    copies: bool = False
    """Whether it gives lines that would be written as they are, in place of their records."""
    error_label: str = ParseJson.error_label
    """The operation that gave its records as the plan was written: a filter, if one stands between."""

    @property
    def plain(self) -> Literal["", "parsed"]:  # type: ignore[override]  # it depends on the filters
        # Those that can take objects change no record.
        return "parsed" if self.parser.attributes and self.parser.fields is ALL and not self.copies else ""

    @property
    def label(self) -> str:
        return f"{self.parser.label}, of what is {'not written as it is' if self.copies else 'left'}"

    def begin(self) -> OnRecords:
        return as_they_are


@dataclass(frozen=True)
class WithLines(LaterCompletion):
    """Gives an exchange each record in two parts: what its key reads, and the line that `parser` makes it of.

    Where there is no such line the second part is the record.
    """

    parser: ParseJson

    @property
    def label(self) -> str:
        return f"{self.parser.label}, later"

    def begin(self) -> OnRecords:
        return as_they_are
