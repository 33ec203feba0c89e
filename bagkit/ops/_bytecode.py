"""The instructions of a function, under the names that all Pythons from 3.11 on have for them.

LOAD_FAST_BORROW, LOAD_FAST_CHECK     LOAD_FAST
LOAD_COMMON_CONSTANT                  LOAD_CONST
STORE_FAST_LOAD_FAST a, b             STORE_FAST a, LOAD_FAST b
BINARY_OP []                          BINARY_SUBSCR
LOAD_METHOD, LOAD_ATTR of a method    LOAD_METHOD
RETURN_CONST                          LOAD_CONST, RETURN_VALUE
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from types import CodeType
from typing import Any, Final

from bagkit.light_classes import dataclass
from bagkit.user_code.instructions import instructions_of

_NO_WORK: Final = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "NOT_TAKEN", "TO_BOOL", "RESUME"})
"""TO_BOOL stands before what asks for the truth itself where there is none; `makes_bools` finds others."""
_NAMES: Final = {"LOAD_FAST_CHECK": "LOAD_FAST", "LOAD_COMMON_CONSTANT": "LOAD_CONST"}
_HALVES: Final = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
_OPERANDS: Final = frozenset(
    {"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST", "LOAD_ATTR", "LOAD_METHOD", "PUSH_NULL"}
    | {"BUILD_LIST", "BUILD_MAP", "BUILD_TUPLE", "BUILD_SET", "BUILD_STRING", "FORMAT_VALUE", "FORMAT_SIMPLE"}
    | {"BINARY_SUBSCR", "BINARY_OP", "COMPARE_OP", "CONTAINS_OP", "IS_OP", "UNARY_NEGATIVE", "UNARY_NOT"}
    | {"PRECALL", "CALL", "CONVERT_VALUE", "FORMAT_WITH_SPEC"}
)
"""What goes one after the other, and works on nothing but what was put on the stack for it."""
_ATTRIBUTES_MAY_BE_METHODS: Final = sys.version_info >= (3, 12)
_OF_VARIABLES: Final = frozenset(dis.haslocal) | frozenset(dis.hasfree)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing that a function does."""

    name: str
    value: Any
    """What it is done with: a constant, a name, where a jump goes."""
    argument: int
    effect: int | None
    """By how much the stack grows; None where it is not known to leave alone what others put there."""
    offset: int
    jumped_to: bool
    of_variable: bool
    """Whether `value` is the name of a local variable, or of one of a function around."""


class Steps:
    """All steps of a function."""

    def __init__(self, code: CodeType, known: Mapping[str, Any]) -> None:
        """Read them from `code`; the variables `known` count as constants."""
        self.steps: list[Instruction] = []
        self._index: dict[int, int] = {}
        jumped_to = False
        for each in instructions_of(code):
            self._index[each.offset] = len(self.steps)
            jumped_to = jumped_to or bool(each.is_jump_target)
            if each.opname in _NO_WORK:
                continue
            for step in _parts(each, code):
                constant = step.name == "LOAD_FAST" and step.value in known
                step = (
                    replace(step, name="LOAD_CONST", value=known[step.value], of_variable=False) if constant else step
                )
                self.steps.append(replace(step, jumped_to=jumped_to))
                jumped_to = False

    def at(self, index: int) -> Instruction | None:
        """Return the step number `index`; None where there is none."""
        return self.steps[index] if 0 <= index < len(self.steps) else None

    def target(self, jump: Instruction) -> int:
        """Return the number of the step that `jump` goes to."""
        return self._index.get(jump.value, -1)

    def of(self, variable: str) -> Iterator[tuple[int, Instruction]]:
        """Yield the steps that do something with a variable, and their numbers."""
        for index, step in enumerate(self.steps):
            if step.of_variable and step.value == variable:
                yield index, step


def _parts(each: dis.Instruction, code: CodeType) -> Iterator[Instruction]:
    """Yield the steps of an instruction: two where it does two things."""
    name = each.opname.replace("_BORROW", "")
    name = _NAMES.get(name, name)
    if name == "RETURN_CONST":
        yield _step(each, "LOAD_CONST", each.argval, 1)
        yield _step(each, "RETURN_VALUE", None, -1)
    elif name.count("_FAST") == 2:
        for half, variable in zip(_HALVES[name], each.argval, strict=True):
            yield _step(each, half, variable, 1 if half == "LOAD_FAST" else -1)
    elif name == "BINARY_OP" and each.argrepr == "[]":
        yield _step(each, "BINARY_SUBSCR", None, -1)
    elif name == "BINARY_OP":
        yield _step(each, name, each.argrepr, -1)  # its sign
    elif name == "LOAD_ATTR" and _ATTRIBUTES_MAY_BE_METHODS and (each.arg or 0) & 1:
        yield _step(each, "LOAD_METHOD", each.argval, 1)
    elif name == "KW_NAMES":
        yield _step(each, name, code.co_consts[each.arg or 0], None)
    else:
        effect = dis.stack_effect(each.opcode, each.arg) if name in _OPERANDS else None
        yield _step(each, name, each.argval, effect)


def _step(each: dis.Instruction, name: str, value: Any, effect: int | None) -> Instruction:
    of_variable = each.opcode in _OF_VARIABLES or "_FAST" in name
    return Instruction(name, value, each.arg or 0, effect, each.offset, False, of_variable)


def makes_bools(code: CodeType) -> bool:
    """Say whether there is a TO_BOOL whose result is a value: from Python 3.13 on `not not x` is one."""
    names = [each.opname for each in instructions_of(code) if each.opname not in _NO_WORK - {"TO_BOOL"}]
    return any(name == "TO_BOOL" and after != "UNARY_NOT" and "JUMP" not in after for name, after in pairwise(names))


def asks_in(code: CodeType) -> bool:
    """Say whether there is an `in` in the function."""
    return any(each.opname == "CONTAINS_OP" for each in instructions_of(code))
