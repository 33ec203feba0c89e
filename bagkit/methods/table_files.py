"""Methods that write the records as one table, with typed columns, to a file of another program."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.methods.tabulating import hand_over

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.computing import Collected
    from bagkit.io.handover import columns as columnar
    from bagkit.io.handover import hdf5
    from bagkit.io.handover.hdf5 import Strings
    from bagkit.io.output import whole_files
    from bagkit.kernels import column_types
    from bagkit.options import CollectKeywords, PlainKeywords
else:
    columnar = Lazily("bagkit.io.handover.columns")
    hdf5 = Lazily("bagkit.io.handover.hdf5")
    whole_files = Lazily("bagkit.io.output.whole_files")
    column_types = Lazily("bagkit.kernels.column_types")


class TableFiles(Making[T_co]):
    """Methods that write the records as one table, with typed columns, to a file of another program."""

    __slots__ = ()

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
            return hand_over(self.plan, encode, on_conflict, options, write, columnar.Spilled(spill, places[0]))

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
            return hand_over(
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
            rows: int = hand_over(self.plan, encode, on_conflict, options, write, columnar.Spilled(spill, place))
        return rows
