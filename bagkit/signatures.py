"""What the signatures of methods are made of: functions by position or by name, counts, and types for type checkers."""

from __future__ import annotations

import operator
from math import isfinite
from typing import TYPE_CHECKING, Any, Never, Protocol, TypeGuard, TypeVar

from bagkit.errors import PlanError, one_line
from bagkit.sentinels import NOT_GIVEN

BY_NAME: Any = NOT_GIVEN
"""The default of a function that is given by position, so that it may have a `func` of its own, or else by its name."""

if TYPE_CHECKING:
    from datetime import date
    from enum import Enum
    from typing import Literal, TypedDict

    Field = str | int | float | bytes | date | Enum | tuple[Any, ...] | list[Any]
    """What may stand for a function that looks it up in a record: a name, a position, or a list of them."""

    Empty = list[Never] | set[Never] | dict[Never, Never]
    """An initial value such as `[]` or `set()`, whose contents type checkers can't know."""

    T_contra = TypeVar("T_contra", contravariant=True)
    U_co = TypeVar("U_co", covariant=True)

    class HasDefault(Protocol[T_contra, U_co]):
        """A lambda such as `lambda record, n=n: ...`, which mypy takes for no `Callable[[T], U]`."""

        def __call__(self, record: T_contra, default: Any = ..., /) -> U_co: ...

    class NearOptions(TypedDict, total=False):
        """How texts are compared that may be nearly the same."""

        shingle: int
        unit: Literal["words", "characters"]
        permutations: int
        seed: int

    class OnlyAny:
        """The type of no value: a parameter of this type matches only what type checkers know nothing about."""

    class NeedsMoreArguments:
        """What a call gives type checkers if a function is not given all of its arguments."""


def given_function(operation: str, func: Any, kwargs: dict[str, Any]) -> Any:
    """Return `func`; where it is not given by position, take the one called `func` out of `kwargs`.

    So a function may have a parameter `func` of its own.
    """
    if func is NOT_GIVEN and "func" not in kwargs:
        raise PlanError(f"{operation}: there is no function; expected {operation}(function, ...)")
    return kwargs.pop("func") if func is NOT_GIVEN else func


def whole_number(value: object) -> int | None:
    """Return an int, one of numpy's too, as Python's own; None for what is none. True and False are none.

    What has an `__index__` that fails is none either, whatever that raises: the caller says which argument it is.

    >>> whole_number(3), whole_number(True), whole_number(3.0)
    (3, None, None)
    """
    if type(value) is int or isinstance(value, bool):
        return None if isinstance(value, bool) else value
    try:
        return int.__index__(operator.index(value))  # type: ignore[arg-type]  # what it is no index of raises
    except Exception:
        return None


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a number that a share may be given as: an int, a float, one of numpy's, a Fraction.

    >>> is_number(0.5), is_number(True), is_number("0.5"), is_number(float("inf"))
    (True, False, False, False)
    """
    if not isinstance(value, (int, float)) and not (hasattr(value, "__float__") and hasattr(value, "__round__")):
        return False
    try:
        return not isinstance(value, bool) and isfinite(value)
    except Exception:  # of an int that no float holds, or a number whose own `__float__` fails
        return False


def checked_count(operation: str, name: str, value: object, least: int = 1, hint: str = "") -> int:
    """Return the argument `name` as an int; raise PlanError unless it is one of `least` or more."""
    count = whole_number(value)
    if count is None or count < least:
        raise PlanError(f"{operation}: {name} is {one_line(value, 80)}; expected an int of {least} or more{hint}")
    return count
