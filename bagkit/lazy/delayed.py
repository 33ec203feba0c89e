"""delayed: plain functions called later, in parallel.

The module stands in a package, so that `bagkit.delayed` is the function whatever was imported before.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from collections.abc import Callable, Iterator
from types import FrameType, MethodType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from bagkit.computing import run
from bagkit.errors import LazyError, PlanError, one_line
from bagkit.front_doors import front_door, front_doors
from bagkit.lazy.arguments import plan_of
from bagkit.lazy.dask_protocol import DaskCollection
from bagkit.lazy.nesting import ATOMS, Lift
from bagkit.ops.calls import (
    OPERATORS,
    REFLECTED,
    DelayedCall,
    Method,
    Swapped,
    call_value,
    digest,
    identity,
    next_number,
)
from bagkit.ops.functions import short_label
from bagkit.plan.kinds import TaskCall
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole
from bagkit.sentinels import NOT_GIVEN
from bagkit.tracebacks import users_frame
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from os import PathLike
    from typing import Unpack

    from bagkit.computing import Collected
    from bagkit.diagnostics.picture import Picture
    from bagkit.options import CollectKeywords, OptionKeywords, PlainKeywords

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")

_FIRST = (Hole(0),)

if TYPE_CHECKING:
    Plain = int | float | complex | str | bytes | None

    class WrongArguments:
        """What a call gives type checkers if its arguments are plain values that the function does not take."""


class Delayed(DaskCollection, Generic[T_co]):
    """A value that is not computed yet: what a function will return, or what is done to such a value.

    Attributes, methods, operators, indexing and calls give further delayed values. It can be an argument of further
    delayed calls, also inside of lists, tuples, sets, dicts, slices, dataclasses and namedtuples. The names `plan`,
    `key`, `compute`, `persist`, `visualize` and `dask` are its own.

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
        _set_plan(self, plan)
        _set_length(self, length)

    @property
    def plan(self) -> Plan:
        """What is to be done."""
        return self._plan

    @property
    def key(self) -> Any:
        """What the task is called in the graph: `'inc-5f3a9c2e1'`."""
        op = self.plan.op
        assert isinstance(op, TaskCall)
        return op.key

    _key = key  # as programs for dask call it

    @overload
    def compute(self, **options: Unpack[PlainKeywords]) -> T_co: ...
    @overload
    def compute(self, **options: Unpack[CollectKeywords]) -> Collected[T_co]: ...
    def compute(self, **options: Any) -> Any:
        """Return the value; `options` are those of `bagkit.options`. It runs in threads unless they say otherwise.

        >>> import bagkit as bk
        >>> bk.delayed(max)([3, bk.delayed(abs)(-5)]).compute(scheduler="sync")
        5
        """
        return run((self.plan,), options)[0]

    def persist(self, **options: Unpack[OptionKeywords]) -> Delayed[T_co]:
        """Return the delayed value with what it computes to, computed now and held in memory.

        >>> import bagkit as bk
        >>> value = bk.delayed(sorted)([2, 1]).persist(scheduler="sync")
        >>> value[0].compute(scheduler="sync")
        1
        """
        from bagkit.lazy.together import persist

        return persist(self, **options)[0]

    def visualize(self, filename: str | PathLike[str] | None = None, **looks: Any) -> Picture:
        """Return a picture of the calls, written to `filename` too if there is one, as `bagkit.visualize` does.

        >>> import bagkit as bk
        >>> (bk.delayed(len)("ab") + bk.delayed(3)).visualize()
        <Picture of 5 nodes; .save('picture.svg') writes it to a file>
        """
        from bagkit.lazy.together import visualize

        return visualize(self, filename=filename, **looks)

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
        return delayed_call(call_value, (self, *args), kwargs, "call", users_frame())

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
        return iter([delayed_call(item, (self, n), {}, "getitem", frame) for n in range(self._length)])

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


_set_plan = Delayed.__dict__["_plan"].__set__
_set_length = Delayed.__dict__["_length"].__set__


