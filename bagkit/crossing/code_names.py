"""The names that code looks up by its texts: what `eval("LIMIT + 1")` needs, and no instruction names."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

_LOOKING = frozenset(("eval", "exec", "globals", "query"))
"""Functions that run a text or look up names in one: Python's own, and pandas'."""
_WORD = re.compile(r"[^\W\d]\w*")


def names_looked_up(code: types.CodeType) -> set[str]:
    """Return the words in the texts of `code`, if it calls something that may look them up; else nothing.

    >>> sorted(names_looked_up((lambda x: eval("LIMIT + x")).__code__))
    ['LIMIT', 'x']
    >>> names_looked_up((lambda x: "LIMIT").__code__)
    set()
    """
    if not _is_looking(code):
        return set()
    return {word for text in _texts(code.co_consts) for word in _WORD.findall(text)}


def _is_looking(code: types.CodeType) -> bool:
    if not _LOOKING.isdisjoint(code.co_names):
        return True
    return any(_is_looking(each) for each in code.co_consts if isinstance(each, types.CodeType))


def _texts(constants: Any) -> Iterator[str]:
    for each in constants:
        if isinstance(each, str):
            yield each
        elif isinstance(each, types.CodeType):
            yield from _texts(each.co_consts)
        elif isinstance(each, (tuple, frozenset)):
            yield from _texts(each)
