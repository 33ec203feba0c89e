"""What a run sends to other processes, pickled: by reference where they would get the same, else by value.

By value travel what stands in the program's own module, what no import leads to, and the user's modules that are not
what their files make any more, with those that use them. Of the user's modules that travel by reference the plain
values go along: a constant that was changed is changed there too. See docs/decisions/crossing.md.
"""

from __future__ import annotations

import _pickle
import datetime
import decimal
import dis
import fractions
import io
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from bagkit.kernels.standard_json import is_replaced
from bagkit.schedulers.received import open_work
from bagkit.schedulers.transport import PROTOCOL
from bagkit.user_modules import CACHED, MAIN, OF_GENERATORS, Version, is_changed, is_users, modules_below, version

PLAIN = frozenset(
    (type(None), bool, int, float, complex, str, bytes, datetime.date, datetime.datetime, datetime.time,
     datetime.timedelta, decimal.Decimal, fractions.Fraction, pathlib.PosixPath, uuid.UUID, range)
)  # fmt: skip
CONTAINERS = frozenset((list, tuple, dict, set, frozenset))
LARGEST = 1000
"""Values in a module with more parts than this are taken for data that nobody changes."""
LONGEST = 1 << 16


class _ByValue(Exception):
    """Something was met that has to travel by value."""


class Outgoing:
    """Pickles what one run sends; mutable, owned by that run.

    With `tracked` classes have cloudpickle's numbers too, for values that others bring back with cloudpickle.
    """

    def __init__(self, *, tracked: bool = False) -> None:
        self.versions: dict[str, Version] = {}
        """The versions of the user's modules that travel by reference."""
        self._tracked = tracked
        self.run = uuid.uuid4().hex
        self._decided: dict[str, bool] = {}

    def work(self, value: Any) -> bytes:
        """Return the pickle of a function, or of what holds functions.

        Raises what pickle raises where that can't be done.
        """
        met: set[str] = set()

        def by_value(module: str) -> bool:
            met.add(module)
            return self._is_by_value(module)

        try:
            data = _by_reference(value, by_value)
        except Exception:  # cloudpickle does more, and gives the better error
            from bagkit.schedulers.by_value import dumps

            data = dumps(value, by_value, self.run, spawns=True, tracked=self._tracked)
        content = _plain_values(module for name in met if not self._is_by_value(name) for module in modules_below(name))
        return _pickle.dumps(_Opened(content, data), PROTOCOL) if content else data

    def part(self, value: Any) -> bytes:
        """Return the pickle of data."""
        try:
            data = _pickle.dumps(value, PROTOCOL)
        except Exception:
            pass  # cloudpickle does more, and gives the better error
        else:
            if not _names_a_class(data) or not any(map(self._is_by_value, _modules_named(data))):
                return data
        from bagkit.schedulers.by_value import dumps

        return dumps(value, self._is_by_value, self.run, tracked=self._tracked)

    def _is_by_value(self, name: str) -> bool:
        """Return whether what stands in the module `name` travels by value."""
        if name in MAIN:
            return True
        decided = self._decided.get(name)
        if decided is None:
            below = modules_below(name)
            decided = self._decided[name] = any(map(is_changed, below)) or _is_registered(name)
            if not decided:
                self.versions.update({each.__name__: found for each in below if (found := version(each)) is not None})
        return decided


def _is_registered(name: str) -> bool:
    """Whether the user asked cloudpickle to send the module by value."""
    cloudpickle = sys.modules.get("cloudpickle")
    registered = cloudpickle.list_registry_pickle_by_value() if cloudpickle is not None else ()
    return any(name == each or name.startswith(f"{each}.") for each in registered)


def _by_reference(value: Any, by_value: Callable[[str], bool]) -> bytes:
    """Return the pickle of `value` by pickle alone; raise _ByValue where more is needed."""
    with io.BytesIO() as file:
        _Referring(file, by_value).dump(value)
        data = file.getvalue()
    if any(name.encode() in data for name in MAIN):  # of an object that names itself
        raise _ByValue
    return data


