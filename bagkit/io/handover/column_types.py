"""Types of columns: what a value is, which two types one column can hold, and all that a column was seen to hold.

    null < everything     int < float     list and dict: by their elements

A type is a word, a ListOf or a StructOf. Words that are not in COLUMN_WORDS say why a value fits no column at all:
"int beyond 64 bits", "Decimal", "list of int or str".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain, repeat
from typing import Any, Final, Literal

from bagkit.light_classes import dataclass

NULL, BOOL, INT, WIDE, FLOAT, TEXT, BYTES = "null", "bool", "int", "int beyond 2**53", "float", "str", "bytes"
TIME, ZONED, DAY = "datetime", "datetime with a time zone", "date"
HUGE, LONE, NUL = "int beyond 64 bits", "str with a lone surrogate", "str with NUL"

COLUMN_WORDS: Final = frozenset({NULL, BOOL, INT, WIDE, FLOAT, TEXT, BYTES, TIME, ZONED, DAY})

Nested = Literal["typed", "any", "none"]
"""How a target stores lists and dicts: as typed columns, as columns of any objects, or not at all."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """Lists whose elements are of one type."""

    item: Type

    def __str__(self) -> str:
        return f"list of {self.item}"


@dataclass(frozen=True, slots=True)
class StructOf:
    """Dicts by the types of their fields, in the order of sight."""

    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        if not self.fields:
            return "dict without fields"
        return "dict of " + ", ".join(f"{name}: {kind}" for name, kind in self.fields)


Type = str | ListOf | StructOf


def as_plain(kind: Type) -> Any:
    """Return a type as JSON can have it."""
    match kind:
        case ListOf():
            return {"list": as_plain(kind.item)}
        case StructOf():
            return {"struct": [[name, as_plain(inner)] for name, inner in kind.fields]}
    return kind


def from_plain(plain: Any) -> Type:
    """Return the type that `as_plain` was given."""
    if isinstance(plain, str):
        return plain
    if "list" in plain:
        return ListOf(from_plain(plain["list"]))
    return StructOf(tuple([(name, from_plain(inner)) for name, inner in plain["struct"]]))


@dataclass(frozen=True, slots=True)
class Typing:
    """How values of one target are told apart."""

    nested: Nested = "typed"
    nul: bool = True
    """Whether text may hold NUL."""
    width: int | None = None
    """How many bytes of UTF-8 text may have; None for any number."""
    in_order: bool = False
    """Whether it matters which of several types comes first, so that none may be taken together before its time."""

    def type_of(self, value: Any) -> Type:
        """Return the type of one value."""
        kind = type(value)
        if kind in _WORDS:
            return _WORDS[kind]
        if isinstance(value, int):
            return INT if abs(value) <= 1 << 53 else WIDE if -(1 << 63) <= value < 1 << 63 else HUGE
        if isinstance(value, float):
            return FLOAT
        if isinstance(value, str):
            return self._text_type(value)
        if isinstance(value, datetime):
            return _time_type(value)
        if isinstance(value, date):
            return DAY
        if isinstance(value, (list, tuple, dict)):
            return self._nested_type(value)
        if kind.__module__ == "numpy" and getattr(value, "shape", None) == ():
            plain = value.item()
            # Of times it is a number where Python's are too coarse, and long doubles have no other form.
            if not isinstance(plain, int if value.dtype.kind in "mM" else kind):
                return self.type_of(plain)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

    def _text_type(self, text: str) -> str:
        if not encodes(text):
            return LONE
        if not self.nul and "\0" in text:
            return NUL
        return (
            TEXT if self.width is None or len(text.encode()) <= self.width else f"str of more than {self.width} bytes"
        )

    def _nested_type(self, value: Any) -> Type:
        if self.nested != "typed":
            return NESTED if self.nested == "any" else "dict" if isinstance(value, dict) else "list"
        if not isinstance(value, dict):
            seen: list[Type] = []
            for kind in self.types_of(value):
                add_type(seen, kind)
            return ListOf(one_type(seen)) if fits_one(seen) else f"list of {either(seen)}"
        fields = []
        for name, inner in value.items():
            if not isinstance(name, str) or not encodes(name):
                return f"dict with the key {name!r}"
            fields.append((str.__str__(name), self.type_of(inner)))
        wrong = [(name, kind) for name, kind in fields if not is_column_type(kind)]
        return f"dict whose {wrong[0][0]!r} is {wrong[0][1]}" if wrong else StructOf(tuple(fields))

    def types_of(self, values: Sequence[Any]) -> list[Type]:
        """Return the types among `values`, in the order of sight, as far as one column can't hold them; no NULL."""
        seen: list[Type] = []
        kinds = dict.fromkeys(map(type, values))
        if self.in_order and not (kinds.keys() <= {int, type(None)} or kinds.keys() <= {str, type(None)}):
            return [kind for kind in dict.fromkeys(map(self.type_of, values)) if kind != NULL]
        for kind in kinds:
            if kind in _WORDS:
                add_type(seen, _WORDS[kind])
                continue
            mine = values if len(kinds) == 1 else [value for value in values if type(value) is kind]
            quick = self._quick(kind, mine)
            for each in [quick] if quick else dict.fromkeys(map(self.type_of, mine)):
                add_type(seen, each)
        return seen

    def _quick(self, kind: type, values: Sequence[Any]) -> Type | None:
        """Return the one type of all `values`, which are of one kind; None where that needs a closer look."""
        if kind is int:
            low, high = min(values), max(values)
            if low >= -(1 << 53) and high <= 1 << 53:
                return INT
            return WIDE if low >= -(1 << 63) and high < 1 << 63 else None
        if kind is str:
            text = "".join(values)
            if self.width is not None and max(map(len, values)) * (1 if text.isascii() else 4) > self.width:
                return None
            return TEXT if (text.isascii() or encodes(text)) and (self.nul or "\0" not in text) else None
        if kind in (list, tuple, dict):
            return NESTED if self.nested == "any" else self._quick_nested(kind, values)
        return None

    def _quick_nested(self, kind: type, values: Sequence[Any]) -> Type | None:
        """Return the type of lists, or of dicts, whose elements are taken together; None if they are of several."""
        if self.nested != "typed":
            return "dict" if kind is dict else "list"
        if kind is not dict:
            seen = self.types_of(list(chain.from_iterable(values)))
            return ListOf(one_type(seen)) if fits_one(seen) else None
        names = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, values))))
        if not all(type(name) is str and encodes(name) for name in names):
            return None
        fields = {name: self.types_of(list(map(dict.get, values, repeat(name)))) for name in names}
        if not all(map(fits_one, fields.values())):
            return None
        return StructOf(tuple((name, one_type(seen)) for name, seen in fields.items()))


