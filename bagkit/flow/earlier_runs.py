"""Classes and functions in what earlier runs have left: as they are in this run, not as they were then.

These are records of persist and of a cache. A class that came by value may have been changed since. One that is found
by its name may travel by value now, for its module was patched, or its file edited. The caller knows. It is asked once
for each of them, by a worker whose run reads such records.

Imported by a worker when there is such a run, so light.
"""

from __future__ import annotations

import _pickle
import io

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NAMES = b"\x93"
"""What stands in each pickle that refers to a function or a class; it may stand for something else too."""
_OURS = frozenset(("bagkit", "cloudpickle", "builtins", "__main__"))
"""Packages about which nobody need be asked; names of `__main__` are asked for where they are looked up."""

since = 0
"""When the run began; 0 if it has nothing of earlier runs."""
_ask: Callable[[str], bytes] | None = None
_found: dict[str, Any] = {}
"""What came of the answers."""


def begin(moment: int, ask: Callable[[str], bytes]) -> None:
    """Have `ask` called for what may have changed since; it gives a pickle, or nothing if the caller has no other."""
    global since, _ask
    since, _ask = moment, ask


def end() -> None:
    """Take everything as it comes: the run is over."""
    global since, _ask
    since, _ask = 0, None
    _found.clear()


def class_now(number: str) -> Any:
    """Return the class of a number as it is now, None if nobody knows."""
    return _answer(number)


def loads(data: Any) -> Any:
    """Return the value that `data` is the pickle of."""
    if since == 0 or NAMES not in bytes(data):
        return _pickle.loads(data)
    return _AsNow(io.BytesIO(data)).load()


class _AsNow(_pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what `name` of `module` is now."""
        found = None if module.partition(".")[0] in _OURS else _answer(f"{module}:{name}")
        return super().find_class(module, name) if found is None else found


def _answer(question: str) -> Any:
    if question not in _found and _ask is not None and (data := _ask(question)):
        _found[question] = _pickle.loads(data)
    return _found.get(question)
