"""Bag: records in partitions, and what can be done to them. A method is one expression; what ops do is in ops/."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, ParamSpec, TypeVar, overload

from bagkit.arguments import BY_NAME, given_function, holds_plan
from bagkit.computing import Collected, explain, iterate, run, visualize
from bagkit.dask_protocol import DaskCollection
from bagkit.errors import LazyError, PlanError, ShortTakeWarning, one_line
from bagkit.front_doors import front_doors
from bagkit.lazily import Lazily
from bagkit.methods.grouping import Grouping
from bagkit.methods.handing_over import HandingOver
from bagkit.methods.making import Making, T_co
from bagkit.methods.pairs import KeyValue
from bagkit.methods.reductions import Reductions
from bagkit.methods.sampling import Sampling
from bagkit.methods.sequences import Sequences
from bagkit.methods.summaries import Summaries
from bagkit.methods.text import Text
from bagkit.methods.walks import KeysWalk, value_of
from bagkit.methods.writing import Writing
from bagkit.ops import reductions as rows
from bagkit.ops.elementwise import (
    Filter,
    Flatten,
    Head,
    Map,
    MapPartitions,
    OnError,
    OnErrorFor,
    Pluck,
    StarMap,
)
from bagkit.ops.regroup import Partitions, Repartition
from bagkit.plan.explain import plan_text
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from os import PathLike
    from typing import TypeGuard, Unpack

    from typing_extensions import TypeIs

    from bagkit.arguments import HasDefault, NeedsMoreArguments, OnlyAny
    from bagkit.delayed_calls import Delayed
    from bagkit.diagnostics.picture import Picture
    from bagkit.ops import tables
    from bagkit.options import CollectKeywords, OptionKeywords, PlainKeywords
else:
    tables = Lazily("bagkit.ops.tables")

A = TypeVar("A")
K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")
P = ParamSpec("P")


@front_doors
class Bag(
    Grouping[T_co],
    KeyValue[T_co],
    Reductions[T_co],
    Sampling[T_co],
    Summaries[T_co],
    Sequences[T_co],
    Text[T_co],
    Writing[T_co],
    HandingOver[T_co],
    Making[T_co],
    DaskCollection,
):
    """Records in partitions, not read yet: each method gives a new bag or an Item; `compute` does the work.

    >>> import bagkit as bk
    >>> bk.from_sequence([1, 2, 3, 4], npartitions=2).filter(lambda x: x % 2).map(str).compute(scheduler="sync")
    ['1', '3']
    """

    __slots__ = ()

    # Looking --------------------------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Print the plan as it was written, and as the optimiser runs it."""
        explain(self.plan)

    def visualize(self, filename: str | PathLike[str] | None = None, **looks: Any) -> Picture:
        """Return a picture of the plan, written to `filename` too if there is one, as `bagkit.visualize` does.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=2).map(str).visualize(rankdir="LR")
        <Picture of 3 nodes; .save('picture.svg') writes it to a file>
        """
        return visualize(self, filename=filename, **looks)

    def __repr__(self) -> str:
        count = self.npartitions
        return f"Bag of {count} partition{'s' if count != 1 else ''}:\n{plan_text(self.plan)}"

    # Record by record -----------------------------------------------------------------------------------------------

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
    def filter(self: Bag[U | None], predicate: None) -> Bag[U]: ...
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
    def pluck(self: Bag[OnlyAny], key: Any, default: Any = ...) -> Bag[Any]: ...
    @overload
    def pluck(self: Bag[dict[K, V]], key: K) -> Bag[V]: ...
    @overload
    def pluck(self: Bag[dict[K, V]], key: K, default: U) -> Bag[V | U]: ...
    @overload
    def pluck(self: Bag[tuple[U, *tuple[Any, ...]]], key: Literal[0]) -> Bag[U]: ...
    @overload
    def pluck(self: Bag[tuple[Any, U, *tuple[Any, ...]]], key: Literal[1]) -> Bag[U]: ...
    @overload
    def pluck(self: Bag[list[U]], key: int) -> Bag[U]: ...
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

    def flatten(self: Bag[Iterable[U]]) -> Bag[U]:
        """Return the bag of the elements of all records, one level deep."""
        return self._then(Flatten())

    @overload
    def map_partitions(self, func: Callable[[list[T_co]], OnlyAny], /) -> Bag[Any]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], bytes], /) -> Bag[bytes]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], dict[K, V]], /) -> Bag[dict[K, V]]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], Iterable[U]], /) -> Bag[U]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], U], /) -> Bag[U]: ...
    @overload
    def map_partitions(self, func: HasDefault[list[T_co], Any], /, *args: Any, **kwargs: Any) -> Bag[Any]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co], Any], Any], /, *args: Any, **kwargs: Any) -> Bag[Any]: ...
    @overload
    def map_partitions(  # type: ignore[overload-cannot-match]
        self, func: Callable[Concatenate[list[T_co], ...], Any], /, *args: Any, **kwargs: Any
    ) -> Bag[Any]: ...
    @overload
    def map_partitions(self, *, func: Callable[..., Any], **kwargs: Any) -> Bag[Any]: ...
    def map_partitions(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the bag of what `func` returns for the list of each partition's records.

        What can be iterated gives its elements; text, a dict and a single value are one record.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).map_partitions(sum).compute(scheduler="sync")
        [1, 9]
        """
        func = given_function("map_partitions", func, kwargs)
        if not any(map(holds_plan, (*args, *kwargs.values()))):
            return self._then(MapPartitions(func, args, kwargs))
        return self._paired("map_partitions", func, args, kwargs)

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

    # Partitions -----------------------------------------------------------------------------------------------------

    def repartition(self, npartitions: int | None = None, partition_size: int | str | None = None) -> Bag[T_co]:
        """Return the bag in `npartitions` partitions: neighbours joined, or each split evenly; order is kept.

        With `partition_size`, the bytes of memory that a partition is to take, the bag is computed to see how many
        partitions that makes.
        """
        if (npartitions is None) == (partition_size is None):
            raise PlanError("repartition: expected either npartitions or partition_size, and not both")
        if partition_size is not None:
            from bagkit.sizes import partitions_for

            npartitions = partitions_for(self, partition_size)
        assert npartitions is not None
        return Bag(Plan(Repartition(npartitions), (self.plan,)))

    def partitions_apart(self) -> list[Bag[T_co]]:
        """Return the bags of one partition each that make up this one."""
        return [Bag(Plan(Partitions(n, n + 1), (self.plan,))) for n in range(self.npartitions)]

    # Getting results ------------------------------------------------------------------------------------------------

    @overload
    def compute(self, **options: Unpack[PlainKeywords]) -> list[T_co]: ...
    @overload
    def compute(self, **options: Unpack[CollectKeywords]) -> Collected[list[T_co]]: ...
    def compute(self, **options: Any) -> Any:
        """Return the list of all records; `options` are those of `bagkit.options`.

        With `on_error="collect"` it is `Collected(result, failures)`.
        """
        return run((self.plan,), options)[0]

    def persist(self, **options: Unpack[OptionKeywords]) -> Bag[T_co]:
        """Return the bag of the records, computed now and held in memory, in the same partitions.

        >>> import bagkit as bk
        >>> b = bk.range(4, npartitions=2).map(str).persist(scheduler="sync")
        >>> b.npartitions, b.compute(scheduler="sync")
        (2, ['0', '1', '2', '3'])
        """
        from bagkit.together import persist

        return persist(self, **options)[0]

    def to_delayed(self, optimize_graph: bool = True) -> list[Delayed[list[T_co]]]:
        """Return a delayed value for each partition: the list of its records.

        >>> import bagkit as bk
        >>> [part.compute(scheduler="sync") for part in bk.range(3, npartitions=2).to_delayed()]
        [[0], [1, 2]]
        """
        from bagkit.delayed_calls import delayed

        parts: Any = [delayed(part) for part in self.partitions_apart()]
        return parts  # type: ignore[no-any-return]

    @overload
    def take(self, k: int, npartitions: int = ..., compute: Literal[True] = ..., warn: bool = ...
             ) -> tuple[T_co, ...]: ...  # fmt: skip
    @overload
    def take(self, k: int, npartitions: int, compute: Literal[False], warn: bool = ...) -> Bag[T_co]: ...
    @overload
    def take(self, k: int, npartitions: int = ..., *, compute: Literal[False], warn: bool = ...) -> Bag[T_co]: ...
    def take(self, k: int, npartitions: int = -1, compute: bool = True, warn: bool = True) -> Any:
        """Return the first `k` records as a tuple, or with `compute=False` the bag of them.

        It looks at the first `npartitions` partitions only, -1 is all; no further than it takes, and works out no more
        than `k` records of each. Warns if there are fewer than `k` records.
        """
        if type(k) is not int or k < 0:
            raise PlanError(f"take: k is {k!r}; expected an int of 0 or more")
        if type(npartitions) is not int or npartitions == 0 or not -1 <= npartitions <= self.npartitions:
            raise PlanError(f"take: npartitions is {npartitions!r}; expected -1, or 1 to {self.npartitions}")
        part = self if npartitions == -1 else Bag(Plan(Partitions(0, npartitions), (self.plan,)))
        if not compute:
            return part._reduce(rows.head_row(k))
        records = iterate(part._then(Head(k)).plan, {})
        try:
            found = tuple(islice(records, k))
        finally:
            records.close()  # here and not in `closing`, so that its warnings are the caller's
        if len(found) < k and warn:
            warn_at_caller(f"take: asked for {k} records, and found {len(found)}", ShortTakeWarning)
        return found

    def __iter__(self) -> Iterator[T_co]:
        """Yield the records in order, holding only some of them, while workers go on."""
        return iterate(self.plan, {})

    def __bool__(self) -> NoReturn:
        raise LazyError("a bag is neither true nor false: it is not read yet; hint: `if bag.take(1, warn=False):`")

    def __len__(self) -> NoReturn:
        raise LazyError("a bag has no length: it is not read yet; hint: bag.count().compute()")

    @overload
    def keys(self: Bag[tuple[K, Any]]) -> Bag[K]: ...
    @overload
    def keys(self: Bag[Sequence[Any]]) -> Bag[Any]: ...
    def keys(self) -> Any:
        """Return the bag of the keys: the first element of each record. `dict(bag)` makes a dict of the pairs.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", 1), ("b", 2)])
        >>> with bk.options(scheduler="sync"):
        ...     b.keys().map(str.upper).compute(), dict(b)
        (['A', 'B'], {'a': 1, 'b': 2})
        """
        return Keys(Plan(Pluck(0), (self.plan,)))

    def __getitem__(self, key: object) -> Any:
        """Return the value of a key that `dict(bag)` has just been given; raise LazyError for anything else."""
        return value_of(self.plan, key)

    def __contains__(self, value: object) -> NoReturn:
        raise LazyError("a bag is not read yet; hint: bag.map(lambda record: record == value).any().compute()")

    def __add__(self, other: object) -> NoReturn:
        raise LazyError("bags are not added; hint: bagkit.concat([one, other])")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        shown = one_line(key, 80)
        raise LazyError(f"a bag can't be changed; hint: bag.map(lambda record: {{**record, {shown}: value}})")

    if not TYPE_CHECKING:  # for type checkers all names would exist

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError, with a hint for names that others have for what a bag does."""
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from bagkit.other_names import OF_BAGS, missing_attribute

            raise missing_attribute("a bag", name, OF_BAGS, dir(type(self)))


@front_doors
class Keys(Bag[T_co]):
    """The keys of a bag of pairs: like any other bag, but a walk over them knows the values too, for `dict(bag)`."""

    __slots__ = ()

    def _bag(self, plan: Plan) -> Bag[Any]:
        return Bag(plan)

    def __iter__(self) -> Iterator[T_co]:
        return KeysWalk(self.plan.inputs[0])