def delayed_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], title: str, frame: FrameType,
    name: Any = None, pure: bool = False, nout: int | None = None,
) -> Delayed[Any]:  # fmt: skip
    """Return the delayed value of `function(*args, **kwargs)`, called by the user in `frame`."""
    inputs: tuple[Plan, ...] = ()
    if kwargs or not ATOMS.issuperset(map(type, args)):
        lift = Lift()
        args = tuple(map(lift.template, args))
        if kwargs:
            kwargs = {key: lift.template(value) for key, value in kwargs.items()}
        inputs = tuple(lift.plans)
    if pure and name is None:
        name = _pure_name(title, function, (args, kwargs or None), inputs)
    op = DelayedCall(
        function, args, kwargs or None, title, next_number(), name, frame.f_code.co_filename, frame.f_lineno
    )
    return Delayed(Plan(op, inputs), nout)


def _pure_name(title: str, function: Any, arguments: Any, inputs: tuple[Plan, ...]) -> str:
    keys = tuple(plan.op.key if isinstance(plan.op, TaskCall) else digest(identity, plan) for plan in inputs)
    return f"{title}-{digest(function, (arguments, keys))}"


class DelayedAttribute(Delayed[Any]):
    """An attribute of a delayed value; called, it is a method of it: one task, not two."""

    __slots__ = ("_frame", "_name", "_of")
    _of: Delayed[Any]
    _name: str
    _frame: tuple[str, int]

    def __init__(self, of: Delayed[Any], name: str, frame: FrameType) -> None:
        _set_of(self, of)
        _set_name(self, name)
        _set_frame(self, (frame.f_code.co_filename, frame.f_lineno))
        _set_plan(self, None)
        _set_length(self, None)

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
            _set_plan(each, Plan(op, (each._of.plan,)))
        return self._plan

    def __call__(self, /, *args: Any, **kwargs: Any) -> Delayed[Any]:
        name, pure = kwargs.pop("dask_key_name", None), kwargs.pop("pure", False)
        return delayed_call(
            Method(self._name), (self._of, *args), kwargs, self._name, users_frame(), _checked_name(name), pure
        )


_set_of = DelayedAttribute.__dict__["_of"].__set__
_set_name = DelayedAttribute.__dict__["_name"].__set__
_set_frame = DelayedAttribute.__dict__["_frame"].__set__


@front_doors
class DelayedFunction(Delayed[Callable[P, R]], Generic[P, R]):
    """A function whose calls are delayed: what `delayed(function)` gives."""

    __wrapped__: Callable[P, R]
    __name__: str

    def __init__(self, function: Callable[P, R], name: Any, pure: bool, nout: int | None, frame: FrameType) -> None:
        _set_plan(self, None)
        _set_length(self, None)
        # In the dictionary of the instance, which assignment does not reach.
        mine = self.__dict__
        for attribute in (*functools.WRAPPER_ASSIGNMENTS, "__annotations__"):  # the last is none of them in Python 3.14
            with contextlib.suppress(AttributeError, NameError):  # annotations may name what only type checkers see
                mine[attribute] = getattr(function, attribute)
        mine["__wrapped__"] = function
        mine["_title"] = short_label(function)
        mine["_given"] = name
        mine["_pure"] = pure
        mine["_nout"] = nout
        mine["_frame"] = (frame.f_code.co_filename, frame.f_lineno)

    @property
    def plan(self) -> Plan:
        """What is to be done: nothing, the value is the function."""
        if self._plan is None:
            mine = self.__dict__
            op = DelayedCall(
                identity, (self.__wrapped__,), None, mine["_title"], next_number(), mine["_given"], *mine["_frame"]
            )
            _set_plan(self, Plan(op))
        return self._plan

    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Delayed[R]: ...
    @overload  # a name for the task, or that it is pure, which no parameter of the function says
    def __call__(self, /, *args: Any, dask_key_name: Any, **kwargs: Any) -> Delayed[R]: ...
    @overload
    def __call__(self, /, *args: Any, pure: bool, **kwargs: Any) -> Delayed[R]: ...
    @overload  # plain values only, of which it is known that they do not fit
    def __call__(self, /, *args: Plain, **kwargs: Plain) -> WrongArguments: ...
    @overload  # something that is computed first, or may have something like that in it
    def __call__(self, /, *args: Any, **kwargs: Any) -> Delayed[R]: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        mine = self.__dict__
        name, pure = None, mine["_pure"]
        if kwargs:
            name = _checked_name(kwargs.pop("dask_key_name", None))
            pure = kwargs.pop("pure", pure)
        return delayed_call(
            self.__wrapped__, args, kwargs, mine["_title"], users_frame(), name, pure, mine["_nout"]
        )  # fmt: skip

    @overload
    def __get__(self, instance: None, owner: Any = None) -> DelayedFunction[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: Any = None) -> Callable[..., Delayed[R]]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        mine = self.__dict__
        module, name = mine.get("__module__"), mine.get("__qualname__")
        if module != "__main__" and _found(module, name) is self:
            return name  # it is imported where it is needed, as the function would be
        return _function, (self.__wrapped__, mine["_given"], mine["_pure"], mine["_nout"])


