"""Item: one value, not computed yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec, TypeVar, overload

from bagkit.computing import run
from bagkit.errors import LazyError, PlanError, one_line
from bagkit.front_doors import front_door, front_doors
from bagkit.lazy.arguments import Operands
from bagkit.lazy.dask_collection import Explained, OneValue
from bagkit.lazy.nesting import plan_of
from bagkit.ops.regroup import Apply
from bagkit.plan.explain import plan_text
from bagkit.plan.node import Plan
from bagkit.signatures import BY_NAME, given_function

if TYPE_CHECKING:
    from bagkit.lazy.delayed_values import Delayed

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
P = ParamSpec("P")


@front_doors
class Item(Explained, OneValue[T_co]):
    """One value that is not computed yet: what `count`, `sum`, `fold` and other reductions return.

    An Item can be an argument of further operations, as in `bag.map(func, item)`; it is computed first. `int(item)`,
    `float(item)` and `complex(item)` compute it.

    >>> import bagkit as bk
    >>> b = bk.range(5, npartitions=2)
    >>> total = b.sum()
    >>> b.map(lambda x, total: x / total, total).max().compute(scheduler="sync")
    0.4
    """

    # No __slots__, so that a list can be one too.

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @overload
    def apply(self, func: Callable[[T_co], U], /) -> Item[U]: ...
    @overload
    def apply(self, func: Callable[Concatenate[T_co, P], U], /, *args: P.args, **kwargs: P.kwargs) -> Item[U]: ...
    @overload
    def apply(self, func: Callable[[T_co, Any], U], /, *args: Any, **kwargs: Any) -> Item[U]: ...
    @overload
    def apply(  # type: ignore[overload-cannot-match]  # of lambdas the one before matches
        self, func: Callable[Concatenate[T_co, ...], U], /, *args: Any, **kwargs: Any
    ) -> Item[U]: ...
    @overload
    def apply(self, *, func: Callable[..., U], **kwargs: Any) -> Item[U]: ...
    def apply(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # func has a name too
        """Call `func` with the value, once it is computed.

        Args:
            func: The function to call. Can also be given by name, as `func=`.
            *args: Further arguments of `func`: plain values; Items and delayed values, which are computed first.
            **kwargs: The same, by name.

        Returns:
            An Item of what `func` returns.

        Raises:
            PlanError: `func` can't be called, or an argument is a bag.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).sum().apply(str).compute(scheduler="sync")
        '10'
        """
        func = given_function("apply", func, kwargs)
        operands = Operands("apply", (self, *args), kwargs, bags=False)
        return Item(Plan(Apply(func, operands.args, operands.kwargs), operands.inputs))

    def to_delayed(self, optimize_graph: bool = True) -> Delayed[T_co]:
        """Make a delayed value of the Item, which has operators, attributes and methods of its own.

        Args:
            optimize_graph: False computes the plan as it is written, whatever the option `optimize` says.

        Returns:
            A delayed value that computes to the same.

        >>> import bagkit as bk
        >>> (bk.range(5, npartitions=2).sum().to_delayed() + 1).compute(scheduler="sync")
        11
        """
        from bagkit.lazy.delayed_values import value_of_collection

        return value_of_collection(self, optimize_graph)

    @staticmethod
    def from_delayed(value: Any) -> Item[Any]:
        """Make an Item of a delayed value.

        Args:
            value: A delayed value or an Item.

        Returns:
            An Item that computes to the same.

        Raises:
            PlanError: `value` is something else.

        >>> import bagkit as bk
        >>> total = bk.Item.from_delayed(bk.delayed(sum)([1, 2]))
        >>> bk.from_sequence([1, 2]).map(lambda x, total: x / total, total).sum().compute(scheduler="sync")
        1.0
        """
        plan = plan_of(value)
        if plan is None or not plan.op.gives_value:
            raise PlanError(f"from_delayed: got {type(value).__name__}; expected a delayed value or an item")
        return Item(plan)

    def _with_plan(self, plan: Plan) -> Item[Any]:
        return Item(plan)

    def __int__(self) -> int:
        return int(run((self.plan,), {})[0])

    def __float__(self) -> float:
        return float(run((self.plan,), {})[0])

    def __complex__(self) -> complex:
        return complex(run((self.plan,), {})[0])

    def __bool__(self) -> NoReturn:
        raise LazyError(
            f"{self.plan.op.label}: the value is not computed yet, so it is neither true nor false; "
            "hint: write `if item.compute():`"
        )

    if not TYPE_CHECKING:  # for type checkers an item can't be iterated over or indexed

        def __iter__(self) -> NoReturn:
            raise LazyError(f"{self.plan.op.label}: the value is not computed yet; hint: iterate over item.compute()")

        def __getitem__(self, key: object) -> NoReturn:
            shown = one_line(key, 80)
            raise LazyError(
                f"{self.plan.op.label}: the value is not computed yet; hint: item.compute()[{shown}], "
                f"or item.apply(operator.itemgetter({shown})) for a lazy one"
            )

    def __len__(self) -> NoReturn:
        raise LazyError(f"{self.plan.op.label}: the value is not computed yet; hint: len(item.compute())")

    def __contains__(self, value: object) -> NoReturn:
        shown = one_line(value, 80)
        raise LazyError(f"{self.plan.op.label}: the value is not computed yet; hint: {shown} in item.compute()")

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise LazyError(f"{self.plan.op.label}: the value is not computed yet; hint: numpy.array(item.compute())")

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        raise LazyError(
            f"{self.plan.op.label}: the value is not computed yet, and can't be formatted as {spec!r}; "
            "hint: format(item.compute(), spec)"
        )

    if not TYPE_CHECKING:  # for type checkers all names would exist

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError, with a hint for what can be meant."""
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from bagkit.other_names import OF_ITEMS, missing_attribute

            fallback = {name: f"item.compute().{name}, if its value has that"}
            raise missing_attribute("an item", name, {**fallback, **OF_ITEMS}, [])

    def __repr__(self) -> str:
        return f"Item:\n{plan_text(self.plan)}"

    def _repr_html_(self) -> str:
        from bagkit.lazy.pages import item_page

        return item_page(self.plan)


