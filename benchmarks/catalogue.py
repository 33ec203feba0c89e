"""The warm benchmarks, by name: what runs on which data, and how answers are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import delayed_tasks, grouping, main_job, tiny_partitions, whole_records, writing
from benchmarks.contenders import Contender
from benchmarks.generate import GROUPS, LARGE, MANY, SMALL, DataSet


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Contenders that do the same work.

    `digest` makes of an answer what can be compared and printed as JSON. The contenders in `once` are so slow that they
    run a single time.
    """

    title: str
    contenders: Mapping[str, Contender]
    digest: Callable[[Any], Any]
    data: DataSet | None = None
    tasks: int = 0
    once: frozenset[str] = frozenset()


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


WARM = {
    "main-small": Benchmark(
        "ten most frequent names, records of 100 bytes", main_job.CONTENDERS, counts_above_last, SMALL
    ),
    "main-large": Benchmark("ten most frequent names, records of 2 kB", main_job.CONTENDERS, counts_above_last, LARGE),
    "whole-count": Benchmark("filter and map whole records, count", whole_records.ADULTS, int, SMALL),
    "whole-reduce": Benchmark("filter and map whole records, frequencies", whole_records.DECADES, sorted_pairs, SMALL),
    "records-back": Benchmark(
        "480,000 parsed records come back", whole_records.RECORDS, size_and_ages, MANY, once=frozenset({"dask"})
    ),
    "write-text": Benchmark("lines filtered, to gz files", writing.TEXT, writing.contents_digest, SMALL),
    "write-json": Benchmark("records filtered, to JSON lines in gz", writing.JSON, writing.contents_digest, SMALL),
    "groupby": Benchmark("960,000 records grouped by name", grouping.GROUPBY, sorted_pairs, GROUPS),
    "foldby": Benchmark("ages summed by name", grouping.FOLDBY, sorted_pairs, SMALL),
    "distinct": Benchmark("a million distinct keys of two million", grouping.DISTINCT, int, tasks=1_000_000),
    "mean": Benchmark("mean of a field", grouping.MEAN, lambda mean: round(mean, 9), SMALL),
    "delayed-build": Benchmark("10,000 delayed tasks built", delayed_tasks.BUILD, int, tasks=10_000),
    "delayed-run": Benchmark("10,000 delayed tasks run on threads", delayed_tasks.THREADS, int, tasks=10_000),
    "delayed-many": Benchmark("100,000 delayed tasks run on threads", delayed_tasks.MANY, int, tasks=100_000),
    "delayed-processes": Benchmark("2,000 delayed tasks on processes", delayed_tasks.PROCESSES, int, tasks=2_000),
    "tiny": Benchmark("10,000 partitions of one element", tiny_partitions.CONTENDERS, int, tasks=10_000),
}
