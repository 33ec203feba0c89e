"""Bag: records in partitions, not read yet. What can be done to them is in methods/, a file a family."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, overload

from bagkit.computing import Collected, iterate, run
from bagkit.errors import LazyError, PlanError, ShortTakeWarning, one_line
from bagkit.front_doors import front_doors
from bagkit.lazily import Lazily
from bagkit.lazy.dask_collection import Explained
from bagkit.methods.elementwise import Elementwise
from bagkit.methods.folds import Folds
from bagkit.methods.frames import Frames
from bagkit.methods.going_on import GoingOn
from bagkit.methods.grouping import Grouping
from bagkit.methods.making import Making, T_co, check_now
from bagkit.methods.near import NearDuplicates
from bagkit.methods.pairs import KeyValue
from bagkit.methods.partitions import PartitionWise
from bagkit.methods.profiling import Profiles
from bagkit.methods.reductions import Reductions
from bagkit.methods.rejects import KeepingRejects, Reject, for_json_plan
from bagkit.methods.sampling import Sampling
from bagkit.methods.sequences import Sequences
from bagkit.methods.summaries import Summaries
from bagkit.methods.table_files import TableFiles
from bagkit.methods.text import Text
from bagkit.methods.validating import Validating
from bagkit.methods.walks import KeysWalk, value_of
from bagkit.methods.writing import Writing
from bagkit.ops import reductions as rows
from bagkit.ops.regroup import Partitions
from bagkit.options import of_a_run
from bagkit.plan.explain import plan_text
from bagkit.plan.head import Head
from bagkit.plan.node import Plan
from bagkit.signatures import checked_count, whole_number
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.lazy.delayed_values import Delayed
    from bagkit.methods import retrying
    from bagkit.methods.retrying import Signature
    from bagkit.options import CollectOptions, ComputeOptions, PlainOptions

else:
    retrying = Lazily("bagkit.methods.retrying")

T = TypeVar("T")


@front_doors
class Bag(
    Elementwise[T_co],
    PartitionWise[T_co],
    Grouping[T_co],
    KeyValue[T_co],
    NearDuplicates[T_co],
    Reductions[T_co],
    Folds[T_co],
    Sampling[T_co],
    Summaries[T_co],
    Profiles[T_co],
    Sequences[T_co],
    Text[T_co],
    Writing[T_co],
    GoingOn[T_co],
    Frames[T_co],
    TableFiles[T_co],
    KeepingRejects[T_co],
    Validating[T_co],
    Making[T_co],
    Explained,
):
    """Records in partitions, not read yet. Each method returns a new Bag or an Item; `compute` does the work.

    `read_text`, `read_json`, `from_sequence` and the other functions of bagkit make bags. Partitions are worked on side
    by side. A loop over a bag yields its records in order and holds only some of them; `dict(bag)` makes a dict of a
    bag of pairs.

    >>> import bagkit as bk
    >>> bk.from_sequence([1, 2, 3, 4], npartitions=2).filter(lambda x: x % 2).map(str).compute(scheduler="sync")
    ['1', '3']
    """

    __slots__ = ()

    # Looking --------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        count, standing = self.npartitions, getattr(self.plan.op, "standing", "")
        made = f", {standing}" if standing else ""
        return f"Bag of {count} partition{'s' if count != 1 else ''}{made}:\n{plan_text(self.plan)}"

    def _repr_html_(self) -> str:
        from bagkit.lazy.pages import bag_page

        return bag_page(self.plan, "Rejects" if isinstance(self, Rejects) else "Bag")

    # Getting results ------------------------------------------------------------------------------------------------

    @overload
    def compute(self, **options: Unpack[PlainOptions]) -> list[T_co]: ...
    @overload
    def compute(self, **options: Unpack[CollectOptions]) -> Collected[list[T_co]]: ...
    @overload
    def compute(self, **options: Unpack[ComputeOptions]) -> list[T_co] | Collected[list[T_co]]: ...
    def compute(self, **options: Unpack[ComputeOptions]) -> Any:
        """Do the work, and return all records.

        Args:
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The list of the records, in order. With `on_error="collect"` a `Collected(result, failures)`.

        Raises:
            OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
                like no option: they have no effect.
            BagkitError: The run failed; `help(bagkit.errors)` lists the errors. An error of your own function is raised
                as it is, with notes that say which record and which file it was about.

        >>> import bagkit as bk
        >>> bk.from_sequence(["1", "2"], npartitions=2).map(int).compute(workers=2)
        [1, 2]
        >>> bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect").result
        [1]
        """
        return run((self.plan,), of_a_run("compute", options))[0]

    def persist(self, **options: Unpack[ComputeOptions]) -> Bag[T_co]:
        """Do the work in the background, and keep the records, for several further computations.

        It returns at once. A run that uses the bag waits for the records that it needs. Functions are pickled now, so
        later changes do not matter. Runs in the background come one after the other; `bagkit.progress(bag)` draws how
        far they are, and `repr(bag)` says it. With scheduler="sync", inside a task, and where there is next to nothing
        to do, nothing runs in the background: `persist` computes before it returns.

        With processes, workers keep the records that they made, up to a quarter of the memory limit, and put the others
        into files of a temporary directory. Runs that use the records go to these workers. The records go when you let
        go of the last bag of them, or at `unpersist`; both also stop a run that still makes them.

        If the run fails, each run that uses the bag raises its error.

        Args:
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            A bag of the records, in the same partitions.

        Raises:
            OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
                like no option: they have no effect.
            NotPicklableError: A function can't be sent to a worker process.

        >>> import bagkit as bk
        >>> b = bk.range(4, npartitions=2).map(lambda n: n * n).persist(workers=2)
        >>> b.npartitions, b.compute(workers=2)
        (2, [0, 1, 4, 9])
        """
        from bagkit.lazy.together import persist

        return persist(self, **options)[0]

    def unpersist(self) -> None:
        """Let go of the records that `persist` keeps for this bag and for bags made of it, which can't be used then.

        A run that still makes them is stopped.

        Raises:
            PlanError: This bag is not one that `persist` gave.

        >>> import bagkit as bk
        >>> b = bk.range(4, npartitions=2).map(str).persist(scheduler="sync")
        >>> b.unpersist()
        """
        from bagkit.io.input.persisted import Persisted

        if not isinstance(self.plan.op, Persisted):
            raise PlanError("unpersist: got a bag that keeps no records; expected one that persist() has returned")
        for kept in self.plan.op.parts:
            kept.release()

    def to_delayed(self, optimize_graph: bool = True) -> list[Delayed[list[T_co]]]:
        """Make a delayed value of each partition.

        Args:
            optimize_graph: False computes the plan as it is written, whatever the option `optimize` says.

        Returns:
            A list of delayed values: each is the list of a partition's records.

        >>> import bagkit as bk
        >>> [part.compute(scheduler="sync") for part in bk.range(3, npartitions=2).to_delayed()]
        [[0], [1, 2]]
        """
        from bagkit.lazy.delayed_values import value_of_collection

        return [value_of_collection(part, optimize_graph) for part in self.partitions_apart()]

    @overload
    def take(self, k: int, npartitions: int = ..., compute: Literal[True] = ..., warn: bool = ...,
             **options: Unpack[PlainOptions]) -> tuple[T_co, ...]: ...  # fmt: skip
    @overload
    def take(self, k: int, npartitions: int, compute: Literal[False], warn: bool = ...) -> Bag[T_co]: ...
    @overload
    def take(self, k: int, npartitions: int = ..., *, compute: Literal[False], warn: bool = ...) -> Bag[T_co]: ...
    def take(
        self, k: int, npartitions: int = -1, compute: bool = True, warn: bool = True, **options: Unpack[PlainOptions]
    ) -> Any:
        """Compute the first records, and no more than it takes to find them.

        Partitions are read one after the other, and none further than needed.

        Args:
            k: How many records, from 0 up.
            npartitions: How many partitions to look at, from the first on. Default: -1, all of them. dask looks at one.
            compute: False returns a bag of the records, which is computed later.
            warn: Whether a ShortTakeWarning tells if there are fewer than `k` records.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            A tuple of up to `k` records; with `compute=False` a bag of one partition.

        Raises:
            PlanError: An argument has a value that is not allowed, or there are options and `compute` is False.
            OptionError: No option has that name, or it can't take that value.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=5).map(str).take(3, scheduler="sync")
        ('0', '1', '2')
        """
        k = min(checked_count("take", "k", k, 0), sys.maxsize)
        count = whole_number(npartitions)
        if not count or not -1 <= count <= self.npartitions:
            raise PlanError(f"take: npartitions is {npartitions!r}; expected -1, or 1 to {self.npartitions}")
        check_now("take", compute, options)
        part = self if count == -1 else Bag(Plan(Partitions(0, count), (self.plan,)))
        if not compute:
            return part._then(rows.head_row(k))
        records = iterate(part._then(Head(k)).plan, options)
        try:
            found = tuple(islice(records, k))
        finally:
            records.close()  # here and not in `closing`, so that its warnings are the caller's
        if len(found) < k and warn:
            warn_at_caller(f"take: asked for {k} records, and found {len(found)}", ShortTakeWarning)
        return found

    def __iter__(self) -> Iterator[T_co]:
        """Yield the records in order, holding only some of them, while workers go on.

        `with bagkit.options(...):` around the loop sets options.

        Returns:
            An iterator. Closing it, or leaving the loop, ends the run.

        >>> import bagkit as bk
        >>> with bk.options(scheduler="sync"):
        ...     for record in bk.range(2, npartitions=1):
        ...         print(record)
        0
        1
        """
        return iterate(self.plan, {})

    def _keys(self, plan: Plan) -> Bag[Any]:
        return Keys(plan)

    def _rejects(self, plan: Plan, split: Plan) -> Rejects[Any]:
        return Rejects(plan, split)

    def __bool__(self) -> NoReturn:
        raise LazyError("a bag is neither true nor false: it is not read yet; hint: `if bag.take(1, warn=False):`")

    def __len__(self) -> NoReturn:
        raise LazyError("a bag has no length: it is not read yet; hint: bag.count().compute()")

    def __getitem__(self, key: object) -> Any:
        """Return the value of a key that `dict(bag)` has just been given; raise LazyError for anything else."""
        return value_of(self.plan, key)

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise LazyError("a bag is no array: it is not read yet; hint: numpy.array(bag.compute())")

    def __contains__(self, value: object) -> NoReturn:
        raise LazyError("a bag is not read yet; hint: bag.map(lambda record: record == value).any().compute()")

    def __add__(self, other: object) -> NoReturn:
        raise LazyError("bags are not added; hint: bagkit.concat([one, other])")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        shown = one_line(key, 80)
        raise LazyError(f"a bag can't be changed; hint: bag.map(lambda record: {{**record, {shown}: value}})")

    if not TYPE_CHECKING:  # for type checkers all names would exist

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError, with a hint for names of other libraries."""
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from bagkit.other_names import OF_BAGS, missing_attribute

            raise missing_attribute("a bag", name, OF_BAGS, dir(type(self)))


