"""A delayed call as a plan: its arguments with holes for lazy values, its name, the line that made it."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.lazy.nesting import ATOMS, Lift
from bagkit.ops.calls import DelayedCall, call_token, identity, next_number
from bagkit.plan.node import Plan
from bagkit.tracebacks import shown_file


def plan_of_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], title: str, frame: FrameType,
    name: Any = None, pure: bool = False,
) -> Plan:  # fmt: skip
    """Return the plan of `function(*args, **kwargs)`, called by the user in `frame`.

    Raises PlanError for a lazy value in arguments that contain themselves.
    """
    inputs: tuple[Plan, ...] = ()
    if kwargs or not ATOMS.issuperset(map(type, args)):
        lift = Lift()
        args = tuple(map(lift.template, args))
        if kwargs:
            kwargs = {key: lift.template(value) for key, value in kwargs.items()}
        inputs = tuple(lift.plans)
    if pure and name is None:
        name = pure_name(title, function, (args, kwargs or None), inputs)
    op = DelayedCall(function, args, kwargs or None, title, next_number(), name, shown_file(frame), frame.f_lineno)
    return Plan(op, inputs)


def pure_name(title: str, function: Any, arguments: Any, inputs: tuple[Plan, ...]) -> str:
    """Return a name that calls of the same function with the same arguments share."""
    keys = tuple(plan.op.key if isinstance(plan.op, DelayedCall) else call_token(identity, plan) for plan in inputs)
    return f"{title}-{call_token(function, (arguments, keys))}"


def checked_name(name: Any) -> Any:
    """Return the name of a task, or None; raise PlanError for what can't be one."""
    if name is None or isinstance(name, str) or (isinstance(name, tuple) and name and isinstance(name[0], str)):
        return name
    raise PlanError(f"delayed: the name of a task is {one_line(name)}; expected text, or a tuple that starts with text")
