"""`map(json.dumps)` writes whole blocks."""

from __future__ import annotations

import json
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import Any, Final

from bagkit.json.standard import is_standard_dumps
from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Map
from bagkit.plan.node import Plan, rewrite
from bagkit.user_code.instructions import instructions_of

dump = Lazily("bagkit.json.dump")
encoding = Lazily("bagkit.ops.encoding")

_STRAIGHT: Final = frozenset(
    {"RESUME", "CACHE", "PUSH_NULL", "LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD", "LOAD_FAST", "LOAD_FAST_BORROW"}
    | {"LOAD_CONST", "LOAD_COMMON_CONSTANT", "LOAD_SMALL_INT", "KW_NAMES", "PRECALL", "CALL", "CALL_KW", "RETURN_VALUE"}
)
"""Instructions of a function that does nothing but call another."""


def recognise_dumps(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Replace a map of `json.dumps` by DumpJson, which gives and raises exactly the same.

        map(json.dumps)             dump_json
          parse_json           =>     parse_json
            read_text('a.json')         read_text('a.json')

    Keyword arguments, a `partial`, and a function that does nothing but call `json.dumps` with constants are seen
    through. Declines with `cls` and `indent`, and for separators that the fast writer does not know. What a program has
    put in the place of `json.dumps`, or of the encoder below it, is another function. `orjson.dumps` stays as it is:
    nothing writes faster.
    """
    return rewrite(roots, _recognise)


def _recognise(plan: Plan) -> Plan:
    op = plan.op
    if type(op) is not Map:
        return plan
    function, settings = _called(op.function)
    style = dump.style_of({**settings, **op.kwargs}) if is_standard_dumps(function) else None
    return plan if style is None else Plan(encoding.DumpJson(op.function, op.kwargs, style), plan.inputs)


def _called(function: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function that `function` calls with its record, and the keyword arguments beside that."""
    settings: dict[str, Any] = {}
    while type(function) is partial and not function.args:
        settings, function = {**function.keywords, **settings}, function.func
    if settings:
        return function, settings
    return _straight_call(function) or (function, settings)


def _straight_call(function: Any) -> tuple[Any, dict[str, Any]] | None:
    """Return what a function such as `lambda r: json.dumps(r, sort_keys=True)` calls, and the other arguments."""
    if type(function) is not FunctionType:
        return None
    code = function.__code__
    names = (code.co_argcount, code.co_kwonlyargcount, code.co_nlocals, len(code.co_freevars))
    if names != (1, 0, 1, 0) or not all(each.opname in _STRAIGHT for each in instructions_of(code)):
        return None
    record, called, calls = object(), object(), []

    def dumps(*args: Any, **settings: Any) -> object:
        calls.append((args, settings))
        return called

    stands_for: dict[Any, Any] = {id(json): SimpleNamespace(dumps=dumps), id(json.dumps): dumps}
    content = function.__globals__
    known = {name: stands_for.get(id(content.get(name)), _OTHER) for name in code.co_names}
    try:
        if FunctionType(code, known)(record) is not called:
            return None
    except Exception:  # of a function that wants something else of its record
        return None  # declines because it calls something else
    (args, settings), *others = calls
    return None if others or len(args) != 1 or args[0] is not record else (json.dumps, settings)


_OTHER: Final = SimpleNamespace()
"""Stands for what else a function names: `default=str`."""
