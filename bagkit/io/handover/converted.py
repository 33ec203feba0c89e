"""What a column becomes: its type in the end, and how each value gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import Any, Final

from bagkit.errors import ColumnTypeError, one_line
from bagkit.io.handover.column_types import (
    BOOL,
    BYTES,
    DAY,
    FLOAT,
    INT,
    NULL,
    TEXT,
    TIME,
    WIDE,
    ZONED,
    Seen,
    Type,
    Typing,
    fits_one,
    has_fields,
    one_type,
    unify,
)
from bagkit.io.handover.columns import EncodeColumns
from bagkit.json.standard import standard_dumps
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, its type, and what is done to values that are not of it."""

    operation: str
    name: str
    type: Type
    policy: str = ""
    """"string", "json" or "null" for a column whose values go together in no type; nothing for the others."""
    typing: Typing = field(default_factory=Typing)

    def convert(self, values: Iterable[Any]) -> list[Any]:
        """Return the values with the type of the column; raises ColumnTypeError for a value that can't have it."""
        match self.policy:
            case "string":
                return [None if value is None else self._fitting(as_text(value, self.typing.nul)) for value in values]
            case "json":
                return [None if value is None else self._fitting(self._as_json(value)) for value in values]
            case "null":
                return list(map(self._or_none, values))
        plain = _PLAIN.get(self.type)
        if plain is None:
            return list(values)
        return [None if value is None else plain(value) for value in values]

    def holds(self, kind: str) -> bool:
        """Return whether packed values of this kind are values of the column as they are."""
        if self.policy == "null" and self.type == TEXT:
            return False  # some of them can be text that is not to be held
        return self.policy in ("", "null") and kind == _PACKED_AS.get(self.type)

    def _as_json(self, value: Any) -> str:
        try:
            return standard_dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ColumnTypeError(
                f"{self.operation}: the field {self.name!r} can't be written as JSON: {error}; "
                f"got {one_line(value, 60)}; hint: on_conflict='string' or 'null'"
            ) from None

    def _fitting(self, text: str) -> str:
        if self.typing.width is not None and len(text.encode()) > self.typing.width:
            raise ColumnTypeError(
                f"{self.operation}: the field {self.name!r} has text of {len(text.encode())} bytes in UTF-8; expected "
                f"{self.typing.width} at the most; got {one_line(text, 60)}"
            )
        return text

    def _or_none(self, value: Any) -> Any:
        if value is None or unify(self.type, self.typing.type_of(value)) != self.type:
            return None
        plain = _PLAIN.get(self.type)
        return value if plain is None else plain(value)


def dates_as_text(column: Column, values: list[Any]) -> list[Any]:
    """Return dates and times in ISO 8601, for what has no type of its own for them; other values as they are."""
    if column.type not in (TIME, ZONED, DAY):
        return values
    return [None if value is None else value.isoformat() for value in values]


def times_in_utc(np: Any, values: Sequence[Any]) -> Any:
    """Return times that have a zone as an array of numpy's, in microseconds.

    Not by astimezone: in UTC some are of the year 10000, which Python does not have.
    """
    times = [None if value is None else value.replace(tzinfo=None) for value in values]
    offsets = [None if value is None else value.utcoffset() for value in values]
    return np.array(times, "datetime64[us]") - np.array(offsets, "timedelta64[us]")


def as_text(value: Any, nul: bool = True) -> str:
    """Return `str(value)` as text that UTF-8 can hold: lone surrogates, and NUL where there can be none, escaped.

    >>> as_text(3), as_text(chr(0xD800))
    ('3', '\\\\ud800')
    """
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if nul else text.replace("\0", "\\x00")


def _python_time(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _naive_time(value: Any) -> Any:
    """Return the time without its zone, which does not say an offset if there is one."""
    time = _python_time(value)
    return time if time.tzinfo is None else time.replace(tzinfo=None)


_PLAIN: Final[dict[Type, Callable[[Any], Any]]] = {
    NULL: lambda value: None,  # numpy's NaT
    BOOL: bool,
    INT: int,
    WIDE: int,
    FLOAT: float,
    TEXT: str.__str__,
    BYTES: bytes,
    TIME: _naive_time,
    DAY: _python_time,
}
"""What makes the plain value of one of a subclass, or of numpy's."""

_PACKED_AS: Final[dict[Type, str]] = {BOOL: "bool", INT: "int", WIDE: "int", FLOAT: "float", TEXT: "str"}


def columns_for(encode: EncodeColumns, policy: str, seen: Seen) -> tuple[Column, ...]:
    """Return the columns of a table, given the types that were `seen` in all of it.

    Those whose types go together in none follow the policy.
    """
    columns = []
    for name in seen if encode.columns is None else encode.columns:
        kinds = seen.get(name, [])
        whole = [kind for kind in kinds if has_fields(kind)]
        fits = fits_one(kinds) and len(whole) == len(kinds)
        kind = one_type(whole) if fits or policy == "null" else TEXT
        columns.append(Column(encode.name, name, kind, "" if fits else policy, encode.typing))
    return tuple(columns)
