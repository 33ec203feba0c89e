"""Kills workers of dask.distributed and of Ray at random moments: `python -m benchmarks.engine_faults --engine ray`.

Each run is of one job on a cluster of two workers on this machine: a LocalCluster, a scheduler and workers that are
processes of their own ("apart"), or Ray. Whatever is killed, the result must be the right
one, no record may be in the files twice, and nothing may be left: no file in the directory that tasks share or among
the output, no open file, no thread, no key of the cluster's scheduler and no reference to the store of Ray.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil

import bagkit as bk
from benchmarks.fault_jobs import BYTES_A_RECORD, PARTITIONS, describe, record
from benchmarks.faults import expected_groups, waited_for

WORKERS = 2
FILES = 4
BACK_SECONDS = 120.0
"""How long a cluster has to replace a worker that was killed."""


class NotReplacedError(Exception):
    """A cluster did not replace a worker that was killed."""


class Engine(Protocol):
    """A cluster of two workers on this machine."""

    name: str
    scheduler: Any
    begins_late: bool
    """Whether a process begins when a task wants it, so that there may be fewer before."""

    def workers(self) -> list[psutil.Process]:
        """Return the processes that run tasks."""

    def held(self) -> int:
        """Return how many values the cluster holds for this program."""


class Distributed:
    """A cluster of dask.distributed; the nannies of its workers replace them."""

    begins_late = False

    def __init__(self, name: str, client: Any) -> None:
        self.name = name
        self.scheduler = client

    def workers(self) -> list[psutil.Process]:
        """Return the workers."""
        try:
            return [psutil.Process(pid) for pid in self.scheduler.run(os.getpid, on_error="ignore").values()]
        except (OSError, psutil.Error):
            return []  # one of them is just being replaced

    def held(self) -> int:
        """Return how many keys the scheduler has."""
        return int(self.scheduler.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))


class OnRay:
    """Ray on this machine."""

    name = "ray"
    scheduler = "ray"
    begins_late = True

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def workers(self) -> list[psutil.Process]:
        """Return the processes of Ray that run tasks of ours, or else those that wait for one."""
        found: dict[str, list[psutil.Process]] = {"ray::run_pickled": [], "ray::call_there": [], "ray::IDLE": []}
        for process in psutil.Process().children(recursive=True):
            try:
                title = " ".join(process.cmdline()[:1])
            except psutil.Error:
                continue  # gone
            for name, processes in found.items():
                if title.startswith(name):
                    processes.append(process)
        *busy, idle = found.values()
        return [process for several in busy for process in several] or idle

    def held(self) -> int:
        """Return how many references to the store this process has."""
        return len(self._ray._private.worker.global_worker.core_worker.get_all_reference_counts())


@contextmanager
def distributed_here() -> Iterator[Engine]:
    """Give a LocalCluster."""
    import dask
    import distributed

    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    # A LocalCluster gives up a worker that is not back after 15 seconds, or has not called after 30: on a busy machine
    # each of them, one by one, and then it waits for ever.
    patience = ("deploy.lost-worker-timeout", "comm.timeouts.connect", "comm.timeouts.tcp")
    with (
        dask.config.set({f"distributed.{name}": "10 minutes" for name in patience}),
        make_cluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):
        yield Distributed("distributed", client)


APART_MEMORY = "1 GB"
"""The memory of each of the workers that are processes of their own."""


@contextmanager
def distributed_apart() -> Iterator[Engine]:
    """Give a scheduler and workers that are processes of their own, begun by the commands of dask, as on machines."""
    import distributed

    make_client: Any = distributed.Client
    with tempfile.TemporaryDirectory(prefix="apart-") as folder, ExitStack() as stack:
        where = [f"--scheduler-file={folder}/scheduler.json", "--host=127.0.0.1", "--no-dashboard"]
        worker = ["dask_worker", "--nthreads=1", f"--memory-limit={APART_MEMORY}", f"--local-directory={folder}"]
        for command in (["dask_scheduler", "--port=0"], *[worker] * WORKERS):
            stack.enter_context(begun([*command, *where]))
        scheduler = {"scheduler_file": f"{folder}/scheduler.json", "timeout": BACK_SECONDS}
        client = stack.enter_context(make_client(**scheduler, set_as_default=False))
        client.wait_for_workers(WORKERS, timeout=BACK_SECONDS)
        yield Distributed("distributed apart", client)


@contextmanager
def begun(command: Sequence[str]) -> Iterator[None]:
    """Run one of dask's commands in a process, which finds these modules, and end it and those that it has begun."""
    program, *arguments = command
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *arguments],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait()
        psutil.wait_procs(family, timeout=10)


@contextmanager
def ray_here() -> Iterator[Engine]:
    """Give Ray on this machine."""
    import ray

    module: Any = ray
    environment = {"env_vars": {"PYTHONPATH": os.getcwd()}}
    module.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    try:
        yield OnRay(module)
    finally:
        module.shutdown()


ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "distributed": distributed_here,
    "apart": distributed_apart,
    "ray": ray_here,
}


