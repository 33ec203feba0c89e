"""Which code is the user's own, for all who ask, and whether what modules hold now is still what their files make.

A function of a module of the user's travels to a worker by reference: the worker imports the module. That gives the
caller's function only while the module in memory is the one that an import would make. `is_changed` says where it is
not. After an edit that was not reloaded the file is another one than the module was made of (`module_loads`). Where a
function was patched, what the file compiles to is not what the module's functions and methods have. And where another
module was reloaded, this one may still hold what was in that before.
"""

from __future__ import annotations

import dis
import functools
import importlib.machinery
import operator
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.user_code.code_parts import content_of, held_by, names_of
from bagkit.user_code.file_code import FileCode, code_of, known_code_of
from bagkit.user_code.inner_imports import Import, imports_in, imports_outside, modules_of, package_of
from bagkit.user_code.instructions import names_in
from bagkit.user_code.main_module import MAIN
from bagkit.user_code.module_loads import Version, Watcher, is_edited, is_of_others, newer_than, reloaded, version_of
from bagkit.visible import ask

CACHED: Any = type(functools.cache(abs))
"""What functools.cache and lru_cache make."""

IMMUTABLE = 1 << 8
"""Py_TPFLAGS_IMMUTABLETYPE: the flag of classes that are compiled into Python or an extension, not made while running.

Nor does the flag of those on the heap say that: with each Python more of the compiled ones are there.
"""

DEPTH = 4
"""How many decorators on top of each other are looked through."""


@functools.cache
def is_users(module: str | None) -> bool:
    """Return whether a module is the user's own: not of the standard library, not installed, not of bagkit."""
    if module in MAIN:
        return True
    if module is None:
        return False
    return not is_of_others(module, getattr(sys.modules.get(module), "__file__", None) or "")


def is_users_here(module: object) -> bool:
    """Return whether `module` names a module of the user's own that this process has, and not one that was made up."""
    return module in MAIN or (isinstance(module, str) and module in sys.modules and is_users(module))


def is_others(module: str) -> bool:
    """Return whether a module is of the standard library, or an installed one that is not bagkit's."""
    return not is_users(module) and module.partition(".")[0] != "bagkit"


def found_by_name(value: Any) -> Any:
    """Return what the module that a function or class names holds under its name; None if it holds nothing there."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


def is_made_by_exec(function: types.FunctionType) -> bool:
    """Return whether no module holds a function: its code was made while running, by the user."""
    return function.__module__ in (None, "builtins")


def modules_below(name: str) -> list[types.ModuleType]:
    """Return the user's module `name` and the user's modules that it uses, directly or not; not `__main__`."""
    found: dict[str, types.ModuleType] = {}
    done: set[tuple[str, bool]] = set()
    waiting = [(name, True)]
    while waiting:
        each, whole = waiting.pop()
        module = sys.modules.get(each)
        if not done.isdisjoint(((each, True), (each, whole))) or module is None or each in MAIN or not is_users(each):
            continue
        done.add((each, whole))
        found[each] = module
        waiting += _uses(module, whole)
    return list(found.values())


def imports_by(function: types.FunctionType) -> Iterator[Import]:
    """Yield what `function` imports while it runs."""
    return imports_in(function.__code__, package_of(function.__globals__))


def imported(imports: Iterable[Import]) -> list[str]:
    """Return the user's modules that `imports` lead to, as far as this process has them."""
    return sorted({name for name, _ in modules_of(imports) if name not in MAIN and _is_users_whole(name)})


def _is_users_whole(name: str) -> bool:
    """Return whether a module and the packages that it is in are the user's: others' packages make modules by hand."""
    return is_users(name) and ("." not in name or _is_users_whole(name.rpartition(".")[0]))


_known_imports: dict[str, tuple[Any, frozenset[Import]]] = {}


def imports_of(module: types.ModuleType) -> frozenset[Import]:
    """Return what the code of a module imports, also while its functions run; not what Python itself has."""
    spec = getattr(module, "__spec__", None)
    known = _known_imports.get(module.__name__)
    if known is not None and known[0] is spec:
        return known[1]
    found = frozenset(each for each in _all_imports(module) if not _is_pythons(each[0]))
    _known_imports[module.__name__] = spec, found
    return found


