"""Calls of plain functions on whole values: what `delayed` makes."""

from __future__ import annotations

import _pickle  # all of pickle that is used, without what that imports
import io
import itertools
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bagkit.errors import PlanError, ask, one_line
from bagkit.light_classes import dataclass
from bagkit.ops.by_name import by_name, function_of
from bagkit.plan.kinds import Call, OnRecords, Pairing
from bagkit.plan.template import fill_arguments

if TYPE_CHECKING:
    from concurrent.futures import Future

_numbers = itertools.count()
next_number = _numbers.__next__


class _Process:
    """A token that tells keys of this process from keys of others; mutable, because a fork makes another process."""

    token = os.urandom(4).hex()

    @classmethod
    def renew(cls) -> None:
        cls.token = os.urandom(4).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Process.renew)


@dataclass(frozen=True, slots=True)
class DelayedCall(Call):
    """`delayed(function)(...)`: a task of its own, with a name of its own, or one task with the call it works on.

    Its inputs can be bags too, whose values are the lists of their records.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    """Plain values, and templates (`plan.template`) with a hole for each input."""
    kwargs: dict[str, Any] | None
    title: str
    """What it does, for people, in one word: `inc`."""
    number: int
    """No other call of this process has it."""
    name: Any = None
    """What it was named, by its user or by what it computes: calls of one name are one. None: it is like no other."""
    file: str = ""
    line: int = 0
    """Where the user wrote the call; 0 if nobody knows."""

    @property
    def label(self) -> str:
        return self.title

    @property
    def key(self) -> Any:
        """What its task is called: the same in each run."""
        return f"{self.title}-{_Process.token}{self.number:x}" if self.name is None else self.name

    def user_functions(self) -> tuple[Any, ...]:
        return (self.function,)

    def call(self, values: Sequence[Any]) -> Any:
        args, kwargs = fill_arguments(self.args, self.kwargs or {}, values)
        return self.function(*args, **kwargs)

    def digest(self, inputs: Sequence[Any]) -> str:
        """Return text that is equal for calls that compute the same from `inputs`, which are keys."""
        return call_token(self.function, (self.args, self.kwargs, tuple(inputs)))

    def __reduce__(self) -> tuple[Any, ...]:
        # The number means nothing elsewhere, so the call is known there by the key that it has here.
        return _restored, (
            by_name(self.function), self.args, self.kwargs, self.title, self.key, self.file, self.line,
        )  # fmt: skip


@dataclass(frozen=True)
class Known(Call):
    """A value that is there already: what `persist` leaves of an item."""

    value: Any = field(repr=False)

    can_raise = False
    label = "value"

    def call(self, values: Sequence[Any]) -> Any:
        return self.value


@dataclass(frozen=True, eq=False)
class FutureValue(Call):
    """The value of a future, where a plan needs it. A run waits for it before it begins."""

    future: Future[Any] = field(repr=False)

    can_raise = False
    label = "future"

    def call(self, values: Sequence[Any]) -> Any:
        return self.future.result()

    def __reduce__(self) -> tuple[Any, ...]:
        from bagkit.dask_locks import wait_while_pickled

        return Known, (wait_while_pickled(self.future.result),)


@dataclass(frozen=True)
class SinkPart(Call):
    """Writes one partition of a Sink, which is its input: a sink that only parts are asked of writes only those."""

    name: str
    number: int
    """Of the partition."""
    made: Callable[[Any], Any]
    """Makes its value of what was written of the partition."""

    opaque = False

    @property
    def label(self) -> str:
        return f"{self.name}[{self.number}]"

    def call(self, values: Sequence[Any]) -> Any:
        return self.made(values[0])


@dataclass(frozen=True)
class PartitionOf(Pairing):
    """`from_delayed(...)`: the elements of a value, as one partition."""

    name: str = "from_delayed"

    bags = 0
    can_raise = False

    @property
    def label(self) -> str:
        return self.name

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        (value,) = values
        if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
            hint = "list(value.items())" if isinstance(value, Mapping) else "[value]"
            raise PlanError(
                f"{self.name}: a value computes to {one_line(value, 60)} of type {type(value).__name__}; expected an "
                f"iterable of the records of one partition; hint: for a single record let its function return {hint}"
            )
        return lambda: value  # a Replay gives its records from the beginning


def call_token(function: Any, arguments: Any) -> str:
    """Return text that is the same, in this process, for the same function called with the same arguments.

    Arguments are the same if they pickle to the same bytes; with one that can't be pickled, a call is like no other.
    Functions and classes are the same if they are one object: a name can come to mean another function.
    """
    import hashlib

    buffer = io.BytesIO()
    pickler = _Pickler(buffer, protocol=5)
    try:
        pickler.dump((function, arguments))
    except Exception:  # whatever a user's __reduce__ raises
        return f"{_Process.token}{next_number():x}"
    return hashlib.blake2b(buffer.getvalue(), digest_size=12, key=_Process.token.encode()).hexdigest()


class _Pickler(_pickle.Pickler):
    """Writes a number for each function and class, not its name."""

    def persistent_id(self, value: Any) -> int | None:
        if isinstance(value, type) or (callable(value) and ask(value, "__code__") is not None):
            return number_of(value)
        return None


_known: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def number_of(value: Any) -> int:
    """Return a number that no other object of this process has, living or dead: for objects with weak references."""
    try:
        return _known[value]
    except KeyError:
        return _known.setdefault(value, next_number())


def _restored(function: Any, args: Any, kwargs: Any, title: str, key: Any, file: str, line: int) -> DelayedCall:
    return DelayedCall(function_of(function), args, kwargs, title, next_number(), key, file, line)


def known_call(value: Any, op: DelayedCall) -> DelayedCall:
    """Return a call that gives `value`, the value of the call `op`, under its name; a Hole gives what fills it."""
    return DelayedCall(identity, (value,), None, op.title, next_number(), op.key, op.file, op.line)


# Functions whose names say what they do to a delayed value ---------------------------------------------------------


class Method:
    """Calls the method `name` of its first argument."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, value: Any, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(value, self.name)(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return Method, (self.name,)


def identity(value: Any, /) -> Any:
    """Return `value`."""
    return value


def as_written(value: Any, /) -> Any:
    """Return `value`, computed as it was written: passes leave alone the plans that such a call works on."""
    return value


class Swapped:
    """Calls a function of two arguments with those the other way round."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def __call__(self, right: Any, left: Any, /) -> Any:
        return self.function(left, right)


OPERATORS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, f"__{name}__")
    for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
                 "rshift", "eq", "ne", "lt", "le", "gt", "ge", "getitem", "abs", "neg", "pos", "invert")
}  # fmt: skip
OPERATORS["divmod"] = divmod
"""The operators that a delayed value has, by their names without the underscores."""

REFLECTED = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
             "rshift", "divmod")  # fmt: skip
"""Those that also work with the delayed value on the right."""
