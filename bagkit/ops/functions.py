"""Functions as users give them: a callable or a key, a name to show, arguments to bind."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import itemgetter, methodcaller
from types import CodeType
from typing import Any, ClassVar

from bagkit.errors import PlanError, ask, one_line
from bagkit.light_classes import dataclass
from bagkit.ops._toolz_read import complemented, toolz_kind, toolz_name
from bagkit.plan.node import Plan
from bagkit.signatures import checked_count
from bagkit.user_code.main_module import MAIN
from bagkit.visible import visible


def function_label(function: object) -> str:
    """Return the name to show for `function`: `json.loads`, `clean`, `str.upper`, `lambda`.

    >>> import json
    >>> function_label(json.loads), function_label(str.upper), function_label(lambda x: x)
    ('json.loads', 'str.upper', 'lambda')
    >>> import toolz.curried
    >>> function_label(toolz.curried.get_in(["user", "id"])), function_label(itemgetter("name"))
    ("toolz.get_in(['user', 'id'])", "itemgetter('name')")
    """
    if isinstance(function, functools.partial):
        return f"partial({function_label(function.func)})"
    made = _made_label(function)
    if made:
        return made
    name = ask(function, "__qualname__")
    if not isinstance(name, str):
        return visible(type(function).__name__) if callable(function) else one_line(function)
    name = visible(name.rpartition("<locals>.")[2])
    if name == "<lambda>":
        return "lambda"
    module = ask(function, "__module__")
    if not module or not isinstance(module, str) or module in MAIN or module == "builtins":
        return name
    return f"{visible(module.rpartition('.')[2].lstrip('_'))}.{name}"


def _made_label(function: Any) -> str:
    """Return what to show for a function that operator or toolz made: `itemgetter('name')`; "" for others."""
    match toolz_kind(function):
        case "curry":
            given = [_argument_label(arg) for arg in function.args]
            given += [f"{name}={_argument_label(arg)}" for name, arg in (function.keywords or {}).items()]
            label = function_label(function.func)
            return f"{label}({', '.join(given)})" if given else label
        case "Compose":
            parts = [*function.funcs[::-1], function.first]
            return f"compose({', '.join(map(function_label, parts))})"
        case "juxt":
            return f"juxt({', '.join(map(function_label, function.funcs))})"
        case "complement":
            return f"complement({function_label(complemented(function))})"
        case "excepts":
            return f"excepts({_argument_label(function.exc)}, {function_label(function.func)})"
    if type(function) in (itemgetter, methodcaller):
        make, args = function.__reduce__()[:2]
        if make is type(function):
            return f"{make.__name__}({', '.join(map(one_line, args))})"
    name = toolz_name(function)
    return f"{function.__module__.partition('.')[0]}.{name}" if name else ""


def _argument_label(value: Any) -> str:
    return function_label(value) if callable(value) else one_line(value)


def short_label(function: Any) -> str:
    """Return the name of a function without its module, of a partial of the function inside: `loads`.

    >>> short_label(functools.partial(str.upper))
    'upper'
    """
    while isinstance(function, functools.partial):
        function = function.func
    return function_label(function).rpartition(".")[2]


def check_callable(operation: str, function: object, *, none_is: str | None = None) -> None:
    """Raise PlanError unless `function` can be called, or is None where that has a meaning."""
    if callable(function):
        refuse_async(operation, function)
        return
    if function is None and none_is is not None:
        return
    error = PlanError(
        f"{operation}: the function can't be called; got {one_line(function)} of type {type(function).__name__}; "
        f"hint: {_way(operation, function)}"
    )
    if operation == "map" and isinstance(function, str):
        error.add_note(f"hint: bag.pluck({function!r}) gives that field of each record")
    raise error


def refuse_async(operation: str, function: Any) -> None:
    """Raise PlanError for a function that is `async`: nobody would wait for what its calls give."""
    called = function
    while isinstance(called, functools.partial) or toolz_kind(called) == "curry":
        called = called.func
    codes = [ask(called, "__code__")]
    if not isinstance(called, type):
        codes.append(ask(ask(type(called), "__call__"), "__code__"))
    flags = [code.co_flags for code in codes if type(code) is CodeType]
    name = short_label(called)
    if any(each & inspect.CO_COROUTINE for each in flags):
        hint = f"{operation}(lambda *args: asyncio.run({name}(*args))) waits for each call"
        if operation == "map":
            hint += "; to wait for many at a time, call asyncio.gather in a function for map_partitions"
        raise PlanError(f"{operation}: {name} is an async function, and nobody waits for its calls; hint: {hint}")
    if any(each & inspect.CO_ASYNC_GENERATOR for each in flags):
        raise PlanError(
            f"{operation}: {name} is an async generator function, and nobody waits for what it yields; hint: collect "
            "that in another async function, and call that by asyncio.run"
        )


_WAYS = {
    "fold": "fold(operator.add, initial=0)",
    "foldby": "foldby('name', lambda total, record: total + record['field'], 0, operator.add)",
    "accumulate": "accumulate(operator.add, initial=0)",
    "reduction": "reduction(sum, sum)",
    "reduce_by_key": "reduce_by_key(operator.add)",
    "aggregate_by_key": "aggregate_by_key(0, operator.add, operator.add)",
    "submit": "submit(abs, number)",
}
"""How operations are called whose functions take two values, or come with their arguments."""


def _way(operation: str, function: object) -> str:
    """Return what to write if an operation was given something that is no function."""
    if operation in _WAYS:
        return f"pass the function itself, as in {_WAYS[operation]}"
    if operation in ("filter", "remove") and (isinstance(function, str) or ask(function, "plan") is not None):
        return f"{operation}(lambda record: record['age'] > 30) asks each record"
    if operation in ("map", "flat_map") and isinstance(function, Mapping):
        return f"{operation}(mapping.get) looks each record up"
    return f"pass the function itself, as in {operation}(str.upper)"


_ROWS = "frame.astype(object).where(frame.notna(), None).to_dict('records')"
"""The rows of a frame of pandas, with None for missing values; pandas has NaN there, which is no text."""

_TABLES = {
    **dict.fromkeys([(module, "DataFrame") for module in ("pandas", "dask", "modin", "cudf")], _ROWS),
    ("polars", "DataFrame"): "frame.to_dicts()",
    ("polars", "LazyFrame"): "frame.collect().to_dicts()",
    ("pyarrow", "Table"): "table.to_pylist()",
    ("pyarrow", "RecordBatch"): "table.to_pylist()",
}
"""Types of tables, by their package and name, and what gives the rows of one as dicts."""


def rows_of_table(kind: object) -> str | None:
    """Return what gives the rows of a table as dicts, if `kind` is a type of tables; None for all else."""
    for each in kind.__mro__ if isinstance(kind, type) else ():
        rows = _TABLES.get((each.__module__.partition(".")[0], each.__name__))
        if rows is not None:
            return rows
    return None


def key_function(operation: str, key: object) -> Callable[[Any], Any]:
    """Return the function that `key` stands for: `key` itself, or one that takes one or several items of a record.

    Raises PlanError for a key that can be neither called nor used as an index.

    >>> key_function("topk", 1)(("a", 3))
    3
    >>> key_function("foldby", ["a", "b"])({"a": 1, "b": 2})
    (1, 2)
    """
    if callable(key):
        refuse_async(operation, key)
        return key
    if isinstance(key, list):
        return tuple_getter(key)
    if isinstance(ask(key, "plan"), Plan):
        raise PlanError(
            f"{operation}: the key is a {type(key).__name__}, which is not computed yet; expected a function, a "
            f"field's name, an index, or a list of those; hint: {operation}(lambda record: ...) is given each record"
        )
    if isinstance(key, Hashable):
        return itemgetter(key)
    raise PlanError(
        f"{operation}: the key is neither a function nor an index; got {one_line(key)}; "
        "expected a function, a field's name, an index, or a list of those"
    )


@dataclass(frozen=True)
class OfFunction:
    """What an op says of itself that calls one function of the user's."""

    function: Callable[..., Any]

    operation: ClassVar[str]
    """The name of the method of Bag, or Item, that was given the function."""

    def __post_init__(self) -> None:
        check_callable(self.operation, self.function)

    @property
    def label(self) -> str:
        return f"{self.operation}({function_label(self.function)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.function,)


