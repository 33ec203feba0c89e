"""What a LocalCluster of small workers holds of a gigabyte: `python -m benchmarks.cluster_memory`.

Two workers that dask.distributed ends when they take more than 200 MB each. Records of a thousand bytes, five times
as many as fit into a worker, are grouped, come back in a loop, are taken and collected. Answers must equal what
plain Python gives, no worker may come above its limit or be replaced, no process may grow by more than a tenth of the
records, and no file may be left. What is printed are peaks in MB, of the larger worker and of this program, which has
dask's scheduler.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import string
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import bagkit as bk
from bagkit.options import merged
from benchmarks.faults import waited_for
from benchmarks.memory import peak_bytes

RECORD_BYTES = 1000
PARTITION_BYTES = 2_500_000
KEYS = 2000
TEXT = "".join(random.Random("cluster").choices(string.ascii_letters, k=100_000))
TAKEN = 1000
GROWN_BYTES = 24_000_000
"""By how much a process may grow besides: modules, buffers, what malloc keeps."""


def record(n: int) -> dict[str, Any]:
    """Return record number `n`; its text does not compress."""
    start = n * 7919 % (len(TEXT) - RECORD_BYTES)
    return {"key": n * 104729 % KEYS, "n": n, "text": TEXT[start : start + RECORD_BYTES - 60]}


def number(found: dict[str, Any]) -> int:
    """Return a number that tells a record from others."""
    return (int(found["n"]) + 1) * zlib.crc32(found["text"].encode())


def group_number(group: tuple[int, list[dict[str, Any]]]) -> int:
    """Return a number that tells a group from others, and the order of its records."""
    key, members = group
    return sum(place * (key + 1) * number(each) for place, each in enumerate(members, 1))


def some(found: dict[str, Any]) -> dict[str, Any]:
    """Return the record, or fail for one in ten thousand."""
    if found["n"] % 10_000 == 9_999:
        raise ValueError(found["n"])
    return found


@dataclass(frozen=True, slots=True)
class Setting:
    """How much there is, and who has it."""

    records: int
    directory: str | None
    """Which tasks share; None is what bagkit chooses for a cluster on this machine."""

    @property
    def partitions(self) -> int:
        """How many partitions the records are in."""
        return max(4, self.records * RECORD_BYTES // PARTITION_BYTES)

    @property
    def bag(self) -> bk.Bag[dict[str, Any]]:
        """The bag of all records."""
        return bk.range(self.records, npartitions=self.partitions).map(record)


def grouped(setting: Setting) -> bk.Item[Any]:
    """Return a number that tells all groups from others."""
    return setting.bag.groupby("key", npartitions=setting.partitions // 2).map(group_number).sum()


def groupby(setting: Setting) -> int:
    """Group all records by their key."""
    return int(grouped(setting).compute())


def dask_graph(setting: Setting) -> int:
    """Have dask run the same as a graph of its own, with values in its own store."""
    client: Any = merged().scheduler
    return int(client.compute(grouped(setting)).result())


def groupby_plainly(setting: Setting) -> int:
    """Do the same with places only."""
    places: dict[int, int] = {}
    total = 0
    for each in map(record, range(setting.records)):
        place = places[each["key"]] = places.get(each["key"], 0) + 1
        total += place * (each["key"] + 1) * number(each)
    return total


def loop(setting: Setting) -> int:
    """Go through all records in a loop."""
    total = 0
    for place, each in enumerate(setting.bag, 1):
        total += place * number(each)
    return total


def loop_plainly(setting: Setting) -> int:
    """Do the same without a bag."""
    return sum(place * number(record(place - 1)) for place in range(1, setting.records + 1))


def take(setting: Setting) -> list[dict[str, Any]]:
    """Take the first records."""
    return list(setting.bag.take(TAKEN))


def take_plainly(setting: Setting) -> list[dict[str, Any]]:
    """Make as many."""
    return list(map(record, range(TAKEN)))


def collect(setting: Setting) -> tuple[int, int]:
    """Collect the numbers of all records, and those that fail."""
    found = setting.bag.map(some).map(number).compute(on_error="collect")
    return sum(found.result), len(found.failures)


def collect_plainly(setting: Setting) -> tuple[int, int]:
    """Do the same without a bag."""
    good = [n for n in range(setting.records) if n % 10_000 != 9_999]
    return sum(number(record(n)) for n in good), setting.records - len(good)


JOBS: dict[str, tuple[Callable[[Setting], Any], Callable[[Setting], Any]]] = {
    "groupby": (groupby, groupby_plainly),
    "dask graph": (dask_graph, groupby_plainly),
    "for x in bag": (loop, loop_plainly),
    "take": (take, take_plainly),
    "collect": (collect, collect_plainly),
}


class Family:
    """This process, with dask's scheduler in it, and its workers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pids = self._now()
        self._before = {pid: psutil.Process(pid).memory_info().rss for pid in [os.getpid(), *self._pids]}
        for pid in self._before:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is what it has now

    def _now(self) -> list[int]:
        return sorted(self._client.run(os.getpid).values())

    @property
    def is_whole(self) -> bool:
        """Whether no worker was replaced."""
        return self._now() == self._pids

    def peaks(self) -> tuple[int, int]:
        """Return the highest peak of a worker, and the peak of this process."""
        return max(map(_peak, self._pids)), _peak(os.getpid())

    def grown(self) -> tuple[int, int]:
        """Return by how much the one of the workers that grew most has grown, and this process."""
        grown = {pid: _peak(pid) - before for pid, before in self._before.items()}
        return max(grown[pid] for pid in self._pids), grown[os.getpid()]


