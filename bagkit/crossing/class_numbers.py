"""The classes that travel by value: each has one number for its life, and each process has one class of a number.

So what has outlived a run (records that are kept, values of a client) is of the classes that functions of later runs
know. A class that comes again, from a later run, is brought up to what it is at its caller's by then. The process that
it comes from keeps its own class as it is.

Imported by workers, so light.
"""

from __future__ import annotations

import time
import weakref
from _thread import RLock

from bagkit.flow import earlier_runs

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Moments = dict[str, int]
    """When classes were pickled first in a run, by their numbers: within a run the first definition counts."""

_numbers: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
"""The number of each class that was sent or received."""
_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
_moments: weakref.WeakKeyDictionary[type, int] = weakref.WeakKeyDictionary()
"""When each class that was received was what it is here: 0 for one that no run has sent."""
_names: weakref.WeakKeyDictionary[type, frozenset[str]] = weakref.WeakKeyDictionary()
"""What stood in each class that was received before anything was put into it."""
_given: weakref.WeakKeyDictionary[type, frozenset[str]] = weakref.WeakKeyDictionary()
"""What was put into it last."""
_unfinished: set[str] = set()
"""The numbers of classes that were made, or came again, and wait for what is in them."""
_HOOK = "__init_subclass__"
_making = RLock()
_last = 0


def now() -> int:
    """Return a number that grows with each call, here and from one process to the next."""
    global _last
    _last = max(_last + 1, time.time_ns())
    return _last


def number_of(cls: type, moments: Moments | None) -> tuple[str, int]:
    """Return the number of `cls`, and when it was what it is, for a run that sends it with its `moments`.

    Without a run it is on its way back, and comes as it came.
    """
    number = _numbers.get(cls)
    if number is None:
        import uuid

        number = _numbers[cls] = uuid.uuid4().hex
        _classes[number] = cls
    if moments is None:
        return number, _moments.get(cls, 0)
    return number, moments.get(number) or moments.setdefault(number, now())


def class_of(number: str) -> type:
    """Return the class of this process that has the number; raises KeyError if it has none."""
    return _classes[number]


def make_class(number: str, moment: int, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """Return the class of `number`, as it was at `moment` or later."""
    known = _classes.get(number)
    if moment < earlier_runs.since and (known is None or _moments.get(known, moment) < earlier_runs.since):
        found: type | None = earlier_runs.class_now(number)
        if found is not None:
            return found
    if known is None:
        known = _made(make, arguments)
        _numbers[known] = number
        _classes[number] = known
        _names[known] = frozenset(vars(known))
    elif _moments.get(known, moment) >= moment:
        return known
    _moments[known] = moment
    _unfinished.add(number)
    return known


def _made(make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    """Make a class that another process has defined.

    What its bases do about that, they have done there, and what they have set comes along. Here
    they would do it twice, and without the arguments of the `class` line: nobody knows these any more.
    """
    with _making:
        hooks = [(base, vars(base)[_HOOK]) for base in list(_numbers) if _HOOK in vars(base)]
        for base, _ in hooks:
            type.__setattr__(base, _HOOK, _passing_on(base))
        try:
            return make(*arguments)
        finally:
            for base, hook in hooks:
                type.__setattr__(base, _HOOK, hook)


def _passing_on(base: Any) -> Any:
    """Return an `__init_subclass__` that does no more than call the next, which may be of an installed package."""

    def passes_on(cls: Any, /, **_: Any) -> None:
        super(base, cls).__init_subclass__()

    return classmethod(passes_on)


def fill(cls: type, number: str, members: dict[str, Any], put: Callable[[dict[str, Any]], Any]) -> None:
    """Have `put` put `members` into a class, unless they are there; take out what it has no more."""
    if number not in _unfinished:
        return
    if cls in _given:
        for name in _names_of_others(cls).difference(members, _names[cls]):
            _try(delattr, cls, name)
        # The number of the line comes last: since Python 3.13 it goes when `__module__` is set.
        for name in sorted(members, key="__firstlineno__".__eq__):
            _try(put, {name: members[name]})
    else:
        put(members)
    _given[cls] = frozenset(members)
    _unfinished.discard(number)  # only now: for another thread that has it too, it is not whole before


def _try(change: Callable[..., Any], *arguments: Any) -> None:
    try:
        change(*arguments)
    except (AttributeError, TypeError):
        pass  # the class does not let it be changed: neither did it at its caller's


def _names_of_others(cls: type) -> set[str]:
    """Return the names in a class that were put there, as far as they are not Python's own."""
    return {*_given[cls], *[name for name in vars(cls) if not is_pythons(name)]}.intersection(vars(cls))


def is_pythons(name: str) -> bool:
    """Return whether Python itself, or enum, gives a class something of this name."""
    return name[:1] == "_" == name[-1:]
