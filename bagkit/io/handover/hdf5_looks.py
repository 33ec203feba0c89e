"""A first look at all values, before the layout of a file is chosen; and which group of it each row belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date
from operator import sub
from typing import Any

from bagkit.errors import ColumnTypeError, one_line
from bagkit.io.handover.columns import PackedValues, Values, listed
from bagkit.io.handover.converted import Column
from bagkit.io.handover.gathered import Misfit, TypedColumns
from bagkit.light_classes import dataclass

Rows = Mapping[str, Values]
"""Some rows as columns."""


@dataclass(slots=True)
class Look:
    """What was seen of the values of a group, or of all; mutable, while they are looked at."""

    rows: int = 0
    missing: set[str] = field(default_factory=set)
    """The columns with missing values."""
    widths: dict[str, int] = field(default_factory=dict)
    """How many bytes of UTF-8 the longest text of a column has."""
    texts: set[str] = field(default_factory=set)
    """Texts that could stand for a missing one, and so must not."""

    def add(self, columns: Rows, rows: int) -> None:
        """Look at some rows."""
        self.rows += rows
        for name, values in columns.items():
            if _some_missing(values):
                self.missing.add(name)
            if isinstance(values, PackedValues) and values.kind == "str":
                offsets, data = values.values
                self._add_text(name, max(map(sub, offsets[1:], offsets), default=0))
                if b"nan" in data:
                    self.texts.update(filter(_could_be_missing, values.to_list()))
            elif isinstance(values, list):
                texts = [value for value in values if isinstance(value, str)]
                self._add_text(name, max(map(len, map(str.encode, texts)), default=0))
                self.texts.update(filter(_could_be_missing, texts))

    def merge(self, other: Look) -> None:
        """Add what was seen elsewhere."""
        self.rows += other.rows
        self.missing |= other.missing
        self.texts |= other.texts
        for name, width in other.widths.items():
            self._add_text(name, width)

    def _add_text(self, name: str, width: int) -> None:
        self.widths[name] = max(width, self.widths.get(name, 0))

    def free_text(self) -> str:
        """Return a text for missing values that no value equals, as pandas does it."""
        text = "nan"
        while text in self.texts:
            text = f"_{text}_"
        return text


def _some_missing(values: Values) -> bool:
    if isinstance(values, PackedValues):
        return values.present is not None and 0 in values.present
    return None in values


def _could_be_missing(value: Any) -> bool:
    return isinstance(value, str) and value.strip("_") == "nan"


def looks_by_group(table: TypedColumns, by: str | None, group: str) -> dict[str, Look]:
    """Return what there is in each group, in the order of sight; `group` alone where there are no rows."""
    looks: dict[str, Look] = {} if by is not None else {group: Look()}
    for name, columns, rows in rows_by_group(table, by, group):
        looks.setdefault(name, Look()).add(columns, rows)
    return looks


def rows_by_group(table: TypedColumns, by: str | None, group: str) -> Iterator[tuple[str, Rows, int]]:
    """Yield rows in order, each batch cut by the groups that they belong to: group, columns, how many."""
    names = [column.name for column in table.columns]
    for number, rows, found in table.batches():
        columns: dict[str, Values] = dict(zip(names, found, strict=True))
        if by is None:
            yield group, columns, rows
            continue
        keys = columns.pop(by)
        chosen: dict[Any, list[int]] = {}
        for at, key in enumerate(listed(keys)):
            chosen.setdefault(key, []).append(at)
        try:
            homes = {key: f"{group.rstrip('/')}/{group_name(key, by)}" for key in chosen}
        except ColumnTypeError as error:
            (column,) = (each for each in table.columns if each.name == by)
            raise Misfit(
                number, str(error), (GroupNames(column.operation, by, column.type, column.policy, column.typing),)
            ) from None
        if len(chosen) == 1:
            yield next(iter(homes.values())), columns, rows
            continue
        lists = {name: listed(each) for name, each in columns.items()}
        for key, places in chosen.items():
            yield homes[key], {name: list(map(each.__getitem__, places)) for name, each in lists.items()}, len(places)


class GroupNames(Column):
    """The column whose values are the names of groups."""

    def convert(self, values: Iterable[Any]) -> list[Any]:
        """Return the values; raises ColumnTypeError for one that can't be the name of a group."""
        found = super().convert(values)
        for value in found:
            group_name(value, self.name)
        return found


def group_name(key: Any, by: str) -> str:
    """Return the name of the group of a value; raises ColumnTypeError for one that can't be that."""
    name = key.isoformat() if isinstance(key, date) else str(key)
    known = isinstance(key, (str, int, date)) and not isinstance(key, bool)
    if not known or not name or "/" in name or "\0" in name or set(name) == {"."} or not name.isprintable():
        raise ColumnTypeError(
            f"to_hdf5: by is {by!r}, and a record has {one_line(key, 60)} there; expected the name of a group: a text "
            "without '/', an int or a date"
        )
    return name


def written_columns(table: TypedColumns, by: str | None) -> Sequence[Column]:
    """Return the columns that are written: all but the one whose values are the names of groups."""
    if by is not None and table.rows and by not in {column.name for column in table.columns}:
        raise ColumnTypeError(f"to_hdf5: by is {by!r}, and no record has a field of that name")
    return [column for column in table.columns if column.name != by]
