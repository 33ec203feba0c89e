"""Functions of the user's own: one with a nested field, and one that takes about ten microseconds for each record."""

import gzip
import json
from collections import Counter
from multiprocessing.pool import Pool
from typing import Any

from benchmarks import column_engines
from benchmarks.contenders import Setting, contenders
from benchmarks.grouping import sum_counters

ROUNDS = 250
"""How many rounds of a loop take CPython 3.11 ten microseconds on the machine of `docs/benchmarks.md`."""


def cities(library: Any, setting: Setting) -> Any:
    """Count the cities of those above thirty."""
    records = library.read_text(setting.paths).map(json.loads).filter(lambda r: r["age"] > 30)
    return records.map(lambda r: r["address"]["city"]).frequencies()


def count_cities(path: str) -> Counter[str]:
    """Count the cities of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return Counter(record["address"]["city"] for record in map(json.loads, lines) if record["age"] > 30)


def cities_pool(pool: Pool, setting: Setting) -> Any:
    """Count each file in a pool, add up in the parent."""
    return list(sum_counters(pool.imap_unordered(count_cities, setting.paths)).items())


def slowly_named(record: dict[str, Any]) -> str:
    """Return the name of a record, after some arithmetic with its age."""
    total = record["age"]
    for number in range(ROUNDS):
        total += number
    return record["name"] if total > 0 else ""


def slow_names(library: Any, setting: Setting) -> Any:
    """Count the names that a slow function gives."""
    return library.read_text(setting.paths).map(json.loads).map(slowly_named).frequencies().topk(10, key=1)


def count_slow_names(path: str) -> Counter[str]:
    """Count the names of one file with the standard library."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return Counter(map(slowly_named, map(json.loads, lines)))


def slow_names_pool(pool: Pool, setting: Setting) -> Any:
    """Count each file in a pool, add up in the parent."""
    return sum_counters(pool.imap_unordered(count_slow_names, setting.paths)).most_common(10)


CITIES = {**contenders(cities, cities_pool), **column_engines.CITIES}
SLOW_NAMES = contenders(slow_names, slow_names_pool)
