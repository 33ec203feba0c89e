"""What a run sends to other processes, pickled: by reference where they would get the same, else by value.

By value travel what stands in the program's own module, what no import leads to, and the user's modules that are not
what their files make any more, with those that use them. Of the user's modules that travel by reference the values
go along: what was changed is changed there too. See docs/decisions/crossing.md.
"""

from __future__ import annotations

import _pickle
import io
import os
import sys
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bagkit.crossing.call_when_loaded import CallWhenLoaded
from bagkit.crossing.class_numbers import now
from bagkit.crossing.generators import is_generator
from bagkit.crossing.module_values import ModuleValues
from bagkit.crossing.patches import Patches, patches_in, with_patches
from bagkit.crossing.received import open_work
from bagkit.crossing.this_process import this_process
from bagkit.crossing.transport import PROTOCOL
from bagkit.errors import NotPicklableError, one_line
from bagkit.json.standard import is_replaced
from bagkit.user_code.inner_imports import Import
from bagkit.user_code.main_module import MAIN
from bagkit.user_code.module_loads import Loads, Version, reloaded
from bagkit.user_code.modules import (
    CACHED,
    imported,
    imports_of,
    is_changed,
    is_users,
    modules_below,
    names_used,
    version,
)
from bagkit.user_code.unimported import unimported

if TYPE_CHECKING:
    from bagkit.crossing.class_numbers import Moments


class _ByValue(Exception):
    """There is something that has to travel by value."""


class Outgoing:
    """Pickles what one run sends; mutable, owned by that run.

    With `tracked` classes have cloudpickle's numbers too, for values that others bring back with cloudpickle. `ours`
    says whether the processes are bagkit's own, which end after a reload.
    """

    def __init__(self, *, tracked: bool = False, ours: bool = False) -> None:
        self._ours = ours
        self.versions: dict[str, Version] = {"": _reloads()}
        """The versions of the user's modules that workers import; under no name how many were reloaded so far.

        What a worker has imported for functions and records that came later is not known. So one that ran before a
        reload is not used after it.
        """
        self._tracked = tracked
        self.run = os.urandom(16).hex()
        self.since = now()
        """When the run began."""
        self._moments: Moments = {}
        self._decided: dict[str, bool] = {}
        self._changed: dict[str, bool] = {}
        self._below: dict[str, list[types.ModuleType]] = {}
        """The user's modules that each uses, and itself."""
        self._met: set[str] = set()
        self._patches: Patches = {}
        """What works use that was replaced in the modules of others."""
        self._names: set[str] = set()
        """The names that functions use which travel by value."""
        self._values = ModuleValues(self.is_by_value, lambda value: self._dumped(value, self.is_by_value, spawns=True))

    def is_current(self) -> bool:
        """Look at the user's modules again; return whether what was pickled so far is as it would be pickled now."""
        self._below.clear()
        if self.versions[""] != _reloads() or any(self._decided.values()):
            return False
        return not any(map(is_changed, self._modules()))

    def renew(self) -> None:
        """Have classes brought up to what they are now, where they were sent before."""
        self._moments.clear()

    def work(self, value: Any, seen: list[Any] | None = None) -> bytes:
        """Return the pickle of a function, or of what holds functions; add to `seen` all that is no plain data.

        Raises what pickle raises where that can't be done.
        """
        met: set[str] = set()

        def by_value(module: str) -> bool:
            met.add(module)
            return self.is_by_value(module)

        try:
            data = _by_reference(value, by_value, seen)
        except Exception:  # cloudpickle does more, and gives the better error
            more: Any = {"patches": self._patches, "names": self._names, "seen": seen}
            data = self._dumped(value, by_value, spawns=True, **more)
        self._met |= met
        return data

    def _dumped(self, value: Any, by_value: Callable[[str], bool], **settings: Any) -> bytes:
        """Return the pickle of what travels by value, with the modules that its functions import and that do so too."""
        from bagkit.crossing.by_value import dumps
        from bagkit.crossing.given_modules import with_modules

        given: dict[str, types.ModuleType] = {}
        while True:
            imports: set[Import] = set()
            whole = with_modules(given, value)
            data = dumps(whole, by_value, self._moments, tracked=self._tracked, imports=imports, **settings)
            names = [name for name in imported(imports) if by_value(name) and name not in given]
            if not names:
                self.versions.update(unimported(imports))
                return data
            given.update({name: sys.modules[name] for name in names})

    def patched(self, data: bytes) -> bytes:
        """Return the pickle of a work with what it uses that was replaced in the modules of others."""
        for module in self._modules():
            self._patches.update(patches_in(vars(module), names_used(module)))
        return with_patches(data, self._patches, self._patches_pickled)

    def _patches_pickled(self, value: Any) -> bytes:
        from bagkit.crossing.by_value import dumps

        try:
            return dumps(value, self.is_by_value, self._moments, tracked=self._tracked)
        except Exception as error:
            names = ", ".join(f"{module}.{name}" for module, name in self._patches)
            raise NotPicklableError(
                f"{names}: it was replaced in this process, by something that can't be sent to a worker process "
                f"({one_line(error, 200)}); hint: use scheduler='threads'"
            ) from error

    @property
    def met(self) -> int:
        """How many modules works and parts have named so far."""
        return len(self._met)

    def start_over(self) -> None:
        """Have the values of modules told as they are from now on, with other seeds for random numbers."""
        self._values.start_over()

    def content(self) -> bytes:
        """Return the values that workers' modules are told, pickled; empty if there are none."""
        modules = self._modules()
        content = self._values.of(modules, self._names.union(*map(names_used, modules))) if modules else None
        return _pickle.dumps(content, PROTOCOL) if content else b""

    def _modules(self) -> list[types.ModuleType]:
        """Return the modules that works have named and that travel by reference, with those that they use."""
        modules = {
            each.__name__: each
            for name in self._met
            if not self.is_by_value(name)
            for each in self._modules_below(name)
        }
        return list(modules.values())

    def work_with_content(self, value: Any) -> bytes:
        """Return the pickle of a work that brings along what modules are told."""
        data = self.work(value)
        if not self._modules():
            return data
        return _pickle.dumps(CallWhenLoaded(open_work, this_process(), self.content(), data), PROTOCOL)

    def part(self, value: Any) -> bytes:
        """Return the pickle of data."""
        try:
            data = _pickle.dumps(value, PROTOCOL)
        except Exception:
            pass  # cloudpickle does more, and gives the better error
        else:
            named = list(_modules_named(data)) if _END_OF_NAME in data else []
            self._met.update(named)
            if not any(map(self.is_by_value, named)):
                return data
        return self._dumped(value, self.is_by_value)

    def is_by_value(self, name: str) -> bool:
        """Return whether what stands in the module `name` travels by value."""
        if name in MAIN:
            return True
        if self.versions[""] != _reloads():
            self._decided.clear()
            self._changed.clear()
            self._below.clear()
            self.versions = {"": _reloads()}
        decided = self._decided.get(name)
        if decided is None:
            below = self._modules_below(name)
            decided = self._decided[name] = any(map(self._is_changed, below)) or _is_registered(name)
            if not decided:
                for each in below:
                    if each.__name__ not in self.versions and (found := version(each)) is not None:
                        self.versions[each.__name__] = found
                        self.versions.update(unimported(imports_of(each)))
        return decided

    def _modules_below(self, name: str) -> list[types.ModuleType]:
        if name not in self._below:
            self._below[name] = modules_below(name)
        return self._below[name]

    def _is_changed(self, module: types.ModuleType) -> bool:
        name = module.__name__
        if name not in self._changed:
            self._changed[name] = is_changed(module) or (not self._ours and name in reloaded)
        return self._changed[name]