class TupleOf:
    """Takes `(record[a], record[b], ...)`; unlike itemgetter it gives a tuple for one key and for none too."""

    def __init__(self, keys: tuple[Any, ...]) -> None:
        self.keys = keys

    def __call__(self, record: Any) -> tuple[Any, ...]:
        return tuple([record[key] for key in self.keys])


def tuple_getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return the fastest function that takes `keys` of a record as a tuple."""
    return itemgetter(*keys) if len(keys) > 1 else TupleOf(tuple(keys))


def takes_one_argument(function: Callable[..., Any]) -> bool:
    """Return whether `function` can be called with one positional argument; True where that can't be known."""
    try:
        signature = inspect.signature(function)
    except Exception:  # there is none, or code of the user's says what there is
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


class Spread:
    """Calls a function of several arguments with the elements of one tuple."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    def __call__(self, record: Any) -> Any:
        return self.__wrapped__(*record)


def one_argument(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return `function`, or, if it needs several arguments, one that spreads a tuple over them.

    >>> one_argument(lambda k, v: v)(("a", 3))
    3
    """
    return function if takes_one_argument(function) else Spread(function)


def shown_key(key: Any) -> str:
    """Return a key as the user wrote it, for labels."""
    return function_label(key) if callable(key) else one_line(key)


def checked_npartitions(operation: str, count: object) -> int | None:
    """Return a number of partitions as an int, and None as it is; raise PlanError for anything else."""
    return None if count is None else checked_count(operation, "npartitions", count)