# Jobs -----------------------------------------------------------------------------------------------------------------


class Jobs:
    """The jobs, on records that are in files of `folder`."""

    def __init__(self, folder: Path, records: int) -> None:
        self.folder = folder
        self.records = records
        (folder / "input").mkdir()
        for number in range(FILES):
            with (folder / "input" / f"{number}.jsonl").open("w") as file:
                file.writelines(json.dumps(record(n)) + "\n" for n in range(number, records, FILES))
        self._expected: dict[str, Any] = {}
        self.clear()

    def run(self, name: str, scheduler: Any) -> Any:
        """Return what a job gives, and what is in the files that it has written."""
        shared, memory = self.folder / "shared", self.records * BYTES_A_RECORD
        options: Any = {"scheduler": scheduler, "shared_directory": str(shared), "memory_limit": memory}
        if scheduler == "sync":
            options = {"scheduler": "sync"}
        if name == "main job":
            names = bk.read_text(f"{self.folder}/input/*.jsonl", blocksize=200_000).map(json.loads).pluck("key")
            found: Any = names.frequencies().topk(10, key=lambda pair: (pair[1], pair[0])).compute(**options)
            return found
        if name == "client":
            return self._called(scheduler)
        bag = bk.range(self.records, npartitions=PARTITIONS).map(record)
        if name in GROUPING:
            if name != "groupby":
                del options["shared_directory"]
            return self._grouped(name, bag, options)
        paths = bag.to_jsonl(f"{self.folder}/output/*.jsonl.gz", **options).paths
        return [bk.read_json(path).compute(scheduler="sync") for path in paths]

    def _called(self, scheduler: Any) -> Any:
        """Have a client make records and checksums of them, and come for both at the end."""
        size = self.records // PARTITIONS
        starts = range(0, size * PARTITIONS, size)
        if scheduler == "sync":
            made = [records_from(start, size) for start in starts]
            return [made, checksum(list(map(checksum, made)))]
        with bk.Client(engine="ray") if scheduler == "ray" else bk.Client(scheduler) as client:
            futures = client.map(records_from, starts, [size] * PARTITIONS)
            total = client.submit(checksum, client.map(checksum, futures))
            return client.gather([futures, total])

    @staticmethod
    def _grouped(name: str, bag: bk.Bag[Any], options: Any) -> Any:
        if name == "persist":
            bag = bag.persist(**options)
        groups = bag.groupby("key", npartitions=PARTITIONS // 2).map(describe)
        if name != "dask graph":
            return sorted(groups.compute(**options))
        client = options.pop("scheduler")
        with bk.options(**options):
            return sorted(client.compute(groups).result())

    def expected(self, name: str) -> Any:
        """Return what a job gives without an engine."""
        if name not in self._expected:
            if name in GROUPING:
                self._expected[name] = [tuple(each) for each in expected_groups(self.records)]
            else:
                self._expected[name] = self.run(name, "sync")
                self.clear()
        return self._expected[name]

    def clear(self) -> None:
        """Make an empty directory of what jobs write."""
        for name in ("shared", "output", "temporary"):
            (self.folder / name).mkdir(exist_ok=True)
            for path in (self.folder / name).iterdir():
                path.unlink()

    def left(self, name: str) -> list[str]:
        """Return the files that ought not to be there."""
        written = [path.name for path in (self.folder / "output").iterdir()]
        wanted = {f"{n:02}.jsonl.gz" for n in range(PARTITIONS)} if name == "to_jsonl" else set()
        hidden = [each for each in written if each not in wanted and not each.endswith("manifest.json")]
        between = [path.name for place in ("shared", "temporary") for path in (self.folder / place).iterdir()]
        return hidden + between


def records_from(start: int, count: int) -> list[dict[str, Any]]:
    """Return some records."""
    return list(map(record, range(start, start + count)))


def checksum(value: Any) -> int:
    """Return a number that tells a value from others."""
    return zlib.crc32(repr(value).encode())


GROUPING = ("groupby", "groupby alone", "persist", "dask graph")
"""Jobs that group: through `shared_directory`, through what there is without it, what persist has kept, and as a graph
that dask.distributed runs by itself, with values in its own store."""
JOBS = ("main job", "to_jsonl", "client", *GROUPING)


# Kills ----------------------------------------------------------------------------------------------------------------


class Series:
    """Runs of one job on one engine; each kills a worker at a random moment."""

    def __init__(self, engine: Engine, jobs: Jobs, job: str, seed: str) -> None:
        self.engine, self.jobs, self.job = engine, jobs, job
        self._chance = random.Random(f"{seed} {engine.name} {job}")
        self.seconds = 0.0
        """How long a run without a kill takes."""
        self.is_broken = False
        """Whether it ended before its time, as the cluster lacks a worker."""

    def runs(self, count: int) -> Iterator[list[str]]:
        """Yield of each of `count` runs what was wrong."""
        calm, _ = self._run(None)
        if calm:
            raise RuntimeError(f"{self.job} on {self.engine.name} fails without kills: {calm}")
        struck = 0
        while struck < count:
            problems, was_struck = self._run(self._chance.uniform(0, self.seconds))
            if was_struck or problems:
                struck += 1
                yield problems

    def _run(self, moment: float | None) -> tuple[list[str], bool]:
        """Run the job, with a kill after `moment` seconds; return what was wrong, and whether the kill came in time."""
        self.jobs.expected(self.job)  # which writes files, too
        self.jobs.clear()
        self._wait_for_workers()
        over, struck = threading.Event(), threading.Event()
        victims, threads = self.engine.workers(), own_threads()

        def strike() -> None:
            if moment is not None and not over.wait(moment):
                alive = (self.engine.workers() if self.engine.begins_late else victims) or victims
                if alive and not over.is_set():
                    self._chance.choice(alive).kill()
                    struck.set()

        striking = threading.Thread(target=strike)
        begin = time.monotonic()
        striking.start()
        problems = []
        try:
            if self.jobs.run(self.job, self.engine.scheduler) != self.jobs.expected(self.job):
                problems.append("another result")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        finally:
            over.set()
            striking.join()
        if moment is None:
            self.seconds = time.monotonic() - begin
        return problems + self._left(threads), struck.is_set()

    def _wait_for_workers(self) -> None:
        """Wait until the last one that was killed is replaced."""
        end = time.monotonic() + BACK_SECONDS
        while not self.engine.begins_late and len(self.engine.workers()) < WORKERS:
            if time.monotonic() > end:
                raise NotReplacedError(f"the cluster did not replace a worker in {BACK_SECONDS:.0f} seconds")
            time.sleep(0.1)

    def _left(self, threads: set[str]) -> list[str]:
        problems = []
        if not waited_for(lambda: not self.jobs.left(self.job)):
            problems.append(f"left: {self.jobs.left(self.job)}")
        if not waited_for(lambda: not self._held()):
            problems.append(f"left: {self._held()} values on the cluster")
        if not waited_for(lambda: not self._open_files()):
            problems.append(f"left: open files {self._open_files()}")
        if not waited_for(lambda: own_threads() <= threads):
            problems.append(f"left: threads {own_threads() - threads}")
        return problems

    def _held(self) -> int:
        gc.collect()
        return self.engine.held()

    def _open_files(self) -> list[str]:
        """Return the files of the job that this process has open; sockets of the cluster come and go."""
        opened = [file.path for file in psutil.Process().open_files()]
        return [path for path in opened if path.startswith(str(self.jobs.folder))]


def own_threads() -> set[str]:
    """Return the names of the threads of bagkit's in this process."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("bagkit")}


def print_series(series: Series, count: int) -> list[str]:
    """Run a series, print how many of its `count` runs were right, and return what was wrong."""
    problems, counts = [], Counter[bool]()
    name = f"{series.engine.name}, {series.job}"
    try:
        for wrong in series.runs(count):
            counts[not wrong] += 1
            problems += [f"{name}: {each}" for each in wrong]
    except NotReplacedError as error:
        series.is_broken = True
        problems.append(f"{name}: {error}: {counts.total()} of {count} runs, and nothing is known of the others")
    print(f"{name:28}{series.seconds:10.1f}{counts[True]:8}{counts[False]:8}", flush=True)
    return problems


def main(argv: Sequence[str] | None = None) -> int:
    """Run all series, print what came of them, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_faults", description=__doc__)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one, or these (default: all)")
    parser.add_argument("--job", action="append", choices=JOBS, help="only this one, or these (default: all)")
    parser.add_argument("--runs", type=int, default=20, help="of each job (default: 20)")
    parser.add_argument("--records", type=int, default=60_000, help="of each job (default: 60000)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="decides the moments (default: by chance)")
    arguments = parser.parse_args(argv)
    print(f"seed {arguments.seed}, {arguments.records} records")
    print(f"{'':28}{'seconds':>10}{'right':>8}{'WRONG':>8}", flush=True)
    problems: list[str] = []
    for engine_name in arguments.engine or ENGINES:
        names = [job for job in arguments.job or JOBS if job != "dask graph" or engine_name != "ray"]
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            jobs = Jobs(Path(folder), arguments.records)
            while names:  # a cluster that lacks a worker is no good for the jobs that are left: they get another one
                with ENGINES[engine_name]() as engine, bk.options(temporary_directory=f"{folder}/temporary"):
                    while names:
                        series = Series(engine, jobs, names.pop(0), arguments.seed)
                        problems += print_series(series, arguments.runs)
                        if series.is_broken:
                            break
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
