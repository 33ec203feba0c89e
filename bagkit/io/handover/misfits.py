"""Finding the records that can't be handed over: partitions are read once more, record by record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from bagkit.errors import ColumnTypeError
from bagkit.io.handover.column_types import Seen, add_types, has_fields
from bagkit.io.handover.columns import TOO_DEEP, Columns, EncodeColumns, NoRowError, as_row, check_depth
from bagkit.io.handover.converted import Column
from bagkit.io.handover.gathered import CONFLICT_HINT, Conflict, misfit_message, misfit_text
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Fields, OnRecords, PerPartition, PerRecord

SEPARATOR: Final = "\n  "
"""Between several misfits of one record in a message: an indented line, so that it stays one."""

LISTED: Final = 20
"""How many fields one error lists, and so how many partitions are read again for it at the most."""


@dataclass(frozen=True)
class FindMisfit(PerPartition):
    """Looks at a partition record by record, and raises at the first that does not fit; gives nothing.

    With `per_record` "some", where records that fail are collected, it raises at the first record of each such field.
    """

    encode: EncodeColumns
    before: Seen | None = None
    """The types that were seen in the partitions before; None where it is not types that do not fit."""
    final: tuple[Column, ...] | None = None
    """What values are converted to, where it is converting them that fails."""
    bare: frozenset[str] = frozenset()
    """Columns with dicts that have no fields in any record."""
    per_record: PerRecord = ""

    opaque = False

    @property
    def label(self) -> str:
        return self.encode.name

    def demand(self, wanted: Fields) -> Fields:
        return self.encode.demand(wanted)

    def user_functions(self) -> tuple[Any, ...]:
        return (_Fitting.__call__,)  # through its code the error is known as this op's

    def begin(self) -> OnRecords:
        return partial(map, _Fitting(self))


class _Fitting:
    """Called with each record of a partition; False, or an error."""

    def __init__(self, op: FindMisfit) -> None:
        self._op = op
        self._seen: Seen = {name: list(kinds) for name, kinds in (op.before or {}).items()}
        self._bare = set(op.bare)
        self._columns: Columns = None
        self._begun = False

    def __call__(self, record: Any) -> bool:
        encode = self._op.encode
        if not self._begun:
            self._columns, self._begun = encode.columns_from(record, encode.columns), True
        try:
            row = as_row(record, self._columns)
        except NoRowError as error:
            raise ColumnTypeError(f"{encode.name}: {error}") from None
        if self._op.final is not None:
            for column in self._op.final:
                column.convert([row.get(column.name)])
        try:
            found = [text for name, value in row.items() for text in self._misfit(name, value)]
            check_depth(row)
        except RecursionError:
            raise ColumnTypeError(f"{encode.name}: {TOO_DEEP}") from None
        if self._op.before is None:
            return False
        if found and self._op.per_record:
            raise ColumnTypeError(SEPARATOR.join(found))
        if found:
            raise ColumnTypeError(misfit_message(encode.name, found[0]))
        return False

    def _misfit(self, name: str, value: Any) -> Iterator[str]:
        kinds = self._op.encode.typing.types_of([value])
        known = list(self._seen.get(name, ()))
        bare = name in self._bare and not all(map(has_fields, kinds))
        if add_types(self._seen, {name: kinds}) or bare:
            self._bare.discard(name)
            yield misfit_text(name, known, kinds)


def finding(
    conflict: Conflict, conflicts: Sequence[Conflict], encode: EncodeColumns, per_record: PerRecord = ""
) -> FindMisfit:
    """Return the op that finds which of `conflicts` are in the partition of one of them."""
    bare = frozenset(each.name for each in conflicts if each.bare and each.partition == conflict.partition)
    return FindMisfit(encode, conflict.before, bare=bare, per_record=per_record)


def several_message(operation: str, conflicts: Sequence[Conflict], found: Mapping[str, str]) -> str:
    """Return the message for several columns that can't be of one type.

    `found` has what is wrong with a record and where that is; the other columns get the number of their partition.
    """
    lines = []
    for each in conflicts:
        known = (f"{text} (at {place})" for text, place in found.items() if text.startswith(misfit_text(each.name)))
        lines.append(next(known, f"{each.text} (in partition {each.partition})"))
    return (
        f"{operation}: {len(conflicts)} fields can't be columns; expected values of one type that a column can have; "
        f"{CONFLICT_HINT}{listed(lines)}"
    )


def listed(texts: Sequence[str]) -> str:
    """Return texts for the end of a message, each in a line of its own, and how many more there are."""
    more = f"{SEPARATOR}and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return "".join([SEPARATOR + text for text in texts[:LISTED]]) + more
