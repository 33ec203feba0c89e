"""Methods that work on one record after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import holds_plan
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Filter, Flatten, Map, OnError, OnErrorFor, Pluck, StarMap
from bagkit.sentinels import NOT_GIVEN
from bagkit.signatures import BY_NAME, given_function

if TYPE_CHECKING:
    from typing import TypeGuard

    from typing_extensions import TypeIs

    from bagkit.bag import Bag
    from bagkit.ops import pairs, sequences
    from bagkit.signatures import HasDefault, NeedsMoreArguments, OnlyAny
else:
    pairs = Lazily("bagkit.ops.pairs")
    sequences = Lazily("bagkit.ops.sequences")

K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")
P = ParamSpec("P")


class Elementwise(Making[T_co]):
    """Methods that work on one record after the other."""

    __slots__ = ()

    @overload
    def map(self, func: Callable[[T_co], U], /) -> Bag[U]: ...
    @overload
    def map(  # type: ignore[overload-overlap]
        self, func: Callable[Concatenate[T_co, P], U], /, *args: P.args, **kwargs: P.kwargs
    ) -> Bag[U]: ...
    @overload
    def map(self, func: Callable[[T_co, Any], object], /) -> NeedsMoreArguments: ...
    @overload  # with bags and items among the arguments; of lambdas mypy has to know how many they take
    def map(self, func: HasDefault[T_co, U], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def map(self, func: Callable[[T_co, Any], U], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def map(self, func: Callable[[T_co, Any, Any], U], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def map(  # type: ignore[overload-cannot-match]
        self, func: Callable[Concatenate[T_co, ...], U], /, *args: Any, **kwargs: Any
    ) -> Bag[U]: ...
    @overload
    def map(self, *, func: Callable[..., U], **kwargs: Any) -> Bag[U]: ...
    def map(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the bag of what `func` returns for each record, called with those of other bags and items beside it.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([1, 2, 3], npartitions=2)
        >>> b.map(lambda x, total: x / total, b.sum()).compute(scheduler="sync")
        [0.16666666666666666, 0.3333333333333333, 0.5]
        """
        func = given_function("map", func, kwargs)
        if not args and not any(map(holds_plan, kwargs.values())):
            return self._then(Map(func, kwargs))
        return self._paired("map", func, args, kwargs)

    def starmap(self, func: Callable[..., U] = BY_NAME, /, **kwargs: Any) -> Bag[U]:
        """Return the bag of what `func` returns for the elements of each record.

        >>> import bagkit as bk
        >>> bk.from_sequence([(1, 2), (3, 4)]).starmap(pow).compute(scheduler="sync")
        [1, 81]
        """
        func = given_function("starmap", func, kwargs)
        if not any(map(holds_plan, kwargs.values())):
            return self._then(StarMap(func, kwargs))
        return self._paired("starmap", func, (), kwargs)

    @overload
    def flat_map(self, func: Callable[[T_co], Iterable[U]], /) -> Bag[U]: ...
    @overload
    def flat_map(
        self, func: Callable[Concatenate[T_co, P], Iterable[U]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Bag[U]: ...
    @overload
    def flat_map(self, func: HasDefault[T_co, Iterable[U]], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def flat_map(self, func: Callable[[T_co, Any], Iterable[U]], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def flat_map(  # type: ignore[overload-cannot-match]
        self, func: Callable[Concatenate[T_co, ...], Iterable[U]], /, *args: Any, **kwargs: Any
    ) -> Bag[U]: ...
    @overload
    def flat_map(self, *, func: Callable[..., Iterable[U]], **kwargs: Any) -> Bag[U]: ...
    def flat_map(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the bag of the elements of what `func` returns for each record: `map(...)`, then `flatten()`.

        >>> import bagkit as bk
        >>> bk.from_sequence(["a b", "c"]).flat_map(str.split).compute(scheduler="sync")
        ['a', 'b', 'c']
        """
        bag: Any = self
        return bag.map(func, *args, **kwargs).flatten()

    @overload
    def filter(self: Making[U | None], predicate: None) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeGuard[U]]) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeIs[U]]) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], object]) -> Bag[T_co]: ...
    def filter(self, predicate: Callable[[T_co], Any] | None) -> Any:
        """Return the bag of the records for which `predicate` is true; None asks for the records' own truth."""
        return self._then(Filter(predicate))

    def remove(self, predicate: Callable[[T_co], object] | None) -> Bag[T_co]:
        """Return the bag of the records for which `predicate` is false."""
        return self._then(Filter(predicate, keep=False))

    @overload
    def pluck(self: Making[OnlyAny], key: Any, default: Any = ...) -> Bag[Any]: ...
    @overload
    def pluck(self: Making[dict[K, V]], key: K) -> Bag[V]: ...
    @overload
    def pluck(self: Making[dict[K, V]], key: K, default: U) -> Bag[V | U]: ...
    @overload
    def pluck(self: Making[tuple[U, *tuple[Any, ...]]], key: Literal[0]) -> Bag[U]: ...
    @overload
    def pluck(self: Making[tuple[Any, U, *tuple[Any, ...]]], key: Literal[1]) -> Bag[U]: ...
    @overload
    def pluck(self: Making[list[U]], key: int) -> Bag[U]: ...
    @overload
    def pluck(self, key: Any, default: Any = ...) -> Bag[Any]: ...
    def pluck(self, key: Any, default: Any = NOT_GIVEN) -> Any:
        """Return the bag of `record[key]`, or of tuples of several for a list of keys.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([{"a": 1, "b": 2}, {"a": 3}])
        >>> b.pluck(["a", "b"], default=0).compute(scheduler="sync")
        [(1, 2), (3, 0)]
        """
        return self._then(Pluck(key, default))

    def flatten(self: Making[Iterable[U]]) -> Bag[U]:
        """Return the bag of the elements of all records, one level deep."""
        return self._then(Flatten())

    def tap(self, func: Callable[[T_co], object]) -> Bag[T_co]:
        """Return this bag, which calls `func` with each record on its way: where the task runs, each time it runs.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2]).tap(print).map(str).compute(scheduler="sync")
        1
        2
        ['1', '2']
        """
        return self._then(pairs.Tap(func))

    def peek(self, n: int = 5) -> Bag[T_co]:
        """Return this bag, which writes the first `n` records of each partition to standard error as they pass by.

        >>> import bagkit as bk
        >>> bk.range(4, npartitions=2).peek(1).sum().compute(scheduler="sync")
        6
        """
        return self._with_info(sequences.Peek(n))

    @overload
    def on_error(self, policy: Literal["raise", "skip"]) -> Bag[T_co]: ...
    @overload  # from here on compute gives a Collected, which the class Bag can't say
    def on_error(self, policy: OnError) -> Any: ...
    def on_error(self, policy: OnError) -> Any:
        """Return the bag where records that fail in the operations before this are raised, skipped or collected.

        >>> import bagkit as bk
        >>> b = bk.from_sequence(["1", "two", "3"]).map(int).on_error("collect").map(str)
        >>> got = b.compute(scheduler="sync")
        >>> got.result, [failure.place.record for failure in got.failures]
        (['1', '3'], ['two'])
        """
        if policy not in ("raise", "skip", "collect"):
            raise PlanError(f"on_error: the policy is {policy!r}; expected 'raise', 'skip' or 'collect'")
        return self._then(OnErrorFor(policy))
