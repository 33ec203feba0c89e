"""Delayed: a value that is not computed yet, whose operators, attributes and calls give further ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from bagkit.errors import LazyError, one_line
from bagkit.lazy.calls import checked_name, plan_of_call
from bagkit.lazy.dask_collection import DaskCollection, OneValue
from bagkit.ops.calls import (
    OPERATORS,
    REFLECTED,
    DelayedCall,
    Method,
    Swapped,
    as_written,
    identity,
    next_number,
)
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole
from bagkit.tracebacks import shown_file, users_frame
from bagkit.warn import warn_at_caller

T_co = TypeVar("T_co", covariant=True)

_FIRST = (Hole(0),)


class Delayed(OneValue[T_co]):
    """A value that is not computed yet: the result of a delayed function, or of something done to such a result.

    Attributes, methods, operators, indexing and calls of a delayed value give further delayed values. It can be an
    argument of further delayed calls, also inside lists, tuples, sets, dicts, slices, dataclasses and namedtuples. The
    names `plan`, `key`, `compute`, `persist`, `visualize` and `dask` are its own.

    >>> import bagkit as bk
    >>> words = bk.delayed(str.split)("b a c")
    >>> (words + ["d"])[::2].count("b").compute(scheduler="sync")
    1
    """

    __slots__ = ("__weakref__", "_length", "_plan")
    __array_ufunc__ = None
    """numpy leaves operators with a delayed value to it, instead of going through the elements of the array."""
    __pandas_priority__ = 5000
    """And so does pandas; DataFrame has 4000."""

    _plan: Plan
    _length: int | None

    def __init__(self, plan: Plan, length: int | None = None) -> None:
        set_plan(self, plan)
        set_length(self, length)

    @property
    def plan(self) -> Plan:
        """The plan: what is to be done.

        >>> import bagkit as bk
        >>> bk.delayed(len)("ab").plan.op.label
        'len'
        """
        return self._plan

    @property
    def key(self) -> Any:
        """What the task is called in the graph: `'inc-5f3a9c2e1'`.

        >>> import bagkit as bk
        >>> bk.delayed(len)("ab", dask_key_name="how long").key
        'how long'
        """
        op = self.plan.op
        assert isinstance(op, DelayedCall)
        return op.key

    _key = key  # as programs for dask call it

    def _with_plan(self, plan: Plan) -> Delayed[Any]:
        return Delayed(plan, self._length)

    # What gives further delayed values ------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Delayed[Any]:
        if name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}; names that start with _ are not delayed; "
                f"hint: bagkit.delayed(getattr)(value, {name!r})"
            )
        if name == "visualise":
            said = "delayed values, and dask.delayed objects have no `visualise` method; hint: `visualize` draws them"
            warn_at_caller(said, UserWarning)
        return DelayedAttribute(self, name, users_frame())

    def __call__(self, /, *args: Any, **kwargs: Any) -> Delayed[Any]:
        return Delayed(plan_of_call(operator.call, (self, *args), kwargs, "call", users_frame()))

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise LazyError("a delayed value is no array: it is not computed yet; hint: numpy.asarray(value.compute())")

    if TYPE_CHECKING:

        def _operator(self, other: Any) -> Delayed[Any]: ...

        __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _operator
        __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = __divmod__ = __getitem__ = _operator
        __lt__ = __le__ = __gt__ = __ge__ = _operator
        __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _operator
        __rand__ = __ror__ = __rxor__ = __rlshift__ = __rrshift__ = __rdivmod__ = _operator

        def _unary_operator(self) -> Delayed[Any]: ...

        __abs__ = __neg__ = __pos__ = __invert__ = _unary_operator

    # What needs the value itself ------------------------------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise LazyError(
            "a delayed value is neither true nor false: it is not computed yet; hint: `if value.compute():`, "
            "or put the `if` into a delayed function"
        )

    def __len__(self) -> int:
        if self._length is None:
            raise LazyError(
                "a delayed value has no length: it is not computed yet; hint: bagkit.delayed(len)(value), "
                "or nout= where its function is delayed says how many values it returns"
            )
        return self._length

    def __iter__(self) -> Iterator[Delayed[Any]]:
        if self._length is None:
            raise LazyError(
                "a delayed value can't be iterated over: it is not computed yet; hint: `for x in value.compute():`, "
                "or `a, b = ...` of a function that is delayed with nout=2"
            )
        frame, item = users_frame(), OPERATORS["getitem"]
        return iter([Delayed(plan_of_call(item, (self, n), {}, "getitem", frame)) for n in range(self._length)])

    def __int__(self) -> NoReturn:
        raise LazyError(
            "a delayed value is no number: it is not computed yet; hint: value.compute(), or bagkit.delayed(int)(value)"
        )

    __index__ = __float__ = __complex__ = __int__

    def __format__(self, spec: str) -> str:
        if spec:
            raise LazyError(
                f"a delayed value can't be formatted as {spec!r}: it is not computed yet; hint: value.compute(), "
                f"or bagkit.delayed(format)(value, {spec!r})"
            )
        return repr(self)

    def __contains__(self, value: object) -> NoReturn:
        raise LazyError(
            "a delayed value is not computed yet; hint: bagkit.delayed(operator.contains)(values, value), "
            "or `value in values.compute()`"
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise LazyError(
            f"a delayed value can't be changed, got .{name} = {one_line(value, 60)}; "
            "hint: put the assignment into a delayed function that returns the object"
        )

    def __setitem__(self, index: object, value: object) -> NoReturn:
        raise LazyError(
            f"a delayed value can't be changed, got [{one_line(index, 60)}] = {one_line(value, 60)}; "
            "hint: put the assignment into a delayed function that returns the object"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise LazyError(f"a delayed value can't be changed, got del .{name}")

    def __delitem__(self, index: object) -> NoReturn:
        raise LazyError(f"a delayed value can't be changed, got del [{one_line(index, 60)}]")

    # Looking, copying -----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Delayed({self.key!r})"

    def _repr_html_(self) -> str:
        from bagkit.lazy.pages import delayed_page

        return delayed_page(repr(self), self.plan)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __copy__(self) -> Delayed[T_co]:
        return self

    def __deepcopy__(self, memo: object) -> Delayed[T_co]:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Delayed, (self.plan, self._length)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if not name.startswith("_") or name.startswith("__")]


set_plan = Delayed.__dict__["_plan"].__set__
set_length = Delayed.__dict__["_length"].__set__
"""Sets an attribute of a delayed value, which refuses assignment."""


class DelayedAttribute(Delayed[Any]):
    """An attribute of a delayed value; called, it is a method of it: one task, not two."""

    __slots__ = ("_frame", "_name", "_of")
    _of: Delayed[Any]
    _name: str
    _frame: tuple[str, int]

    def __init__(self, of: Delayed[Any], name: str, frame: FrameType) -> None:
        _set_of(self, of)
        _set_name(self, name)
        _set_frame(self, (shown_file(frame), frame.f_lineno))
        set_plan(self, None)
        set_length(self, None)

    @property
    def plan(self) -> Plan:
        """What is to be done."""
        attributes: list[DelayedAttribute] = []
        of: Delayed[Any] = self
        while isinstance(of, DelayedAttribute) and of._plan is None:  # of one another, made by a loop
            attributes.append(of)
            of = of._of
        for each in reversed(attributes):
            args = (*_FIRST, each._name)
            op = DelayedCall(getattr, args, None, each._name, next_number(), None, *each._frame)
            set_plan(each, Plan(op, (each._of.plan,)))
        return self._plan

    def __call__(self, /, *args: Any, **kwargs: Any) -> Delayed[Any]:
        name, pure = kwargs.pop("dask_key_name", None), kwargs.pop("pure", False)
        plan = plan_of_call(
            Method(self._name), (self._of, *args), kwargs, self._name, users_frame(), checked_name(name), pure
        )
        return Delayed(plan)


_set_of = DelayedAttribute.__dict__["_of"].__set__
_set_name = DelayedAttribute.__dict__["_name"].__set__
_set_frame = DelayedAttribute.__dict__["_frame"].__set__


def value_of_collection(collection: DaskCollection, optimize_graph: bool = True) -> Delayed[Any]:
    """Return the delayed value of a bag, as the list of its records, or of an item.

    Without `optimize_graph` it is computed as it was written.
    """
    function = identity if optimize_graph else as_written
    return Delayed(plan_of_call(function, (collection,), {}, type(collection).__name__.lower(), users_frame()))


def _binary(name: str, function: Callable[..., Any]) -> Callable[..., Delayed[Any]]:
    def method(self: Delayed[Any], other: Any) -> Delayed[Any]:
        return Delayed(plan_of_call(function, (self, other), {}, name, users_frame()))

    return method


def _unary(name: str, function: Callable[..., Any]) -> Callable[..., Delayed[Any]]:
    def method(self: Delayed[Any]) -> Delayed[Any]:
        return Delayed(plan_of_call(function, (self,), {}, name, users_frame()))

    return method


def _add_operators() -> None:
    for name, function in OPERATORS.items():
        make = _unary if name in ("abs", "neg", "pos", "invert") else _binary
        setattr(Delayed, f"__{name}__", make(name, function))
    for name in REFLECTED:
        setattr(Delayed, f"__r{name}__", _binary(name, Swapped(OPERATORS[name])))


_add_operators()