def _function(function: Callable[..., Any], name: Any, pure: bool, nout: int | None) -> DelayedFunction[..., Any]:
    return DelayedFunction(function, name, pure, nout, users_frame())


def _found(module: Any, name: Any) -> Any:
    try:
        return operator.attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError, TypeError):
        return None


def _checked_name(name: Any) -> Any:
    if name is None or isinstance(name, str) or (isinstance(name, tuple) and name and isinstance(name[0], str)):
        return name
    raise PlanError(f"delayed: the name of a task is {one_line(name)}; expected text, or a tuple that starts with text")


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
    """Return `obj` for later: of a function one whose calls are delayed, of any other value a delayed value.

    A call gives a `Delayed`; nothing runs before `compute`, and then what does not need each other runs side by side.
    Delayed values, bags (lists of their records) and items among the arguments are computed first, also inside of
    containers, unless `traverse` is False for `obj`. `nout` says that the function returns so many values, which
    can then be unpacked. With `pure` calls of the same function with the same arguments are one: they run once.
    `name` is the name of the task. A call takes `dask_key_name=` (its name) and `pure=` beside the function's own.

    Raises PlanError for an `nout` that is no number from 0 up, and for arguments that contain themselves.

    >>> import bagkit as bk
    >>> @bk.delayed
    ... def add(a, b):
    ...     return a + b
    >>> total = add(add(1, 2), 3)
    >>> total.compute(scheduler="sync")
    6
    """
    _checked_name(name)
    if nout is not None and (type(nout) is not int or nout < 0):
        raise PlanError(f"delayed: nout is {one_line(nout)}; expected None, or a whole number from 0 up")
    if obj is NOT_GIVEN:
        return functools.partial(delayed, name=name, pure=pure, nout=nout, traverse=traverse)
    if isinstance(obj, Delayed):
        return obj
    frame = users_frame()
    if plan_of(obj) is not None:
        return delayed_call(identity, (obj,), {}, type(obj).__name__.lower(), frame, name, bool(pure), nout)
    lift = Lift()
    template = lift.template(obj) if traverse else obj
    if callable(obj) and not lift.plans:
        return DelayedFunction(obj, name, bool(pure), nout, frame)
    if pure and name is None:
        name = _pure_name(type(obj).__name__, identity, template, tuple(lift.plans))
    op = DelayedCall(
        identity, (template,), None, type(obj).__name__, next_number(), name, frame.f_code.co_filename, frame.f_lineno
    )
    return Delayed(Plan(op, tuple(lift.plans)), nout)


def _binary(name: str, function: Callable[..., Any]) -> Callable[..., Delayed[Any]]:
    def method(self: Delayed[Any], other: Any) -> Delayed[Any]:
        return delayed_call(function, (self, other), {}, name, users_frame())

    return method


def _unary(name: str, function: Callable[..., Any]) -> Callable[..., Delayed[Any]]:
    def method(self: Delayed[Any]) -> Delayed[Any]:
        return delayed_call(function, (self,), {}, name, users_frame())

    return method


def _add_operators() -> None:
    for name, function in OPERATORS.items():
        make = _unary if name in ("abs", "neg", "pos", "invert") else _binary
        setattr(Delayed, f"__{name}__", make(name, function))
    for name in REFLECTED:
        setattr(Delayed, f"__r{name}__", _binary(name, Swapped(OPERATORS[name])))


_add_operators()
