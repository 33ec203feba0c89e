"""Sentinels that cross to other processes: there they are the ones that stand under the same name, never copies."""

from __future__ import annotations

import builtins
import dataclasses
import functools
import sys
from typing import Any

from bagkit.user_code.main_module import MAIN

_OF_DATACLASSES = ("MISSING", "KW_ONLY")
SENTINEL_TYPES = frozenset({type(getattr(dataclasses, name)) for name in _OF_DATACLASSES})
"""From Python 3.15 on that is one type, and programs make sentinels of it too."""


def reduce_sentinel(value: Any) -> Any:
    """Return how a sentinel is found again."""
    for name in _OF_DATACLASSES:  # a copy would be a default
        known = getattr(dataclasses, name)
        if value is known or (type(value) is type(known) and len(SENTINEL_TYPES) > 1):
            return getattr, (dataclasses, name)
    name = value.__reduce__()  # under which pickle looks it up in its module
    if value.__module__ in MAIN and _named("__main__", name) is value:
        return _of_program, (name, repr(value))
    return name


@functools.cache
def _of_program(name: str, shown: str) -> Any:
    """Return a sentinel of the program: the program's own, or in a worker one that is made once."""
    found = _named("__main__", name)
    if type(found) in SENTINEL_TYPES:
        return found
    # It is of the module whose code makes it.
    content = {"__name__": "__main__", "make": getattr(builtins, "sentinel")}  # noqa: B009  # older Pythons have none
    made = eval("make(name, repr=shown)", content, {"name": name, "shown": shown})
    if "." not in name:
        setattr(sys.modules["__main__"], name, made)  # where pickle looks for it, when it is a result
    return made


def _named(module: str, name: str) -> Any:
    """Return what has that name; nobody is asked for what is not there, as workers ask for names of the program."""
    first, *others = name.split(".")
    found = vars(sys.modules[module]).get(first)
    for each in others:
        found = getattr(found, each, None)
    return found
