"""Methods that hand the records over to other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.computing import iterate
from bagkit.errors import ColumnTypeError
from bagkit.io.columns import EncodeColumns, FindMisfit, Gathered, Kept, Misfit, Policy, Spilled, Table, encoding
from bagkit.kernels.column_types import Typing
from bagkit.methods.making import Making, T_co
from bagkit.ops.regroup import Partitions
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


T = TypeVar("T")


class HandingOver(Making[T_co]):
    """Methods that hand the records over to other libraries."""

    __slots__ = ()

    def to_dataframe(self, meta: Any = None, columns: Iterable[str] | None = None, optimize_graph: bool = True,
                     on_conflict: Policy = "error", **options: Any) -> pd.DataFrame:  # fmt: skip
        """Return a pandas.DataFrame with a row for each record, which is computed at once.

        Records are dicts, whose missing fields are missing values; or tuples, with `columns` for names. For dicts
        `columns` says which fields. `meta`, in its place, is a frame, a dict or pairs of names and dtypes, which the
        columns get. `on_conflict` is for columns whose values are of no one type: "error", or all of them as text
        ("string") or JSON ("json"), or those missing that are not of the first type ("null"). `options` are those of
        `bagkit.options`. Raises ColumnTypeError, MissingExtraError.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": "x"}]).to_dataframe(scheduler="sync")["a"].tolist()
        [1, 2]
        """
        from bagkit.io.frames import import_pandas, meta_dtypes, pandas_frame, with_dtypes

        import_pandas()
        dtypes = meta_dtypes(meta, columns)
        encode = encoding("to_dataframe", columns if dtypes is None else dtypes, on_conflict, Typing(nested="any"))
        options = {"optimize": optimize_graph, **options} if not optimize_graph else options
        frame: pd.DataFrame = with_dtypes(_hand_over(self.plan, encode, on_conflict, options, pandas_frame), dtypes)
        return frame

    def to_arrow(self, columns: Iterable[str] | None = None, on_conflict: Policy = "error", **options: Any) -> pa.Table:
        """Return a pyarrow.Table with a row for each record, which is computed at once.

        Lists and dicts become lists and structs. The arguments are those of to_dataframe.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": ["x"]}]).to_arrow(scheduler="sync").to_pylist()
        [{'a': 1, 'b': None}, {'a': 2, 'b': ['x']}]
        """
        from bagkit.io.arrow import arrow_table, import_pyarrow

        pyarrow = import_pyarrow("arrow", "for to_arrow")
        encode = encoding("to_arrow", columns, on_conflict, Typing())
        table: pa.Table = _hand_over(self.plan, encode, on_conflict, options, partial(arrow_table, pyarrow))
        return table

    def to_polars(
        self, columns: Iterable[str] | None = None, on_conflict: Policy = "error", **options: Any
    ) -> pl.DataFrame:
        """Return a polars.DataFrame with a row for each record, which is computed at once.

        Lists and dicts become lists and structs. The arguments are those of to_dataframe.

        >>> import bagkit as bk
        >>> bk.from_sequence([("x", 1), ("y", 2)]).to_polars(["name", "n"], scheduler="sync").to_dicts()
        [{'name': 'x', 'n': 1}, {'name': 'y', 'n': 2}]
        """
        from bagkit.io.frames import import_polars, polars_frame

        import_polars()
        encode = encoding("to_polars", columns, on_conflict, Typing())
        frame: pl.DataFrame = _hand_over(self.plan, encode, on_conflict, options, polars_frame)
        return frame


def _hand_over(
    plan: Plan,
    encode: EncodeColumns,
    policy: Policy,
    options: dict[str, Any],
    build: Callable[[Table], T],
    store: Kept | Spilled | None = None,
) -> T:
    """Return what `build` makes of the records of `plan` as a table."""
    gathered = Gathered(encode, policy, Kept() if store is None else store)
    try:
        for item in iterate(Plan(encode, (plan,)), options):
            gathered.add(item)
        return build(gathered.table())
    except Misfit as misfit:
        found = misfit
    raise _in_place(plan, FindMisfit(encode, gathered.before, found.final), found, options)


def _in_place(plan: Plan, find: FindMisfit, misfit: Misfit, options: dict[str, Any]) -> ColumnTypeError:
    """Read one partition again, record by record, to raise the error where it is; else return one without a place."""
    number = misfit.partition
    part = Plan(Partitions(number, number + 1), (plan,))
    for _ in iterate(Plan(find, (part,)), options):
        pass
    return ColumnTypeError(f"{misfit.message} (in partition {number})")
