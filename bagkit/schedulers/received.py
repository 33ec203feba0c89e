"""What a process does with a work that comes with plain values of the user's modules.

Imported by workers, so light.
"""

from __future__ import annotations

import _pickle
import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_received: dict[tuple[str, str], Any] = {}
"""The values that came last, by module and dotted name."""


def open_work(content: dict[str, dict[str, Any]], data: bytes) -> Any:
    """Return the work that `data` is the pickle of, with the user's modules as they are in the caller's process.

    A value that came before and has not changed since is left alone: functions may have filled it meanwhile.
    """
    work = _pickle.loads(data)
    for module_name, values in content.items():
        module = sys.modules.get(module_name)
        if module is None:
            continue  # nothing here uses it; who imports it later gets what its file makes
        for name, value in values.items():
            key = (module_name, name)
            if key in _received and _same(_received[key], value):
                continue
            _received[key] = _pickle.loads(_pickle.dumps(value, 5)) if type(value) in _MUTABLE else value
            _put(module, name, value)
    return work


_MUTABLE = frozenset((list, dict, set))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _put(module: Any, dotted: str, value: Any) -> None:
    """Make `dotted`, seen from `module`, be `value`; containers stay the objects that they are."""
    owner = module
    *owners, name = dotted.split(".")
    for each in owners:
        owner = getattr(owner, each, None)
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
