"""Methods that write the records as one table, with typed columns, to a file of another program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from bagkit.lazily import Lazily, import_extra
from bagkit.methods.making import Making, T_co
from bagkit.methods.tabulating import hand_over

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.computing import Collected
    from bagkit.io.handover import column_types, gathered, hdf5
    from bagkit.io.handover import columns as columnar
    from bagkit.io.handover.hdf5_datasets import Strings
    from bagkit.io.output import stores, whole_files
    from bagkit.options import CollectOptions, ComputeOptions, PlainOptions
else:
    gathered = Lazily("bagkit.io.handover.gathered")
    columnar = Lazily("bagkit.io.handover.columns")
    hdf5 = Lazily("bagkit.io.handover.hdf5")
    stores = Lazily("bagkit.io.output.stores")
    whole_files = Lazily("bagkit.io.output.whole_files")
    column_types = Lazily("bagkit.io.handover.column_types")


class TableFiles(Making[T_co]):
    """Methods that write the records as one table, with typed columns, to a file of another program."""

    __slots__ = ()

    @overload
    def to_parquet(self, path: str | os.PathLike[str], columns: Iterable[str] | None = ...,
                   on_conflict: columnar.Policy = ..., compression: str | None = ...,
                   exist: Literal["error", "overwrite", "update"] = ...,
                   **options: Unpack[PlainOptions]) -> list[str]: ...  # fmt: skip
    @overload
    def to_parquet(self, path: str | os.PathLike[str], columns: Iterable[str] | None = ...,
                   on_conflict: columnar.Policy = ..., compression: str | None = ...,
                   exist: Literal["error", "overwrite", "update"] = ...,
                   **options: Unpack[CollectOptions]) -> Collected[list[str]]: ...  # fmt: skip
    @overload
    def to_parquet(self, path: str | os.PathLike[str], columns: Iterable[str] | None = ...,
                   on_conflict: columnar.Policy = ..., compression: str | None = ...,
                   exist: Literal["error", "overwrite", "update"] = ...,
                   **options: Unpack[ComputeOptions]) -> list[str] | Collected[list[str]]: ...  # fmt: skip
    def to_parquet(
        self,
        path: str | os.PathLike[str],
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        compression: str | None = "snappy",
        exist: Literal["error", "overwrite", "update"] = "error",
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write a Parquet file with a row for each record, or one file for each partition. Needs the extra `arrow`.

        All files have the same schema, and appear under their names when all of them are whole.

        Args:
            path: A local path; its directory is made if need be. With a `*` in it there is a file for each partition,
                and the `*` stands for its number.
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            compression: How the file is compressed: "snappy", "gzip", "zstd", "lz4", "brotli" or None.
            exist: "error": a file that is there is an error. "overwrite": it is replaced when the new one is whole, and
                of many files, what an earlier, larger run left is removed. "update": what is new or has changed is
                written, and files are named after their inputs; all of them are written again if the types of the
                columns change.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            The list of the files' paths; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or it has no type for them, and
                `on_conflict` is "error".
            MissingExtraError: pyarrow is not installed.
            PlanError: `path` is a URL or a directory, its directory does not exist, or another argument has a value
                that is not allowed.
            OutputExistsError: Files are there, and `exist` is "error"; or no account names them, and readers would take
                them for parts of the table.
            OutputError: A file can't be written.

        >>> import bagkit as bk, tempfile
        >>> path = tempfile.mkdtemp() + "/numbers.parquet"
        >>> bk.from_sequence([{"n": 1}, {"n": 2}]).to_parquet(path, scheduler="sync") == [path]
        True
        """
        from bagkit.io.handover.parquet import check_compression, is_for_many, write_parquet

        pyarrow = import_extra("pyarrow", "arrow", "for to_parquet")
        check_compression(compression)
        encode = columnar.encoding("to_parquet", columns, on_conflict, column_types.Typing())
        place = whole_files.check_place("to_parquet", path, exist, ("error", "overwrite", "update"), pattern=True)

        def write(table: gathered.TypedColumns, paths: Sequence[str], mark: str = "") -> None:
            write_parquet(pyarrow, table, paths, compression, mark)

        if is_for_many(place, exist):
            from bagkit.methods.table_parts import TableParts

            return TableParts(self.plan, encode, on_conflict, place, exist, compression, write).run(options)

        def write_one(table: gathered.TypedColumns) -> list[str]:
            with whole_files.whole_file("to_parquet", place, exist) as temporary, stores.failing_as(place):
                write(table, [temporary])
            return [place]

        with whole_files.spill_beside(place) as spill:
            return hand_over(self.plan, encode, on_conflict, options, write_one, gathered.KeptInFile(spill, place))

    @overload
    def to_sqlite(self, path: str | os.PathLike[str], table: str, columns: Iterable[str] | None = ...,
                  on_conflict: columnar.Policy = ..., exist: Literal["error", "overwrite"] = ...,
                  **options: Unpack[PlainOptions]) -> int: ...  # fmt: skip
    @overload
    def to_sqlite(self, path: str | os.PathLike[str], table: str, columns: Iterable[str] | None = ...,
                  on_conflict: columnar.Policy = ..., exist: Literal["error", "overwrite"] = ...,
                  **options: Unpack[CollectOptions]) -> Collected[int]: ...  # fmt: skip
    @overload
    def to_sqlite(self, path: str | os.PathLike[str], table: str, columns: Iterable[str] | None = ...,
                  on_conflict: columnar.Policy = ..., exist: Literal["error", "overwrite"] = ...,
                  **options: Unpack[ComputeOptions]) -> int | Collected[int]: ...  # fmt: skip
    def to_sqlite(
        self,
        path: str | os.PathLike[str],
        table: str,
        columns: Iterable[str] | None = None,
        on_conflict: columnar.Policy = "error",
        exist: Literal["error", "overwrite"] = "error",
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write a table with a row for each record to an SQLite database.

        The table, and a database that was not there, appear in one transaction. Dates become text in ISO 8601. SQLite
        has no type for lists and dicts, so they follow `on_conflict`.

        Args:
            path: A local path of the database. Its directory is made if need be.
            table: The name of the table.
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            exist: "error": a table of this name is an error. "overwrite": it is replaced. Other tables stay.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            How many rows were written; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or it has no type for them, and
                `on_conflict` is "error".
            PlanError: `path` is a URL, a directory or no database, its directory does not exist, or another argument
                has a value that is not allowed.
            OutputExistsError: The table exists, and `exist` is "error".
            OutputError: The database can't be written.

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
                gathered.KeptInFile(spill, place),
            )

    @overload
    def to_hdf5(self, path: str | os.PathLike[str], group: str = ..., columns: Iterable[str] | None = ...,
                on_conflict: columnar.Policy = ..., strings: Strings | None = ..., compression: str | None = ...,
                exist: Literal["error", "overwrite", "append"] = ..., format: hdf5.Format = ...,
                by: str | None = ..., **options: Unpack[PlainOptions]) -> int: ...  # fmt: skip
    @overload
    def to_hdf5(self, path: str | os.PathLike[str], group: str = ..., columns: Iterable[str] | None = ...,
                on_conflict: columnar.Policy = ..., strings: Strings | None = ..., compression: str | None = ...,
                exist: Literal["error", "overwrite", "append"] = ..., format: hdf5.Format = ...,
                by: str | None = ..., **options: Unpack[CollectOptions]) -> Collected[int]: ...  # fmt: skip
    @overload
    def to_hdf5(self, path: str | os.PathLike[str], group: str = ..., columns: Iterable[str] | None = ...,
                on_conflict: columnar.Policy = ..., strings: Strings | None = ..., compression: str | None = ...,
                exist: Literal["error", "overwrite", "append"] = ..., format: hdf5.Format = ...,
                by: str | None = ..., **options: Unpack[ComputeOptions]) -> int | Collected[int]: ...  # fmt: skip
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
        **options: Unpack[ComputeOptions],
    ) -> Any:
        """Write records to an HDF5 file, computed at once. Needs the extra `hdf5`.

        The file appears under its name when it is whole. If something fails, an older file stays as it was. HDF5 has no
        type for lists, dicts and text with NUL, so they follow `on_conflict`.

        Args:
            path: A local path. Its directory is made if need be.
            group: Where in the file: "/", or a path such as "logs/2026", whose groups are made if need be.
            columns: The names of the columns. For dicts: the fields to take, and only those are parsed. For tuples and
                single values: what their elements are called. None: all fields of the dicts, in the order in which they
                are first seen.
            on_conflict: What to do with a column whose values are not all of one type. "error": raise ColumnTypeError.
                "string": write all its values as text. "json": write all as JSON. "null": keep the values of the first
                type, and drop the others.
            strings: How many bytes of UTF-8 a text may have; longer ones follow `on_conflict`. None: texts of any
                length; in a table, which has texts of fixed length only, as many bytes as the longest needs. Give a
                number to a table that longer texts will be appended to.
            compression: "gzip", "lzf" (not in a table) or None.
            exist: What to do where the file exists: "error"; "overwrite" all of it; or "append": rows to what is in the
                group, which must have the same columns, or a new group to the file. The file is copied first, so that
                takes as long as the file is large; `by` appends to many groups at once.
            format: "columns" writes a dataset for each column, for h5py and readers in other languages. A dataset named
                `<column>__missing` says which values are missing, and dates are text in ISO 8601. "table" writes a
                dataset of rows for pandas.read_hdf(path, group) and PyTables: missing numbers and bools are NaN (so
                ints and bools are float64 where some are missing), times NaT, and texts what pandas takes for missing.
            by: A field whose value names the group, below `group`, that a record goes to. It is no column then.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            How many rows were written; with `on_error="collect"` a Collected.

        Raises:
            ColumnTypeError: The values of a column are not all of one type, or do not fit what is there.
            MissingExtraError: h5py is not installed.
            PlanError: An argument has a value that is not allowed, or the file can't be appended to.
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

        def write(table: gathered.TypedColumns) -> int:
            with whole_files.whole_file("to_hdf5", place, exist) as temporary, stores.failing_as(place):
                if exist == "append":
                    hdf5.copy_to_append(place, temporary)
                hdf5.write_hdf5(table, temporary, target)
            return table.rows

        with whole_files.spill_beside(place) as spill:
            rows: int = hand_over(self.plan, encode, on_conflict, options, write, gathered.KeptInFile(spill, place))
        return rows
