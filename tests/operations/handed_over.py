"""Bags that are written to files of other libraries, and read back by those."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from typing import Any


def parquet(bag: Any) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as directory:
        paths = bag.to_parquet(f"{directory}/part-*.parquet")
        assert len(paths) == bag.npartitions
        return [record for path in paths for record in pq.read_table(path).to_pylist()]


def sqlite(bag: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    with tempfile.TemporaryDirectory() as directory:
        count = bag.to_sqlite(f"{directory}/a.db", "records", columns=columns)
        with closing(sqlite3.connect(f"{directory}/a.db")) as database:
            rows = database.execute("SELECT * FROM records ORDER BY rowid").fetchall()
    assert len(rows) == count
    return rows


def avro(bag: Any) -> list[list[dict[str, Any]]]:
    import fastavro

    fields = [{"name": "k", "type": "string"}, {"name": "v", "type": "long"}]
    with tempfile.TemporaryDirectory() as directory:
        made = bag.map(lambda pair: {"k": pair[0], "v": pair[1]})
        paths = made.to_avro(directory, {"name": "pair", "type": "record", "fields": fields}, sync_interval=20)
        parts = []
        for path in paths:
            with open(path, "rb") as file:
                parts.append(list(fastavro.reader(file)))
    return parts
