"""Bag: records in partitions, not read yet. What can be done to them is in methods/, a file a family."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

from bagkit.computing import Collected, explain, iterate, run
from bagkit.errors import LazyError, PlanError, ShortTakeWarning, one_line
from bagkit.front_doors import front_doors
from bagkit.lazy.dask_protocol import DaskCollection
from bagkit.methods.elementwise import Elementwise
from bagkit.methods.folds import Folds
from bagkit.methods.frames import Frames
from bagkit.methods.grouping import Grouping
from bagkit.methods.making import Making, T_co
from bagkit.methods.pairs import KeyValue
from bagkit.methods.partitions import PartitionWise
from bagkit.methods.reductions import Reductions
from bagkit.methods.sampling import Sampling
from bagkit.methods.sequences import Sequences
from bagkit.methods.summaries import Summaries
from bagkit.methods.table_files import TableFiles
from bagkit.methods.text import Text
from bagkit.methods.walks import KeysWalk, value_of
from bagkit.methods.writing import Writing
from bagkit.ops import reductions as rows
from bagkit.ops.elementwise import Head
from bagkit.ops.regroup import Partitions
from bagkit.plan.explain import plan_text
from bagkit.plan.node import Plan
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from os import PathLike
    from typing import Unpack

    from bagkit.diagnostics.picture import Picture
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.options import CollectKeywords, OptionKeywords, PlainKeywords


@front_doors
class Bag(
    Elementwise[T_co],
    PartitionWise[T_co],
    Grouping[T_co],
    KeyValue[T_co],
    Reductions[T_co],
    Folds[T_co],
    Sampling[T_co],
    Summaries[T_co],
    Sequences[T_co],
    Text[T_co],
    Writing[T_co],
    Frames[T_co],
    TableFiles[T_co],
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
        from bagkit.lazy.together import visualize

        return visualize(self, filename=filename, **looks)

    def __repr__(self) -> str:
        count = self.npartitions
        return f"Bag of {count} partition{'s' if count != 1 else ''}:\n{plan_text(self.plan)}"

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
        from bagkit.lazy.together import persist

        return persist(self, **options)[0]

    def to_delayed(self, optimize_graph: bool = True) -> list[Delayed[list[T_co]]]:
        """Return a delayed value for each partition: the list of its records.

        >>> import bagkit as bk
        >>> [part.compute(scheduler="sync") for part in bk.range(3, npartitions=2).to_delayed()]
        [[0], [1, 2]]
        """
        from bagkit.lazy.delayed import delayed

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

    def _keys(self, plan: Plan) -> Bag[Any]:
        return Keys(plan)

    def __bool__(self) -> NoReturn:
        raise LazyError("a bag is neither true nor false: it is not read yet; hint: `if bag.take(1, warn=False):`")

    def __len__(self) -> NoReturn:
        raise LazyError("a bag has no length: it is not read yet; hint: bag.count().compute()")

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
