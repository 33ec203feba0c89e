"""Calls of known functions with constants and the record, in the code of another: `get_in(["a", "b"], r)`.

The steps before the record and after it are gone through as the interpreter would, as long as they do nothing but put
constants, modules' functions and what is made of these on the stack.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from bagkit.light_classes import dataclass
from bagkit.ops._bytecode import Instruction, Steps
from bagkit.ops._toolz_read import Read, toolz_kind, toolz_name
from bagkit.plan.kinds import ALL, Fields

RECORD: Final = object()
"""Stands for the record among the arguments of a call."""

_FAR: Final = 16
"""How many steps may lie between a function and the record that it is called with."""
_MAKERS: Final = frozenset({operator.itemgetter, operator.methodcaller, functools.partial})
_CONTAINERS: Final = frozenset({set, frozenset, list, tuple, dict})


class _NotKnown(Exception):
    """A step does what is not known."""


@dataclass(frozen=True, slots=True)
class KnownCalls:
    """Finds calls in the code of functions that have these global names."""

    names: Mapping[str, Any]
    read: Read

    def fields(self, steps: Steps, start: int, end: int) -> Fields:
        """Return which parts a call reads that gets the values that steps `start` up to `end` put on the stack."""
        for begin in range(start - 1, max(-1, start - _FAR), -1):
            step = steps.at(begin)
            if step is not None and step.name == "LOAD_GLOBAL":
                try:
                    stack = self._stack(steps, begin, start)
                    return self._call(steps, stack, end) if _is_known(stack[0]) else ALL
                except _NotKnown:
                    continue
        return ALL

    def _stack(self, steps: Steps, begin: int, end: int) -> list[Any]:
        """Return what the steps from `begin` up to `end` put on the stack."""
        stack: list[Any] = []
        for index in range(begin, end):
            step = steps.at(index)
            if step is None or (step.jumped_to and index > begin):
                raise _NotKnown
            self._do(stack, step)
        if not stack:
            raise _NotKnown
        return stack

    def _call(self, steps: Steps, stack: list[Any], at: int) -> Fields:
        """Return what a call reads; `stack` has its function, and its arguments before the record."""
        function, *before = stack
        after: list[Any] = []
        names: tuple[str, ...] = ()
        while (step := steps.at(at)) is not None:
            if step.name == "KW_NAMES":
                names = _text_names(step.value)
            elif step.name == "CALL_KW":
                names = _text_names(after.pop()) if after else ()
            if step.name in ("CALL", "CALL_KW") and step.argument == len(before) + 1 + len(after):
                return self._read(function, before, after, names)
            if step.name != "KW_NAMES":
                self._do(after, step)
            at += 1
        return ALL

    def _read(self, function: Any, before: list[Any], after: list[Any], names: Sequence[str]) -> Fields:
        if toolz_name(function) == "pipe":
            return self.read(after[0], (RECORD,), {}) if after and not before and not names else ALL
        inner = function.func if toolz_kind(function) == "curry" else function
        places = ("default",) if toolz_name(inner) in ("get", "get_in") else ()
        if names:
            if len(names) != len(after):
                return ALL
            return self.read(function, (*before, RECORD), dict(zip(names, after, strict=True)))
        if len(after) > len(places):
            return ALL
        return self.read(function, (*before, RECORD), dict(zip(places, after, strict=False)))

    def _do(self, stack: list[Any], step: Instruction) -> None:
        """Do with `stack` what a step does."""
        count = step.argument
        match step.name:
            case "LOAD_CONST" | "LOAD_SMALL_INT":
                stack.append(step.value)
            case "LOAD_GLOBAL" if step.value in self.names:
                stack.append(self.names[step.value])
            case "LOAD_ATTR" | "LOAD_METHOD" if stack:
                stack.append(_attribute(stack.pop(), step.value))
            case "PUSH_NULL" | "PRECALL":
                pass
            case "BUILD_LIST" | "BUILD_TUPLE" | "BUILD_SET" | "BUILD_MAP" if count <= len(stack):
                parts = [stack.pop() for _ in range(count)][::-1]
                stack.append(_built(step.name, parts))
            case "LIST_EXTEND" | "SET_UPDATE" if count == 1 and len(stack) > 1:
                more = stack.pop()
                stack[-1] = type(stack[-1])([*stack[-1], *more])
            case "MAKE_FUNCTION" if stack and count == 0:
                stack[-1] = _NotKnown
            case "CALL" if count < len(stack):
                args = [stack.pop() for _ in range(count)][::-1]
                stack.append(_made(stack.pop(), args))
            case _:
                raise _NotKnown


def _is_known(function: Any) -> bool:
    return bool(toolz_name(function) or toolz_kind(function)) or type(function) in _MAKERS


def _text_names(names: Any) -> tuple[str, ...]:
    if type(names) is not tuple or not names:
        raise _NotKnown
    return names


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute that is looked up without any code of the user's."""
    if isinstance(value, ModuleType) and name in vars(value):
        return vars(value)[name]
    if type(value) in _CONTAINERS and name == "__contains__":
        return value.__contains__
    raise _NotKnown


def _built(name: str, parts: list[Any]) -> Any:
    if name == "BUILD_MAP" and parts:
        raise _NotKnown
    try:
        return {"BUILD_LIST": list, "BUILD_TUPLE": tuple, "BUILD_SET": set, "BUILD_MAP": dict}[name](parts)
    except TypeError:
        raise _NotKnown from None


def _made(function: Any, args: list[Any]) -> Any:
    """Return what a function of operator, functools or toolz makes of constants: another function."""
    makes = toolz_kind(function) == "curry" and toolz_name(function.func) in ("get", "get_in", "keyfilter", "pluck")
    is_maker = any(function is maker for maker in _MAKERS) or toolz_name(function) == "compose"
    if not (makes and len(args) == 1) and not is_maker:
        raise _NotKnown
    try:
        return function(*args)
    except TypeError:
        raise _NotKnown from None
