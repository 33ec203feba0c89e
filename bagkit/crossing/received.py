"""What a process is told of the values in the user's modules.

Imported by workers, so light.
"""

from __future__ import annotations

import _pickle
import copy
import functools
import sys
from collections import Counter, OrderedDict, defaultdict, deque

from bagkit.crossing.packed import NOTHING, Named, ObjectOf, Packed, are_alike
from bagkit.crossing.this_process import this_process
from bagkit.crossing.transport import loads
from bagkit.flow import inside

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_waiting: dict[str, dict[str, Any]] = {}
"""What modules are to be told that this process has not imported yet."""
_received: dict[str, dict[str, Any]] = {}
"""The values that came last, by module and dotted name."""
_own: dict[tuple[str, str], Any] = {}
"""What stood in their places before; NOTHING where nothing did."""
_changes = 0
"""How often modules were told something else than before."""


def expect(content: bytes) -> None:
    """Take note of the values that the user's modules have in the caller's process."""
    _waiting.clear()
    if content:
        _waiting.update(_pickle.loads(content))
        if _Importing not in sys.meta_path:
            sys.meta_path.insert(0, _Importing)


def tell_modules() -> None:
    """Put the values into the modules that this process has by now.

    A value that came before and has not changed since is left alone: functions may have filled it meanwhile.
    """
    for name in tuple(_waiting):
        module = sys.modules.get(name)
        if module is not None and name in _waiting:  # or it was told when a value of another one has imported it
            _tell(name, module)


def _tell(module_name: str, module: Any) -> None:
    global _changes
    values = _waiting.pop(module_name, None)
    if values is None:
        return  # another thread, which has imported the module, tells it
    received = _received.setdefault(module_name, {})
    changed = False
    for name in received.keys() - values.keys():
        changed = True
        del received[name]
        _take_back(module, name, _own.pop((module_name, name), NOTHING))
    for name, value in values.items():
        if name in received and _same(received[name], value):
            if type(value) is Packed:
                value.keep(getattr(*_owner(module, name), NOTHING))
            continue
        received[name] = _pickle.loads(_pickle.dumps(value, 5)) if type(value) in _PLAIN else value
        own = _own.setdefault((module_name, name), _present(module, name))
        done = _put(module, name, value, own)
        if done is _REPLACED and type(value) is ObjectOf:
            _forget_attributes(received, name)
        changed = changed or (done is not _LEFT and not (type(value) is Packed and value.fresh))
    if changed:
        _changes += 1
        _clear_caches()


def _clear_caches() -> None:
    """Have cached functions of the user's modules compute again: with the values that these have now."""
    for module in filter(None, map(sys.modules.get, _received)):
        for value in tuple(vars(module).values()):
            if type(value) is _CACHED:
                value.cache_clear()
            elif isinstance(value, type) and value.__module__ == module.__name__:
                for member in tuple(vars(value).values()):
                    if type(member) is _CACHED:
                        member.cache_clear()


class _Importing:
    """A finder that finds what the others do, and has modules told once they are made: functions import them too."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of a module that waits; None for others."""
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None) if finder is not _Importing else None
            spec: Any = None if find is None else find(name, path, target)
            if spec is not None:
                _have_told(name, spec.loader)
                return spec
        return None


def _have_told(name: str, loader: Any) -> None:
    if not hasattr(loader, "exec_module") or not hasattr(loader, "__dict__"):
        return  # it is told before the next task
    make = loader.exec_module

    def make_and_tell(module: Any) -> None:
        vars(loader).pop("exec_module", None)
        make(module)
        inside.draw_own_numbers()
        if name in _waiting:
            _tell(name, module)

    loader.exec_module = make_and_tell


def _forget_attributes(received: dict[str, Any], name: str) -> None:
    """Have the attributes of another object than before put into it, also those that are what they were."""
    for each in [each for each in received if each.startswith(f"{name}.")]:
        del received[each]