def _is_pythons(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def _all_imports(module: types.ModuleType) -> Iterator[Import]:
    package, loader = package_of(vars(module)), getattr(getattr(module, "__spec__", None), "loader", None)
    if version(module) is not None and isinstance(loader, importlib.machinery.SourceFileLoader):
        for code in code_of(module).codes:
            yield from imports_outside(code, package)
    else:
        for part in _parts(module):
            if isinstance(part, types.CodeType):
                yield from imports_in(part, package)


def _uses(module: types.ModuleType, whole: bool = True) -> set[tuple[Any, bool]]:
    """Return the names of the modules that `module` imports, and that what stands in it comes from.

    If it is a package that is not used as a whole, these are not all modules in it.
    """
    found: set[tuple[Any, bool]] = {each for each in modules_of(imports_of(module)) if _is_users_whole(each[0])}
    inside = f"{module.__name__}."
    for value in tuple(vars(module).values()):
        if isinstance(value, types.ModuleType):
            if whole or not value.__name__.startswith(inside):
                found.add((value.__name__, True))
        else:
            found.add(((value if isinstance(value, (types.FunctionType, type)) else type(value)).__module__, True))
    return {each for each in found if isinstance(each[0], str)}


def version(module: types.ModuleType) -> Version | None:
    """Return the version of the file that makes `module`; None where there is none."""
    return version_of(getattr(module, "__file__", None) or "")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a module, while these are the same."""

    module: types.ModuleType
    made_of: Version | None
    path: tuple[str, ...]
    parts: tuple[Any, ...]
    changed: bool
    assigned: tuple[frozenset[str], ...]
    names: frozenset[str]

    def holds(
        self, module: types.ModuleType, made_of: Version | None, path: tuple[str, ...], parts: tuple[Any, ...]
    ) -> bool:
        same = self.module is module and self.made_of == made_of and self.path == path
        return same and len(parts) == len(self.parts) and all(map(operator.is_, parts, self.parts))


_known: dict[str, _Known] = {}


def is_changed(module: types.ModuleType) -> bool:
    """Return whether a process that imports `module` by its name would get other functions than this one has."""
    return _differs_from_import(module) or holds_old(module)


def _differs_from_import(module: types.ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return True  # made by hand
    made_of, is_plain = version(module), isinstance(spec.loader, importlib.machinery.SourceFileLoader)
    if is_plain and (made_of is None or is_edited(module, made_of)):
        return True
    state = module, made_of, tuple(sys.path), tuple(_parts(module))
    known = _known.get(module.__name__)
    if known is None or not known.holds(*state):
        changed = _is_other_than_file(module, made_of) if is_plain else _is_other_than_loaded(module)
        known = _known[module.__name__] = _Known(*state, changed, tuple(_assigned_in(module)), _names_in(module))
    return known.changed


def _is_other_than_file(module: types.ModuleType, made_of: Version | None) -> bool:
    file = code_of(module)
    return not made_of or not _is_found(module.__name__, made_of[0]) or not file.codes or _has_other_code(module, file)


def _is_other_than_loaded(module: types.ModuleType) -> bool:
    """Return whether a module from a zip file, or one that pytest has rewritten, has other functions than its text.

    Of a namespace and an extension no one can tell more than what they can't have made themselves.
    """
    if any(map(_is_foreign, tuple(vars(module).values()))):
        return True
    file = code_of(module)
    return bool(file.codes) and _has_other_code(module, file)


def holds_old(module: types.ModuleType) -> bool:
    """Return whether `module` holds something of another module that was reloaded, and has other things now."""
    newer = newer_than(module)
    if not newer or newer.isdisjoint(name for name, _ in _uses(module)):
        return False
    seen: set[int] = set()
    values = tuple(vars(module).values())
    return any(_is_old(value, newer) for value in _reached(values, seen, DEPTH))


def is_left_behind(module: types.ModuleType) -> bool:
    """Return whether imports lead to another module by the name of `module`, which was imported again."""
    return module.__name__ in reloaded and sys.modules.get(module.__name__) is not module


def _is_old(value: Any, newer: set[str]) -> bool:
    if isinstance(value, types.ModuleType):
        return is_left_behind(value)
    if isinstance(value, (types.FunctionType, type, CACHED)):
        return value.__module__ in newer and found_by_name(value) is not value
    return False


def _reached(values: Iterable[Any], seen: set[int], depth: int) -> Iterator[Any]:
    """Yield `values`, their classes, and what is in functions, classes, partials and containers among them."""
    for value in values:
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        yield type(value)
        if depth and not isinstance(value, types.ModuleType):
            yield from _reached(_inside(value), seen, depth - 1)


_MOST_PARTS = 1000
"""A container with more parts than this is taken for data."""


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, types.FunctionType):
        return [*held_by(value), *vars(value).values()]
    if isinstance(value, type):
        return [*value.__mro__, *vars(value).values()]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(value) if len(value) <= _MOST_PARTS else ()
    if isinstance(value, dict):
        return tuple(value.values()) if len(value) <= _MOST_PARTS else ()
    return ask(value, "__dict__", {}).values() if is_users(type(value).__module__) else ()


def _is_foreign(value: Any) -> bool:
    """Return whether a module can't have made `value` itself: a function of `__main__`, or a mock."""
    return is_mock(value) or (isinstance(value, types.FunctionType) and value.__globals__.get("__name__") in MAIN)


def is_mock(value: Any) -> bool:
    """Return whether `value` is of `unittest.mock`: a function too, which `autospec=True` makes around one."""
    of = vars(value).get("mock") if isinstance(value, types.FunctionType) else value
    return type(of).__module__ == "unittest.mock"


def assigned_together(module: types.ModuleType) -> tuple[frozenset[str], ...]:
    """Return the names that functions of `module` assign with `global`: for each function those that it assigns."""
    known = _known.get(module.__name__)
    if known is not None and known.module is module:
        return known.assigned  # looked at when `is_changed` was asked, earlier in the run
    return tuple(_assigned_in(module))


def names_used(module: types.ModuleType) -> frozenset[str]:
    """Return the names that the functions and methods of `module` use."""
    known = _known.get(module.__name__)
    if known is not None and known.module is module:
        return known.names  # looked at when `is_changed` was asked, earlier in the run
    return _names_in(module)


def _names_in(module: types.ModuleType) -> frozenset[str]:
    codes = [each for each in _parts(module) if isinstance(each, types.CodeType)]
    of_file = known_code_of(module).codes  # of properties and cached functions too
    codes += [each for each in of_file if each.co_name != "<module>"]
    return frozenset(name for each in codes for name in names_of(each))


def _assigned_in(module: types.ModuleType) -> Iterator[frozenset[str]]:
    for part in _parts(module):
        found = frozenset(_assigned(part)) if isinstance(part, types.CodeType) else None
        if found:
            yield found


_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]


