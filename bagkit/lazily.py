"""Modules that are imported when they are first used.

Bag has methods for everything; a program should not pay for the import of what it never calls. And a pass of the
optimiser that has nothing to do should cost nothing: it does not import the ops that it looks for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, TypeGuard

from bagkit.errors import missing_extra


class Lazily:
    """Stands for the module `name`, and imports it when it is asked for an attribute.

    >>> text = Lazily("textwrap")
    >>> text.shorten("plain Python", 8, placeholder="…")
    'plain…'
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def has_made(self, value: object, *classes: str) -> TypeGuard[Any]:
        """Return whether `value` is of one of these classes of the module, which is not imported for that.

        >>> Lazily("fractions").has_made(0.5, "Fraction")
        False
        """
        return self._name in sys.modules and isinstance(value, tuple([getattr(self, name) for name in classes]))

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)  # asked once, found at once from now on
        return value


def import_extra(module: str, extra: str, purpose: str) -> Any:
    """Return a module of a package that an extra installs; raises MissingExtraError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise missing_extra(module.partition(".")[0], extra, purpose) from error
