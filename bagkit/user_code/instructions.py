"""The instructions of code, as `dis` gives them, but for the texts of constants.

`dis` makes the text of each constant. Nobody here reads it, a long table takes long, and of an integer of more than
4,300 digits Python makes none: it raises. Nothing else in bagkit calls `dis.get_instructions`.
"""

from __future__ import annotations

import dis
from collections.abc import Container, Iterator
from types import CodeType
from typing import Final

_OF_CONSTANTS: Final = frozenset(dis.hasconst)


def instructions_of(code: CodeType) -> Iterator[dis.Instruction]:
    """Yield the instructions of `code`, each constant in `argval` as it is, and without text in `argrepr`.

    >>> code = compile("0x" + "f" * 25_000, "", "eval")
    >>> [each.argval.bit_length() for each in instructions_of(code) if isinstance(each.argval, int) and each.argval]
    [100000]
    """
    constants = code.co_consts
    for each in _without_constants(code):
        yield each._replace(argval=constants[each.arg or 0]) if each.opcode in _OF_CONSTANTS else each


def names_in(code: CodeType, operations: Container[str]) -> Iterator[str]:
    """Yield the names that instructions of `code` have, of those that are `operations`.

    >>> list(names_in((lambda: print(len(name))).__code__, ["LOAD_GLOBAL"]))
    ['print', 'len', 'name']
    """
    return (each.argval for each in _without_constants(code) if each.opname in operations)


def _without_constants(code: CodeType) -> Iterator[dis.Instruction]:
    return dis.get_instructions(code.replace(co_consts=(None,) * len(code.co_consts)))
