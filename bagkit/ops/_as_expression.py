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
_WORDS: Final = {"JUMP_IF_FALSE_OR_POP": "and", "JUMP_IF_TRUE_OR_POP": "or"}
_OTHER_WORDS: Final = {
    "POP_JUMP_FORWARD_IF_FALSE": ("and", "JUMP_IF_TRUE_OR_POP"),
    "POP_JUMP_FORWARD_IF_TRUE": ("or", "JUMP_IF_FALSE_OR_POP"),
}
_JUMPS: Final = {"POP_JUMP_IF_FALSE": "and", "POP_JUMP_IF_TRUE": "or"}
"""What Python 3.11 does for `and` and `or`, and what later ones do between COPY and POP_TOP."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_LONGEST: Final = 40
"""Steps, and digits of a constant."""
_TOO_LARGE: Final = 10**_LONGEST
_LARGEST: Final = 1 << 16
"""What numbers of elements are below."""
_STARRED: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_IN_PARTS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class NotKnown(Exception):
    """The function does something else, or a value is no plain one."""


class _Constant(NamedTuple):
    value: Any


def as_expression(
    function: Any,
    others: Sequence[str | Path],
    spell: Callable[[Path], str | None],
    record: Path = (),
    pair: bool = False,
) -> str | None:
    """Return what `function` gives, called with values that are named as `others` and then a record; None if not known.

    `spell` gives the text for a part of the record, or None where there is none. The record may be a part itself. With
    `pair` all are of a pair: its first record is in 0, where numbers lead on too, and its second in 1.

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
    steps = Steps(code, {})
    if len(steps.steps) > _LONGEST or code.co_exceptiontable or makes_bools(code):
        return None
    names: dict[str, str | Path] = dict(zip(code.co_varnames, [*others, record], strict=False))
    try:
        return _Stack(steps, names, spell, pair).result()
    except (NotKnown, IndexError, KeyError):
        return None


