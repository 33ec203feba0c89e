"""Are the values of records JSON's own? Fast writers of JSON ask that about each block.

orjson takes values that `json.dumps` refuses (UUIDs, enums), and writes NaN as null. So all values are looked at, but
not one by one: those that stand in the same place of each record are, most often, of one type, and a loop in C tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any, Final

_CONTAINERS: Final[frozenset[type]] = frozenset({dict, list, tuple})
PLAIN: Final[frozenset[type]] = _CONTAINERS | {str, int, float, bool, type(None)}
GIVEN_BACK: Final = PLAIN - {tuple}
"""Types of values that JSON gives back as they are."""
_LOOKED_INTO: Final = _CONTAINERS | {float}
_SIDE_BY_SIDE: Final = 512
"""How many dicts are read side by side."""


def floats_in(values: Sequence[Any], plain: frozenset[type] = PLAIN) -> list[float] | None:
    """Return all floats in `values`, at any depth; None where there is a value of a type that is not in `plain`.

    Subclasses are other types. Of dicts the keys are not looked at. What contains itself has no end.

    >>> floats_in([{"a": 1.5, "b": [None, (2.5,)]}]), floats_in([{"a": {1, 2}}])
    ([1.5, 2.5], None)
    """
    floats: list[float] = []
    return floats if _look_at(values, floats, plain) else None


def _look_at(values: Sequence[Any], floats: list[float], plain: frozenset[type]) -> bool:
    types = list(map(type, values))
    if not types:
        return True
    if types.count(types[0]) == len(types):
        return _look_at_kind(types[0], values, floats, plain)
    kinds = dict.fromkeys(types)  # in their order: a set of types has another in each process
    if not kinds.keys() <= plain:
        return False
    within = [(kind, [each for each in values if type(each) is kind]) for kind in kinds if kind in _LOOKED_INTO]
    return all(_look_at_kind(kind, those, floats, plain) for kind, those in within)


def _look_at_kind(kind: type, values: Sequence[Any], floats: list[float], plain: frozenset[type]) -> bool:
    """Look at `values` that are all of type `kind`."""
    if kind is float:
        floats.extend(values)
    elif kind is dict:
        return _look_into_dicts(values, floats, plain)
    elif kind in _CONTAINERS and kind in plain:
        return _look_at(_flat(values), floats, plain)
    return kind in plain


def _look_into_dicts(dicts: Sequence[dict[Any, Any]], floats: list[float], plain: frozenset[type]) -> bool:
    if 1 < len(dicts) <= _SIDE_BY_SIDE and len(set(map(len, dicts))) == 1:
        return all(_look_at(column, floats, plain) for column in zip(*map(dict.values, dicts), strict=True))
    return _look_at(_flat(map(dict.values, dicts)), floats, plain)


def _flat(groups: Any) -> list[Any]:
    return list(chain.from_iterable(groups))


def are_finite(floats: Sequence[float]) -> bool:
    """Return whether none of `floats` is NaN or infinite."""
    return all(map(isfinite, floats))


def have_no_exponent(floats: Sequence[float]) -> bool:
    """Return whether `repr` writes all `floats` without an exponent: then all that write floats write them alike.

    >>> have_no_exponent([0.0001, -0.0, 9e15]), have_no_exponent([1e16]), have_no_exponent([1e-5])
    (True, False, False)
    """
    if not are_finite(floats):
        return False
    sizes = [size for size in map(abs, floats) if size]
    return not sizes or (min(sizes) >= 1e-4 and max(sizes) < 1e16)
