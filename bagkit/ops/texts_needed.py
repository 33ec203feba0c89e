"""Which texts must a line have for a filter to keep it? Told from the filter's code, or not at all.

The code is gone through with a line that is not known, on both ways wherever it asks whether a text is in the line. A
way that may keep the line counts by one of the texts that were found in it on that way. So a line that has none of
these texts takes another way, on which nothing was done but such questions, and is left out at its end. Where anything
else is done, the line may be kept from there on.
"""

from __future__ import annotations

import builtins
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import methodcaller
from types import BuiltinMethodType, FunctionType
from typing import Any, Final

from bagkit.light_classes import dataclass
from bagkit.ops._bytecode import Instruction, Steps
from bagkit.ops.elementwise import Filter
from bagkit.ops.fields_read import constant_arguments
from bagkit.ops.text import MatchGlob
from bagkit.plan.kinds import Op

MOST_TEXTS: Final = 4
"""To look for more takes longer than to ask for each line."""
_MOST_STEPS: Final = 512
_ASKING: Final = frozenset({"startswith", "endswith", "__contains__", "count"})
"""Methods of a text that say something true only if the text has their argument in it."""
_STRIPPING: Final = frozenset({"strip", "rstrip", "lstrip"})
_SEARCHING: Final = frozenset({"search", "match", "fullmatch"})
_SPECIAL: Final = frozenset(".^$*+?{}[]\\()")


def texts_needed(op: Op) -> tuple[str, ...]:
    """Return texts: `op` keeps only lines that have at least one of them. No texts if that is unknown.

    >>> texts_needed(Filter(lambda line: "error" in line and "debug" not in line))
    ('error',)
    >>> texts_needed(Filter(lambda line: line.startswith("a") or line.strip() == "b"))
    ('a', 'b')
    >>> texts_needed(Filter(lambda line: "debug" not in line))
    ()
    """
    found: list[str] = []
    for texts in _ways(op):
        found += [text for text in texts if text not in found]
        if not texts or len(found) > MOST_TEXTS:
            return ()
    return tuple(found)


def _ways(op: Op) -> Iterator[tuple[str, ...]]:
    """Yield for each way that may keep a line the texts that it has one of; no texts where they are not known."""
    if isinstance(op, Filter) and op.reason is not None:
        yield ()  # what it drops is counted
    elif isinstance(op, MatchGlob):
        yield _told(max(re.split(r"[*?]", op.pattern), key=len)) if "[" not in op.pattern else ()
    elif isinstance(op, Filter) and op.keep and isinstance(op.predicate, (methodcaller, BuiltinMethodType)):
        yield _of_method(op.predicate)
    elif isinstance(op, Filter) and type(op.predicate) is FunctionType:
        known = constant_arguments(op.predicate)
        yield from [()] if known is None else _Walk(op.predicate, known, op.keep).ways()
    else:
        yield ()


def _of_method(function: Any) -> tuple[str, ...]:
    """Return the texts for `methodcaller("startswith", "x")`, or for `re.compile("x").search`."""
    if isinstance(function, methodcaller):
        reduced: tuple[Any, ...] = function.__reduce__()  # type: ignore[assignment]  # typeshed has what object gives
        make, args = reduced[:2]
        return _told(args[1]) if make is methodcaller and args[0] in _ASKING and len(args) == 2 else ()
    return _of_pattern(function.__self__) if function.__name__ in _SEARCHING else ()


def _told(text: Any) -> tuple[str, ...]:
    """Return the texts that are asked for, of a text or a tuple; none where one of them can't be looked for."""
    texts = text if type(text) is tuple else (text,)
    if not all(type(each) is str for each in texts):
        return ()
    found = tuple([each.rstrip("\n") for each in texts])  # the end of a line may be written in other ways
    return found if all(each and "\n" not in each and "\r" not in each for each in found) else ()


