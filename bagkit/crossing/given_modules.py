"""The user's modules that functions import while they run, where these travel by value.

Such a module stands in `sys.modules` of the worker until the run is over: so `import tools` inside of a function gives
the module as it is in the caller's process. Where that is the very process that runs tasks, all stays as it is: it has
them. Imported by workers where one has come, so light.
"""

from __future__ import annotations

import sys

from bagkit.crossing.call_when_loaded import CallWhenLoaded
from bagkit.crossing.this_process import this_process
from bagkit.sentinels import NOT_GIVEN

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def with_modules(modules: dict[str, ModuleType], value: Any) -> Any:
    """Return what pickles to `value`, and puts `modules` into their places before."""
    if not modules:
        return value
    return CallWhenLoaded(_second, CallWhenLoaded(receive_modules, this_process(), modules), value)


def _second(_: Any, value: Any) -> Any:
    return value


_replaced: dict[str, Any] = {}
"""What stood in `sys.modules` in the places of what was given; NOT_GIVEN where nothing did."""
_attributes: dict[tuple[str, str], tuple[ModuleType, Any]] = {}
"""The same of the attributes of packages, each with its package."""


def receive_modules(caller: str, modules: dict[str, ModuleType]) -> None:
    """Put the `modules` of `caller` where imports find them, unless this is the process that they come from."""
    if caller != this_process():
        put_modules(modules)


def put_modules(modules: dict[str, ModuleType]) -> None:
    """Put `modules` where imports find them."""
    for name, module in modules.items():
        _replaced.setdefault(name, sys.modules.get(name, NOT_GIVEN))
        sys.modules[name] = module
    for name, module in modules.items():
        package, _, child = name.rpartition(".")
        if not package:
            continue
        try:
            __import__(package)
        except Exception:  # whatever its code raises
            continue  # the function that needs it will say so
        parent = sys.modules[package]
        _attributes.setdefault((package, child), (parent, vars(parent).get(child, NOT_GIVEN)))
        setattr(parent, child, module)


def modules_put() -> dict[str, ModuleType]:
    """Return the modules that were put into places of others, and are there now."""
    return {name: sys.modules[name] for name in _replaced if name in sys.modules}


def take_modules_back() -> None:
    """Put back what stood in their places."""
    while _attributes:
        (_, child), (parent, value) = _attributes.popitem()
        if value is not NOT_GIVEN:
            setattr(parent, child, value)
        elif child in vars(parent):
            delattr(parent, child)
    while _replaced:
        name, value = _replaced.popitem()
        if value is NOT_GIVEN:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = value