class _Referring(_pickle.Pickler):
    """Looks at the functions and classes that pickle refers to."""

    def __init__(self, file: io.BytesIO, by_value: Callable[[str], bool]) -> None:
        super().__init__(file, PROTOCOL)
        self._by_value = by_value

    def reducer_override(self, value: Any) -> Any:
        """Refuse what does not travel by reference."""
        if isinstance(value, (types.FunctionType, type, CACHED)):
            if isinstance(value.__module__, str) and (self._by_value(value.__module__) or is_replaced(value)):
                raise _ByValue
        elif type(value).__module__ in OF_GENERATORS:
            raise _ByValue
        return NotImplemented


_END_OF_NAME = b"\x94\x93"
"""How pickle ends the name of something that it refers to."""


def _names_a_class(data: bytes) -> bool:
    return _END_OF_NAME in data


def _modules_named(data: bytes) -> Iterator[str]:
    """Yield the user's modules whose names stand in a pickle."""
    for name in (*MAIN, *tuple(sys.modules)):
        if (name in MAIN or is_users(name)) and name.encode("utf-8", "surrogatepass") in data:
            yield name


# -- values that stand in modules --------------------------------------------------------------------------------------


class _Opened:
    """Pickles to a call of `open_work`."""

    def __init__(self, content: dict[str, dict[str, Any]], data: bytes) -> None:
        self._content = content
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return open_work, (self._content, self._data)


def _plain_values(modules: Iterator[types.ModuleType]) -> dict[str, dict[str, Any]]:
    """Return the plain values that stand in `modules`, and in their classes, by module and dotted name."""
    found: dict[str, dict[str, Any]] = {}
    for module in modules:
        if module.__name__ not in found:
            values = dict(_values_in(module))
            if values:
                found[module.__name__] = values
    return found


def _values_in(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    content = {name: value for name, value in tuple(vars(module).items()) if not name.startswith("__")}
    for name in _parts_of_more(content):
        del content[name]
    for name, value in content.items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from _attributes(name, value)
        elif _is_plain(value):
            yield name, value
        elif _has_plain_attributes(value):
            yield from _attributes(name, value)


def _parts_of_more(content: dict[str, Any]) -> set[str]:
    """Return the names that a function assigns together with others whose values are not plain.

    They belong together: a flag that says that a model was loaded is worth nothing without the model.
    """
    functions = [value for value in content.values() if isinstance(value, types.FunctionType)]
    groups = [group for function in functions if (group := set(_assigned(function.__code__)) & content.keys())]
    found = {name for group in groups for name in group if not _is_plain(content[name])}
    for _ in groups:
        found.update(*(group for group in groups if group & found))
    return found


def _assigned(code: types.CodeType) -> Iterator[str]:
    """Yield the names of its module that a function assigns."""
    if _STORE_GLOBAL in code.co_code[::2]:
        yield from (each.argval for each in dis.get_instructions(code) if each.opname == "STORE_GLOBAL")
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _assigned(each)


_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]


def _has_plain_attributes(value: Any) -> bool:
    """Return whether `value` is an object that holds settings: of a class of the user's, or a SimpleNamespace."""
    kind = type(value)
    if kind is types.SimpleNamespace:
        return True
    as_it_is = getattr(kind, "__reduce_ex__", None) is getattr(object, "__reduce_ex__")  # noqa: B009
    return is_users(kind.__module__) and as_it_is and hasattr(value, "__dict__")


def _attributes(owner: str, value: Any) -> Iterator[tuple[str, Any]]:
    for name, each in tuple(vars(value).items()):
        if not name.startswith("__") and _is_plain(each):
            yield f"{owner}.{name}", each


def _is_plain(value: Any) -> bool:
    """Return whether `value` is data of the language's own types, and little of it."""
    waiting, seen = [value], 0
    while waiting:
        each = waiting.pop()
        seen += 1
        kind = type(each)
        if kind in PLAIN:
            if kind in (str, bytes) and len(each) > LONGEST:
                return False
            continue
        if kind not in CONTAINERS or seen + len(each) > LARGEST:
            return False
        waiting += each
        if kind is dict:
            waiting += each.values()
    return True
