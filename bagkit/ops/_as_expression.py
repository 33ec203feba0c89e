"""What a small function does, as the text of an expression: `lambda r: r["age"] > 30` is `age > 30`.

To call a function takes longer than to do what such a function does, so who works on many records puts the expression
into a loop. Told from bytecode, or not at all: only subscripts with constant texts, operators and plain constants are
known. With values that JSON has, none of these does more than to give a value or raise. So where one raises, the
function can be called after all, and the error is its own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Final

from bagkit.light_classes import NamedTuple
from bagkit.ops._bytecode import Instruction, Steps, makes_bools
from bagkit.ops._paths_read import Path

_COMPARISONS: Final = frozenset({"<", "<=", "==", "!=", ">", ">="})
_OPERATORS: Final = frozenset({"+", "-", "*", "/", "//", "%", "&", "|", "^"})
_UNARY: Final = {"UNARY_NOT": "not ", "UNARY_NEGATIVE": "-"}
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_LONGEST: Final = 40
"""Steps, and digits of a constant."""
_STARRED: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_IN_PARTS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class _NotKnown(Exception):
    """The function does something else."""


class _Constant(NamedTuple):
    value: Any


def as_expression(function: Any, others: Sequence[str], spell: Callable[[Path], str | None]) -> str | None:
    """Return what `function` gives, called with values that are named as `others` and then a record; None if not known.

    `spell` gives the text for a part of the record, or None where there is none.

    >>> as_expression(lambda total, r: total + r["n"] * 2, ["total"], "_".join)
    '(total + (n * (2)))'
    >>> as_expression(lambda r: r["a"]["b"] in ("x", "y"), [], "_".join)
    "(a_b in ('x','y',))"
    >>> as_expression(lambda r: r.get("n", 0), [], "_".join) is None
    True
    """
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return None
    code = function.__code__
    if code.co_argcount != len(others) + 1 or code.co_kwonlyargcount or code.co_flags & (_STARRED | _IN_PARTS):
        return None
    steps = Steps(code, {}).steps
    if len(steps) > _LONGEST or code.co_exceptiontable or makes_bools(code) or any(step.jumped_to for step in steps):
        return None
    names: dict[str, str | Path] = dict(zip(code.co_varnames, [*others, ()], strict=False))
    try:
        return _Stack(names, spell).result(steps)
    except (_NotKnown, IndexError, KeyError):
        return None


class _Stack:
    """The stack of the interpreter, with texts in place of values; and parts of the record that are not spelt yet."""

    def __init__(self, names: dict[str, str | Path], spell: Callable[[Path], str | None]) -> None:
        self._names = names
        self._spell = spell
        self._stack: list[str | Path | _Constant] = []

    def result(self, steps: Sequence[Instruction]) -> str:
        """Return the text of what is returned after `steps`."""
        *before, last = steps
        for step in before:
            self._do(step)
        found = self._text()
        if last.name != "RETURN_VALUE" or self._stack:
            raise _NotKnown
        return found

    def _do(self, step: Instruction) -> None:
        match step.name:
            case "LOAD_FAST":
                self._stack.append(self._names[step.value])
            case "LOAD_CONST" | "LOAD_SMALL_INT":
                self._stack.append(_Constant(step.value))
            case "BINARY_SUBSCR":
                key, part = self._stack.pop(), self._stack.pop()
                if type(part) is not tuple or type(key) is not _Constant or type(key.value) is not str:
                    raise _NotKnown
                self._stack.append((*part, key.value))
            case "COMPARE_OP" if step.value in _COMPARISONS:
                self._join(step.value)
            case "BINARY_OP" if step.value in _OPERATORS:
                self._join(step.value)
            case "CONTAINS_OP":
                self._join("not in" if step.argument else "in")
            case "UNARY_NOT" | "UNARY_NEGATIVE":
                self._stack.append(f"({_UNARY[step.name]}{self._text()})")
            case _:
                raise _NotKnown

    def _join(self, sign: str) -> None:
        right, left = self._text(), self._text()
        self._stack.append(f"({left} {sign} {right})")

    def _text(self) -> str:
        """Return the text of what is on top, and take it off."""
        top = self._stack.pop()
        if type(top) is _Constant:
            return _written(top.value)
        found = self._spell(top) if type(top) is tuple else top
        if not isinstance(found, str):
            raise _NotKnown
        return found


def _written(value: Any) -> str:
    """Return the text of a constant."""
    kind = type(value)
    if (
        kind in _SCALARS
        and (kind is str or len(repr(value)) <= _LONGEST)
        and (kind is not float or math.isfinite(value))
    ):
        return f"({value!a})" if kind in (int, float) else ascii(value)
    if kind is tuple and value:
        return f"({''.join([f'{_written(each)},' for each in value])})"
    if kind is frozenset and value:
        return f"{{{','.join(sorted(map(_written, value)))}}}"
    raise _NotKnown