def _assigned(code: types.CodeType) -> Iterator[str]:
    if _STORE_GLOBAL in code.co_code[::2]:
        yield from names_in(code, ("STORE_GLOBAL",))
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _assigned(each)


def _parts(module: types.ModuleType) -> Iterator[Any]:
    """Yield the objects that a module's code is, and the types of all else that stands in it."""
    for value in tuple(vars(module).values()):
        kind = type(value)
        if kind is types.FunctionType:
            yield value.__code__
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from _parts_of_class(value)
        else:
            yield kind


def _parts_of_class(cls: type) -> Iterator[Any]:
    for name, member in tuple(vars(cls).items()):
        yield member.__code__ if type(member) is types.FunctionType else member
        if isinstance(member, type) and member.__qualname__ == f"{cls.__qualname__}.{name}":
            yield from _parts_of_class(member)


def _has_other_code(module: types.ModuleType, file: FileCode) -> bool:
    return any(_differs(value, name, module, file) for name, value in tuple(vars(module).items()))


def _is_found(name: str, file: str) -> bool:
    """Return whether the finders lead from `name` to `file`."""
    parent, _, _ = name.rpartition(".")
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None) if finder is not Watcher else None
        try:
            spec = find(name, path) if find is not None else None
        except Exception:  # a finder of the user's that fails finds nothing
            continue
        if spec is not None:
            return spec.origin is None or os.path.realpath(spec.origin) == os.path.realpath(file)
    return False


def _differs(value: Any, name: str, module: types.ModuleType, file: FileCode) -> bool:
    """Return whether `value`, which stands under a qualified `name` in `module`, is not what its file makes."""
    if isinstance(value, type):
        if value.__module__ != module.__name__ or value.__qualname__ != name:
            return False  # it is looked at where it stands under its name
        return any(_differs(each, f"{name}.{inner}", module, file) for inner, each in tuple(vars(value).items()))
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        return any(_differs(each, name, module, file) for each in (value.fget, value.fset, value.fdel))
    if is_mock(value):
        return True
    if type(value) is CACHED:
        value = value.__wrapped__
    if not isinstance(value, types.FunctionType):
        return False
    if file.has(value.__code__):
        return _is_another_method(value, name, file)
    if value.__module__ in MAIN:
        return True  # it was put there: a module can't import it
    if value.__module__ == module.__name__ and value.__code__.co_filename == module.__file__:
        return True  # of another version of the file
    replaces = name in file.names or "<locals>" in value.__code__.co_qualname
    return replaces and _is_written(value) and not _wraps(value, file.has, DEPTH)


def _is_another_method(function: types.FunctionType, name: str, file: FileCode) -> bool:
    """Return whether a function of the file stands in a class that has a method of its own by that `name`.

    What stands in the module itself under the name of another function is told as a value is.
    """
    if "." not in name or name not in file.names:
        return False
    return not _wraps(function, lambda code: file.has(code) and code.co_qualname == name, DEPTH)


def _is_written(function: types.FunctionType) -> bool:
    """Return whether a function stands in a file of the user's, which what dataclasses make does not."""
    return is_users(function.__globals__.get("__name__")) and os.path.exists(function.__code__.co_filename)


def _wraps(value: Any, is_meant: Callable[[Any], bool], depth: int) -> bool:
    """Return whether a function has code that `is_meant`, or was made around such a one, as decorators do."""
    if not depth:
        return False
    if is_meant(ask(value, "__code__")):
        return True
    inner = [*map(content_of, ask(value, "__closure__") or ()), ask(value, "__wrapped__")]
    return any(_wraps(each, is_meant, depth - 1) for each in inner if callable(each))
