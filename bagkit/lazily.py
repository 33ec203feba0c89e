"""Modules that are imported when they are first used.

Bag has methods for everything; what most programs never call should not cost them its import.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazily:
    """Stands for the module `name`, which is imported when an attribute of it is asked for.

    >>> text = Lazily("textwrap")
    >>> text.shorten("plain Python", 8, placeholder="…")
    'plain…'
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)  # asked once, found at once from now on
        return value
