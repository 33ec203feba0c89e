"""Checks that an encoded record is read back as it was.

fastavro writes infinity for a number that a float can't hold, and leaves out parts of times that have no room. So each
record is read back, and where it is not equal to what was given, each value is looked at with its part of the schema.
Some may be read as something else: a float of 32 bits is the nearest to what was given, and what is written under a
logical type as it is stored (an int for a time, bytes for a decimal, text for a UUID or date) is read as that type.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from operator import eq
from typing import Any, Final
from uuid import UUID

from bagkit.errors import one_line

Schema = Any
"""A parsed schema, or a part: a word, a list for a union, or a dict."""

Test = Callable[[Any, Any], bool]
"""Called with the value that was given and the value that is read."""

SMALLEST: Final = 2.0**-126
"""Numbers below it have fewer digits in 32 bits than others."""


class Reading:
    """Compares the records that are read back with the records that were given."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._named: dict[str, Schema] = {}
        self._name(schema)
        self._tests: dict[str, Test] = {}
        self._test = self._test_for(schema) if _needs_more_than_equality(schema) else eq

    def _name(self, schema: Schema) -> None:
        for part in _parts(schema):
            if "name" in part and "type" in part and part["type"] in ("record", "error", "enum", "fixed"):
                self._named[part["name"]] = part

    def problem(self, given: Any, read: Any) -> str:
        """Return which value is read back as another; nothing if none is."""
        try:
            if self._test(given, read):
                return ""
        except Exception:  # of values that can't be compared, or are of other types than most
            pass
        return next(self._problems(self._schema, given, read, ""), "")

    def _test_for(self, schema: Schema) -> Test:
        """Return what says of most values quickly that they are kept; where it does not, each is to be looked at."""
        if isinstance(schema, list):
            others = [branch for branch in schema if branch != "null"]
            if len(others) != 1:
                return _never
            test = self._test_for(others[0])
            return lambda given, read: read is None if given is None else test(given, read)
        if isinstance(schema, str):
            if schema not in self._named:
                return _near if schema == "float" else eq
            return lambda given, read: self._named_test(schema)(given, read)  # which may be one that it is inside of
        kind = schema["type"]
        if kind in ("record", "error"):
            return _each_field({field["name"]: self._test_for(field["type"]) for field in schema["fields"]})
        if kind == "array":
            test = self._test_for(schema["items"])
            return lambda given, read: type(given) is list and len(given) == len(read) and all(map(test, given, read))
        if schema.get("logicalType") == "decimal":
            return lambda given, read: bool(given == read) and type(given) is Decimal and _has_room(schema, given)
        if kind == "map" or not isinstance(kind, str):
            return _never
        return _near if kind == "float" else eq

    def _named_test(self, name: str) -> Test:
        if name not in self._tests:
            self._tests[name] = self._test_for(self._named[name])
        return self._tests[name]

    def _problems(self, schema: Schema, given: Any, read: Any, path: str) -> Iterator[str]:
        if isinstance(schema, list):
            yield from self._union_problems(schema, given, read, path)
            return
        schema = self._named.get(schema, schema) if isinstance(schema, str) else schema
        kind = schema if isinstance(schema, str) else schema["type"]
        if not isinstance(kind, str):
            yield from self._problems(kind, given, read, path)
        elif kind in ("record", "error"):
            given = given[1] if isinstance(given, tuple) else given  # with the record's name, as in a union
            for each in schema["fields"]:
                name = each["name"]
                if name in given:  # else it is the default that is read
                    yield from self._problems(each["type"], given[name], read[name], f"{path}.{name}".lstrip("."))
            yield from _left_out(schema, given, path)
        elif kind == "array" and not isinstance(given, (bytes, bytearray)):
            for number, (one, other) in enumerate(zip(given, read, strict=True)):
                yield from self._problems(schema["items"], one, other, f"{path}[{number}]")
        elif kind == "map":
            for name, value in given.items():
                yield from self._problems(schema["values"], value, read[name], f"{path}.{name}")
        elif not is_kept(schema, kind, given, read):
            said = kind if isinstance(schema, str) else f"{schema.get('logicalType', '')} {kind}".strip()
            yield (
                f"the field {path!r} is {one_line(given, 60)}, and would be read back as {one_line(read, 60)}; "
                f"expected a value that {said} can hold{_hint(schema, kind, given)}"
            )

    def _union_problems(self, schema: Sequence[Schema], given: Any, read: Any, path: str) -> Iterator[str]:
        """Yield the problem that the branch has which the value was written to: any branch that has none may be it."""
        meant = [given]
        if isinstance(given, tuple) and len(given) == 2:
            meant.append(given[1])  # behind the name of the branch, as fastavro has it
        tried = [self._tried(branch, value, read, path) for value in meant for branch in schema]
        found = [problem for problem in tried if problem is not None]
        if "" not in found:
            yield (
                found[0]
                if found
                else (f"the field {path!r} is {one_line(given, 60)}, and would be read back as {one_line(read, 60)}")
            )

    def _tried(self, branch: Schema, given: Any, read: Any, path: str) -> str | None:
        """Return the problem with the branch; None if it is not the one that was read."""
        full = self._named.get(branch, branch) if isinstance(branch, str) else branch
        kind = full if isinstance(full, str) else full["type"]
        logical = "" if isinstance(full, str) else full.get("logicalType", "")
        if not isinstance(read, _READ_AS.get(logical) or _READ_AS.get(kind, object)):
            return None
        try:
            return next(self._problems(branch, given, read, path), "")
        except (TypeError, ValueError, LookupError, AttributeError):  # a value of another branch
            return None


