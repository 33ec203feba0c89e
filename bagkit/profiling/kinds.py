"""What types of values are called in a profile, and how paths of nested records are written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from bagkit.visible import ask, visible

ITEMS: Final = 0
"""The step of a path from a list to its elements."""
ANY: Final = 1
"""The step of a path from a dict to the values of all its keys, where there are too many keys."""
DEEPEST: Final = 48
"""Levels of nesting; what is deeper is counted by its type, and not looked into."""
Steps = tuple[str | int, ...]
"""The way to a value: keys, ITEMS and ANY."""

ROOT: Final = "$"
_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "list",
    tuple: "list",
    dict: "dict",
}
_PLAIN: Final = re.compile(r"[^\s.\[\]\"*$\\]+")


def kind_of(type_: type) -> str:
    """Return what a type is called: by JSON's meaning where it has one, or by its own name.

    >>> kind_of(type(None)), kind_of(tuple), kind_of(bytes)
    ('null', 'list', 'bytes')
    """
    known = _NAMES.get(type_)
    if known is not None:
        return known
    for wide in (dict, str, int, float, list, tuple):
        if issubclass(type_, wide):
            return _NAMES[wide]
    return _NAMES[dict] if has_fields(type_) else visible(type_.__name__)


def has_fields(type_: type) -> bool:
    """Return whether a type is a Struct or a dataclass: a dict of its fields to a profile."""
    return ask(type_, "__struct_fields__") is not None or ask(type_, "__dataclass_fields__") is not None


_PLAIN_VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    "int": int.__int__,
    "float": float.__float__,
    "str": str.__str__,
    "dict": dict,
}


def plain_values(type_: type, kind: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return values of a type as what Python has for its kind: a dict of the fields of a Struct or dataclass.

    >>> from collections import OrderedDict
    >>> plain_values(OrderedDict, "dict", [OrderedDict(a=1)]), plain_values(int, "int", [1])
    ([{'a': 1}], [1])
    """
    if type_ in _NAMES or kind not in _PLAIN_VALUES:
        return values
    if kind == "dict" and not issubclass(type_, dict):
        return list(map(fields_of, values))
    return list(map(_PLAIN_VALUES[kind], values))


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a Struct or dataclass that are set."""
    names = value.__struct_fields__ if hasattr(value, "__struct_fields__") else value.__dataclass_fields__
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {name: each for name, each in found.items() if type(each).__name__ != "UnsetType"}  # msgspec's


def path_text(steps: Sequence[str | int]) -> str:
    """Return a path as text; a key that could be taken for more than a name stands in brackets, as JSON.

    >>> path_text(("user", "tags", ITEMS)), path_text(("a.b", ANY, "", "c")), path_text(())
    ('user.tags[]', '["a.b"].*[""].c', '$')
    """
    found = ""
    for step in steps:
        if step == ITEMS and isinstance(step, int):
            found += "[]"
        elif isinstance(step, int):
            found += ".*" if found else "*"
        elif _PLAIN.fullmatch(step) and step.isprintable():
            found += f".{step}" if found else step
        else:
            found += f"[{json.dumps(step)}]"
    return found or ROOT


_STEP: Final = re.compile(r"""\[\]|\[("(?:[^"\\]|\\.)*")\]|\.?\*|\.?([^\s.\[\]"*$\\]+)""")


def steps_of(path: str) -> Steps:
    """Return the steps of a path that is written as `path_text` writes it; raises ValueError for other text.

    >>> steps_of('user["a.b"].tags[].*')
    ('user', 'a.b', 'tags', 0, 1)
    """
    if path == ROOT:
        return ()
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or (at > 0 and not path.startswith((".", "["), at)) or (at == 0 and path[0] == "."):
            raise ValueError(f"{path!r} is no path: it can't be read from character {at} on")
        at = found.end()
        quoted, plain = found.groups()
        text = found.group()
        if quoted is not None:
            steps.append(str(json.loads(quoted)))
        elif plain is not None:
            steps.append(plain)
        else:
            steps.append(ITEMS if text == "[]" else ANY)
    return tuple(steps)
