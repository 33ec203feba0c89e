"""May code change the plain data that it is given? Told from all that is pickled with it, and from its bytecode.

What is not known to change nothing may change something. So a new Python, or an odd function, costs speed and never
the answer. Known are: functions and types of modules that change no arguments, functions of bagkit, and functions whose
instructions, attributes and globals are all on the lists below.
"""

from __future__ import annotations

import functools
import marshal
import re
import types
from collections.abc import Iterable
from typing import Any

from bagkit.user_code.code_parts import codes_in, held_by
from bagkit.user_code.instructions import instructions_of
from bagkit.user_code.modules import CACHED, IMMUTABLE

_MODULES = frozenset(
    ("math", "re", "json", "datetime", "string", "unicodedata", "hashlib", "base64", "html", "textwrap", "statistics",
     "calendar", "time", "decimal", "fractions", "zlib", "uuid", "ipaddress", "itertools", "urllib", "cmath",
     "binascii", "numbers", "colorsys", "difflib", "fnmatch", "bagkit", "cloudpickle", "copyreg", "typing", "enum")
)  # fmt: skip
"""Modules whose functions change nothing that they are given."""
_BUILTINS = frozenset(
    ("abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "complex", "dict", "divmod", "enumerate",
     "filter", "float", "format", "frozenset", "hasattr", "hash", "hex", "id", "int", "isinstance", "issubclass",
     "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow", "print", "range", "repr",
     "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip")
)  # fmt: skip
_OPERATORS = frozenset(
    ("abs", "add", "and_", "concat", "contains", "countOf", "eq", "floordiv", "ge", "getitem", "gt", "index", "indexOf",
     "inv", "invert", "is_", "is_not", "le", "length_hint", "lshift", "lt", "mod", "mul", "ne", "neg", "not_",
     "or_", "pos", "pow", "rshift", "sub", "truediv", "truth", "xor", "itemgetter")
)  # fmt: skip
_METHODS = frozenset(
    name for kind in (str, bytes, tuple, frozenset, int, float, re.Pattern, re.Match) for name in dir(kind)
     if not name.startswith("_")
).union(("get", "keys", "values", "items", "copy", "index", "count", "fromkeys"))  # fmt: skip
"""Methods of texts, numbers, patterns and what can't be changed, and such of dicts and lists as change nothing."""
_INSTRUCTIONS = re.compile(
    r"LOAD_(FAST|CONST|SMALL_INT|COMMON_CONSTANT|GLOBAL|DEREF|CLOSURE|ATTR|METHOD|ASSERTION_ERROR)\w*"
    r"|(STORE|DELETE)_(FAST|DEREF)\w*"
    r"|BUILD_(TUPLE|LIST|MAP|SET|STRING|SLICE|CONST_KEY_MAP|INTERPOLATION|TEMPLATE)"
    r"|(LIST|SET)_(EXTEND|APPEND|ADD|UPDATE)|MAP_ADD|DICT_(UPDATE|MERGE)|LIST_TO_TUPLE"  # of what is being built
    r"|(UNARY|COMPARE|CONTAINS|IS|TO|FORMAT|CONVERT|UNPACK|MATCH|CHECK|JUMP|POP|PUSH|RETURN|FOR|END|GET)_\w+"
    r"|BINARY_(OP|SUBSCR|SLICE)|CALL|CALL_(KW|FUNCTION_EX|INTRINSIC_1)|PRECALL|KW_NAMES|MAKE_(FUNCTION|CELL)"
    r"|SET_FUNCTION_ATTRIBUTE|COPY|COPY_FREE_VARS|SWAP|NOP|NOT_TAKEN|RESUME|CACHE|EXTENDED_ARG|YIELD_VALUE|SEND"
    r"|RAISE_VARARGS|RERAISE"
)
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
_METHOD_KINDS = (types.MethodDescriptorType, types.ClassMethodDescriptorType, types.WrapperDescriptorType)
LARGEST = 100_000
"""Elements of a table that a function looks things up in: whether a larger one is plain takes too long to tell."""


def may_change(seen: Iterable[Any]) -> bool:
    """Return whether what stands in `seen`, all that is pickled with a work, may change plain data."""
    look, several = _Look(), list(seen)
    if any(map(_is_method, several)):
        several = [value for value in several if value is not getattr]  # by which pickle finds them
    return not all(map(look.is_harmless, several))