_READ_AS: Final[dict[str, Any]] = {
    "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float, "bytes": bytes,
    "fixed": bytes, "string": str, "enum": str, "array": list, "map": dict, "record": dict, "error": dict,
    "decimal": Decimal, "uuid": UUID, "date": date, "time-millis": time, "time-micros": time,
    "timestamp-millis": datetime, "timestamp-micros": datetime, "local-timestamp-millis": datetime,
    "local-timestamp-micros": datetime,
}  # fmt: skip
"""What values of a branch of a union are read as."""


def _needs_more_than_equality(schema: Schema) -> bool:
    """Return whether there are floats of 32 bits, or decimals, which too many digits do not make unequal."""
    return any(
        part.get("logicalType") == "decimal" or "float" in _words(part.get(key))
        for part in _parts(schema)
        for key in ("type", "items", "values")
    )


def _words(schema: Schema) -> list[str]:
    return [each for each in (schema if isinstance(schema, list) else [schema]) if isinstance(each, str)]


def _never(given: Any, read: Any) -> bool:
    return False


def _near(given: Any, read: Any) -> bool:
    return bool(given == read) or (type(given) is float and SMALLEST <= abs(read) < math.inf)


def _each_field(tests: Mapping[str, Test]) -> Test:
    def test(given: Any, read: Any) -> bool:
        return len(given) == len(tests) and all(each(given[name], read[name]) for name, each in tests.items())

    return test


def _left_out(schema: Mapping[str, Any], given: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the problem with a field that would not be written, since the schema does not name it."""
    named = {each["name"] for each in schema["fields"]}
    for name in given:
        if name not in named:
            where = f"{path}.{name}".lstrip(".")
            yield (
                f"the field {where!r} is {one_line(given[name], 60)}, and the schema does not name it, so it would be "
                "left out; hint: add it to the schema, or take it out of the record first"
            )


def _parts(schema: Schema) -> Iterator[Mapping[str, Any]]:
    """Yield all the dicts of a schema, outer ones first."""
    if isinstance(schema, Mapping):
        yield schema
        for key in ("type", "items", "values", "fields"):
            yield from _parts(schema.get(key))
    elif isinstance(schema, list):
        for each in schema:
            yield from _parts(each)


def is_kept(schema: Schema, kind: str, given: Any, read: Any) -> bool:
    """Return whether a single value is read back as one that says the same."""
    logical = "" if isinstance(schema, str) else schema.get("logicalType", "")
    if logical == "decimal" and isinstance(given, Decimal) and not _has_room(schema, given):
        return False
    if bool(read == given) or (read != read and given != given):
        return True
    if isinstance(given, (bytes, bytearray)) and isinstance(read, (bytes, Decimal)):
        return isinstance(read, Decimal) or bytes(given) == bytes(read)
    if kind == "float" and isinstance(given, float):
        return _nearest(given) == read and bool(SMALLEST <= abs(read) < math.inf)
    return bool(logical) and _is_stored(given, read)


def _has_room(schema: Mapping[str, Any], given: Decimal) -> bool:
    """Return whether a decimal has no more digits, in units of the scale, than the precision allows."""
    _, digits, exponent = given.as_tuple()
    assert isinstance(exponent, int)  # fastavro refuses NaN and infinity
    number = int("".join(map(str, digits)))
    return number == 0 or len(str(number)) + exponent + int(schema.get("scale", 0)) <= int(schema["precision"])


def _nearest(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf


def _is_stored(given: Any, read: Any) -> bool:
    """Return whether what was given is the form in which `read` is stored, or as text what it says."""
    if isinstance(given, int) and not isinstance(given, bool):
        return isinstance(read, (date, time))
    if isinstance(given, str):
        try:
            return bool(read == (UUID(given) if isinstance(read, UUID) else date.fromisoformat(given)))
        except ValueError:
            return False
    if isinstance(given, datetime) and type(read) is date:
        return given.tzinfo is None and given.date() == read and given.time() == time()
    return False


def _hint(schema: Schema, kind: str, given: Any) -> str:
    logical = "" if isinstance(schema, str) else str(schema.get("logicalType", ""))
    if isinstance(given, datetime) and logical.startswith("timestamp") and given.tzinfo is None:
        return f"; hint: a time zone, or the logical type local-{logical}"
    if isinstance(given, datetime) and logical.startswith("local-") and given.tzinfo is not None:
        return f"; hint: the logical type {logical.removeprefix('local-')}"
    if logical.endswith("-millis"):
        return f"; hint: the type long and logical type {logical.removesuffix('millis')}micros"
    if kind == "float":
        return "; hint: the type double"
    return "; hint: the type long" if kind == "double" and isinstance(given, int) else ""