def _time_type(value: datetime) -> str:
    if type(value) is not datetime:
        if value != value:
            return "NaT"
        if getattr(value, "nanosecond", 0):
            return "datetime with nanoseconds"
    return TIME if value.tzinfo is None or value.utcoffset() is None else ZONED


NESTED: Final = "list or dict"
_WORDS: Final = {type(None): NULL, bool: BOOL, float: FLOAT, bytes: BYTES}


def encodes(text: str) -> bool:
    """Return whether UTF-8 can hold the text: it has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_column_type(kind: Type) -> bool:
    """Return whether a column can be of this type."""
    return not isinstance(kind, str) or kind in COLUMN_WORDS or kind == NESTED


def has_fields(kind: Type) -> bool:
    """Return whether every dict in values of this type has fields: there is no column for dicts that never have one."""
    if isinstance(kind, ListOf):
        return has_fields(kind.item)
    if isinstance(kind, StructOf):
        return bool(kind.fields) and all(has_fields(inner) for _, inner in kind.fields)
    return True


def unify(one: Type, other: Type) -> Type | None:
    """Return the type that holds the values of both, None where there is none.

    >>> unify("int", "float"), unify("null", "str"), unify("int beyond 2**53", "float")
    ('float', 'str', None)
    """
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    match one, other:
        case ListOf(), ListOf():
            item = unify(one.item, other.item)
            return None if item is None else ListOf(item)
        case StructOf(), StructOf():
            return _unify_fields(one, other)
        case str(), str():
            return _WIDER.get(frozenset((one, other)))
    return None


_WIDER: Final = {frozenset((INT, FLOAT)): FLOAT, frozenset((INT, WIDE)): WIDE}


def _unify_fields(one: StructOf, other: StructOf) -> StructOf | None:
    fields = dict(one.fields)
    for name, kind in other.fields:
        wider = unify(fields.get(name, NULL), kind)
        if wider is None:
            return None
        fields[name] = wider
    return StructOf(tuple(fields.items()))


def add_type(seen: list[Type], kind: Type) -> None:
    """Add `kind` to the types of a column: to the first of them that it goes together with, or as one more."""
    if kind == NULL:
        return
    for at, known in enumerate(seen):
        wider = unify(known, kind)
        if wider is not None:
            seen[at] = wider
            return
    seen.append(kind)


def fits_one(seen: Sequence[Type]) -> bool:
    """Return whether one column can hold values of all these types, if further records bring dicts their fields."""
    return not seen or (len(seen) == 1 and is_column_type(seen[0]))


def one_type(seen: Sequence[Type]) -> Type:
    """Return the first of the types that a column can be of, or can come to be of; NULL for none."""
    return next(filter(is_column_type, seen), NULL)


def either(seen: Iterable[Type]) -> str:
    """Return the types in words.

    >>> either(["int", "str"])
    'int or str'
    """
    return " or ".join(map(str, seen))


Seen = dict[str, list[Type]]
"""The types of each column so far; columns in the order of sight."""


def add_types(seen: Seen, more: Mapping[str, Sequence[Type]]) -> list[str]:
    """Add the types of further records; return the columns that no longer fit one type and did before."""
    wrong = []
    for name, kinds in more.items():
        known = seen.setdefault(name, [])
        fitted = fits_one(known)
        for kind in kinds:
            add_type(known, kind)
        if fitted and not fits_one(known):
            wrong.append(name)
    return wrong
