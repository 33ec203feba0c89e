"""Bags that are read from the tables of other programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from bagkit.bag import Bag
from bagkit.front_doors import front_door
from bagkit.plan.node import Plan
from bagkit.reading import Paths, fields_of


@front_door
def read_parquet(
    urlpath: Paths,
    columns: Sequence[str | tuple[str, ...]] | None = None,
    *,
    blocksize: int | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
) -> Bag[dict[str, Any]]:
    """Read the rows of Parquet files as dicts. Needs the extra `arrow`.

    The call lists the files and opens none. If only some columns are used, as by `pluck`, only those are read and
    decoded. Values are Python's own, and exact: dates, times, Decimals, bytes, lists and dicts; None for null. A map
    becomes a list of pairs.

    Args:
        urlpath: A path, a pattern such as `"tables/*.parquet"`, a URL such as `"s3://bucket/tables/*.parquet"`, or a
            list of these. The files of a pattern are read in the order of their names.
        columns: The columns that records are to have, such as `["name", ("address", "city")]`: a name, or a tuple of
            names, each of the struct under the one before. None: all.
        blocksize: About how many bytes of a file go into one partition: a number, or text such as "64 MiB". A file is
            cut where row groups begin. None: the whole file; large files are read by several workers all the same.
        storage_options: What fsspec needs to open URLs, such as `{"anon": True}` or keys. Not for local files.
        files_per_partition: How many files go into one partition, from 1 up. Give it where there are thousands of small
            files. None: one. Not together with `blocksize`.

    Returns:
        A bag of dicts.

    Raises:
        NoFilesError: A path or a pattern names no file.
        SourceError: A file can't be read; also when the bag is computed. Also when the bag is computed: a file has no
            such column, or values that Python's types do not hold.
        PlanError: An argument has a value that is not allowed, or arguments do not go together.
        MissingExtraError: pyarrow, or what the URL needs, is not installed.
        CorruptInputError: When the bag is computed: a file is not a Parquet file, or is cut off or damaged.

    >>> import bagkit as bk, tempfile
    >>> path = tempfile.mkdtemp() + "/people.parquet"
    >>> _ = bk.from_sequence([{"name": "Ada", "born": 1815}]).to_parquet(path, scheduler="sync")
    >>> bk.read_parquet(path).compute(scheduler="sync")
    [{'name': 'Ada', 'born': 1815}]
    """
    from bagkit.io.input.parquet import plan_parquet

    source = plan_parquet(
        urlpath,
        None if columns is None else fields_of("read_parquet", columns),
        blocksize=blocksize,
        storage_options=storage_options,
        files_per_partition=files_per_partition,
    )
    return Bag(Plan(source))


@front_door
def read_sqlite(
    path: str | os.PathLike[str],
    query: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    key: str | None = None,
    npartitions: int | None = None,
) -> Bag[dict[str, Any]]:
    """Read the rows of a query to a SQLite database, as dicts.

    The database is opened only for reading. The call checks the query; its rows are read when the bag is computed, as
    they are asked for. They are in one partition, in the order of the query, unless `key` cuts them.

    Args:
        path: The file of the database, on this machine.
        query: What to select, such as `"select name, age from people where age > ?"`.
        params: Values for the query's question marks, as a tuple, or for its names such as `:age`, as a dict.
        key: A column of the result with numbers. Each partition is a range of them, and several workers run the query
            at once, each for its range. Give it if the column has an index, or the query is quick. Rows without a
            number are in the first partition. None: one partition.
        npartitions: How many ranges, at the most. Only together with `key`.

    Returns:
        A bag of dicts with the values that SQLite has: int, float, str, bytes, None.

    Raises:
        NoFilesError: There is no such file. None is made.
        PlanError: The query can't be run, gives a column twice, or an argument has a value that is not allowed.
        SourceError: The file can't be read; also when the bag is computed.
        CorruptInputError: The file is not a SQLite database.
        InputChangedError: When the bag is computed: the database has changed since the call.

    >>> import bagkit as bk, tempfile
    >>> path = tempfile.mkdtemp() + "/people.db"
    >>> bk.from_sequence([{"name": "Ada", "born": 1815}]).to_sqlite(path, "people", scheduler="sync")
    1
    >>> bk.read_sqlite(path, "select * from people where born < ?", (1900,)).compute(scheduler="sync")
    [{'name': 'Ada', 'born': 1815}]
    """
    from bagkit.io.input.sqlite import plan_sqlite

    return Bag(Plan(plan_sqlite(path, query, params, key=key, npartitions=npartitions)))
