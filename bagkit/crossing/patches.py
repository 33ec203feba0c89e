"""A program's replacements for others' functions and classes: `mock.patch("time.time")`, `math.sqrt = mine`.

A worker imports the standard library and installed packages, and has what they make. A function that names something of
theirs which is the user's now, or a mock, takes that along; a worker has it until the run is over.
"""

from __future__ import annotations

import _pickle
import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from bagkit.crossing.call_when_loaded import CallWhenLoaded
from bagkit.sentinels import NOT_GIVEN
from bagkit.user_code.modules import is_mock, is_others, is_users_here

Patches = dict[tuple[str, str], Any]
"""By the name of a module and the dotted name in it."""

_WORKERS_OWN = frozenset(("sys", "warnings", "threading", "multiprocessing"))
"""Modules whose settings belong to each worker."""
_DEPTH = 2
"""How deep modules and classes are searched: modules in modules, and classes in them."""


def patches_in(content: Mapping[str, Any], names: AbstractSet[str]) -> Patches:
    """Return the replacements that code can reach which uses `names`, with `content` for its globals."""
    found: Patches = {}
    for name in (*names, "builtins"):
        module = content.get(name)
        if not isinstance(module, types.ModuleType):
            module = sys.modules.get(name)
        if isinstance(module, types.ModuleType) and _is_of_others(module):
            found.update(_below(module, module.__name__, "", names, _DEPTH))
    return found


def _below(owner: Any, module: str, prefix: str, names: AbstractSet[str], depth: int) -> Iterator[tuple[Any, Any]]:
    own = vars(owner)
    for name in own.keys() & names:
        value = own[name]
        if _is_replacement(value, name):
            yield (module, prefix + name), value
        elif not depth:
            continue
        elif isinstance(value, types.ModuleType):
            if _is_of_others(value):
                yield from _below(value, value.__name__, "", names, depth - 1)
        elif isinstance(value, type) and value is not owner:
            yield from _below(value, module, f"{prefix}{name}.", names, depth - 1)


def _is_of_others(module: types.ModuleType) -> bool:
    return is_others(module.__name__) and module.__name__.partition(".")[0] not in _WORKERS_OWN


def _is_replacement(value: Any, name: str) -> bool:
    """Return whether the user has put `value` in place of others' attribute `name`, or it is a mock."""
    if is_mock(value):
        return True
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, types.MethodType):
        value = type(value.__self__)
    elif isinstance(value, functools.partial):
        return getattr(value.func, "__name__", None) == name  # settings for the function that stood there
    if isinstance(value, types.FunctionType):
        return is_users_here(value.__globals__.get("__name__"))
    return isinstance(value, type) and is_users_here(value.__module__)


def with_patches(data: bytes, patches: Patches, pickled: Callable[[Any], bytes]) -> bytes:
    """Return the pickle of a work that brings along `patches`."""
    return pickled(CallWhenLoaded(open_patched, patches, data)) if patches else data


_replaced: Patches = {}
"""The originals of what was patched in this process, a worker; NOT_GIVEN where the place was empty, or inherited."""


def open_patched(patches: Patches, data: bytes) -> Any:
    """Put `patches` in their places in this process, and return the work that `data` is the pickle of."""
    for (module, dotted), value in patches.items():
        owner, name = _place(module, dotted)
        _replaced.setdefault((module, dotted), vars(owner).get(name, NOT_GIVEN))
        setattr(owner, name, value)
    return _pickle.loads(data)


def original(module: str, dotted: str) -> Any:
    """Return what stands at `dotted` in a module of others where nothing was replaced."""
    if (found := _replaced.get((module, dotted), NOT_GIVEN)) is not NOT_GIVEN:
        return found
    owner, name = _place(module, dotted)
    return getattr(owner, name)


def original_reduce(function: types.BuiltinFunctionType) -> Any:
    """Return how a function of C is found again in whose place stands another; NotImplemented where none does."""
    module = function.__self__
    if not isinstance(module, types.ModuleType) or vars(module).get(function.__name__, function) is function:
        return NotImplemented
    return original, (module.__name__, function.__name__)


def take_patches_back() -> None:
    """Put back what stood in the places of patches."""
    while _replaced:
        (module, dotted), value = _replaced.popitem()
        owner, name = _place(module, dotted)
        if value is NOT_GIVEN:
            delattr(owner, name)
        else:
            setattr(owner, name, value)


def _place(module: str, dotted: str) -> tuple[Any, str]:
    owner: Any = importlib.import_module(module)
    *owners, name = dotted.split(".")
    for each in owners:
        owner = getattr(owner, each)
    return owner, name
