"""Tells whether a plan is the same in the next run of a program: by digests of its ops, their functions, their inputs.

Of a function written in Python it is the bytecode, the constants, the names, the defaults, what it has closed over, and
what it names, also in modules that it imports while it runs: the same of the functions and classes of the user's own
modules, the values of all else. Of a class it is its methods, and its metaclass, likewise. Of data it is the value.
Code of the standard library and of installed packages is known by its name. Not seen are: what a function reaches
through names made while running, and the data of a file or a service that it reads by itself. What can't be pickled has
no digest that would last, so it is never the same; where code only names it, it is known by its class.
"""

from __future__ import annotations

import hashlib
import marshal
import pickle
import secrets
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property, partial, singledispatch, singledispatchmethod
from typing import Any, get_args
from weakref import WeakKeyDictionary

from bagkit.errors import ask
from bagkit.plan.kinds import MemorySource, Op
from bagkit.plan.node import Plan, walk
from bagkit.user_code.code_parts import annotations_of, globals_of, names_of
from bagkit.user_code.modules import (
    IMMUTABLE,
    found_by_name,
    imported,
    imports_by,
    is_changed,
    is_made_by_exec,
    is_users,
)
from bagkit.user_code.unimported import unimported


class Seen(dict[int, tuple[int, Any]]):
    """The functions and classes that were described, by their ids, with a number; kept, so that ids stay theirs."""

    def __init__(self) -> None:
        self.inside: set[int] = set()
        """The ids of the lists, tuples and dicts that are being described: one that is in itself has no digest."""


def fingerprint(plan: Plan, content: Callable[[Op], Any] | None = None) -> list[tuple[str, str]]:
    """Return the label and the digest of each op below and of `plan`, inputs first.

    `content` gives what counts of an op; without it that is all.
    """
    numbers: dict[Plan, int] = {}
    steps = []
    for number, each in enumerate(walk(plan)):
        numbers[each] = number
        below = [numbers[part] for part in each.inputs]
        op = each.op if content is None else content(each.op)
        steps.append((each.op.label, lasting_digest((type(each.op).__qualname__, op, below, each.npartitions))))
    return steps


_process_fingerprints: WeakKeyDictionary[Plan, str] = WeakKeyDictionary()
_LONG_BITS = 1 << 12
"""Of an integer: Python may make no text of a longer one, but in hexadecimal."""
_RECORDS_SEEN = 8
"""How many records of a partition in memory are looked at, where it is enough to tell plans apart most of the time."""


def process_fingerprint(plan: Plan) -> str:
    """Return what identifies a plan in this process: equal for the same object, and for another that does the same.

    Only the first records of data in memory count, because there can be much of it.
    """
    if plan not in _process_fingerprints:
        _process_fingerprints[plan] = lasting_digest(fingerprint(plan, _without_most_records))
    return _process_fingerprints[plan]


def _without_most_records(op: Op) -> Any:
    return [_first_records(piece) for part in op.pieces() for piece in part] if isinstance(op, MemorySource) else op


def _first_records(piece: Any) -> Any:
    records = getattr(piece, "records", None)
    return piece.weight if records is None else (len(records), list(records[:_RECORDS_SEEN]))


def lasting_digest(value: Any) -> str:
    """Return the digest of a value, which lasts from one process to the next.

    >>> lasting_digest([1, "a", {"b": lambda x: x + 1}]) == lasting_digest([1, "a", {"b": lambda x: x + 1}])
    True
    >>> lasting_digest(lambda x: x + 1) == lasting_digest(lambda x: x + 2)
    False
    """
    try:
        return _digest(value, Seen())
    except Exception:  # too deep, in itself, or an object that raises when it is looked at
        return secrets.token_hex(16)


def _digest(value: Any, seen: Seen) -> str:
    result = hashlib.blake2b(digest_size=16)
    for part in _parts(value, seen):
        result.update(part)
    return result.hexdigest()


def _parts(value: Any, seen: Seen) -> Iterator[bytes]:
    """Yield bytes that are the same for the same value, each kind of value told from the others."""
    kind = type(value)
    yield f"<{kind.__qualname__}".encode("utf-8", "surrogatepass")
    if kind is int and value.bit_length() > _LONG_BITS:
        yield hex(value).encode()
    elif value is None or kind in (bool, int, float, complex, range, slice) or value is ...:
        yield repr(value).encode()
    elif kind is str:
        yield f"{len(value)}:{value}".encode("utf-8", "surrogatepass")
    elif kind in (bytes, bytearray):
        yield b"%d:" % len(value)
        yield value
    elif kind in (list, tuple, dict):
        yield from _container_parts(value, seen)
    elif kind in (set, frozenset):
        yield from (part.encode() for part in sorted(map(lasting_digest, value)))
    elif id(value) in seen:
        yield b"number %d" % seen[id(value)][0]
    else:
        yield from _object_parts(value, seen)
    yield b">"


