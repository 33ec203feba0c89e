"""Columns as Parquet files."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Sequence
from typing import Any, Final

from bagkit.errors import ColumnTypeError, OutputExistsError, PlanError
from bagkit.io.handover.arrow import arrow_schema, record_batches
from bagkit.io.handover.column_types import ListOf, StructOf, Type
from bagkit.io.handover.gathered import TypedColumns
from bagkit.io.input.paths import named
from bagkit.io.output.stores import open_own
from bagkit.json.standard import standard_loads
from bagkit.lazily import import_extra

GROUP_ROWS: Final = 1 << 17
GROUP_BYTES: Final = 1 << 26
"""How many rows, or bytes in memory, make a row group: what is held while a file is written."""

LEVELS: Final = 98
"""How many levels of lists and dicts, where a list counts twice, pyarrow reads; it writes more of them."""

MARK: Final = b"bagkit"
"""Under this name a file of many says by which pattern it was written."""

COMPRESSIONS: Final = ("snappy", "zstd", "gzip", "lz4", "brotli", None)


def is_for_many(place: str, exist: str) -> bool:
    """Return whether there is to be a file for each partition; raises PlanError for a pattern that makes no sense."""
    head, _, name = place.rpartition("/")
    if exist == "update" and "*" not in name:
        raise PlanError(
            "to_parquet: exist='update' writes a file for each partition; expected a path with a *, such as "
            "'out/*.parquet'"
        )
    if "*" in head or name.count("*") > 1:
        raise PlanError(f"to_parquet: got {place!r}; expected one * at the most, in the file's name")
    return "*" in name


def _matching(place: str) -> list[str]:
    before, _, after = place.partition("*")
    return glob.glob(f"{glob.escape(before)}*{glob.escape(after)}")


def marked(place: str, mark: str) -> set[str]:
    """Return the files at a pattern that earlier runs have written there, as the `mark` in them says.

    They can't be told by an account that lies beside them: polars reads all files of a folder, hidden ones too.
    """
    pq = import_extra("pyarrow.parquet", "arrow", "for to_parquet")
    found = set()
    for path in filter(os.path.isfile, _matching(place)):  # a FIFO would never answer
        try:
            said = pq.read_metadata(path).metadata or {}
        except Exception:  # of many types: it is no Parquet file, or can't be read
            continue
        if said.get(MARK) == mark.encode():
            found.add(path)
    return found


def listed(place: str, account: str) -> set[str]:
    """Return the files at a pattern that an earlier version lists in its `account`; none if that makes no sense."""
    try:
        with open(account, "rb", opener=open_own) as file:
            found = {place.replace("*", row["name"]) for row in standard_loads(file.read())["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return found.intersection(_matching(place))  # whoever may write there could list any


def refuse_others(place: str, places: Sequence[str], known: Collection[str]) -> None:
    """Raise OutputExistsError for files with other numbers, unless they are `known`: readers would take them for parts.

    Those that are known are removed by who writes here.
    """
    before, _, after = place.partition("*")
    for path in sorted(set(_matching(place)).difference(places, known)):
        if not path[len(before) : -len(after) or None].isdigit():
            continue
        raise OutputExistsError(
            f"to_parquet: {named(path)} exists, and would be read together with the {len(places)} files that are "
            "written; hint: remove it, or write to another directory"
        )


def check_compression(compression: Any) -> None:
    """Raise PlanError unless Parquet files can be compressed so."""
    if compression not in COMPRESSIONS:
        names = ", ".join(map(repr, COMPRESSIONS))
        raise PlanError(f"to_parquet: compression is {compression!r}; expected one of {names}")


def _levels(kind: Type) -> int:
    if isinstance(kind, ListOf):
        return 2 + _levels(kind.item)
    if isinstance(kind, StructOf):
        return 1 + max((_levels(inner) for _, inner in kind.fields), default=0)
    return 0


def write_parquet(pa: Any, table: TypedColumns, paths: Sequence[str], compression: str | None, mark: str = "") -> None:
    """Write the table to one file, or each partition to its own; all have the same schema, and the `mark` in it."""
    pq = import_extra("pyarrow.parquet", "arrow", "for to_parquet")
    if table.rows and not table.columns:
        raise ColumnTypeError("to_parquet: the records have no fields, and rows without columns can't be written")
    for column in table.columns:
        if _levels(column.type) > LEVELS:
            raise ColumnTypeError(
                f"to_parquet: the field {column.name!r} is nested too deeply: in {_levels(column.type)} levels, "
                f"where a list is two; expected {LEVELS} at the most, as readers of Parquet have; hint: columns=[...]"
            )
    schema = arrow_schema(pa, table)
    schema = schema.with_metadata({MARK: mark}) if mark else schema
    batches = record_batches(pa, table, schema)
    batch = next(batches, None)
    for number, path in enumerate(paths):
        with pq.ParquetWriter(path, schema, compression=compression or "none") as writer:
            group: list[Any] = []
            while batch is not None and (len(paths) == 1 or batch[0] == number):
                group.append(batch[1])
                batch = next(batches, None)
                if sum(one.num_rows for one in group) >= GROUP_ROWS or sum(one.nbytes for one in group) >= GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(group, schema))
                    group = []
            if group:
                writer.write_table(pa.Table.from_batches(group, schema))
