"""What makes bags, items and delayed values collections of dask's: `dask_protocol.py`, imported when dask asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bagkit.errors import LazyError, one_line
from bagkit.lazily import Lazily

if TYPE_CHECKING:
    from bagkit.lazy import dask_protocol as graphs
    from bagkit.lazy import dask_writes as writes
    from bagkit.plan.node import Plan
else:
    graphs = Lazily("bagkit.lazy.dask_protocol")
    writes = Lazily("bagkit.lazy.dask_writes")


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