def _operator(name: str, symbol: str) -> Callable[[Item[Any], object], Any]:
    """Make the method for an operator. Items have no operators: it raises an error that says what to write."""

    def refuse(self: Item[Any], other: object) -> Any:
        if not isinstance(other, (int, float, complex, Item)):
            return NotImplemented  # delayed values know how, as may others
        raise LazyError(
            f"{self.plan.op.label}: the value is not computed yet, so there is no `{symbol}`; hint: item.compute(), "
            f"or item.apply(lambda value, other: value {symbol} other, other)"
        )

    refuse.__name__, refuse.__qualname__ = name, f"Item.{name}"
    return front_door(refuse)


def _function(name: str, function: str) -> Callable[..., NoReturn]:
    """Make the method by which `abs` and the like ask for a result; it raises an error that says what to write."""

    def refuse(self: Item[Any], *args: object) -> NoReturn:
        raise LazyError(
            f"{self.plan.op.label}: the value is not computed yet; hint: {function}(item.compute()), "
            f"or item.apply({function})"
        )

    refuse.__name__, refuse.__qualname__ = name, f"Item.{name}"
    return front_door(refuse)


for _name, _meant in {"neg": "operator.neg", "pos": "operator.pos", "abs": "abs", "round": "round"}.items():
    setattr(Item, f"__{_name}__", _function(f"__{_name}__", _meant))
for _name, _symbol in {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}.items():  # fmt: skip
    setattr(Item, f"__{_name}__", _operator(f"__{_name}__", _symbol))
    if _name[0] not in "lg":
        setattr(Item, f"__r{_name}__", _operator(f"__r{_name}__", _symbol))
