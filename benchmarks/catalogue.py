"""The benchmarks that compare contenders, by name: what runs on which data, and how answers are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import (
    beyond_memory,
    delayed_tasks,
    grouping,
    main_job,
    python_work,
    sample_programs,
    tiny_partitions,
    whole_records,
    writing,
)
from benchmarks.contenders import Contender, Setting
from benchmarks.generate import ADDRESSES, GROUPS, IDS, LARGE, MANY, NUMBERS, ONE, SMALL, TIMES, Input


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Contenders that do the same work.

    `digest` makes of an answer what can be compared and printed as JSON. The contenders in `once` are so slow that they
    run a single time. A benchmark that is `cold` times the first run of each process. Where there are `tasks`, what is
    of interest is what one costs, and `each` is what one of them is called.
    """

    title: str
    contenders: Mapping[str, Contender]
    digest: Callable[[Any], Any]
    data: Input | None = None
    tasks: int = 0
    each: str = "task"
    memory_limit: int = 0
    once: frozenset[str] = frozenset()
    cold: bool = False

    def setting(self, scale: float, folder: Path, workers: int) -> Setting:
        """Return what the contenders work on, its files made now if they are not in `folder` yet."""
        paths = self.data.scaled(scale).files_in(folder) if self.data else []
        limit = max(SMALLEST_LIMIT, int(self.memory_limit * scale)) if self.memory_limit else 0
        return Setting(paths, workers, max(1, int(self.tasks * scale)), limit)


SMALLEST_LIMIT = 1_000_000
SLOW = frozenset({"dask", "dask-best"})


def counts_above_last(pairs: Any) -> Any:
    """Return the counts of the top ten, and the names of those that no tie for the last place can touch."""
    counts = sorted((int(count) for _, count in pairs), reverse=True)
    sure = sorted([count, name] for name, count in pairs if count > counts[-1])
    return [counts, sure]


def sorted_pairs(pairs: Any) -> Any:
    """Return pairs in an order that does not depend on who counted first."""
    return sorted(list(pair) for pair in pairs)


def size_and_ages(records: Any) -> Any:
    """Return how many records there are, and two sums that change if their values or their order do."""
    ages = [record["age"] for record in records]
    return [len(ages), sum(ages), sum(place * age for place, age in enumerate(ages))]


def counted_letters(counts: Any) -> Any:
    """Return the counts of letters, in the order of the alphabet."""
    return sorted_pairs(counts.items())


