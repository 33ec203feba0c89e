"""Methods that give the records as a frame or table of another library, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast, overload

from bagkit.lazily import Lazily, import_extra
from bagkit.methods.making import Making, T_co
from bagkit.methods.tabulating import hand_over

if TYPE_CHECKING:
    from typing import Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from bagkit.computing import Collected
    from bagkit.io.handover import column_types
    from bagkit.io.handover import columns as columnar
    from bagkit.options import CollectOptions, ComputeOptions, PlainOptions
else:
    columnar = Lazily("bagkit.io.handover.columns")
    column_types = Lazily("bagkit.io.handover.column_types")


class Frames(Making[T_co]):
    """Methods that give the records as a frame or table of another library, in memory."""

    __slots__ = ()

    @overload
    def to_dataframe(self, meta: Any = ..., columns: Iterable[str] | None = ..., *, on_conflict: columnar.Policy = ...,
                     **options: Unpack[PlainOptions]) -> pd.DataFrame: ...  # fmt: skip
    @overload
    def to_dataframe(self, meta: Any = ..., columns: Iterable[str] | None = ..., *, on_conflict: columnar.Policy = ...,
                     **options: Unpack[CollectOptions]) -> Collected[pd.DataFrame]: ...  # fmt: skip
    @overload
    def to_dataframe(self, meta: Any = ..., columns: Iterable[str] | None = ..., *, on_conflict: columnar.Policy = ...,
                     **options: Unpack[ComputeOptions]) -> pd.DataFrame | Collected[pd.DataFrame]: ...  # fmt: skip
    def to_dataframe(
        self,
        meta: Any = None,
        columns: Iterable[str] | None = None,
        optimize_graph: bool | None = True,
        on_conflict: columnar.Policy = "error",
        **options: Any,  # a TypedDict can't leave out optimize_graph, which is a parameter here
    ) -> Any:
        """Compute the bag, and return a pandas.DataFrame with a row for each record. Needs the extra `pandas`.

        Records are dicts, whose missing fields become missing values, or tuples, or single values. No value changes:
        ints stay ints where some are missing.

        Args:
            meta: The dtypes of the columns, in place of `columns`: a frame, a dict of names and dtypes, or pairs of
                them. A column is cast if no value changes by it.
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen; for tuples and lists the numbers 0, 1 and so on.
            optimize_graph: False runs the plan as it is written, as the option `optimize=False` does.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The DataFrame; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or it has no type for them, and
                `on_conflict` is "error".
            MissingExtraError: pandas is not installed.
            PlanError: `meta` gives a dtype that is none, or another argument has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": "x"}]).to_dataframe(scheduler="sync")["a"].tolist()
        [1, 2]
        """
        from bagkit.io.handover.casts import with_dtypes
        from bagkit.io.handover.frames import import_pandas, meta_dtypes, pandas_frame

        pandas = import_pandas()
        dtypes = meta_dtypes(meta, columns)
        encode = columnar.encoding(
            "to_dataframe", columns if dtypes is None else list(dtypes), on_conflict,
            column_types.Typing(nested="any"), numbers=True,
        )  # fmt: skip
        given = cast("ComputeOptions", options if optimize_graph else {"optimize": optimize_graph, **options})
        return hand_over(
            self.plan, encode, on_conflict, given, lambda table: with_dtypes(pandas, pandas_frame(table), dtypes)
        )

    @overload
    def to_arrow(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                 **options: Unpack[PlainOptions]) -> pa.Table: ...  # fmt: skip
    @overload
    def to_arrow(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                 **options: Unpack[CollectOptions]) -> Collected[pa.Table]: ...  # fmt: skip
    @overload
    def to_arrow(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                 **options: Unpack[ComputeOptions]) -> pa.Table | Collected[pa.Table]: ...  # fmt: skip
    def to_arrow(
        self,
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Compute the bag, and return a pyarrow.Table with a row for each record. Needs the extra `arrow`.

        Records are dicts, whose missing fields become nulls, or tuples, or single values. Lists and dicts become lists
        and structs.

        Args:
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The Table; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or it has no type for them, and
                `on_conflict` is "error".
            MissingExtraError: pyarrow is not installed.
            PlanError: `columns` or `on_conflict` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": ["x"]}]).to_arrow(scheduler="sync").to_pylist()
        [{'a': 1, 'b': None}, {'a': 2, 'b': ['x']}]
        """
        from bagkit.io.handover.arrow import arrow_table

        pyarrow = import_extra("pyarrow", "arrow", "for to_arrow")
        encode = columnar.encoding("to_arrow", columns, on_conflict, column_types.Typing())
        return hand_over(self.plan, encode, on_conflict, options, partial(arrow_table, pyarrow))

    @overload
    def to_polars(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                  **options: Unpack[PlainOptions]) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def to_polars(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                  **options: Unpack[CollectOptions]) -> Collected[pl.DataFrame]: ...  # fmt: skip
    @overload
    def to_polars(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                  **options: Unpack[ComputeOptions]) -> pl.DataFrame | Collected[pl.DataFrame]: ...  # fmt: skip
    def to_polars(
        self,
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Compute the bag, and return a polars.DataFrame with a row for each record. Needs the extra `polars`.

        Records are dicts, whose missing fields become nulls, or tuples, or single values. Lists and dicts become lists
        and structs.

        Args:
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The DataFrame; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or it has no type for them, and
                `on_conflict` is "error".
            MissingExtraError: polars or pyarrow is not installed.
            PlanError: `columns` or `on_conflict` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.from_sequence([("x", 1), ("y", 2)]).to_polars(["name", "n"], scheduler="sync").to_dicts()
        [{'name': 'x', 'n': 1}, {'name': 'y', 'n': 2}]
        """
        from bagkit.io.handover.frames import import_polars, polars_frame

        import_polars()
        encode = columnar.encoding("to_polars", columns, on_conflict, column_types.Typing())
        return hand_over(self.plan, encode, on_conflict, options, polars_frame)