@front_doors
class Keys(Bag[T_co]):
    """The keys of a bag of pairs: a bag like any other, but a loop over it knows the values too, for `dict(bag)`."""

    __slots__ = ()

    def _bag(self, plan: Plan) -> Bag[Any]:
        return Bag(plan)

    def __iter__(self) -> Iterator[T_co]:
        return KeysWalk(self.plan.inputs[0])


@front_doors
class Rejects(Bag[Reject], Generic[T]):
    """Records that failed: what `split_errors` and `read_errors` give. A bag of dicts with the names of `Reject`.

    >>> import bagkit as bk
    >>> good, bad = bk.from_sequence(["1", "two"]).map(int).split_errors()
    >>> bad.pluck("message").compute(scheduler="sync")
    ["invalid literal for int() with base 10: 'two'"]
    """

    __slots__ = ("_split",)

    def __init__(self, plan: Plan, split: Plan | None = None) -> None:
        super().__init__(plan)
        self._split = split

    def _bag(self, plan: Plan) -> Bag[Any]:
        return Bag(plan)

    def _with_plan(self, plan: Plan) -> Rejects[T]:
        return Rejects(plan, self._split)

    def filter(self, predicate: Callable[[Reject], object] | None) -> Rejects[T]:  # type: ignore[override]  # rejects stay rejects, and are never narrowed
        """Keep the rejects for which `predicate` is true. They can still be retried.

        Args:
            predicate: A function that takes a reject and returns true or false. None keeps all: no reject is false.

        Returns:
            Rejects: those that are kept, in order.

        Raises:
            PlanError: `predicate` can't be called.

        >>> import bagkit as bk
        >>> good, bad = bk.from_sequence(["1", "two", "ten"]).map(int).split_errors()
        >>> bad.filter(lambda reject: reject["input"] == "ten").count().compute(scheduler="sync")
        1
        """
        return self._with_plan(super().filter(predicate).plan)

    def summary(self) -> Bag[Signature]:
        """Count the rejects that failed in the same way: in one operation, with one error, and nearly one message.

        Numbers in messages, and the data that messages quote, make no difference.

        Returns:
            A bag of one partition with a dict for each kind: `count`, `operation`, `error`, `message`, the first
            `places`, and the input of the first as an `example`. The most frequent kind comes first.

        >>> import bagkit as bk
        >>> good, bad = bk.from_sequence(["1", "two", "ten"]).map(int).split_errors()
        >>> for row in bad.summary().compute(scheduler="sync"):
        ...     print(row["count"], row["operation"], row["error"], row["message"])
        2 map(int) ValueError invalid literal for int() with base N: '…'
        """
        nothing, together = retrying.NOTHING_SEEN, retrying.seen_together
        seen = self.foldby(retrying.signature_of, retrying.seen_with, nothing, together, nothing)
        return seen.map_partitions(retrying.most_first)

    def retry(self, function: Callable[[Any], Any] | None = None, *, operation: str | int | None = None) -> Bag[T]:
        """Take up the records where they failed, and run the rest of the plan on them.

        Args:
            function: A function to call in place of the one that failed. None: the same function again, for a server
                that did not answer, say.
            operation: The operation that `function` is for, as rejects name it: `"map(clean)"`. None: the only
                operation of the plan with a function of yours. A number: the operation with this `step`, where two
                are called the same.

        Returns:
            A bag of records as in `good`. Its `split_errors()` gives the records that fail again.

        Raises:
            PlanError: bagkit can't tell which operation `function` is for, or `read_errors` was not told which bag the
                rejects are `of`.

        >>> import bagkit as bk
        >>> good, bad = bk.from_sequence(["1", "two", "3"]).map(int).map(float).split_errors()
        >>> bad.retry({"two": 2}.__getitem__, operation="map(int)").compute(scheduler="sync")
        [2.0]
        """
        return Bag(retrying.retried(self.plan, self._split, function, operation))

    if not TYPE_CHECKING:  # for type checkers it is the method of Bag, with all its types

        @wraps(Bag.to_jsonl)
        def to_jsonl(self, *args: Any, **keywords: Any) -> Any:
            """Write a file of JSON lines, also of records that JSON does not have: these are there as text."""
            return Bag(for_json_plan(self.plan)).to_jsonl(*args, **keywords)
