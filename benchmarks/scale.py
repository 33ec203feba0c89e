"""What a program on one terabyte costs the process that computes it: planned and dispatched, with no data at all.

    python -m benchmarks.scale                 # 8,192 files of 128 MB, 2,048 partitions, 1,024 workers

Files are names only, and no worker exists: an executor answers each task at once with what a real one would send back,
where buckets are in files of a shared directory. So planning, the graph, what is sent and the driver's memory are the
real ones, and no record is read. Each job has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any
from unittest import mock

import bagkit as bk
from bagkit.crossing.values import BUCKETS, ONE
from bagkit.io.input import file_source
from bagkit.io.input.files import FileInfo
from bagkit.plan.kinds import Exchange, SampledExchange
from bagkit.schedulers.elsewhere import unpickled
from bagkit.work.works import Cutting

FILES, SIZE, PARTITIONS, WORKERS = 8192, 128_000_000, 2048, 1024
NOTHING = (ONE, None, (pickle.dumps([]),))


def name_of(record: dict[str, Any]) -> Any:
    """Return the key that records are grouped by."""
    return record["name"]


def main_job(bag: bk.Bag[Any]) -> bk.Bag[Any]:
    """Return the most frequent names."""
    return bag.map(json.loads).pluck("name").frequencies().topk(10, key=1)


def groupby(bag: bk.Bag[Any]) -> bk.Item[Any]:
    """Return how many groups there are."""
    return bag.map(json.loads).groupby(name_of, npartitions=PARTITIONS).map(len).count()


def sort(bag: bk.Bag[Any]) -> bk.Item[Any]:
    """Return how many records there are in order."""
    return bag.map(json.loads).sort_by(name_of, npartitions=PARTITIONS).map(len).count()


JOBS: dict[str, Callable[[bk.Bag[Any]], bk.Bag[Any] | bk.Item[Any]]] = {
    "main job": main_job,
    "groupby": groupby,
    "sort": sort,
}


class Answers(Executor):
    """Answers each task at once, and counts what was sent."""

    _max_workers = WORKERS

    def __init__(self) -> None:
        self.tasks = self.sent = 0
        self.first: float | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done."""
        self.first = self.first or time.perf_counter()
        self.tasks += 1
        self.sent += len(pickle.dumps(args))
        (key, work), width, (directory, _) = args[:2], args[5], args[-1]
        made = tuple(self._values(unpickled(key, work), width, directory))
        future: Future[Any] = Future()
        plain = (False,) * len(made)
        future.set_result((self.tasks % WORKERS, 0.0, 0.0, 0, 0, (), NOTHING, NOTHING, made, plain, None))
        return future

    def _values(self, work: Any, width: int, directory: str) -> Iterator[Any]:
        op = getattr(getattr(work, "into", None), "op", None)
        leaves_buckets = isinstance(op, Exchange) and not isinstance(op, SampledExchange)
        path = os.path.join(directory, f"{self.tasks:032x}")
        for _ in range(width):
            if leaves_buckets or isinstance(work, Cutting):
                yield BUCKETS, path, ((SIZE, 24 * PARTITIONS, 0), (0, SIZE, 0))
            elif isinstance(op, SampledExchange):
                yield ONE, path, ((0, SIZE, 0),)
            else:
                yield ONE, None, (pickle.dumps(0),)


@contextmanager
def files_that_are_not() -> Iterator[bk.Bag[Any]]:
    """Give the bag of the lines of files that have a name and a size."""
    infos = [FileInfo(f"s3://bucket/logs/2026/{n:05}.json", SIZE, etag=f'"{n:032x}"') for n in range(FILES)]
    with mock.patch.object(file_source, "find_files", return_value=infos):
        yield bk.read_text("s3://bucket/logs/2026/*.json")


def megabytes() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def measure(job: str) -> dict[str, Any]:
    """Return the figures of a job, in this process."""
    with tempfile.TemporaryDirectory() as directory, files_that_are_not() as bag:
        executor, before = Answers(), megabytes()
        begin, cpu = time.perf_counter(), time.process_time()
        value = JOBS[job](bag)
        options: Any = {"scheduler": executor, "shared_directory": directory, "memory_limit": "2 TB", "progress": False}
        with mock.patch("bagkit.computing._gathered", lambda root, parts: list(parts)):
            value.compute(**options)
        assert executor.first is not None
        found = {
            "job": job,
            "tasks": executor.tasks,
            "planned_seconds": executor.first - begin,
            "all_cpu_seconds": time.process_time() - cpu,
            "sent_bytes": executor.sent,
            "driver_megabytes": megabytes(),
            "before_megabytes": before,
        }
        if "--dask" in sys.argv:
            with bk.options(shared_directory=directory, memory_limit="2 TB"):
                graph = value.__dask_graph__()
                found |= {"dask_keys": len(graph), "dask_bytes": len(pickle.dumps(graph))}
        return found


def main() -> int:
    """Measure all jobs, each in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--job", choices=[*JOBS])
    parser.add_argument("--dask", action="store_true", help="the graphs for dask, too")
    asked = parser.parse_args()
    if asked.job:
        print(json.dumps(measure(asked.job)))
        return 0
    for job in JOBS:
        extra = ["--dask"] if asked.dask else []
        command = [sys.executable, "-m", "benchmarks.scale", "--job", job, *extra]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
