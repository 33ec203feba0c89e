"""What the signatures of methods are made of: functions by position or by name, counts, and types for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never, Protocol, TypeVar

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


def check_count(operation: str, name: str, value: object, least: int = 1) -> None:
    """Raise PlanError unless the argument `name` is an int of `least` or more."""
    if type(value) is not int or value < least:
        raise PlanError(f"{operation}: {name} is {one_line(value, 80)}; expected an int of {least} or more")