def _is_method(value: Any) -> bool:
    if type(value) is types.BuiltinFunctionType:
        return value.__self__ is not None and not isinstance(value.__self__, types.ModuleType)
    return isinstance(value, (types.MethodType, *_METHOD_KINDS))


class _Look:
    """What was looked at; mutable, of one call."""

    def __init__(self) -> None:
        self._functions: dict[int, types.FunctionType] = {}

    def is_harmless(self, value: Any) -> bool:
        """Return whether no call of `value`, or of what is in it, changes plain data."""
        kind = type(value)
        if kind in _PLAIN:
            return True
        if kind is types.FunctionType:
            return self._is_harmless_function(value)
        if isinstance(value, type):
            return _is_known_type(value)
        if kind is types.BuiltinFunctionType:
            return self._is_harmless_builtin(value)
        if kind in _METHOD_KINDS:
            return value.__name__ in _METHODS
        if kind is types.ModuleType:
            return _root(value.__name__) in _MODULES
        if kind is CACHED:
            return self.is_harmless(value.__wrapped__)
        if kind is functools.partial:
            return all(map(self.is_harmless, (value.func, *value.args, *value.keywords.values())))
        if kind is types.MethodType:
            return self.is_harmless(value.__func__) and self.is_harmless(value.__self__)
        if kind in (tuple, list, dict, set, frozenset):
            return _is_plain(value)
        return _is_known_type(kind)

    def _is_harmless_builtin(self, function: Any) -> bool:
        owner = function.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            return _is_known(function.__module__, function.__name__)
        return function.__name__ in _METHODS and self.is_harmless(owner)

    def _is_harmless_function(self, function: types.FunctionType) -> bool:
        module = function.__globals__.get("__name__")
        if isinstance(module, str) and _root(module) in _MODULES:
            return True
        if id(function) in self._functions:
            return True  # it is being looked at, or was
        self._functions[id(function)] = function
        if vars(function) or not all(map(self.is_harmless, held_by(function))):
            return False
        return all(self._is_harmless_code(code, function) for code in codes_in(function.__code__))

    def _is_harmless_code(self, code: types.CodeType, function: types.FunctionType) -> bool:
        of_module = False
        for each in instructions_of(code):
            name = each.opname
            if name in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD"):
                if name != "LOAD_GLOBAL":
                    if not of_module and each.argval not in _METHODS:
                        return False
                    continue  # what stands in a module's class is of the module too
                value = _global(function, each.argval)
                if not self.is_harmless(value):
                    return False
                kind = isinstance(value, type)  # a Counter or a defaultdict has the methods of dict
                of_module = isinstance(value, types.ModuleType) or (kind and _root(value.__module__) in _MODULES)
                continue
            if name not in ("CACHE", "PRECALL", "EXTENDED_ARG"):
                of_module = False
            if not _INSTRUCTIONS.fullmatch(name) or (name == "BINARY_OP" and each.argrepr.endswith("=")):
                return False
        return True


def _is_known_type(kind: type) -> bool:
    """Return whether making an object of a type, or having one, changes nothing."""
    if kind.__module__ == "builtins":
        return bool(kind.__flags__ & IMMUTABLE)  # else the user's, made by exec
    return _is_known(kind.__module__, kind.__qualname__)


def _is_known(module: Any, name: str) -> bool:
    """Return whether the type or function `name` of `module` changes nothing."""
    if not isinstance(module, str):
        return False
    if module == "builtins":
        return name in _BUILTINS
    if module in ("operator", "_operator"):
        return name in _OPERATORS
    if module in ("functools", "collections", "_functools"):
        return name in ("partial", "Counter", "OrderedDict", "defaultdict", "deque", "namedtuple")
    return _root(module) in _MODULES


def _root(module: str) -> str:
    return module.partition(".")[0].removeprefix("_")


def _is_plain(value: Any) -> bool:
    """Return whether a container holds plain data and nothing that can be called."""
    if len(value) > LARGEST:
        return False
    try:
        marshal.dumps(value)
    except ValueError:
        return False
    return True


def _global(function: types.FunctionType, name: str) -> Any:
    if name in function.__globals__:
        return function.__globals__[name]
    builtins = function.__globals__.get("__builtins__", {})
    return (builtins if isinstance(builtins, dict) else vars(builtins)).get(name)
