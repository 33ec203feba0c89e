"""Front doors: the functions and methods that users call. They take bagkit's own frames off an error's traceback.

What is left are the user's lines, and one line for the front door. Its code names a file that does not exist, so that
Python shows no source lines for it. `front_door` wraps a function, `front_doors` the methods of a class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, TypeVar, cast

from bagkit.errors import BagkitError, TaskError, attribute
from bagkit.tracebacks import FRONT_DOOR, leave_users_frames, shorten_traceback

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

SPECIAL = ("__add__", "__array__", "__bool__", "__call__", "__complex__", "__contains__", "__delattr__", "__delitem__",
           "__enter__", "__eq__", "__float__", "__format__", "__getattr__", "__getitem__", "__int__", "__iter__",
           "__len__", "__setattr__", "__setitem__", "__dask_graph__", "__dask_scheduler__")  # fmt: skip
"""Methods that Python or dask calls for what users write."""


LETTING_GO = ("cache_clear", "cancel", "close", "end_cancelled", "shutdown", "tally", "unpersist")
"""What may be called as the last of a program too."""


def front_door(function: F) -> F:
    """Wrap `function`, so that its errors show the user's frames and not ours.

    As the last of a program, in a finaliser, it says that it is: nothing can be imported or started then.

    >>> @front_door
    ... def open_sesame(word: str) -> str:
    ...     return word
    >>> open_sesame("please"), open_sesame.__name__
    ('please', 'open_sesame')
    """
    if getattr(function, "__front_door__", False):
        return function
    tidy, refuse, quiet = _tidy, over, function.__name__.startswith("__") or function.__name__ in LETTING_GO
    ending: Callable[[], bool] = bool if quiet else sys.is_finalizing

    def called(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            if ending():
                raise refuse(function.__name__)
            return function(*args, **kwargs)
        except BaseException as error:
            told = tidy(error, function)
            if told is error:
                raise
            raise told from None

    code = called.__code__.replace(
        co_filename=FRONT_DOOR, co_firstlineno=1, co_name=function.__name__, co_qualname=function.__qualname__
    )
    # It gets the globals of the function's module, so that doctest takes it for a function of that module.
    made = FunctionType(code, cast("Any", function).__globals__, function.__name__, None, called.__closure__)
    update_wrapper(made, function)
    made.__front_door__ = True  # type: ignore[attr-defined]
    return cast("F", made)


def shared_door(function: F) -> F:
    """Make a front door of a method that classes of several kinds have: errors name it without a class."""
    function.__qualname__ = function.__name__
    return front_door(function)


def _tidy(error: BaseException, function: Callable[..., Any]) -> BaseException:
    """Return the error to raise for an error of `function`: itself, without bagkit's frames.

    If its arguments did not fit, note which ones do.
    """
    told = as_at_the_end(error, function.__qualname__.removesuffix(".__init__").rpartition(".")[2])
    if told is not error:
        return told
    trace = attribute(error, "__traceback__")
    depth = 0 if trace is None else 1 if trace.tb_next is None else 2 if trace.tb_next.tb_next is None else 3
    if depth == 2 and type(error) is AttributeError and function.__name__ == "__getattr__":
        error.__traceback__ = None  # it says itself that there is no such name, without notes
        return error
    of_call = depth == 1 and type(error) is TypeError  # no frame of the function has come to be
    if not of_call:
        shorten_traceback(error)
    else:
        leave_users_frames(error)
        from bagkit.other_names import argument_hint

        error.add_note(f"expected {call_text(function)}")
        if hint := argument_hint(function.__name__, str(error)):
            error.add_note(hint)
    return error


def over(what: str) -> TaskError:
    """Return the error for a call of `what` as the last of a program."""
    return TaskError(f"{what}: the program is over and Python is being shut down; hint: call it before its end")


def as_at_the_end(error: BaseException, what: str) -> BaseException:
    """Return what `what` raises for `error`: another error for an import that fails as the last of a program."""
    if not isinstance(error, ImportError) or isinstance(error, BagkitError) or not sys.is_finalizing():
        return error
    return over(what)


def call_text(function: Callable[..., Any]) -> str:
    """Return how `function` is called: its name, its parameters and their defaults.

    >>> import bagkit as bk
    >>> print(call_text(bk.Bag.sort_by))
    Bag.sort_by(key=None, reverse=False, npartitions=None)
    """
    import inspect

    signature = inspect.signature(function)
    parameters = [each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"]
    shown = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return f"{inspect.unwrap(function).__qualname__}{shown}"


def front_doors(kind: C) -> C:
    """Make front doors of the public methods of `kind`, and of the methods that it inherits from classes of bagkit.

    Python's errors for arguments that do not fit name the methods as methods of `kind`, whatever class has them.
    """
    for each in kind.__mro__:
        if not each.__module__.startswith("bagkit."):
            continue
        for name, value in list(vars(each).items()):
            if name.startswith("_") and name not in SPECIAL:
                continue
            if isinstance(value, property) and value.fget is not None:
                setattr(each, name, value.getter(front_door(value.fget)))
            if isinstance(value, FunctionType):
                door = front_door(value)
                if door is not value:
                    value.__qualname__ = f"{kind.__name__}.{name}"
                setattr(each, name, door)
            elif isinstance(value, (staticmethod, classmethod)):
                setattr(each, name, type(value)(front_door(value.__func__)))
    return kind
