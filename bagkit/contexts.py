"""`with` blocks by generators, through which any exception passes as it is.

contextlib sets `__traceback__` on the exception. If its class takes no attributes, as a frozen dataclass, that raises
another error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import wraps
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class Context(Generic[T]):
    """A `with` block between the two halves of a generator."""

    __slots__ = ("_halves",)

    def __init__(self, halves: Generator[T, None, None]) -> None:
        self._halves = halves

    def __enter__(self) -> T:
        return next(self._halves)

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool | None:
        if error is None:
            for _ in self._halves:
                raise RuntimeError("the generator of a `with` block has more than two halves")
            return False
        try:
            self._halves.throw(error)
        except StopIteration as ended:
            return ended is not error
        except BaseException as raised:
            if raised is error or (isinstance(error, StopIteration) and raised.__cause__ is error):
                BaseException.__setattr__(error, "__traceback__", trace)
                return False
            raise
        raise RuntimeError("the generator of a `with` block has more than two halves")


def context(function: Callable[P, Iterator[T]]) -> Callable[P, Context[T]]:
    """Return the function that gives `with` blocks of a generator that yields once."""

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Context[T]:
        return Context(function(*args, **kwargs))  # type: ignore[arg-type]

    return make
