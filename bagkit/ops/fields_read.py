"""Which fields of a record does a function read? Told from its bytecode, or not at all.

A function that does nothing with its one parameter but `r["name"]` and `r.get("name", default)` gives the same answer
for a dict of only those fields. Whatever is not known to be one of these two is taken to need the whole record.
"""

from __future__ import annotations

import dis
import inspect
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final

_OTHER_WAYS_TO_RUN: Final = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
_SEES_LOCALS: Final = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "breakpoint", "set_trace", "settrace", "setprofile", "stack", "trace"}
    | {"_getframe", "_current_frames", "currentframe", "f_locals", "f_back", "gi_frame", "tb_frame", "__traceback__"}
    | {"exc_info"}
)
"""Names by which code could reach the record without naming it."""
_SIMPLE: Final = frozenset({"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST"})
_EMPTY: Final = frozenset({"BUILD_LIST", "BUILD_MAP"})
_NO_WORK: Final = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "NOT_TAKEN"})


def fields_read(function: Any, arguments: int = 1) -> frozenset[str] | None:
    """Return the names of the fields that `function` reads of its record; None where it may need the whole record.

    The record is the last of the `arguments` it is called with: a fold's function is called with a total and a record.

    >>> sorted(fields_read(lambda r: r["age"] > 30 and r.get("name", "")))
    ['age', 'name']
    >>> fields_read(lambda r: len(r)) is None
    True
    """
    if type(function) is operator.itemgetter and arguments == 1:
        names = function.__reduce__()[1]
        return frozenset(names) if all(type(name) is str for name in names) else None
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return None
    return _fields_of(function.__code__, arguments) if _takes(function, arguments) else None


def needs_all(function: Any) -> bool:
    """Say whether a record that lacks a field which `function` reads is an error: no default, and nothing is caught.

    >>> needs_all(lambda total, r: total + r["n"])
    True
    >>> needs_all(lambda total, r: total + r.get("n", 0))
    False
    """
    code = function.__code__
    return "get" not in code.co_names and not code.co_exceptiontable


def _takes(function: FunctionType, arguments: int) -> bool:
    """Say whether `function` is a plain one that can be called with that number of arguments."""
    code = function.__code__
    needed = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return (
        not code.co_flags & _OTHER_WAYS_TO_RUN
        and code.co_argcount >= arguments
        and needed <= arguments
        and set(keywords) <= set(function.__kwdefaults__ or ())
    )


def _fields_of(code: CodeType, arguments: int) -> frozenset[str] | None:
    """Return the fields of the last argument that `code` reads, None if it does anything else with it."""
    record = code.co_varnames[arguments - 1]
    if record in code.co_cellvars or not _SEES_LOCALS.isdisjoint(_names(code)):
        return None
    steps = list(_steps(code))
    fields = set()
    for at, step in enumerate(steps):
        if not step.touches(record):
            continue
        field = _field_read(steps[at : at + 6], record)
        if field is None:
            return None
        fields.add(field)
    return frozenset(fields)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global and attribute names in `code` and in the functions that it defines."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction that does something."""

    name: str
    argument: int | None
    value: Any
    """What the argument stands for: a constant, a name, a pair of names."""
    jumped_to: bool
    is_local: bool

    def touches(self, record: str) -> bool:
        """Say whether the instruction loads, stores or deletes the variable `record`."""
        named = self.value if isinstance(self.value, tuple) else (self.value,)
        return self.is_local and record in named

    def leaves_on_top(self, record: str) -> bool:
        """Say whether it loads `record` last, and does nothing else with it."""
        match self.name:
            case "LOAD_FAST":
                return bool(self.value == record)
            case "LOAD_FAST_LOAD_FAST" | "STORE_FAST_LOAD_FAST":
                return bool(self.value[0] != record and self.value[1] == record)
        return False  # declines because the record is stored, deleted, or loaded in a way that is not known


def _steps(code: CodeType) -> Iterator[_Step]:
    """Yield the instructions of `code` but for those that do nothing."""
    jumped_to = False
    for each in dis.get_instructions(code):
        jumped_to = jumped_to or bool(each.is_jump_target)
        if each.opname in _NO_WORK:
            continue
        is_local = each.opcode in dis.haslocal or "FAST" in each.opname
        yield _Step(_name(each), each.arg, each.argval, jumped_to, is_local)
        jumped_to = False


def _name(instruction: dis.Instruction) -> str:
    """Return what Python 3.13 calls an instruction. 3.14 has loads that borrow, and a subscript is one of BINARY_OP."""
    if instruction.opname == "BINARY_OP" and instruction.argrepr == "[]":
        return "BINARY_SUBSCR"
    return instruction.opname.replace("_BORROW", "")


def _field_read(steps: list[_Step], record: str) -> str | None:
    """Return the field that is read by what begins with loading the record; None if that is not what happens."""
    first, *rest = steps
    if not first.leaves_on_top(record):
        return None
    match rest:
        case [_Step("LOAD_CONST", _, str() as field), _Step("BINARY_SUBSCR"), *_]:
            length = 2
        case [get, _Step("LOAD_CONST", _, str() as field), *call] if _is_get(get):
            passed = 1 if call and call[0].name in ("PRECALL", "CALL") else 2
            if passed == 2 and not (call and _is_simple(call[0])):
                return None
            ending = [(step.name, step.argument) for step in call[passed - 1 :]]
            if ending[:2] == [("PRECALL", passed), ("CALL", passed)]:
                length = 3 + passed
            elif ending[:1] == [("CALL", passed)]:
                length = 2 + passed
            else:
                return None  # declines because the call has keywords, or more than a default
        case _:
            return None
    if any(step.jumped_to for step in rest[:length]):
        return None
    return field


def _is_get(step: _Step) -> bool:
    """Say whether it looks up the method `get` for a call."""
    is_method = step.name == "LOAD_METHOD" or (step.name == "LOAD_ATTR" and bool((step.argument or 0) & 1))
    return is_method and step.value == "get"


def _is_simple(step: _Step) -> bool:
    """Say whether it puts one value on the stack; were that the record, it would be found to be no field of it."""
    return step.name in _SIMPLE or (step.name in _EMPTY and step.argument == 0)
