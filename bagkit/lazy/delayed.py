"""delayed: plain functions called later, in parallel.

The module stands in a package, so that `bagkit.delayed` is the function whatever was imported before.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from collections.abc import Callable
from types import FrameType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from bagkit.errors import PlanError, one_line
from bagkit.front_doors import front_door, front_doors
from bagkit.lazy.calls import checked_name, plan_of_call, pure_name
from bagkit.lazy.delayed_values import Delayed, set_length, set_plan
from bagkit.lazy.nesting import Lift, plan_of
from bagkit.ops.calls import DelayedCall, identity, next_number
from bagkit.ops.functions import refuse_async, short_label
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN
from bagkit.signatures import whole_number
from bagkit.tracebacks import shown_file, users_frame
from bagkit.user_code.main_module import MAIN

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

if TYPE_CHECKING:
    Plain = int | float | complex | str | bytes | None

    class WrongArguments:
        """What a call gives type checkers if its arguments are plain values that the function does not take."""


@front_doors
class DelayedFunction(Delayed[Callable[P, R]], Generic[P, R]):
    """A function whose calls are delayed: what `delayed(function)` returns."""

    __wrapped__: Callable[P, R]
    __name__: str

    def __init__(self, function: Callable[P, R], name: Any, pure: bool, nout: int | None, frame: FrameType) -> None:
        set_plan(self, None)
        set_length(self, None)
        # In the dictionary of the instance, which assignment does not reach.
        mine = self.__dict__
        for attribute in (*functools.WRAPPER_ASSIGNMENTS, "__annotations__"):  # the last is none of them in Python 3.14
            with contextlib.suppress(Exception):  # annotations may name what only type checkers see
                mine[attribute] = getattr(function, attribute)
        mine["__wrapped__"] = function
        mine["_title"] = short_label(function)
        mine["_given"] = name
        mine["_pure"] = pure
        mine["_nout"] = nout
        mine["_frame"] = (shown_file(frame), frame.f_lineno)

    @property
    def plan(self) -> Plan:
        """What is to be done: nothing, the value is the function."""
        if self._plan is None:
            mine = self.__dict__
            op = DelayedCall(
                identity, (self.__wrapped__,), None, mine["_title"], next_number(), mine["_given"], *mine["_frame"]
            )
            set_plan(self, Plan(op))
        return self._plan

    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Delayed[R]: ...
    @overload  # a name for the task, or that it is pure, which no parameter of the function says
    def __call__(self, /, *args: Any, dask_key_name: Any, **kwargs: Any) -> Delayed[R]: ...
    @overload
    def __call__(self, /, *args: Any, pure: bool, **kwargs: Any) -> Delayed[R]: ...
    @overload  # plain values only: here it is known that they do not fit
    def __call__(self, /, *args: Plain, **kwargs: Plain) -> WrongArguments: ...
    @overload  # something that is computed first, or may have something like that in it
    def __call__(self, /, *args: Any, **kwargs: Any) -> Delayed[R]: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        mine = self.__dict__
        name, pure = None, mine["_pure"]
        if kwargs:
            name = checked_name(kwargs.pop("dask_key_name", None))
            pure = kwargs.pop("pure", pure)
        plan = plan_of_call(self.__wrapped__, args, kwargs, mine["_title"], users_frame(), name, pure)
        return Delayed(plan, mine["_nout"])

    @overload
    def __get__(self, instance: None, owner: Any = None) -> DelayedFunction[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: Any = None) -> Callable[..., Delayed[R]]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        mine = self.__dict__
        module, name = mine.get("__module__"), mine.get("__qualname__")
        if module not in MAIN and _found(module, name) is self:
            return name  # it is imported where it is needed, as the function would be
        return _function, (self.__wrapped__, mine["_given"], mine["_pure"], mine["_nout"])


def _function(function: Callable[..., Any], name: Any, pure: bool, nout: int | None) -> DelayedFunction[..., Any]:
    return DelayedFunction(function, name, pure, nout, users_frame())


def _found(module: Any, name: Any) -> Any:
    try:
        return operator.attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError, TypeError):
        return None


@overload
def delayed(  # type: ignore[overload-overlap]  # a Delayed can be called too
    obj: Delayed[T], name: Any = ..., pure: bool | None = ..., nout: int | None = ..., traverse: bool = ...
) -> Delayed[T]: ...
@overload
def delayed(  # of a class no parameters: what its constructors take says more than one type
    obj: type[T], name: Any = ..., pure: bool | None = ..., nout: int | None = ..., traverse: bool = ...
) -> DelayedFunction[..., T]: ...
@overload
def delayed(
    obj: Callable[P, R], name: Any = ..., pure: bool | None = ..., nout: int | None = ..., traverse: bool = ...
) -> DelayedFunction[P, R]: ...
@overload
def delayed(
    *, name: Any = ..., pure: bool | None = ..., nout: int | None = ..., traverse: bool = ...
) -> Callable[[Callable[P, R]], DelayedFunction[P, R]]: ...
@overload
def delayed(
    obj: T, name: Any = ..., pure: bool | None = ..., nout: int | None = ..., traverse: bool = ...
) -> Delayed[T]: ...
@front_door
def delayed(
    obj: Any = NOT_GIVEN, name: Any = None, pure: bool | None = None, nout: int | None = None, traverse: bool = True
) -> Any:
    """Delay a function: its calls return delayed values, and nothing runs before `compute`.

    Calls that do not need each other then run side by side. Delayed values, Items and bags (as lists of their records)
    among the arguments of a call are computed first, also inside containers. A call takes `dask_key_name=`, the name of
    its task, and `pure=` beside the function's own arguments.

    Args:
        obj: A function or another object that can be called; its calls are delayed. Any other value becomes a delayed
            value. Without it, `delayed(nout=2)` and the like are decorators.
        name: What the tasks are called: text, or a tuple that starts with text. None: the name of the function and a
            number.
        pure: True: calls with the same arguments are one call, which runs once. For functions whose result depends on
            nothing else.
        nout: How many values the function returns. A delayed value can then be unpacked, as in `a, b = function()`.
        traverse: Whether delayed values are looked for inside `obj`, if it is a container.

    Returns:
        A function for a function; a Delayed for any other value.

    Raises:
        PlanError: `name` or `nout` has a value that is not allowed, or arguments contain themselves.

    >>> import bagkit as bk
    >>> @bk.delayed
    ... def add(a, b):
    ...     return a + b
    >>> total = add(add(1, 2), 3)
    >>> total.compute(scheduler="sync")
    6
    """
    checked_name(name)
    given, nout = nout, whole_number(nout)
    if given is not None and (nout is None or nout < 0):
        raise PlanError(f"delayed: nout is {one_line(given)}; expected None, or a whole number from 0 up")
    if obj is NOT_GIVEN:
        return functools.partial(delayed, name=name, pure=pure, nout=nout, traverse=traverse)
    if isinstance(obj, Delayed):
        return obj
    frame = users_frame()
    if plan_of(obj) is not None:
        plan = plan_of_call(identity, (obj,), {}, type(obj).__name__.lower(), frame, name, bool(pure))
        return Delayed(plan, nout)
    lift = Lift()
    template = lift.template(obj) if traverse else obj
    if callable(obj) and not lift.plans:
        refuse_async("delayed", obj)
        return DelayedFunction(obj, name, bool(pure), nout, frame)
    if pure and name is None:
        name = pure_name(type(obj).__name__, identity, template, tuple(lift.plans))
    op = DelayedCall(
        identity, (template,), None, type(obj).__name__, next_number(), name, shown_file(frame), frame.f_lineno
    )
    return Delayed(Plan(op, tuple(lift.plans)), nout)
