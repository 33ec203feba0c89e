"""The values in the user's modules: the caller tells workers about them.

Workers import modules, and a module's values are then what its file says. Where the program has changed one, its
functions mean the changed one, in workers too. Nobody has seen the change; so values are sent, and a worker compares
them with its own. Plain ones go as they are, others in forms that can be compared (`packed.py`), if functions name
them.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

from bagkit.crossing.packed import (
    MOST_BYTES,
    NOTHING,
    Named,
    NotComparableError,
    ObjectOf,
    Packed,
    TooLargeError,
    pack,
)
from bagkit.user_code.file_statements import statements
from bagkit.user_code.main_module import MAIN
from bagkit.user_code.modules import CACHED, assigned_together, found_by_name, is_users

PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, range))
PLAIN_ELSEWHERE = (
    ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("decimal", "Decimal"), ("fractions", "Fraction"), ("pathlib", "PosixPath"), ("uuid", "UUID"),
)  # fmt: skip
"""Further types, by module and name: while a module is not imported there is no value of its types."""
CONTAINERS = frozenset((list, tuple, dict, set, frozenset))
MOST_PARTS = 1000
"""A value with more parts than this is no plain one."""

Content = dict[str, dict[str, Any]]
"""Values by module and dotted name."""
_CODE = (types.FunctionType, types.ModuleType, types.BuiltinFunctionType, type)
_MEMBERS = (staticmethod, classmethod, CACHED)

_large: dict[int, Any] = {}
"""Values that were found to be too large, by their ids: it takes long to find out. A reference, or type and length."""
_MOST_KNOWN = 1000


class ModuleValues:
    """Collects what workers' modules are told; mutable, of one run.

    What is not plain counts if functions use its name: `names` says which. `by_value` says which modules workers do not
    have; `packed_by_value` packs what has to do with these.
    """

    def __init__(self, by_value: Callable[[str], bool], packed_by_value: Callable[[Any], bytes]) -> None:
        self._by_value = by_value
        self._packed_by_value = packed_by_value
        self._packed: dict[int, tuple[Any, Packed | None]] = {}
        """What was packed, by its id, with the form that it got. What has one object here has one there."""

    def start_over(self) -> None:
        """Look at all values again, and let workers draw other random numbers."""
        self._packed.clear()

    def of(self, modules: Iterable[types.ModuleType], names: AbstractSet[str]) -> Content:
        """Return the values that stand in `modules`, and in their classes."""
        found: Content = {}
        for module in modules:
            if module.__name__ not in found:
                values = _Values(module, names, self._pack).found()
                if values or statements(module).may_seed():
                    found[module.__name__] = values
        self._packed = {key: known for key, known in self._packed.items() if known[1] is not None and known[1].fresh}
        return found

    def _pack(self, value: Any) -> Packed | None:
        """Return `value` as workers can compare it; None if it can't be sent, or is too large."""
        known = self._packed.get(id(value))
        if known is None:
            known = self._packed[id(value)] = value, self._new_pack(value)
        return known[1]

    def _new_pack(self, value: Any) -> Packed | None:
        if _is_known_as_large(value) or type(value).__module__.partition(".")[0] == "bagkit":
            return None
        try:
            return pack(value, self._by_value)
        except NotComparableError:
            try:
                data = self._packed_by_value(value)
            except Exception:  # whatever its own __reduce__ raises
                return None
            return Packed(data, True) if len(data) <= MOST_BYTES else None
        except TooLargeError:
            _remember_large(value)
        except Exception:  # a lock, a connection: the worker has its own
            pass
        return None


def _is_known_as_large(value: Any) -> bool:
    known = _large.get(id(value))
    if type(value) in CONTAINERS:
        return known == (type(value), len(value))
    return isinstance(known, weakref.ref) and known() is value


def _remember_large(value: Any) -> None:
    if len(_large) >= _MOST_KNOWN:
        _large.clear()
    try:
        _large[id(value)] = (type(value), len(value)) if type(value) in CONTAINERS else weakref.ref(value)
    except TypeError:
        pass  # which can't be referred to


