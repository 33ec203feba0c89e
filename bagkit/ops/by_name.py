"""Finds functions by name, if a decorator has put something else into their module under that name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.user_code.main_module import MAIN
from bagkit.visible import ask


@dataclass(frozen=True, slots=True)
class Decorated:
    """Stands for the function below the decorator of `name` in `module`."""

    module: str
    name: str

    def function(self) -> Any:
        """Return the function, importing its module."""
        from importlib import import_module

        return attrgetter(self.name)(import_module(self.module)).__wrapped__


def by_name(function: Callable[..., Any]) -> Any:
    """Return `function`, or a Decorated if its name in its module means what a decorator made of it.

    Such a function can't be pickled by its name; by its value it would bring all that it refers to.
    """
    module, name = ask(function, "__module__"), ask(function, "__qualname__")
    if not isinstance(module, str) or not isinstance(name, str) or module in MAIN:
        return function
    try:
        found = attrgetter(name)(sys.modules[module])
    except Exception:
        return function
    return Decorated(module, name) if ask(found, "__wrapped__") is function else function


def function_of(reference: Any) -> Any:
    """Return the function that `by_name` gave `reference` for."""
    return reference.function() if isinstance(reference, Decorated) else reference