def _of_pattern(pattern: Any) -> tuple[str, ...]:
    """Return the texts that a regular expression looks for, if it is nothing but these: `error|warning`."""
    if type(pattern) is not re.Pattern or pattern.flags != re.UNICODE or not _SPECIAL.isdisjoint(pattern.pattern):
        return ()
    return _told(tuple(pattern.pattern.split("|")))


@dataclass(frozen=True, slots=True)
class _Known:
    """A value that is the same in each call."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Part:
    """The line, or a part of it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is true only if one of the texts is in the line; without texts it is not known when it is true."""

    texts: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _Method:
    """A method, looked up to be called."""

    owner: Any
    name: str


_Value = _Known | _Part | _Asked | _Method


class _NotKnown(Exception):
    """A step does what is not known, or may raise."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How far one way through the code is."""

    at: int
    stack: tuple[_Value, ...]
    variables: Mapping[str, _Value]
    texts: tuple[str, ...] = ()
    """Texts such that the line has one of them on this way."""


class _Walk:
    """Goes all ways through the code of a function; mutable, of one function."""

    def __init__(self, function: FunctionType, known: Mapping[str, Any], keep: bool) -> None:
        code = function.__code__
        self._steps = Steps(code, {})
        self._keep = keep
        self._names = ChainMap(function.__globals__, vars(builtins))
        self._cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        variables: dict[str, _Value] = {name: _Known(value) for name, value in known.items()}
        self._waiting = [_Way(0, (), variables | {code.co_varnames[0]: _Part()})]

    def ways(self) -> Iterator[tuple[str, ...]]:
        """Yield the texts of each way that may keep the line."""
        for _ in range(_MOST_STEPS):
            if not self._waiting:
                return
            way = self._waiting.pop()
            step = self._steps.at(way.at)
            try:
                if step is None:
                    raise _NotKnown
                if step.name == "RETURN_VALUE":
                    yield from [each.texts for each, true in self._asked(way, way.stack[-1]) if true is self._keep]
                else:
                    self._waiting += [*self._further(way, step)][::-1]
            except (_NotKnown, IndexError, KeyError):
                yield way.texts
        if self._waiting:
            yield ()

    def _asked(self, way: _Way, value: _Value) -> Iterator[tuple[_Way, bool]]:
        """Yield the ways on from where a value is asked whether it is true, and whether it is."""
        match value:
            case _Known(known) if known is None or type(known) in (bool, int, str):
                yield way, bool(known)
            case _Asked(texts, negated):
                yield replace(way, texts=max(way.texts, texts, key=_length)), not negated
                yield way, negated
            case _Part():
                yield way, True
                yield way, False
            case _:
                raise _NotKnown

    def _further(self, way: _Way, step: Instruction) -> Iterator[_Way]:
        name = step.name.replace("_FORWARD", "")
        if name == "JUMP":
            yield replace(way, at=self._steps.target(step))
        elif name in ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP"):
            for each, true in self._asked(way, way.stack[-1]):
                jumps = true is ("TRUE" in name)
                stack = way.stack if jumps and name.startswith("JUMP") else way.stack[:-1]
                # What is left on the stack is asked again where it comes to: by then it is known.
                stack = (*stack[:-1], _Known(true)) if len(stack) == len(way.stack) else self._settled(stack, way, true)
                yield replace(each, at=self._steps.target(step) if jumps else way.at + 1, stack=stack)
        elif name == "STORE_FAST":
            variables = {**way.variables, step.value: way.stack[-1]}
            yield replace(way, at=way.at + 1, stack=way.stack[:-1], variables=variables)
        else:
            yield replace(way, at=way.at + 1, stack=tuple(self._done(list(way.stack), step, way)))

    def _settled(self, stack: tuple[_Value, ...], way: _Way, true: bool) -> tuple[_Value, ...]:
        """Return the stack, on which a copy of the value that was just asked for is known now too."""
        value = way.stack[-1]
        return (*stack[:-1], _Known(true)) if stack and stack[-1] is value and isinstance(value, _Asked) else stack

    def _done(self, stack: list[_Value], step: Instruction, way: _Way) -> list[_Value]:
        """Return the stack after a step, or raise _NotKnown."""
        match step.name:
            case "COPY_FREE_VARS" | "PUSH_NULL" | "PRECALL":
                pass
            case "LOAD_CONST" | "LOAD_SMALL_INT":
                stack.append(_Known(step.value))
            case "LOAD_FAST":
                stack.append(way.variables[step.value])
            case "LOAD_GLOBAL":
                stack.append(_Known(self._names[step.value]))
            case "LOAD_DEREF":
                stack.append(_Known(_content(self._cells[step.value])))
            case "COPY":
                stack.append(stack[-step.argument])
            case "POP_TOP":
                stack.pop()
            case "LOAD_METHOD" | "LOAD_ATTR":
                stack.append(_looked_up(stack.pop(), step.value))
            case "CALL" if step.argument < len(stack):
                args = [stack.pop() for _ in range(step.argument)][::-1]
                stack.append(_called(stack.pop(), args))
            case "CONTAINS_OP" | "COMPARE_OP" | "UNARY_NOT":
                stack.append(_question(step, stack))
            case _:
                raise _NotKnown
        return stack