class _Values:
    """What workers are told of one module; mutable, made for one call."""

    def __init__(self, module: types.ModuleType, names: AbstractSet[str], pack: Callable[[Any], Packed | None]) -> None:
        self._module = module
        self._names = names
        self._pack = pack
        self._file = statements(module)

    def found(self) -> dict[str, Any]:
        """Return the values by their dotted names."""
        content = {name: value for name, value in tuple(vars(self._module).items()) if name not in _OF_MODULES}
        as_imported, together = self._file.imported(), assigned_together(self._module)
        found: dict[str, Any] = {}
        for name in chain(*together):
            if name in content:
                found.update(self._told(self._form, name, content[name]))
        left_out = _parts_of_more(content.keys() - found.keys(), together)
        for name, value in content.items():
            if name in left_out:
                found.pop(name, None)
            elif name not in found and (as_imported.get(name, NOTHING) is not value or not isinstance(value, _CODE)):
                found.update(self._told(self._of, name, value))
        return found

    @staticmethod
    def _told(forms: Callable[[str, Any], Iterable[tuple[str, Any]]], name: str, value: Any) -> list[tuple[str, Any]]:
        try:
            return list(forms(name, value))
        except Exception:  # a proxy of the user's that stands for nothing yet
            return []

    def _of(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield what is told of `value`, which stands under `name` in the module."""
        if isinstance(value, type) and value.__module__ == self._module.__name__ and value.__qualname__ == name:
            yield from self._of_class(name, value)
        elif type(value) in _FUNCTIONS and value.__module__ == self._module.__name__ and value.__name__ == name:
            yield from self._of_function(name, value)
        elif _has_attributes(value) and (kind := _named(type(value))) is not None:
            yield name, ObjectOf(kind)
            for each, inner in tuple(vars(value).items()):
                yield from self._form(f"{name}.{each}", inner)
        else:
            yield from self._form(name, value)

    def _of_class(self, owner: str, cls: type) -> Iterator[tuple[str, Any]]:
        for name, value in tuple(vars(cls).items()):
            if isinstance(value, (types.FunctionType, *_MEMBERS)):
                yield from self._of_function(f"{owner}.{name}", value)
            elif isinstance(value, type) and value.__qualname__ == f"{owner}.{name}":
                yield from self._of_class(f"{owner}.{name}", value)
            elif not name.startswith("__") and not hasattr(type(value), "__get__") and type(value) is not cls:
                yield from self._form(f"{owner}.{name}", value)

    def _of_function(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield the defaults of a function of the file."""
        while type(value) is not types.FunctionType:
            inner = "__func__" if isinstance(value, (staticmethod, classmethod)) else "__wrapped__"
            name = name if isinstance(value, staticmethod) else f"{name}.{inner}"
            value = getattr(value, inner, None)
            if value is None:
                return
        for each in _DEFAULTS if value.__code__.co_filename == self._module.__file__ else ():
            if getattr(value, each) is not None:
                yield from self._form(f"{name}.{each}", getattr(value, each))

    def _form(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield `name` with the form in which `value` crosses, if it does."""
        is_code = isinstance(value, _CODE)
        if not is_code and _is_plain(value):
            yield name, value
            return
        last = name.rpartition(".")[2]
        if last in self._names or last in _DEFAULTS:
            form = (_named(value) if is_code else None) or self._pack(value)
            if form is not None:
                yield name, form


_DEFAULTS = ("__defaults__", "__kwdefaults__")
_OF_MODULES = frozenset(
    ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__path__", "__cached__",
     "__builtins__", "__annotations__", "__annotate__", "__conditional_annotations__", "__warningregistry__")
)  # fmt: skip
"""What Python itself puts into modules."""
_FUNCTIONS: frozenset[Any] = frozenset((types.FunctionType, CACHED))


def _named(value: Any) -> Named | None:
    """Return the name under which workers find a module, function or class; None if there is none."""
    if isinstance(value, types.ModuleType):
        return Named((value.__name__, "")) if sys.modules.get(value.__name__) is value else None
    module = value.__module__
    if not isinstance(module, str) or module in MAIN or found_by_name(value) is not value:
        return None
    return Named((module, value.__qualname__))


def _parts_of_more(lacking: AbstractSet[str], groups: Iterable[frozenset[str]]) -> set[str]:
    """Return the names that a function assigns together with others that do not cross: `lacking` says which.

    They belong together: a flag that says that a model was loaded is worth nothing without the model.
    """
    found = {name for group in groups for name in group & lacking}
    for _ in groups:
        found.update(*(group for group in groups if group & found))
    return found


def _has_attributes(value: Any) -> bool:
    """Return whether `value` is an object that holds settings: of a class of the user's, or a SimpleNamespace.

    One that is a key by what is in it is no such object: who changes it makes another one.
    """
    kind = type(value)
    if kind is types.SimpleNamespace:
        return True
    made_as_objects_are = all(getattr(kind, name) is getattr(object, name) for name in _MAKING)
    makes_hash: Any = kind.__hash__
    by_itself = makes_hash is None or makes_hash is object.__hash__
    return is_users(kind.__module__) and made_as_objects_are and by_itself and hasattr(value, "__dict__")


_MAKING = ("__new__", "__reduce__", "__reduce_ex__", "__getstate__")


def _is_plain(value: Any) -> bool:
    """Return whether `value` is data of the language's own types, and little of it."""
    if _is_plain_type(type(value)):
        return sys.getsizeof(value) <= MOST_BYTES
    level, parts, nbytes = [value], 0, 0
    while level:
        if not CONTAINERS.issuperset(map(type, level)):
            return False
        parts += sum(map(len, level))
        if parts > MOST_PARTS:
            return False
        of_dicts = (each.values() for each in level if type(each) is dict)
        inner = [*chain.from_iterable(level), *chain.from_iterable(of_dicts)]
        nbytes += sum(map(sys.getsizeof, inner))
        if nbytes > MOST_BYTES:
            return False
        level = [] if PLAIN.issuperset(map(type, inner)) else [each for each in inner if not _is_plain_type(type(each))]
    return True


def _is_plain_type(kind: type) -> bool:
    if kind in PLAIN or kind in CONTAINERS:
        return kind in PLAIN
    return any(kind is getattr(sys.modules.get(module), name, None) for module, name in PLAIN_ELSEWHERE)
