"""Functions with integers of more digits than Python makes a text of: cloudpickle asks `dis`, which would make one."""

from __future__ import annotations

import types
from typing import Any

from bagkit.user_code.code_parts import codes_in
from bagkit.user_code.instructions import instructions_of

_LONG_BITS = 2000
"""Of an integer: 640 digits are the least that `sys.set_int_max_str_digits` takes."""
_OF_GLOBALS = frozenset(("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"))


def spare_texts(code: types.CodeType, known: Any) -> None:
    """Put the globals of code that has such integers to what cloudpickle has `known`, so that it does not look."""
    if not any(map(_has_long, codes_in(code))):
        return
    for each in codes_in(code):
        inner = [one for part in codes_in(each) for one in instructions_of(part)]
        known[each] = {one.argval: None for one in inner if one.opname in _OF_GLOBALS}


def _has_long(code: types.CodeType) -> bool:
    return any(map(_is_long, code.co_consts))


def _is_long(value: Any) -> bool:
    if type(value) is int:
        return value.bit_length() > _LONG_BITS
    return type(value) in (tuple, frozenset) and any(map(_is_long, value))
