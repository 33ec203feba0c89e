"""Modules that are imported when they are first used.

Bag has methods for everything; a program should not pay for the import of what it never calls.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazily:
    """Stands for the module `name`, and imports it when it is asked for an attribute.

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
