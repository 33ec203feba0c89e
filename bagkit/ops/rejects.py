"""Operations on records that failed: they go on beside the others, and become records themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bagkit.errors import one_line
from bagkit.flow.rejected import Rejected
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import OnRecords, PerPartition


@dataclass(frozen=True)
class Described(PerPartition):
    """What failed, as records that people and JSON know."""

    per_record = "one"
    can_raise = False
    label = "rejects"

    def begin(self) -> OnRecords:
        return _fields


def _fields(records: Sequence[Rejected]) -> list[dict[str, Any]]:
    return [record.fields for record in records]


@dataclass(frozen=True)
class ForJson(PerPartition):
    """Rejects that JSON can hold: a value that JSON does not have is there as text, under another name."""

    per_record = "one"
    can_raise = False
    label = "rejects for JSON"

    def begin(self) -> OnRecords:
        return lambda records: [for_json(record) for record in records]


RECORDS = ("input", "record")
"""The fields of a reject that hold values of the user's."""


def for_json(reject: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reject that JSON has: a record that it would not give back as it is, is None, and `..._repr` has a text.

    >>> for_json({"input": (1, 2), "message": "no"})
    {'input': None, 'message': 'no', 'input_repr': '(1, 2)'}
    """
    found = dict(reject)
    for name, value in reject.items():
        if is_json(value):
            continue
        if isinstance(value, str):
            found[name] = value.encode("utf-8", "backslashreplace").decode()
        if name in RECORDS or not isinstance(value, str):
            found[name], found[f"{name}_repr"] = None, one_line(value, LONGEST)
    return found


LONGEST = 10_000
"""Characters of a text that stands for a record that is no JSON."""


def is_json(value: Any) -> bool:
    """Return whether JSON gives back `value` as it is.

    >>> is_json({"a": [1, None]}), is_json({1: 2}), is_json(float("nan"))
    (True, False, False)
    """
    waiting = [value]
    seen = 0
    while waiting:
        value, seen = waiting.pop(), seen + 1
        kind = type(value)
        if kind is dict:
            waiting += [*value, *value.values()]
            if {str} != set(map(type, value)) and value:
                return False
        elif kind is list:
            waiting += value
        elif kind is str:
            if not value.isascii() and _has_surrogate(value):
                return False
        elif kind is float:
            if not math.isfinite(value):
                return False
        elif kind not in (int, bool, type(None)):
            return False
        if seen > MOST_VALUES:
            return False
    return True


MOST_VALUES = 1_000_000
"""Values in a record after which it counts as none that JSON has: it may hold itself."""


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