WARM = {
    "main-small": Benchmark(
        "ten most frequent names, records of 100 bytes", main_job.CONTENDERS, counts_above_last, SMALL
    ),
    "main-large": Benchmark("ten most frequent names, records of 2 kB", main_job.CONTENDERS, counts_above_last, LARGE),
    "main-one": Benchmark("ten most frequent names of one file", main_job.CONTENDERS, counts_above_last, ONE),
    "cities": Benchmark(
        "cities of those above thirty, from a nested field", python_work.CITIES, sorted_pairs, ADDRESSES
    ),
    "slow-files": Benchmark("10 µs of Python a record", python_work.SLOW_NAMES, counts_above_last, SMALL),
    "slow-one": Benchmark("10 µs of Python a record, one file", python_work.SLOW_NAMES, counts_above_last, ONE),
    "whole-count": Benchmark("filter and map whole records, count", whole_records.ADULTS, int, SMALL),
    "whole-reduce": Benchmark("filter and map whole records, frequencies", whole_records.DECADES, sorted_pairs, SMALL),
    "records-back": Benchmark(
        "480,000 parsed records come back", whole_records.RECORDS, size_and_ages, MANY, once=frozenset({"dask"})
    ),
    "write-text": Benchmark("lines filtered, to gz files", writing.TEXT, writing.contents_digest, SMALL),
    "write-json": Benchmark("records filtered, to JSON lines in gz", writing.JSON, writing.contents_digest, SMALL),
    "write-dumps": Benchmark(
        "records filtered, written by json.dumps, to gz files", writing.DUMPS, writing.contents_digest, SMALL
    ),
    "groupby": Benchmark("960,000 records grouped by name", grouping.GROUPBY, sorted_pairs, GROUPS, once=SLOW),
    "join": Benchmark("960,000 records joined with 400 rows", grouping.JOIN, int, GROUPS),
    "groupby-disk": Benchmark(
        "960,000 records grouped by name, of which bagkit may hold 256 MB",
        grouping.GROUPBY_THROUGH_THE_DISK,
        sorted_pairs,
        GROUPS,
        memory_limit=256_000_000,
        once=SLOW,
    ),
    "foldby": Benchmark("ages summed by name", grouping.FOLDBY, sorted_pairs, SMALL),
    "distinct": Benchmark("a million distinct ids of two million records", grouping.DISTINCT, int, IDS),
    "distinct-numbers": Benchmark("960,000 distinct numbers counted", grouping.DISTINCT_NUMBERS, int, NUMBERS),
    "distinct-range": Benchmark(
        "a million distinct keys made of two million numbers",
        grouping.DISTINCT_OF_RANGE,
        int,
        tasks=1_000_000,
        each="key",
    ),
    "mean": Benchmark("mean of a field", grouping.MEAN, lambda mean: round(mean, 9), SMALL),
    "delayed-build": Benchmark("10,000 delayed tasks built", delayed_tasks.BUILD, int, tasks=10_000),
    "delayed-run": Benchmark("10,000 delayed tasks run on threads", delayed_tasks.THREADS, int, tasks=10_000),
    "delayed-many": Benchmark("100,000 delayed tasks built and run", delayed_tasks.MANY, int, tasks=100_000),
    "submit": Benchmark("10,000 calls submitted to a client", delayed_tasks.SUBMIT, int, tasks=10_000),
    "round-trips": Benchmark(
        "1,000 calls submitted to a client one after the other", delayed_tasks.ROUND_TRIPS, int, tasks=1_000
    ),
    "delayed-processes": Benchmark("2,000 delayed tasks on processes", delayed_tasks.PROCESSES, int, tasks=2_000),
    "sample-letters": Benchmark(
        "samples/count_letters.py", sample_programs.LETTERS, counted_letters, sample_programs.TEXTS, cold=True
    ),
    "sample-tree": Benchmark(
        "samples/tree_sum.py", sample_programs.TREE, list, tasks=sample_programs.POINTS, each="point", cold=True
    ),
    "sample-stocks": Benchmark(
        "samples/json_to_hdf5.py",
        sample_programs.STOCKS_TO_HDF5,
        sample_programs.columns_digest,
        sample_programs.STOCKS,
        cold=True,
    ),
    "tiny": Benchmark("10,000 partitions of one element", tiny_partitions.CONTENDERS, int, tasks=10_000),
}

KEYS, LIMIT = beyond_memory.KEYS, beyond_memory.LIMIT
BEYOND = {
    "memory-groupby": Benchmark("records grouped by time", beyond_memory.GROUPBY, int, TIMES, memory_limit=LIMIT),
    "memory-sort": Benchmark("records sorted by time", beyond_memory.SORT, list, TIMES, memory_limit=LIMIT),
    "memory-distinct": Benchmark("records of distinct times", beyond_memory.DISTINCT, list, TIMES, memory_limit=LIMIT),
    "memory-distinct-keys": Benchmark(
        "distinct keys", beyond_memory.DISTINCT_KEYS, int, tasks=KEYS, memory_limit=LIMIT
    ),
    "memory-frequencies": Benchmark(
        "frequencies of keys", beyond_memory.FREQUENCIES, int, tasks=KEYS, memory_limit=LIMIT
    ),
    "memory-foldby": Benchmark("keys folded", beyond_memory.FOLDBY, int, tasks=KEYS, memory_limit=LIMIT),
}
"""Benchmarks whose peaks in memory are of interest: four times as many bytes as may be held."""

WAITING = Benchmark("memory of a waiting delayed task", delayed_tasks.WAITING, int, tasks=100_000)
MEASURED = {**WARM, **BEYOND, "memory-delayed": WAITING}
"""All benchmarks whose contenders run in processes that `measure` starts."""