def _reloads() -> Version:
    return "", Loads.again, 0


def _is_registered(name: str) -> bool:
    """Whether the user asked cloudpickle to send the module by value."""
    cloudpickle = sys.modules.get("cloudpickle")
    registered = cloudpickle.list_registry_pickle_by_value() if cloudpickle is not None else ()
    return any(name == each or name.startswith(f"{each}.") for each in registered)


def _by_reference(value: Any, by_value: Callable[[str], bool], seen: list[Any] | None) -> bytes:
    """Return the pickle of `value` by pickle alone; raise _ByValue where more is needed."""
    with io.BytesIO() as file:
        _Referring(file, by_value, seen).dump(value)
        data = file.getvalue()
    if any(name.encode() in data for name in MAIN):  # of an object that names itself
        raise _ByValue
    return data


class _Referring(_pickle.Pickler):
    """Looks at the functions and classes that pickle refers to."""

    def __init__(self, file: io.BytesIO, by_value: Callable[[str], bool], seen: list[Any] | None) -> None:
        super().__init__(file, PROTOCOL)
        self._by_value = by_value
        self._seen = seen

    def reducer_override(self, value: Any) -> Any:
        """Refuse what does not travel by reference."""
        if self._seen is not None:
            self._seen.append(value)
        if isinstance(value, (types.FunctionType, type, CACHED)):
            module = value.__module__
            if not isinstance(module, str):
                if type(value) is types.FunctionType:
                    raise _ByValue
            elif self._by_value(module) or is_replaced(value):
                raise _ByValue
        elif is_generator(value):
            raise _ByValue
        return NotImplemented


_END_OF_NAME = b"\x94\x93"
"""The bytes that end a name that pickle refers to."""


def _modules_named(data: bytes) -> Iterator[str]:
    """Yield the user's modules whose names stand in a pickle."""
    for name, text in _users_among((*MAIN, *tuple(sys.modules))):
        if text in data:
            yield name


@lru_cache(maxsize=1)
def _users_among(modules: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """Return the user's modules, with their names as pickles have them; all tasks of a run ask."""
    return [(name, name.encode("utf-8", "surrogatepass")) for name in modules if is_users(name)]
