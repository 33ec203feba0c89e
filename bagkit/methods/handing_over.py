"""Methods that hand the records over to other libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.computing import Collected, collects, iterate
from bagkit.errors import ColumnTypeError
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.methods.writing import written
from bagkit.ops.regroup import Partitions
from bagkit.options import merged
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.io.handover import columns as columnar
    from bagkit.io.handover import hdf5, misfits
    from bagkit.io.output import whole_files
    from bagkit.kernels import column_types
    from bagkit.lower.failures import Failure
else:
    columnar = Lazily("bagkit.io.handover.columns")
    hdf5 = Lazily("bagkit.io.handover.hdf5")
    misfits = Lazily("bagkit.io.handover.misfits")
    whole_files = Lazily("bagkit.io.output.whole_files")
    column_types = Lazily("bagkit.kernels.column_types")


if TYPE_CHECKING:
    from typing import Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from bagkit.io.handover.hdf5 import Strings
    from bagkit.methods.writing import Writes
    from bagkit.options import CollectKeywords, PlainKeywords


Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class HandingOver(Making[T_co]):
    """Methods that hand the records over to other libraries."""

    __slots__ = ()

    @overload
    def to_dataframe(self, meta: Any = ..., columns: Iterable[str] | None = ..., *, on_conflict: columnar.Policy = ...,
                     **options: Unpack[PlainKeywords]) -> pd.DataFrame: ...  # fmt: skip
    @overload
    def to_dataframe(self, meta: Any = ..., columns: Iterable[str] | None = ..., *, on_conflict: columnar.Policy = ...,
                     **options: Unpack[CollectKeywords]) -> Collected[pd.DataFrame]: ...  # fmt: skip
    def to_dataframe(
        self,
        meta: Any = None,
        columns: Iterable[str] | None = None,
        optimize_graph: bool | None = True,
        on_conflict: columnar.Policy = "error",
        **options: Any,
    ) -> Any:
        """Return a pandas.DataFrame with a row for each record, which is computed at once.

        Records are dicts, whose missing fields are missing values; or tuples, with `columns` for names. For dicts
        `columns` says which fields. `meta`, in its place, is a frame, a dict or pairs of names and dtypes, which the
        columns get if no value becomes another by it. `on_conflict` is for columns whose values are of no one type:
        "error", or all of them as text ("string") or JSON ("json"), or those missing that are not of the first type
        ("null"). `options` are those of `bagkit.options`; with `on_error="collect"` the result is
        `Collected(frame, failures)`. Raises ColumnTypeError, MissingExtraError.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": "x"}]).to_dataframe(scheduler="sync")["a"].tolist()
        [1, 2]
        """
        from bagkit.io.handover.casts import with_dtypes
        from bagkit.io.handover.frames import import_pandas, meta_dtypes, pandas_frame

        pandas = import_pandas()
        dtypes = meta_dtypes(meta, columns)
        encode = columnar.encoding(
            "to_dataframe", columns if dtypes is None else dtypes, on_conflict, column_types.Typing(nested="any")
        )
        options = {"optimize": optimize_graph, **options} if not optimize_graph else options
        return _hand_over(
            self.plan, encode, on_conflict, options, lambda table: with_dtypes(pandas, pandas_frame(table), dtypes)
        )

    @overload
    def to_arrow(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                 **options: Unpack[PlainKeywords]) -> pa.Table: ...  # fmt: skip
    @overload
    def to_arrow(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                 **options: Unpack[CollectKeywords]) -> Collected[pa.Table]: ...  # fmt: skip
    def to_arrow(
        self, columns: Iterable[str] | None = None, on_conflict: columnar.Policy = "error", **options: Any
    ) -> Any:
        """Return a pyarrow.Table with a row for each record, which is computed at once.

        Lists and dicts become lists and structs. The arguments are those of to_dataframe.

        >>> import bagkit as bk
        >>> bk.from_sequence([{"a": 1}, {"a": 2, "b": ["x"]}]).to_arrow(scheduler="sync").to_pylist()
        [{'a': 1, 'b': None}, {'a': 2, 'b': ['x']}]
        """
        from bagkit.io.handover.arrow import arrow_table, import_pyarrow

        pyarrow = import_pyarrow("arrow", "for to_arrow")
        encode = columnar.encoding("to_arrow", columns, on_conflict, column_types.Typing())
        return _hand_over(self.plan, encode, on_conflict, options, partial(arrow_table, pyarrow))

    @overload
    def to_polars(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                  **options: Unpack[PlainKeywords]) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def to_polars(self, columns: Iterable[str] | None = ..., on_conflict: columnar.Policy = ...,
                  **options: Unpack[CollectKeywords]) -> Collected[pl.DataFrame]: ...  # fmt: skip
    def to_polars(
        self, columns: Iterable[str] | None = None, on_conflict: columnar.Policy = "error", **options: Any
    ) -> Any:
        """Return a polars.DataFrame with a row for each record, which is computed at once.

        Lists and dicts become lists and structs. The arguments are those of to_dataframe.

        >>> import bagkit as bk
        >>> bk.from_sequence([("x", 1), ("y", 2)]).to_polars(["name", "n"], scheduler="sync").to_dicts()
        [{'name': 'x', 'n': 1}, {'name': 'y', 'n': 2}]
        """
        from bagkit.io.handover.frames import import_polars, polars_frame

        import_polars()
        encode = columnar.encoding("to_polars", columns, on_conflict, column_types.Typing())
        return _hand_over(self.plan, encode, on_conflict, options, polars_frame)

    @overload
    def to_parquet(self, path: str | os.PathLike[str], columns: Iterable[str] | None = ...,
                   on_conflict: columnar.Policy = ..., compression: str | None = ...,
                   exist: Literal["error", "overwrite"] = ...,
                   **options: Unpack[PlainKeywords]) -> list[str]: ...  # fmt: skip
    @overload
    def to_parquet(self, path: str | os.PathLike[str], columns: Iterable[str] | None = ...,
                   on_conflict: columnar.Policy = ..., compression: str | None = ...,
                   exist: Literal["error", "overwrite"] = ...,
                   **options: Unpack[CollectKeywords]) -> Collected[list[str]]: ...  # fmt: skip
    def to_parquet(
        self,
        path: str | os.PathLike[str],
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        compression: str | None = "snappy",
        exist: Literal["error", "overwrite"] = "error",
        **options: Any,
    ) -> Any:
        """Write a Parquet file with a row for each record, or one for each partition, and return the paths.

        There is one for each partition where `path` has a `*` for the partition's number; all are of one schema. A file
        appears under its name when all of them are whole. `exist` says whether those that are there may be replaced;
        those of other numbers, which would be read with the new ones, are an error. `columns`, `on_conflict` and
        `options` are those of to_dataframe. Raises ColumnTypeError, MissingExtraError, PlanError for a path that can't
        be written to, OutputExistsError, OutputError.

        >>> import bagkit as bk, tempfile
        >>> path = tempfile.mkdtemp() + "/numbers.parquet"
        >>> bk.from_sequence([{"n": 1}, {"n": 2}]).to_parquet(path, scheduler="sync") == [path]
        True
        """
        from bagkit.io.handover.arrow import import_pyarrow
        from bagkit.io.handover.parquet import check_compression, parquet_places, refuse_others, write_parquet

        pyarrow = import_pyarrow("arrow", "for to_parquet")
        check_compression(compression)
        encode = columnar.encoding("to_parquet", columns, on_conflict, column_types.Typing())
        place = whole_files.check_place("to_parquet", path, exist)
        places = parquet_places(place, self.npartitions)
        for each in places:
            whole_files.check_place("to_parquet", each, exist)
        refuse_others(place, places)

        def write(table: columnar.Table) -> list[str]:
            with whole_files.whole_files("to_parquet", place, exist, places) as paths:
                write_parquet(pyarrow, table, paths, compression)
            return places

        with whole_files.spill_beside(places[0]) as spill:
            return _hand_over(self.plan, encode, on_conflict, options, write, columnar.Spilled(spill, places[0]))

    @overload
    def to_sqlite(self, path: str | os.PathLike[str], table: str, columns: Iterable[str] | None = ...,
                  on_conflict: columnar.Policy = ..., exist: Literal["error", "overwrite"] = ...,
                  **options: Unpack[PlainKeywords]) -> int: ...  # fmt: skip
    @overload
    def to_sqlite(self, path: str | os.PathLike[str], table: str, columns: Iterable[str] | None = ...,
                  on_conflict: columnar.Policy = ..., exist: Literal["error", "overwrite"] = ...,
                  **options: Unpack[CollectKeywords]) -> Collected[int]: ...  # fmt: skip
    def to_sqlite(
        self,
        path: str | os.PathLike[str],
        table: str,
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        exist: Literal["error", "overwrite"] = "error",
        **options: Any,
    ) -> Any:
        """Write a table with a row for each record to an SQLite database, and return how many there are.

        The table, and a database that was not there, appear in one transaction. Lists and dicts have no type of column,
        so they follow `on_conflict`; dates are text in ISO 8601. `exist` says whether a table of this name may be
        replaced. `columns`, `on_conflict` and `options` are those of to_dataframe. Raises ColumnTypeError, and
        PlanError for a path or table that can't be written to, OutputExistsError, OutputError.

        >>> import bagkit as bk, tempfile
        >>> bk.from_sequence([{"n": 1}, {"n": 2}]).to_sqlite(tempfile.mkdtemp() + "/a.db", "numbers", scheduler="sync")
        2
        """
        from bagkit.io.handover.sqlite import check_table, write_sqlite

        place = whole_files.check_place("to_sqlite", path, "overwrite")
        name = check_table(place, table, exist)
        encode = columnar.encoding("to_sqlite", columns, on_conflict, column_types.Typing(nested="none"))
        with whole_files.spill_beside(place) as spill:
            return _hand_over(
                self.plan,
                encode,
                on_conflict,
                options,
                lambda found: write_sqlite(found, place, name, exist),
                columnar.Spilled(spill, place),
            )

    @overload
    def to_hdf5(self, path: str | os.PathLike[str], group: str = ..., columns: Iterable[str] | None = ...,
                on_conflict: columnar.Policy = ..., strings: Strings | None = ..., compression: str | None = ...,
                exist: Literal["error", "overwrite", "append"] = ..., format: hdf5.Format = ...,
                by: str | None = ..., **options: Unpack[PlainKeywords]) -> int: ...  # fmt: skip
    @overload
    def to_hdf5(self, path: str | os.PathLike[str], group: str = ..., columns: Iterable[str] | None = ...,
                on_conflict: columnar.Policy = ..., strings: Strings | None = ..., compression: str | None = ...,
                exist: Literal["error", "overwrite", "append"] = ..., format: hdf5.Format = ...,
                by: str | None = ..., **options: Unpack[CollectKeywords]) -> Collected[int]: ...  # fmt: skip
    def to_hdf5(
        self,
        path: str | os.PathLike[str],
        group: str = "/",
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        strings: Strings | None = None,
        compression: str | None = None,
        exist: Literal["error", "overwrite", "append"] = "error",
        format: hdf5.Format = "columns",  # noqa: A002 - pandas' name for it
        by: str | None = None,
        **options: Any,
    ) -> Any:
        """Write records to an HDF5 file, computed at once, and return how many there were.

        The file appears under its name when it is whole, and stays as it was where something fails. Lists, dicts, and
        text with NUL have no type in it, so they follow `on_conflict`.

        Args:
            path: The file.
            group: Where in the file: "/" or a path such as "logs/2026", whose groups are made if need be.
            columns: Which fields, as for to_dataframe.
            on_conflict: What becomes of columns whose values are of no one type, as for to_dataframe.
            strings: How many bytes of UTF-8 a text may have; longer ones follow `on_conflict`. None is for texts of
                any length; in a table, which has texts of fixed length only, as many as the longest needs. Give a
                number to a table that longer texts will be appended to.
            compression: "gzip", "lzf" (not in a table) or None.
            exist: What to do where the file exists: "error"; "overwrite" all of it; or "append": rows to what is in
                the group, which must have the same columns, or a new group to the file. The file is copied first, so
                that takes as long as the file is large; `by` appends to many groups at once.
            format: "columns" writes a dataset for each column, for h5py and readers in other languages; of values that
                are missing a dataset named `<column>__missing` knows, dates are text in ISO 8601. "table" writes a
                dataset of rows for pandas.read_hdf(path, group) and PyTables: missing numbers and bools are NaN (so
                ints and bools are float64 where some are missing), times NaT, and texts what pandas takes for missing.
            by: A field whose value names the group, below `group`, that a record goes to; it is no column then.
            **options: Those of `bagkit.options`; with `on_error="collect"` the result is `Collected(number, failures)`.

        Returns:
            How many rows were written.

        Raises:
            ColumnTypeError: Values have no one type, or do not fit what is there.
            MissingExtraError: h5py is not installed (the extra `hdf5`).
            PlanError: An argument makes no sense, or the file can't be appended to.
            OutputExistsError: The file exists, and `exist` is "error".
            OutputError: The file can't be written.

        >>> import bagkit as bk, h5py, tempfile
        >>> path = tempfile.mkdtemp() + "/numbers.h5"
        >>> bk.from_sequence([{"n": 1}, {"n": 2}]).to_hdf5(path, scheduler="sync")
        2
        >>> with h5py.File(path) as file:
        ...     file["n"][:].tolist()
        [1, 2]
        """
        target = hdf5.Target(group, format, strings, compression, by, exist == "append")
        hdf5.import_h5py()
        place = whole_files.check_place("to_hdf5", path, exist, ("error", "overwrite", "append"))
        hdf5.check_target(target, columns)
        if exist == "append":
            hdf5.check_appendable(place, target)
        typing = column_types.Typing(nested="none", nul=False, width=target.width)
        encode = columnar.encoding("to_hdf5", columns, on_conflict, typing)

        def write(table: columnar.Table) -> int:
            with whole_files.whole_files("to_hdf5", place, exist) as (temporary,):
                if exist == "append":
                    hdf5.copy_to_append(place, temporary)
                hdf5.write_hdf5(table, temporary, target)
            return table.rows

        with whole_files.spill_beside(place) as spill:
            rows: int = _hand_over(self.plan, encode, on_conflict, options, write, columnar.Spilled(spill, place))
        return rows

    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Literal["error", "overwrite", "resume"] = ...,
                **options: Unpack[PlainKeywords]) -> list[str]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., compute: Literal[True] = ..., *,
                exist: Literal["error", "overwrite", "resume"] = ...,
                **options: Unpack[CollectKeywords]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_avro(self, filename: Paths, schema: Mapping[str, Any], name_function: Callable[[int], str] | None = ...,
                storage_options: Mapping[str, Any] | None = ..., codec: str = ..., sync_interval: int = ...,
                metadata: Mapping[str, str] | None = ..., *, exist: Literal["error", "overwrite", "resume"] = ...,
                compute: Literal[False]) -> Writes: ...  # fmt: skip
    def to_avro(
        self,
        filename: Paths,
        schema: Mapping[str, Any],
        name_function: Callable[[int], str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        codec: str = "null",
        sync_interval: int = 16000,
        metadata: Mapping[str, str] | None = None,
        compute: bool = True,
        *,
        exist: Literal["error", "overwrite", "resume"] = "error",
        **options: Any,
    ) -> Any:
        """Write an Avro file for each partition, and return the list of their paths.

        `filename`, `name_function`, `storage_options`, `compute`, `exist` and `options` are those of to_textfiles; in a
        directory files are `0.avro`. `schema` is a record's, as a dict; a record that does not fit it raises what
        fastavro raises, a value that would be read back as another ColumnTypeError, and fields that it does not name
        are left out. `codec` compresses the blocks inside, of about `sync_interval` bytes: "null", "deflate", "bzip2",
        "xz", or with the extra `avro-codecs` "snappy", "zstandard", "lz4". `metadata` goes into the header. Needs the
        extra `avro`. Raises what to_textfiles raises.

        >>> import bagkit as bk, tempfile
        >>> schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
        >>> paths = bk.from_sequence([{"n": 1}, {"n": 2}]).to_avro(tempfile.mkdtemp(), schema, scheduler="sync")
        >>> bk.read_avro(paths).compute(scheduler="sync")
        [{'n': 1}, {'n': 2}]
        """
        from bagkit.io.output.avro import plan_avro_files

        encode, sink = plan_avro_files(
            filename,
            self.npartitions,
            schema,
            name_function=name_function,
            storage_options=storage_options,
            codec=codec,
            sync_interval=sync_interval,
            metadata=metadata,
            exist=exist,
        )
        return written(self._then(encode).plan, sink, compute, options)


def _hand_over(
    plan: Plan,
    encode: columnar.EncodeColumns,
    policy: columnar.Policy,
    options: dict[str, Any],
    build: Callable[[columnar.Table], Any],
    store: columnar.Kept | columnar.Spilled | None = None,
) -> Any:
    """Return what `build` makes of the records of `plan` as a table; with `on_error="collect"` a Collected of it."""
    failures: list[Any] = []
    gathered = columnar.Gathered(encode, policy, columnar.Kept() if store is None else store)
    try:
        for item in iterate(Plan(encode, (plan,)), options, failures):
            gathered.add(item)
        result = build(gathered.table())
        return Collected(result, failures) if collects((plan,), merged(**options)) else result
    except columnar.Misfit as misfit:
        found = misfit
    raise _in_place(plan, encode, found, options)


def _in_place(
    plan: Plan, encode: columnar.EncodeColumns, misfit: columnar.Misfit, options: dict[str, Any]
) -> ColumnTypeError:
    """Read one partition again, record by record, to raise the error where it is; else return one without a place."""
    if len(misfit.conflicts) > 1:
        return _several(plan, encode, misfit.conflicts, options)
    if misfit.conflicts:
        find = misfits.finding(misfit.conflicts[0], misfit.conflicts, encode, misfits.FindMisfit)
    else:
        find = misfits.FindMisfit(encode, final=misfit.final)
    number = misfit.partition
    for _ in iterate(Plan(find, (_part(plan, number),)), options):
        pass
    return ColumnTypeError(f"{misfit.message} (in partition {number})")


def _several(
    plan: Plan, encode: columnar.EncodeColumns, conflicts: Sequence[columnar.Conflict], options: dict[str, Any]
) -> ColumnTypeError:
    """Return the error for conflicts in several columns, with the place of each: the partitions are read again."""
    failures: list[Failure] = []
    for conflict in {each.partition: each for each in conflicts[: misfits.LISTED]}.values():
        find = misfits.finding(conflict, conflicts, encode, misfits.FindMisfits)
        for _ in iterate(Plan(find, (_part(plan, conflict.partition),)), {**options, "on_error": "collect"}, failures):
            pass
    ours = [failure for failure in failures if isinstance(failure.error, ColumnTypeError)]
    found = {text: failure.where for failure in ours for text in str(failure.error).split(misfits.SEPARATOR)}
    error = ColumnTypeError(misfits.several_message(encode.name, conflicts, found))
    if ours:
        ours[0].note_on(error)
    return error


def _part(plan: Plan, number: int) -> Plan:
    return Plan(Partitions(number, number + 1), (plan,))
