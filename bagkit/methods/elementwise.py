"""Methods that work on one record after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import only_plain
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Filter, Flatten, Map, OnErrorFor, Pluck, StarMap
from bagkit.options import OnError
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
R = TypeVar("R")

Reason = str | Callable[[R], str] | None


class Elementwise(Making[T_co]):
    """Methods that work on one record after the other."""

    __slots__ = ()

    @overload
    def map(self, func: Callable[[T_co], U], /) -> Bag[U]: ...
    @overload
    def map(  # type: ignore[overload-overlap]  # P may be nothing, as in the one before
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
    def map(  # type: ignore[overload-cannot-match]  # of lambdas the one before matches
        self, func: Callable[Concatenate[T_co, ...], U], /, *args: Any, **kwargs: Any
    ) -> Bag[U]: ...
    @overload
    def map(self, *, func: Callable[..., U], **kwargs: Any) -> Bag[U]: ...
    def map(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # func has a name too
        """Call `func` with each record, and keep what it returns.

        Further arguments go to `func` after the record. A plain value, an Item or a delayed value is the same for every
        record; an Item or a delayed value is computed first. A bag among the arguments is walked in step: `func` gets
        the records at the same place of both bags.

        Args:
            func: The function to call. Can also be given by name, as `func=`.
            *args: Further arguments of `func`: plain values, Items, delayed values, or bags with as many partitions as
                this one.
            **kwargs: The same, by name.

        Returns:
            A bag with one result for each record, in the same order and in the same partitions.

        Raises:
            PlanError: `func` can't be called, or another bag has a different number of partitions.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([1, 2, 3], npartitions=2)
        >>> b.map(lambda x: x * 10).compute(scheduler="sync")
        [10, 20, 30]
        >>> b.map(lambda x, total: x / total, b.sum()).compute(scheduler="sync")
        [0.16666666666666666, 0.3333333333333333, 0.5]
        """
        func = given_function("map", func, kwargs)
        operands = self._operands("map", args, kwargs)
        if not args and not operands.changed:
            return self._then(Map(func, kwargs))
        return self._bag(operands.call(func))

    def starmap(self, func: Callable[..., U] = BY_NAME, /, **kwargs: Any) -> Bag[U]:
        """Call `func` with the elements of each record as its arguments.

        Args:
            func: The function to call. A record `(1, 2)` becomes the call `func(1, 2)`. Can also be given by name, as
                `func=`.
            **kwargs: Further arguments of `func`, the same for every record. An Item or a delayed value is computed
                first.

        Returns:
            A bag with one result for each record.

        Raises:
            PlanError: `func` can't be called.

        >>> import bagkit as bk
        >>> bk.from_sequence([(1, 2), (3, 4)]).starmap(pow).compute(scheduler="sync")
        [1, 81]
        """
        func = given_function("starmap", func, kwargs)
        operands = self._operands("starmap", (), kwargs)
        return self._bag(operands.call(func)) if operands.changed else self._then(StarMap(func, kwargs))

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
    def flat_map(  # type: ignore[overload-cannot-match]  # of lambdas the one before matches
        self, func: Callable[Concatenate[T_co, ...], Iterable[U]], /, *args: Any, **kwargs: Any
    ) -> Bag[U]: ...
    @overload
    def flat_map(self, *, func: Callable[..., Iterable[U]], **kwargs: Any) -> Bag[U]: ...
    def flat_map(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # func has a name too
        """Call `func` with each record, and keep the elements of what it returns: `map(...)`, then `flatten()`.

        Args:
            func: A function that returns a list or another iterable; an empty one drops the record. Can also be given
                by name, as `func=`.
            *args: Further arguments of `func`, as for `map`.
            **kwargs: The same, by name.

        Returns:
            A bag of the elements, in order.

        Raises:
            PlanError: `func` can't be called, or another bag has a different number of partitions.

        >>> import bagkit as bk
        >>> bk.from_sequence(["a b", "c"]).flat_map(str.split).compute(scheduler="sync")
        ['a', 'b', 'c']
        """
        bag: Any = self
        return bag.map(func, *args, **kwargs).flatten()

    @overload
    def filter(self: Making[U | None], predicate: None, *, reason: Reason[Any] = ...) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeGuard[U]], *, reason: Reason[T_co] = ...) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeIs[U]], *, reason: Reason[T_co] = ...) -> Bag[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], object], *, reason: Reason[T_co] = ...) -> Bag[T_co]: ...
    def filter(self, predicate: Callable[[T_co], Any] | None, *, reason: Reason[Any] = None) -> Any:
        """Keep the records for which `predicate` is true.

        Args:
            predicate: A function that takes a record and returns true or false. None keeps the records that are true
                themselves: no None, no 0, no empty text or list.
            reason: Why a record is dropped: text, or a function that takes the record and returns text. The Manifest of
                a method that writes, Collected, `bagkit.Tallies` and the progress bar say how many were dropped for
                each reason. Default: nothing is counted.

        Returns:
            A bag of the records that are kept, in order and in the same partitions.

        Raises:
            PlanError: `predicate` can't be called, or `reason` is neither text nor a function.

        >>> import bagkit as bk
        >>> bk.range(6, npartitions=2).filter(lambda x: x % 2 == 0).compute(scheduler="sync")
        [0, 2, 4]
        >>> bk.from_sequence(["a", "", None]).filter(None).compute(scheduler="sync")
        ['a']
        >>> with bk.Tallies() as dropped:
        ...     bk.from_sequence(["a", "bcd"]).filter(lambda text: len(text) > 1, reason="too short").compute()
        ['bcd']
        >>> dropped["too short"]
        1
        """
        return self._then(Filter(predicate, reason=reason))

    def remove(self, predicate: Callable[[T_co], object] | None, *, reason: Reason[T_co] = None) -> Bag[T_co]:
        """Drop the records for which `predicate` is true: the opposite of `filter`.

        Args:
            predicate: A function that takes a record and returns true or false. None drops the records that are true
                themselves.
            reason: Why a record is dropped, as for `filter`.

        Returns:
            A bag of the records that are left, in order and in the same partitions.

        Raises:
            PlanError: `predicate` can't be called, or `reason` is neither text nor a function.

        >>> import bagkit as bk
        >>> bk.range(6, npartitions=2).remove(lambda x: x % 2 == 0).compute(scheduler="sync")
        [1, 3, 5]
        """
        return self._then(Filter(predicate, keep=False, reason=reason))

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
        """Take one field, or several, of each record.

        After `read_json` or `map(json.loads)` only the plucked fields are parsed, which is much faster than a function
        that looks them up.

        Args:
            key: What stands between the brackets of `record[key]`: the name of a field, or a position. A list of them
                takes several fields at once.
            default: The value for a record that does not have the field. Without it, such a record is a KeyError or an
                IndexError when the bag is computed.

        Returns:
            A bag of the fields' values; for a list of keys, of tuples of the values.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([{"a": 1, "b": 2}, {"a": 3}])
        >>> b.pluck("a").compute(scheduler="sync")
        [1, 3]
        >>> b.pluck(["a", "b"], default=0).compute(scheduler="sync")
        [(1, 2), (3, 0)]
        """
        hint = "bag.map(lambda record, value: ..., value) takes bags, items and delayed values"
        key, default = only_plain("pluck", "the key or the default", (key, default), hint)
        return self._then(Pluck(key, default))

    def flatten(self: Making[Iterable[U]]) -> Bag[U]:
        """Replace each record by its elements, one level deep.

        Returns:
            A bag of the elements of all records, in order and in the same partitions.

        >>> import bagkit as bk
        >>> bk.from_sequence([[1, 2], [], [[3]]]).flatten().compute(scheduler="sync")
        [1, 2, [3]]
        """
        return self._then(Flatten())

    def tap(self, func: Callable[[T_co], object]) -> Bag[T_co]:
        """Call `func` with each record as it passes by, and keep the record.

        The task makes the call: in a worker process, unless you choose another scheduler, and again each time the task
        runs.

        Args:
            func: The function to call, such as `print` or a logger's method. What it returns is ignored.

        Returns:
            A bag of the same records.

        Raises:
            PlanError: `func` can't be called.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2]).tap(print).map(str).compute(scheduler="sync")
        1
        2
        ['1', '2']
        """
        return self._then(pairs.Tap(func))

    def peek(self, n: int = 5) -> Bag[T_co]:
        """Write the first records of each partition to standard error as they pass by, and keep all records.

        Args:
            n: How many records of each partition to write. Default: 5.

        Returns:
            A bag of the same records.

        Raises:
            PlanError: `n` is not a whole number from 0 up.

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
        """Choose what happens to a record for which one of the operations before this one raises.

        It holds for the operations between this call and the `on_error` before it. The option `on_error` of `compute`
        holds for the rest of the plan.

        Args:
            policy: "raise": the run ends with the error. "skip": the record is left out, and a warning says how many
                were. "collect": it is left out, and `compute` returns `Collected(result, failures)`.

        Returns:
            A bag of the records that did not fail.

        Raises:
            PlanError: `policy` is no such word.

        >>> import bagkit as bk
        >>> b = bk.from_sequence(["1", "two", "3"]).map(int).on_error("collect").map(str)
        >>> got = b.compute(scheduler="sync")
        >>> got.result, [failure.place.record for failure in got.failures]
        (['1', '3'], ['two'])
        """
        if policy not in ("raise", "skip", "collect"):
            raise PlanError(f"on_error: the policy is {policy!r}; expected 'raise', 'skip' or 'collect'")
        return self._then(OnErrorFor(policy))
