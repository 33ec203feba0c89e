"""Calls of a client: a function, arguments with futures anywhere in them, and what is to be known of the call."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bagkit.errors import OptionError, ask, one_line
from bagkit.lazy.nesting import ATOMS, Lift
from bagkit.light_classes import NamedTuple
from bagkit.lower.calls import Calls, Entry
from bagkit.lower.graph import Key
from bagkit.ops.functions import check_callable
from bagkit.options import merged
from bagkit.user_code.reached import Memory, is_as_remembered, reached, remembered

if TYPE_CHECKING:
    from bagkit.client.futures import Future


MOST_WORKS = 500
"""Functions that are known at the same time. Programs that submit new lambdas again and again have more."""


NOT_A_NAME = "hint: functools.partial(function, key=...) hands a key to the function"


def check_call(key: Any, retries: Any, priority: Any) -> None:
    """Raise OptionError for a key that is no name, most likely an argument of the function, and for odd numbers."""
    from numbers import Real

    merged(retries=retries)
    if key is not None and not _is_name(key):
        raise OptionError(
            f"submit: key is {one_line(key)}; expected the name of the call, such as a text; {NOT_A_NAME}"
        )
    if not isinstance(priority, Real) or priority != priority:
        raise OptionError(f"submit: priority is {one_line(priority)}; expected a number")


def _is_name(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:  # a tuple with something in it that is not hashable
        return False
    return isinstance(key, (str, bytes, int, float, tuple))


class Submitted(NamedTuple):
    """One call, ready to be run."""

    key: Key
    work: Calls
    part: tuple[Entry, ...]
    needs: tuple[Key, ...]
    title: str
    retries: int
    priority: float


class CallMaker:
    """Makes calls; mutable, of one client. The work of a function is one, so that it crosses to a worker once."""

    def __init__(self) -> None:
        self._works: dict[int, tuple[Calls, Memory]] = {}
        """For each function by its id: its work, and what it reached by name when the work was made."""
        self._prefix = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)

    def call(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        future_of: Callable[[Any], Future[Any]],
        key: Key | None,
        retries: int,
        priority: float,
    ) -> tuple[Submitted, list[Future[Any]]]:
        """Return the call, and the futures whose values it needs; `future_of` gives the future of a lazy value."""
        given: tuple[Any, ...] = tuple(args)
        named: dict[str, Any] | None = None
        futures: list[Future[Any]] = []
        if kwargs or not ATOMS.issuperset(map(type, args)):
            lift = Lift("submit")
            given = tuple([lift.template(arg) for arg in args])
            named = {name: lift.template(value) for name, value in kwargs.items()} if kwargs else None
            futures = [future_of(plan) for plan in lift.plans]
        work = self._work(function)
        title = ask(function, "__name__") or type(function).__name__
        if key is None:
            key = f"{title}-{self._prefix}-{next(self._numbers)}"
        part: tuple[Entry, ...] = ((given, named, key, "", 0),)
        needs = tuple([future.key for future in futures])
        return Submitted(key, work, part, needs, title, retries, priority), futures

    def _work(self, function: Callable[..., Any]) -> Calls:
        known = self._works.get(id(function))
        return self.look_again(function) if known is None else known[0]

    def look_again(self, function: Callable[..., Any]) -> Calls:
        """Return the work of a function; another one if names that it uses stand for other values than before."""
        now = reached(function)
        known = self._works.get(id(function))
        if known is not None and is_as_remembered(known[1], now):
            return known[0]
        if known is None:
            check_callable("submit", function)
            if len(self._works) >= MOST_WORKS:
                self._works = {}
        work = Calls((function,))  # which holds on to it, so its id stays its own
        self._works[id(function)] = work, remembered(now)
        return work