def _container_parts(value: Any, seen: Seen) -> Iterator[bytes]:
    if id(value) in seen.inside:  # to go on until the recursion limit takes minutes where that is high
        raise ValueError("it is in itself")
    seen.inside.add(id(value))
    try:
        if isinstance(value, dict):
            for key, part in value.items():
                yield from _parts(key, seen)
                yield from _parts(part, seen)
        else:
            for start in range(0, len(value), _AT_ONCE):
                yield from _element_parts(value[start : start + _AT_ONCE], seen)
    finally:
        seen.inside.remove(id(value))


_AT_ONCE = 512


def _element_parts(values: Any, seen: Seen) -> Iterator[bytes]:
    """Yield the parts of some elements: plain data, which can be much, in one go."""
    if len(values) == _AT_ONCE:
        import orjson

        plain = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
        try:
            orjson.dumps(values, option=plain)  # so there are no sets in it, whose order is by chance
            yield marshal.dumps(values, 2)  # and no enums and such; this version knows neither sharing nor interning
            return
        except (TypeError, ValueError):
            pass
    for value in values:
        yield from _parts(value, seen)


def _object_parts(value: Any, seen: Seen) -> Iterator[bytes]:
    match value:
        case types.FunctionType() if value.__code__ is _DISPATCHING.__code__:
            seen[id(value)] = len(seen), value  # before what is registered, which may call it
            yield from _parts(dict(vars(value)["registry"]), seen)
        case types.FunctionType() | type():
            seen[id(value)] = len(seen), value
            yield from (
                _function_parts(value, seen) if isinstance(value, types.FunctionType) else _class_parts(value, seen)
            )
        case types.MethodType():
            yield from _parts((value.__func__, value.__self__), seen)
        case partial():
            yield from _parts((value.func, value.args, value.keywords), seen)
        case types.MappingProxyType():  # which can't be pickled
            yield from _parts(dict(value), seen)
        case types.CodeType():
            yield from _code_parts(value, seen)
        case types.BuiltinFunctionType() | types.ModuleType():
            yield _name_of(value)
        case Plan():
            yield from (part for step in fingerprint(value) for part in _parts(step, seen))
        case property():
            yield from _parts((value.fget, value.fset, value.fdel), seen)
        case cached_property():
            yield from _parts(value.func, seen)
        case singledispatchmethod():
            yield from _parts(value.dispatcher, seen)
        case _ if (wrapped := ask(value, "__wrapped__", value)) is not value:  # functools.cache, methods without self
            yield from _parts(wrapped, seen)
        case _ if is_dataclass(value):
            yield from _parts(type(value), seen)
            for field in fields(value):
                yield field.name.encode()
                yield from _parts(getattr(value, field.name), seen)
        case _:
            yield _pickled(value, seen)


_DISPATCHING: Any = singledispatch(len)
"""All functions that `functools.singledispatch` makes have its code, and keep things without a pickle."""


def _name_of(value: Any) -> bytes:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}".encode()


# -- code --------------------------------------------------------------------------------------------------------------