def _peak(pid: int) -> int:
    return peak_bytes(psutil.Process(pid))


def measure(name: str, client: Any, setting: Setting, limit: int) -> list[str]:
    """Run a job, print what it held, and return what was wrong."""
    job, plainly = JOBS[name]
    expected = plainly(setting)
    gc.collect()
    family, begin = Family(client), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cluster-memory-") as temporary:
        where = {"temporary_directory": temporary} if setting.directory is None else {}
        with bk.options(scheduler=client, shared_directory=setting.directory, **where):  # type: ignore[arg-type]  # one of two names
            is_right = job(setting) == expected
        folders = [Path(folder) for folder in (temporary, setting.directory) if folder]
        # Tasks that run ahead of a caller who has enough may still be at it.
        is_clean = waited_for(lambda: not any(any(folder.iterdir()) for folder in folders))
    problems = [] if is_right else ["another result"]
    if not family.is_whole:
        return [*problems, "a worker was replaced"]
    if not is_clean:
        problems.append("files are left")
    (peak, own), (worker_grown, own_grown) = family.peaks(), family.grown()
    if peak > limit:
        problems.append(f"a worker had {peak} bytes")
    grown = max(worker_grown, own_grown)
    if name != "dask graph" and grown > GROWN_BYTES + setting.records * RECORD_BYTES // 10:  # dask fills its workers
        problems.append(f"grew by {grown} bytes")
    sizes = [f"{each / 1e6:10.0f}" for each in (peak, worker_grown, own, own_grown)]
    print(f"{name:16}{time.monotonic() - begin:10.1f}{''.join(sizes)}   {problems or 'right'}", flush=True)
    return problems


@contextmanager
def small_cluster(workers: int, limit: int, host: str) -> Iterator[Any]:
    """Give the client of a LocalCluster of workers that may have `limit` bytes each."""
    import distributed

    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    with (
        make_cluster(
            n_workers=workers, threads_per_worker=1, memory_limit=limit, host=host,
            dashboard_address="127.0.0.1:0", silence_logs=50,
        ) as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        yield client


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs, print what they held, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_memory", description=__doc__)
    parser.add_argument("--job", action="append", choices=JOBS, help="only this one, or these (default: all)")
    parser.add_argument("--megabytes", type=int, default=1000, help="of records (default: 1000)")
    parser.add_argument("--workers", type=int, default=2, help="of one thread each (default: 2)")
    parser.add_argument("--limit", type=int, default=200, help="of a worker, in MB (default: 200)")
    parser.add_argument("--shared", help="a directory that tasks share (default: the one that bagkit chooses)")
    parser.add_argument("--host", default="127.0.0.1", help="its address (default: one that shares files)")
    arguments = parser.parse_args(argv)
    setting = Setting(arguments.megabytes * 1_000_000 // RECORD_BYTES, arguments.shared)
    limit = arguments.limit * 1_000_000
    print(f"{setting.records} records in {setting.partitions} partitions, workers of {arguments.limit} MB")
    print(f"{'':16}{'seconds':>10}{'worker':>10}{'grew by':>10}{'program':>10}{'grew by':>10}", flush=True)
    problems = []
    with small_cluster(arguments.workers, limit, arguments.host) as client:
        warm = Setting(4 * TAKEN, setting.directory)
        with bk.options(scheduler=client):
            for job, _ in JOBS.values():
                job(warm)  # modules are imported, which is no growth
        for name in arguments.job or JOBS:
            problems += [f"{name}: {each}" for each in measure(name, client, setting, limit)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