def _length(texts: tuple[str, ...]) -> int:
    """Return what says how rarely one of `texts` may be found."""
    return min(map(len, texts), default=0)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        raise _NotKnown from None


def _question(step: Instruction, stack: list[_Value]) -> _Value:
    """Return the answer to a question about what is on the stack."""
    match step.name, stack.pop():
        case "UNARY_NOT", _Asked(texts, negated):
            return _Asked(texts, not negated)
        case "UNARY_NOT", _Part():
            return _Asked(())
        case "CONTAINS_OP", _Part():
            text = stack.pop()
            if isinstance(text, _Known) and type(text.value) is str:
                return _Asked(_told(text.value), bool(step.argument))
        case "COMPARE_OP", above:
            below = stack.pop()
            text, other = (above, below) if isinstance(above, _Known) else (below, above)
            compared = step.value in ("==", "!=") and isinstance(other, _Part)
            if compared and isinstance(text, _Known) and type(text.value) is str:
                return _Asked(_told(text.value), step.value == "!=")
    raise _NotKnown


def _looked_up(owner: _Value, name: str) -> _Method:
    match owner:
        case _Part() if name in _ASKING or name in _STRIPPING:
            return _Method(owner, name)
        case _Known(value) if name in _SEARCHING and (type(value) is re.Pattern or value is re):
            return _Method(owner, name)
    raise _NotKnown


def _called(function: _Value, args: list[_Value]) -> _Value:
    """Return what a known method gives, if it never raises."""
    if not isinstance(function, _Method):
        raise _NotKnown
    name = function.name
    match function.owner, args:
        case _Part(), [] if name in _STRIPPING:
            return _Part()
        case _Part(), [_Known(text)] if name in _STRIPPING and type(text) is str:
            return _Part()
        case _Part(), [_Known(text)] if name in _ASKING and _is_text(text, name):
            return _Asked(_told(text))
        case _Known(pattern), [_Part()] if name in _SEARCHING and type(pattern) is re.Pattern:
            if type(pattern.pattern) is str:
                return _Asked(_of_pattern(pattern))
        case _Known(module), [_Known(text), _Part()] if module is re and name in _SEARCHING and type(text) is str:
            if vars(re).get(name) is _RE[name] and _SPECIAL.isdisjoint(text):
                return _Asked(_told(tuple(text.split("|"))))
    raise _NotKnown


_RE: Final = {name: vars(re)[name] for name in _SEARCHING}


def _is_text(value: Any, name: str) -> bool:
    if type(value) is tuple and name in ("startswith", "endswith"):
        return all(type(each) is str for each in value)
    return type(value) is str