class Opened:
    """A work, and what it has brought along; mutable: it is used again and again, and others between."""

    __slots__ = ("_changes", "_content", "modules", "work")
    modules: dict[str, Any]
    """Modules that travelled by value, for imports to find."""

    def __init__(self, work: Any, content: bytes | None) -> None:
        self.work = work
        self._content = content
        """What the user's modules are told; None if there is nothing, or this process has told it."""
        self._changes = -1 if _waiting else _changes

    def tell_again(self) -> None:
        """Tell the user's modules what this work has brought along, if others have told them other things since."""
        if self._content is not None and self._changes != _changes:
            expect(self._content)
            tell_modules()
            self._changes = -1 if _waiting else _changes


def open_work(caller: str, content: bytes, data: bytes) -> Opened:
    """Return the work that `data` is the pickle of, with the user's modules as they are in the caller's process."""
    if caller == this_process():
        return Opened(loads(data), None)
    modules = len(sys.modules)
    expect(content)
    work = loads(data)
    tell_modules()
    if len(sys.modules) != modules:
        inside.draw_own_numbers()
    return Opened(work, content)


_CACHED: Any = type(functools.cache(abs))
_PLAIN = frozenset((list, dict, set))
_DICTS = frozenset((dict, Counter, OrderedDict, defaultdict))
_MUTABLE = frozenset((list, set, bytearray, deque, *_DICTS))


_EXACT = frozenset((str, bytes, int, bool, type(None), Packed))
"""Types whose equal values are the same. Equal dicts may have another order, equal lists 1 and 1.0 or True."""


def _same(one: Any, other: Any) -> bool:
    if type(one) in _EXACT:
        return type(one) is type(other) and bool(one == other)
    return are_alike(one, other)


def _put(module: Any, dotted: str, value: Any, own: Any = NOTHING) -> str:
    """Make `dotted`, seen from `module`, be `value`; containers stay the same objects. Return what was done."""
    owner, name = _owner(module, dotted)
    if owner is None:
        return _LEFT
    present: Any = getattr(owner, name, NOTHING)
    if isinstance(value, (Named, Packed)):
        try:
            value = value.here(present, own)
        except Exception:  # whatever it takes to make one is not here, or can't be told whether it is
            return _LEFT
    elif _same(present, value):
        return _LEFT
    if value is present:
        return _LEFT
    if _fill(present, value):
        return _FILLED
    try:
        setattr(owner, name, value)
    except (AttributeError, TypeError):
        return _REPLACED if _is_forced(owner, name, value) else _LEFT
    return _REPLACED


_LEFT, _FILLED, _REPLACED = "left", "filled", "replaced"


def _fill(present: Any, value: Any) -> bool:
    """Give a container the content of another of its kind; return whether it could be done."""
    kind = type(present)
    if kind is not type(value) or kind not in _MUTABLE:
        return False
    if kind is list or kind is bytearray:
        present[:] = value
        return True
    if kind is deque:
        if present.maxlen != value.maxlen:
            return False
        present.clear()
        present.extend(value)
        return True
    present.clear()
    present.update(value)
    if kind is defaultdict:
        present.default_factory = value.default_factory
    return True


def _is_forced(owner: Any, name: str, value: Any) -> bool:
    """Set an attribute of an object whose class lets nobody do it, such as a frozen dataclass."""
    try:
        object.__setattr__(owner, name, value)
    except (AttributeError, TypeError):
        return False  # it can't have changed
    return True


def _owner(module: Any, dotted: str) -> tuple[Any, str]:
    """Return what `dotted` is an attribute of, None where it is not there, and the name of the attribute."""
    owner = module
    *owners, name = dotted.split(".")
    for each in owners:
        owner = getattr(owner, each, None)
    return owner, name


def _present(module: Any, dotted: str) -> Any:
    owner, name = _owner(module, dotted)
    value = getattr(owner, "__dict__", {}).get(name, NOTHING)
    if value is NOTHING and name in ("__defaults__", "__kwdefaults__"):
        value = getattr(owner, name, NOTHING)
    return copy.copy(value) if type(value) in _MUTABLE else value


def _take_back(module: Any, dotted: str, value: Any) -> None:
    """Put back what stood at `dotted` before the caller's value, which the caller has no more."""
    if value is not NOTHING:
        _put(module, dotted, value)
        return
    owner, name = _owner(module, dotted)
    try:
        delattr(owner, name)
    except (AttributeError, TypeError):
        pass  # it is gone already
