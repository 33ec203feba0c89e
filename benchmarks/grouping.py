"""Records brought together by a key, and reductions whose states are large."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from multiprocessing.pool import Pool
from operator import add
from typing import Any

from benchmarks import column_engines, spark
from benchmarks.contenders import Setting, contenders
from benchmarks.generate import NAMES


def group(library: Any, setting: Setting) -> Any:
    """Group all records by name; return how many there are of each."""
    records = library.read_text(setting.paths).map(json.loads)
    return records.groupby("name").map(lambda group: (group[0], len(group[1])))


def fold(library: Any, setting: Setting) -> Any:
    """Sum the ages for each name, without groups."""
    records = library.read_text(setting.paths).map(json.loads)
    return records.foldby("name", lambda total, record: total + record["age"], 0, add, 0)


def distinct(library: Any, setting: Setting) -> Any:
    """Count the distinct ids of all records."""
    return library.read_text(setting.paths).map(json.loads).pluck("id").distinct().count()


def distinct_of_range(library: Any, setting: Setting) -> Any:
    """Find a million distinct keys among two million that a function makes of numbers."""
    numbers = library.range(2 * setting.tasks, npartitions=16)
    return numbers.map(lambda n: f"key {n * 7919 % setting.tasks}").distinct().count()


def mean(library: Any, setting: Setting) -> Any:
    """Take the mean of a field."""
    return library.read_text(setting.paths).map(json.loads).pluck("age").mean()


MEMBERS = [{"name": name, "number": number} for number, name in enumerate(NAMES[:400])]


def join(library: Any, setting: Setting) -> Any:
    """Pair the records with the rows of a small table that have their name; sum a number of each row."""
    pairs = library.read_text(setting.paths).map(json.loads).join(MEMBERS, "name")
    return pairs.map(lambda pair: pair[0]["number"] + pair[1]["age"]).sum()


def parsed(path: str) -> list[Any]:
    """Parse one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return list(map(json.loads, lines))


def summed(path: str) -> Counter[str]:
    """Sum the ages of one file by name."""
    total: Counter[str] = Counter()
    for record in parsed(path):
        total[record["name"]] += record["age"]
    return total


def joined(path: str) -> int:
    """Look the records of one file up in the small table."""
    numbers = {row["name"]: row["number"] for row in MEMBERS}
    return sum(numbers[record["name"]] + record["age"] for record in parsed(path) if record["name"] in numbers)


def ids(path: str) -> set[Any]:
    """Return the distinct ids of one file."""
    return {record["id"] for record in parsed(path)}


def keys(numbers: range, count: int) -> set[str]:
    """Return the distinct keys of some numbers."""
    return {f"key {n * 7919 % count}" for n in numbers}


def count_and_sum(path: str) -> tuple[int, int]:
    """Count the records of one file, and sum their ages."""
    ages = [record["age"] for record in parsed(path)]
    return len(ages), sum(ages)


def group_pool(pool: Pool, setting: Setting) -> Any:
    """Parse in a pool, group in the parent."""
    groups: dict[str, list[Any]] = {}
    for records in pool.imap(parsed, setting.paths):
        for record in records:
            groups.setdefault(record["name"], []).append(record)
    return [(name, len(members)) for name, members in groups.items()]


def fold_pool(pool: Pool, setting: Setting) -> Any:
    """Sum each file in a pool, add up in the parent."""
    return list(sum_counters(pool.imap_unordered(summed, setting.paths)).items())


def join_pool(pool: Pool, setting: Setting) -> Any:
    """Look up each record of each file in a pool."""
    return sum(pool.imap_unordered(joined, setting.paths))


def sum_counters(counters: Iterable[Counter[str]]) -> Counter[str]:
    """Return the sums of all counters."""
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def distinct_pool(pool: Pool, setting: Setting) -> Any:
    """Make sets in a pool, their union in the parent."""
    return len(set().union(*pool.imap(ids, setting.paths)))


def distinct_of_range_pool(pool: Pool, setting: Setting) -> Any:
    """Make sets in a pool, their union in the parent."""
    step = max(1, 2 * setting.tasks // 16)
    parts = [range(2 * setting.tasks)[start : start + step] for start in range(0, 2 * setting.tasks, step)]
    return len(set().union(*pool.imap(partial(keys, count=setting.tasks), parts)))


def mean_pool(pool: Pool, setting: Setting) -> Any:
    """Sum each file in a pool, divide in the parent."""
    counts = list(pool.imap(count_and_sum, setting.paths))
    return sum(ages for _, ages in counts) / sum(number for number, _ in counts)


GROUPBY = {**contenders(group, group_pool), "pyspark": spark.contender(spark.group)}
GROUPBY_THROUGH_THE_DISK = {name: GROUPBY[name] for name in ("bagkit", "dask", "pyspark")}
FOLDBY = {**contenders(fold, fold_pool), **column_engines.FOLDBY, "pyspark": spark.contender(spark.fold)}
DISTINCT_NUMBERS = {**contenders(distinct, distinct_pool), **column_engines.DISTINCT}
DISTINCT = {**DISTINCT_NUMBERS, "pyspark": spark.contender(spark.distinct)}
DISTINCT_OF_RANGE = contenders(distinct_of_range, distinct_of_range_pool)
MEAN = {**contenders(mean, mean_pool), **column_engines.MEAN}
JOIN = contenders(join, join_pool)
