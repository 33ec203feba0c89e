"""What a process is told of the plain values in the user's modules.

Imported by workers, so light.
"""

from __future__ import annotations

import _pickle
import copy
import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_waiting: dict[str, dict[str, Any]] = {}
"""What modules are to be told that this process has not imported yet."""
_received: dict[str, dict[str, Any]] = {}
"""The values that came last, by module and dotted name."""
_own: dict[tuple[str, str], Any] = {}
"""What stood in their places before; _NOTHING where nothing did."""
_NOTHING: Any = object()


def expect(content: bytes) -> None:
    """Take note of the plain values that the user's modules have in the caller's process."""
    _waiting.clear()
    if content:
        _waiting.update(_pickle.loads(content))


def tell_modules() -> None:
    """Put the values into the modules that this process has by now.

    A value that came before and has not changed since is left alone: functions may have filled it meanwhile.
    """
    for name in tuple(_waiting):
        module = sys.modules.get(name)
        if module is not None:
            _tell(name, module)
    if _waiting and _Importing not in sys.meta_path:
        sys.meta_path.insert(0, _Importing)


def _tell(module_name: str, module: Any) -> None:
    values, received = _waiting.pop(module_name), _received.setdefault(module_name, {})
    for name in received.keys() - values.keys():
        del received[name]
        _take_back(module, name, _own.pop((module_name, name), _NOTHING))
    for name, value in values.items():
        if name in received and _same(received[name], value):
            continue
        received[name] = _pickle.loads(_pickle.dumps(value, 5)) if type(value) in _MUTABLE else value
        _own.setdefault((module_name, name), _present(module, name))
        _put(module, name, value)


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
        if name in _waiting:
            _tell(name, module)

    loader.exec_module = make_and_tell


def open_work(content: bytes, data: bytes) -> Any:
    """Return the work that `data` is the pickle of, with the user's modules as they are in the caller's process."""
    expect(content)
    work = _pickle.loads(data)
    tell_modules()
    return work


_MUTABLE = frozenset((list, dict, set))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _put(module: Any, dotted: str, value: Any) -> None:
    """Make `dotted`, seen from `module`, be `value`; containers stay the objects that they are."""
    owner, name = _owner(module, dotted)
    if owner is None:
        return
    present: Any = getattr(owner, name, None)
    if _same(present, value):
        return
    if type(present) is type(value) and type(value) is list:
        present[:] = value
    elif type(present) is type(value) and type(value) in (dict, set):
        present.clear()
        present.update(value)
    else:
        try:
            setattr(owner, name, value)
        except (AttributeError, TypeError):
            pass  # frozen: nobody has changed it


def _owner(module: Any, dotted: str) -> tuple[Any, str]:
    """Return what `dotted` is an attribute of, None where it is not there, and the name of the attribute."""
    owner = module
    *owners, name = dotted.split(".")
    for each in owners:
        owner = getattr(owner, each, None)
    return owner, name


def _present(module: Any, dotted: str) -> Any:
    owner, name = _owner(module, dotted)
    value = getattr(owner, "__dict__", {}).get(name, _NOTHING)
    return copy.copy(value) if type(value) in _MUTABLE else value


def _take_back(module: Any, dotted: str, value: Any) -> None:
    """Put back what stood at `dotted` before the caller's value, which the caller has no more."""
    if value is not _NOTHING:
        _put(module, dotted, value)
        return
    owner, name = _owner(module, dotted)
    try:
        delattr(owner, name)
    except (AttributeError, TypeError):
        pass  # it is gone already
