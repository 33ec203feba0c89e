"""What a process is told of the plain values in the user's modules.

Imported by workers, so light.
"""

from __future__ import annotations

import _pickle
import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_waiting: dict[str, dict[str, Any]] = {}
"""What modules are to be told that this process has not imported yet."""
_received: dict[tuple[str, str], Any] = {}
"""The values that came last, by module and dotted name."""


def expect(content: bytes) -> None:
    """Take note of the plain values that the user's modules have in the caller's process."""
    _waiting.clear()
    if content:
        _waiting.update(_pickle.loads(content))


def tell_modules() -> None:
    """Put the values into the modules that this process has by now.

    A value that came before and has not changed since is left alone: functions may have filled it meanwhile.
    """
    for module_name in tuple(_waiting):
        module = sys.modules.get(module_name)
        if module is None:
            continue
        for name, value in _waiting.pop(module_name).items():
            key = (module_name, name)
            if key in _received and _same(_received[key], value):
                continue
            _received[key] = _pickle.loads(_pickle.dumps(value, 5)) if type(value) in _MUTABLE else value
            _put(module, name, value)


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