class _Stack:
    """The stack of the interpreter, with texts in place of values; and parts of the record that are not spelt yet."""

    def __init__(
        self, steps: Steps, names: dict[str, str | Path], spell: Callable[[Path], str | None], pair: bool
    ) -> None:
        self._steps = steps
        self._names = names
        self._spell = spell
        self._pair = pair
        self._stack: list[str | Path | _Constant] = []

    def result(self) -> str:
        """Return the text of what is returned."""
        last = len(self._steps.steps) - 1
        self._do_all(0, last)
        found = self._text()
        if self._steps.steps[last].name != "RETURN_VALUE" or self._stack:
            raise NotKnown
        return found

    def _do_all(self, start: int, stop: int) -> None:
        """Do the steps from `start` up to `stop`. All jumps that are known lead to the end of an `and` or an `or`."""
        at = start
        while at < stop:
            word = self._word(at)
            if word is None:
                self._do(self._steps.steps[at])
                at += 1
                continue
            name, begin, end = word
            if not at < begin < end <= stop:
                raise NotKnown
            left, height = self._text(), len(self._stack)
            self._do_all(begin, end)
            right = self._text()
            if len(self._stack) != height:
                raise NotKnown
            self._stack.append(f"({left} {name} {right})")
            at = end

    def _word(self, at: int) -> tuple[str, int, int] | None:
        """Return the `and` or `or` of step `at`, and where what stands to the right of it begins and ends."""
        step, jump, pop = [self._steps.at(at + further) for further in range(3)]
        assert step is not None
        if step.name in _WORDS:
            return _WORDS[step.name], at + 1, self._steps.target(step)
        if step.name in _OTHER_WORDS:  # `a and b or c` goes from a to c, over the jump behind b
            end = self._steps.target(step) - 1
            word, other = _OTHER_WORDS[step.name]
            behind = self._steps.at(end)
            return (word, at + 1, end) if behind is not None and behind.name == other else None
        if step.name != "COPY" or step.argument != 1 or jump is None or pop is None or pop.name != "POP_TOP":
            return None
        return (_JUMPS[jump.name], at + 3, self._end(jump)) if jump.name in _JUMPS else None

    def _end(self, jump: Instruction) -> int:
        """Return where what stands to the right of the `and` or `or` of a jump ends.

        From Python 3.14 on `a and b or c` goes from a to behind the jump of `or`, which a would not make.
        """
        end = self._steps.target(jump)
        before, behind = self._steps.at(end - 1), self._steps.at(end)
        if before is None or behind is None or behind.name != "POP_TOP":
            return end
        return end - 2 if before.name in _JUMPS and before.name != jump.name else -1

    def _do(self, step: Instruction) -> None:
        match step.name:
            case "LOAD_FAST":
                self._stack.append(self._names[step.value])
            case "LOAD_CONST" | "LOAD_SMALL_INT":
                self._stack.append(_Constant(step.value))
            case "BINARY_SUBSCR":
                key, part = self._stack.pop(), self._stack.pop()
                if type(part) is not tuple or type(key) is not _Constant or not self._leads_on(part, key.value):
                    raise NotKnown
                self._stack.append((*part, key.value))
            case "COMPARE_OP" if step.value in _COMPARISONS:
                self._join(step.value)
            case "BINARY_OP" if step.value in _OPERATORS:
                self._join(step.value)
            case "CONTAINS_OP":
                self._join("not in" if step.argument else "in")
            case "IS_OP" if _is_only_one(self._stack[-1]) and self._is_looked_up(self._stack[-2]):
                self._join("is not" if step.argument else "is")
            case "BUILD_TUPLE" | "BUILD_LIST":
                inside = "".join([f"{part}," for part in self._texts(step.argument)])
                self._stack.append(f"({inside})" if step.name == "BUILD_TUPLE" else f"[{inside}]")
            case "BUILD_MAP":
                parts = self._texts(2 * step.argument)
                self._put_dict(parts[::2], parts[1::2])
            case "BUILD_CONST_KEY_MAP":
                keys = self._stack.pop()
                assert type(keys) is _Constant
                self._put_dict(list(map(written, keys.value)), self._texts(step.argument))
            case "UNARY_NOT" | "UNARY_NEGATIVE":
                self._stack.append(f"({_UNARY[step.name]}{self._text()})")
            case _:
                raise NotKnown

    def _is_looked_up(self, part: str | Path | _Constant) -> bool:
        """Say whether it is a part of the record, or what is called with it: for `is` of constants Python warns."""
        return type(part) is tuple or part in self._names.values()

    def _leads_on(self, part: Path, key: Any) -> bool:
        """Say whether a subscript of a part is known."""
        if not self._pair or part[:1] == (1,):
            return type(key) is str
        if not part:
            return type(key) is int and key in (0, 1)
        return type(key) is str or (type(key) is int and abs(key) < _LARGEST)

    def _join(self, sign: str) -> None:
        right, left = self._text(), self._text()
        self._stack.append(f"({left} {sign} {right})")

    def _put_dict(self, keys: Sequence[str], values: Sequence[str]) -> None:
        self._stack.append(f"{{{','.join([f'{key}: {value}' for key, value in zip(keys, values, strict=True)])}}}")

    def _texts(self, number: int) -> list[str]:
        """Return the texts of the `number` things on top, the lowest first, and take them off."""
        return [self._text() for _ in range(number)][::-1]

    def _text(self) -> str:
        """Return the text of what is on top, and take it off."""
        top = self._stack.pop()
        if type(top) is _Constant:
            return written(top.value)
        found = self._spell(top) if type(top) is tuple else top
        if not isinstance(found, str):
            raise NotKnown
        return found


def _is_only_one(top: object) -> bool:
    """Say whether `is` asks the same of any value that is equal to a constant."""
    return isinstance(top, _Constant) and (top.value is None or type(top.value) is bool)


def _is_short(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < _TOO_LARGE  # of a larger one Python may make no text
    return type(value) is str or len(repr(value)) <= _LONGEST


def written(value: Any) -> str:
    """Return the text of a constant; raises NotKnown for values that need more than a text."""
    kind = type(value)
    if kind in _SCALARS and _is_short(value) and (kind is not float or math.isfinite(value)):
        return f"({value!a})" if kind in (int, float) else ascii(value)
    if kind is tuple and value:
        return f"({''.join([f'{written(each)},' for each in value])})"
    if kind is frozenset and value:
        return f"{{{','.join(sorted(map(written, value)))}}}"
    raise NotKnown
