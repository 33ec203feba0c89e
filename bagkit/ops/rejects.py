"""Records that failed, as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from bagkit.errors import one_line
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import OnRecords, PerPartition


@dataclass(frozen=True)
class ForJson(PerPartition):
    """Rejects that JSON can hold: a value that JSON does not have is there as text, under another name."""

    per_record = "one"
    can_raise = False
    label = "rejects for JSON"

    def begin(self) -> OnRecords:
        from bagkit.json.write import quick_look

        return partial(_all_for_json, quick_look())


def _all_for_json(look: Callable[[Sequence[Any]], bool], rejects: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    return rejects if look(rejects) else list(map(for_json, rejects))


RECORDS = ("input", "record")
"""The fields of a reject that hold values of the user's."""


def for_json(reject: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reject that JSON has: a record that it would not give back as it is, is None, and `..._repr` has a text.

    >>> for_json({"input": (1, 2), "message": "no"})
    {'input': None, 'message': 'no', 'input_repr': '(1, 2)'}
    """
    found = dict(reject)
    for name, value in reject.items():
        kind = type(value)
        if kind in _PLAIN or (kind is int and name not in RECORDS) or (kind is str and value.isascii()):
            continue  # nearly always
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
    waiting: list[Collection[Any]] = [(value,)]
    seen = containers = 0
    while waiting:
        values = waiting.pop()
        containers += 1
        seen += len(values)
        if seen > MOST_VALUES:
            return False
        for each in values:
            kind = type(each)
            if kind is str:
                if not each.isascii() and _has_surrogate(each):
                    return False
            elif kind is int:
                if not -_LARGEST < each < _LARGEST:
                    return False
            elif kind is float:
                if not math.isfinite(each):
                    return False
            elif kind is list:
                waiting.append(each)
            elif kind is dict:
                if each and ({str} != set(map(type, each)) or _has_surrogate("".join(each))):
                    return False
                waiting.append(each.values())
            elif kind not in _PLAIN:
                return False
    return containers <= DEEPEST or not _is_too_deep(value)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        lists = [each.values() if type(each) is dict else each for each in level if type(each) in (list, dict)]
        if not lists:
            return False
        level = list(chain.from_iterable(lists))
    return True


_PLAIN = frozenset({bool, type(None)})
_LARGEST = 10**640
"""Whatever its limit is set to, Python writes and reads integers of as many digits."""
DEEPEST = 500
"""Lists and dicts in each other: who writes and reads them goes down by recursion."""
MOST_VALUES = 1_000_000
"""Values in a record after which it counts as none that JSON has: it may hold itself."""


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