def _function_parts(function: types.FunctionType, seen: Seen) -> Iterator[bytes]:
    """Yield the parts of a function; of a library's function its name, and whatever the user may have put in."""
    users = is_made_by_exec(function) or is_users(function.__module__)
    nameless = "<" in function.__qualname__  # a lambda, or made inside of a function: others have the same name
    yield from _code_parts(function.__code__, seen) if users or nameless else (_name_of(function),)
    yield from _parts((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:
            yield b"empty"
    for value in _named(function) if users else ():
        yield from _named_parts(value, seen)


def _named(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a function finds in its module, and in those modules of the user's that it finds there."""
    names, attributes = globals_of(function.__code__), {*names_of(function.__code__)}
    imports = {*imports_by(function)}
    files = unimported(imports, {name for name in _by_file if (it := sys.modules.get(name)) and not is_changed(it)})
    _by_file.update(files)
    yield from (_content(file) for _, (file, _, _) in sorted(files.items()))
    modules = [sys.modules[name] for name in imported(imports) if name not in files]
    yield from modules
    known = {module.__name__ for module in modules}
    spaces: list[Mapping[str, Any]] = [{name: function.__globals__.get(name) for name in names}]
    spaces += map(vars, modules)
    for space in spaces:
        for value in map(space.__getitem__, sorted(space.keys() & {*names, *attributes})):
            yield value
            if isinstance(value, types.ModuleType) and is_users(value.__name__) and value.__name__ not in known:
                known.add(value.__name__)
                spaces.append(vars(value))


_by_file: set[str] = set()
"""The modules that functions import while they run, and that this process had not imported at the first look.

They stay known by their files: what is half done when a run here imports them is to be the same work after it.
"""


def _content(file: str) -> bytes:
    """Return what is in the file of a module that this process has not imported."""
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError:  # it is gone
        return b""


def _named_parts(value: Any, seen: Seen) -> Iterator[bytes]:
    if isinstance(value, (type, types.FunctionType)):
        yield from _parts(value, seen)
    else:
        try:
            found = list(_parts(value, seen))
        except Exception:  # a lock, a connection
            found = list(_parts(type(value), seen))
        yield from found


def _code_parts(code: types.CodeType, seen: Seen) -> Iterator[bytes]:
    yield code.co_code
    yield code.co_exceptiontable
    yield from _parts((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags), seen)
    yield from _parts(code.co_consts, seen)


def _class_parts(cls: type, seen: Seen) -> Iterator[bytes]:
    """Yield the name of a class, and where it is the user's its bases, its methods and the values in it."""
    yield _name_of(cls)
    # What makes classes names a module of the standard library where it can't see who asks: make_dataclass on 3.11.
    made = "<" not in cls.__qualname__ and not cls.__flags__ & IMMUTABLE and found_by_name(cls) is None
    if not (made or is_users(cls.__module__)):
        return
    yield from _parts(cls.__bases__, seen)
    if is_users(type(cls).__module__):
        yield from _parts(type(cls), seen)
    for name, member in sorted(vars(cls).items()):
        is_method = isinstance(member, (types.FunctionType, staticmethod, classmethod)) and name != _MAKES_ANNOTATIONS
        if is_method or not name.startswith("__"):
            yield name.encode()
            yield from _named_parts(member, seen)
    for name in _OF_MODELS:
        for value in _each(getattr(cls, name, None)):
            yield from _named_parts(value, seen)
    for name, annotation in sorted(annotations_of(cls).items()):  # what a model asks of a field
        yield f"{name}: {annotation!r}".encode()
        for inner in _classes_in(annotation):
            yield from _parts(inner, seen)


_MAKES_ANNOTATIONS = "__annotate_func__"
"""From Python 3.14 on; it has closed over all that is in the class. What it makes is looked at."""
_OF_MODELS = (
    "__total__", "__required_keys__", "__struct_defaults__", "__struct_encode_fields__", "__struct_config__",
    "__pydantic_fields__",
)  # fmt: skip
"""Where TypedDicts, msgspec's Structs and pydantic's models keep what they ask of fields, beside the annotations."""


def _each(declared: Any) -> Iterable[Any]:
    """Return the values in what a model declares, each to be looked at by itself: some can't be pickled."""
    match declared:
        case dict():
            return [part for item in declared.items() for part in item]
        case tuple():
            return [getattr(value, "factory", value) for value in declared]
        case None | bool() | frozenset():
            return [declared]
        case _:  # a StructConfig
            return [getattr(declared, name) for name in sorted(dir(declared)) if not name.startswith("_")]


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for each in get_args(annotation):
        yield from _classes_in(each)


# -- other objects -----------------------------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Pickles an object, but code by what it does, and sets in an order that lasts."""

    def __init__(self, file: _Hashed, seen: Seen) -> None:
        super().__init__(file, protocol=5)
        self._seen = seen

    def persistent_id(self, value: Any) -> str | None:
        code = isinstance(value, (types.FunctionType, type))
        return _digest(value, self._seen) if code or type(value) in (set, frozenset) else None


class _Hashed:
    """A file that keeps only the digest of its bytes, for an object can be large."""

    def __init__(self) -> None:
        self.content = hashlib.blake2b(digest_size=16)

    def write(self, data: Any) -> None:
        """Take more bytes."""
        self.content.update(data)


def _pickled(value: Any, seen: Seen) -> bytes:
    file = _Hashed()
    _Pickler(file, seen).dump(value)
    return file.content.digest()
