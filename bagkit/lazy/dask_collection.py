"""What makes bags, items and delayed values collections of dask's: `dask_protocol.py`, imported when dask asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from bagkit.computing import explain, run
from bagkit.errors import LazyError, one_line
from bagkit.front_doors import shared_door
from bagkit.lazily import Lazily
from bagkit.options import of_a_run

if TYPE_CHECKING:
    from os import PathLike
    from typing import Self, Unpack

    from bagkit.computing import Collected
    from bagkit.diagnostics.picture import Picture
    from bagkit.lazy import dask_protocol as graphs
    from bagkit.lazy import dask_writes as writes
    from bagkit.options import CollectOptions, ComputeOptions, PlainOptions
    from bagkit.plan.node import Plan
else:
    graphs = Lazily("bagkit.lazy.dask_protocol")
    writes = Lazily("bagkit.lazy.dask_writes")


T_co = TypeVar("T_co", covariant=True)

_PLAIN = (int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
"""What users compare results with."""


class DaskCollection:
    """What makes bags, Items and delayed values collections of dask's.

    >>> import bagkit as bk
    >>> len(bk.range(4, npartitions=2).__dask_keys__())
    2
    """

    __slots__ = ()
    plan: Any

    def __eq__(self, other: object) -> bool:
        """Compare by identity, as sets and dicts need. A plain value is an error: `bag.count() == 3` is never true."""
        if not isinstance(other, _PLAIN):
            return NotImplemented
        op, shown = self.plan.op, one_line(other, 40)
        what, name = (f"{op.label}: the value", "item") if op.gives_value else ("a bag", "bag")
        raise LazyError(f"{what} is not computed yet, so it equals nothing; hint: {name}.compute() == {shown}")

    __hash__ = object.__hash__

    def _with_plan(self, plan: Plan) -> Any:
        raise NotImplementedError  # bags, items and delayed values each make one of their kind

    @shared_door
    def persist(self, **options: Unpack[ComputeOptions]) -> Self:
        """Do the work in the background, and keep the value in memory, for several further computations.

        It returns at once. A run that uses the value waits for it; if it failed, that run raises the error. With
        scheduler="sync", and where there is next to nothing to do, `persist` computes before it returns.

        Args:
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            An item, or a delayed value, that computes to the same.

        Raises:
            OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
                like no option: they have no effect.

        >>> import bagkit as bk
        >>> total = bk.range(5, npartitions=2).sum().persist(scheduler="sync")
        >>> int(total.apply(lambda x: x + 1))
        11
        """
        from bagkit.lazy.together import persist

        kept: Self = persist(self, **options)[0]
        return kept

    @shared_door
    def visualize(self, filename: str | PathLike[str] | None = None, **looks: Any) -> Picture:
        """Draw the plan: the operations, or the calls, that lead to the result.

        Args:
            filename: Where to write the picture too, as svg, png, pdf, dot or mermaid by its suffix. None: nowhere.
            **looks: `format`, `optimize_graph`, `rankdir`, `color` and `profile`, as for `bagkit.visualize`.

        Returns:
            A Picture, which a notebook shows.

        Raises:
            PlanError: An argument does not fit.
            MissingExtraError: The package that draws png and pdf is not installed.

        >>> import bagkit as bk
        >>> bk.range(10, npartitions=2).map(str).visualize(rankdir="LR")
        <Picture of 3 nodes; .save('picture.svg') writes it to a file>
        >>> (bk.delayed(len)("ab") + bk.delayed(3)).visualize()
        <Picture of 5 nodes; .save('picture.svg') writes it to a file>
        """
        from bagkit.lazy.together import visualize

        return visualize(self, filename=filename, **looks)

    @property
    def dask(self) -> dict[Any, Any]:
        """The graph as dask has it: a dict of tasks by their keys.

        >>> import bagkit as bk
        >>> len(bk.range(4, npartitions=2).map(str).dask)
        2
        """
        return graphs.dask_graph(self.plan).tasks

    def __dask_graph__(self) -> dict[Any, Any]:
        return graphs.dask_graph(self.plan).tasks

    def __dask_keys__(self) -> list[Any]:
        return graphs.dask_graph(self.plan).keys

    def __dask_tokenize__(self) -> Any:
        return "bagkit", graphs.dask_graph(self.plan).token

    def __dask_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (graphs.only_value if self.plan.op.gives_value else graphs.joined_partitions), ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return graphs.rebuilt, (self, self.__dask_keys__())

    @staticmethod
    def __dask_optimize__(dsk: Any, keys: Any, **_: Any) -> Any:
        return writes.with_common_writes(dsk)  # the plan was optimised before it became a graph

    @staticmethod
    def __dask_scheduler__(dsk: Any, keys: Any, **keywords: Any) -> Any:
        return graphs.run_dask_graph(dsk, keys, **keywords)


class Explained(DaskCollection):
    """A bag or an item, whose plan can be printed. A delayed value has any name as an attribute, and not this one."""

    __slots__ = ()

    @shared_door
    def explain(self, analyze: bool | Literal["full"] = False, **options: Unpack[ComputeOptions]) -> None:
        """Print the plan as it is written, and the tasks that run it, stage by stage.

        The tasks of a stage run the same steps, each on its own part. `->` leads from a step to the next. Nothing runs,
        and no file is opened or written, unless `analyze` asks for a run.

        Args:
            analyze: True: run a sample, for about a second, and print with each step its records, its time, and what
                everything would take; then what limits the run. "full": run everything, as `compute` does, and drop the
                result. False, the default: run nothing.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Raises:
            PlanError: `analyze` is something else, or a sample would write files.
            OptionError: No option has that name, or it can't take that value.
            BagkitError: The run failed. An error of your own function is raised as it is.

        >>> import bagkit as bk
        >>> bk.range(6, npartitions=2).map(str).count().explain()
        as written:
        <BLANKLINE>
        count
          map(str)
            range
        <BLANKLINE>
        as run:
        <BLANKLINE>
        stage 1, 2 tasks   range -> map(str) -> count
        stage 2, 1 task    combine count of stage 1
        """
        explain((self.plan,), analyze, options)


class OneValue(DaskCollection, Generic[T_co]):
    """An item or a delayed value."""

    __slots__ = ()

    @overload
    def compute(self, **options: Unpack[PlainOptions]) -> T_co: ...
    @overload
    def compute(self, **options: Unpack[CollectOptions]) -> Collected[T_co]: ...
    @overload
    def compute(self, **options: Unpack[ComputeOptions]) -> T_co | Collected[T_co]: ...
    @shared_door
    def compute(self, **options: Unpack[ComputeOptions]) -> Any:
        """Do the work, and return the value. Delayed values are computed in threads unless the options say otherwise.

        Args:
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The value. With `on_error="collect"` a `Collected(result, failures)`.

        Raises:
            OptionError: An option can't take that value, or its name is misspelt. A warning names keywords that are
                like no option: they have no effect.
            BagkitError: The run failed; `help(bagkit.errors)` lists the errors. An error of your own function is raised
                as it is, with notes that say which record and which file it was about, or in which call.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).sum().compute(scheduler="sync")
        10
        >>> bk.delayed(max)([3, bk.delayed(abs)(-5)]).compute(scheduler="sync")
        5
        """
        return run((self.plan,), of_a_run("compute", options))[0]
