"""The questions put to engines that know columns and expressions, not Python: Polars and DuckDB.

Both are asked as their guides show it: the types of all fields are inferred from the files first. Where a benchmark has
`polars-name`, Polars is told the one field that is read.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Job, Setting, new_folder


def polars_query(query: Callable[[Any, Any], Any], fields: tuple[str, ...] = ()) -> Contender:
    """Return the contender that asks Polars: `query` gets the module and the lazy frame of all files.

    With `fields` Polars is told that these are all there are, and that they are texts.
    """

    def polars(setting: Setting, keep: ExitStack) -> Job:
        import polars as pl  # type: ignore[import-not-found, unused-ignore]

        schema = dict.fromkeys(fields, pl.String) or None
        return lambda: query(pl, pl.scan_ndjson(setting.paths, schema=schema))

    return polars


def duckdb_query(sql: str) -> Contender:
    """Return the contender that asks DuckDB: `sql` reads the table `records`, which is the view of all files."""

    def duckdb(setting: Setting, keep: ExitStack) -> Job:
        import duckdb as db  # type: ignore[import-not-found, unused-ignore]

        connection = db.connect(config={"threads": setting.workers})
        keep.callback(connection.close)
        paths = ", ".join(f"'{path}'" for path in setting.paths)
        asked = f"WITH records AS (SELECT * FROM read_ndjson([{paths}])) {sql}"
        return lambda: connection.sql(asked).fetchall()

    return duckdb


def only_value(contender: Contender) -> Contender:
    """Return a contender whose answer is the only value of the only row of another's."""

    def unpacked(setting: Setting, keep: ExitStack) -> Job:
        job = contender(setting, keep)

        def value() -> Any:
            [[found]] = job()
            return found

        return value

    return unpacked


def top_names(pl: Any, records: Any) -> Any:
    """Return the ten most frequent names, and how often each is there."""
    counts = records.group_by("name").len()
    return counts.sort("len", descending=True).head(10).collect().rows()


def counted_cities(pl: Any, records: Any) -> Any:
    """Count the cities of those above thirty."""
    grown = records.filter(pl.col("age") > 30).select(pl.col("address").struct.field("city"))
    return grown.group_by("city").len().collect().rows()


def summed_ages(pl: Any, records: Any) -> Any:
    """Sum the ages by name."""
    return records.group_by("name").agg(pl.col("age").sum()).collect().rows()


def mean_age(pl: Any, records: Any) -> Any:
    """Take the mean of the ages."""
    return records.select(pl.col("age").mean()).collect().rows()


def distinct_ids(pl: Any, records: Any) -> Any:
    """Count the distinct ids."""
    return records.select(pl.col("id").n_unique()).collect().rows()


def write_adults(setting: Setting, keep: ExitStack) -> Job:
    """Filter each file with Polars; write it by gzip at level 1, which makes files as large as bagkit's."""
    import polars as pl

    folder = new_folder(keep)

    def write(path: str, number: int) -> Path:
        to = folder / f"{number:03}.json.gz"
        kept = pl.scan_ndjson(path).filter(pl.col("age") > 30).collect()
        kept.write_ndjson(to, compression="gzip", compression_level=1)
        return to

    return lambda: [write(path, number) for number, path in enumerate(setting.paths)]


TOP_NAMES = "SELECT name, count(*) AS n FROM records GROUP BY name ORDER BY n DESC LIMIT 10"
MAIN = {
    "polars": polars_query(top_names),
    "polars-name": polars_query(top_names, ("name",)),
    "duckdb": duckdb_query(TOP_NAMES),
}
CITIES = {
    "polars": polars_query(counted_cities),
    "duckdb": duckdb_query("SELECT address.city AS city, count(*) FROM records WHERE age > 30 GROUP BY city"),
}
FOLDBY = {
    "polars": polars_query(summed_ages),
    "duckdb": duckdb_query("SELECT name, sum(age) FROM records GROUP BY name"),
}
MEAN = {
    "polars": only_value(polars_query(mean_age)),
    "duckdb": only_value(duckdb_query("SELECT avg(age) FROM records")),
}
DISTINCT = {
    "polars": only_value(polars_query(distinct_ids)),
    "duckdb": only_value(duckdb_query("SELECT count(DISTINCT id) FROM records")),
}
WRITE_JSON = {"polars": write_adults}
