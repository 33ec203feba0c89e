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

if TYPE_CHECKING:
    from bagkit.client.futures import Future


MOST_WORKS = 500
"""Functions that are known at the same time. Programs that submit new lambdas again and again have more."""


NOT_A_NAME = "hint: functools.partial(function, key=...) hands a key to the function"


def check_name_and_priority(key: Any, priority: Any) -> None:
    """Raise OptionError for a key that is no name, most likely an argument of the function, or an odd priority."""
    from numbers import Real

    if key is not None and not isinstance(key, (str, bytes, int, float, tuple)):
        raise OptionError(
            f"submit: key is {one_line(key)}; expected the name of the call, such as a text; {NOT_A_NAME}"
        )
    if not isinstance(priority, Real) or priority != priority:
        raise OptionError(f"submit: priority is {one_line(priority)}; expected a number")


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
        self._works: dict[int, Calls] = {}
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
        work = self._works.get(id(function))
        if work is None:
            if len(self._works) >= MOST_WORKS:
                self._works = {}
            work = self._works[id(function)] = Calls((function,))  # which holds on to it, so its id stays its own
        title = ask(function, "__name__") or type(function).__name__
        if key is None:
            key = f"{title}-{self._prefix}-{next(self._numbers)}"
        part: tuple[Entry, ...] = ((given, named, key, "", 0),)
        needs = tuple([future.key for future in futures])
        return Submitted(key, work, part, needs, title, retries, priority), futures
