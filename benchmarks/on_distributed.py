"""bagkit on dask.distributed, beside what dask itself does there: `python -m benchmarks.on_distributed`.

A LocalCluster of two workers, which are warm: the main job beside dask.bag's, answers compared; and what a task costs
that does nothing, beside a delayed call of dask's. Contenders take turns. What is printed are microseconds by the clock
and of processors, added up over program, scheduler and workers: on a machine that is busy with other
things only the latter mean something.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import bagkit as bk
from benchmarks.generate import NAME_WEIGHTS, NAMES, small_record

FILES = 8
Job = Callable[[], Any]


def name_of(record: dict[str, Any]) -> Any:
    """Return the name in a record."""
    return record["name"]


def count_of(pair: tuple[str, int]) -> int:
    """Return the count beside a name."""
    return pair[1]


def nothing(number: int) -> int:
    """Return the number: what a task does that does nothing."""
    return number


def main_jobs(client: Any, pattern: str) -> dict[str, Job]:
    """Return the main job by contender."""
    import dask.bag

    frames: Any = dask.bag
    ours = bk.read_text(pattern).map(json.loads).pluck("name").frequencies().topk(10, key=count_of)
    theirs = frames.read_text(pattern).map(json.loads).pluck("name").frequencies().topk(10, key=count_of)
    return {
        "bagkit": lambda: ours.compute(scheduler=client),
        "dask": lambda: list(client.compute(theirs).result()),
    }


def empty_tasks(client: Any, count: int) -> dict[str, Job]:
    """Return jobs of as many tasks that do nothing, by contender."""
    import dask as dask_module

    dask: Any = dask_module
    delayed = dask.delayed(nothing, pure=False)
    calls: Any = bk.delayed(nothing)
    ours = bk.Client(client)
    return {
        "bagkit": lambda: list(bk.compute(*[calls(n) for n in range(count)], scheduler=client)),
        "bagkit, a bag": lambda: bk.range(count, npartitions=count).map(nothing).compute(scheduler=client),
        "dask": lambda: list(dask.compute(*[delayed(n) for n in range(count)], scheduler=client)),
        "bagkit, submit": lambda: ours.gather([ours.submit(nothing, n) for n in range(count)]),
        "dask, submit": lambda: client.gather([client.submit(nothing, n, pure=False) for n in range(count)]),
    }


def generate(folder: Path, records: int) -> str:
    """Write files of JSON lines; return their pattern."""
    chance = random.Random("names")
    for number in range(FILES):
        names = chance.choices(NAMES, NAME_WEIGHTS, k=records // FILES)
        with (folder / f"{number}.jsonl").open("w") as file:
            file.writelines(json.dumps(small_record(name, chance)) + "\n" for name in names)
    return f"{folder}/*.jsonl"


def processor_seconds() -> float:
    """Return the seconds of processors that this process and those below it took."""
    return sum(sum(process.cpu_times()[:2]) for process in family())


def family() -> Iterator[psutil.Process]:
    """Yield this process and those below it."""
    yield psutil.Process()
    yield from psutil.Process().children(recursive=True)


def compare(title: str, jobs: dict[str, Job], rounds: int, per: int) -> bool:
    """Print what each job takes at best, in microseconds for each of `per`; return whether all answers agree."""
    best = {name: (float("inf"), float("inf")) for name in jobs}
    answers: dict[str, Any] = {}
    for _ in range(rounds):
        for name, job in jobs.items():
            clock, processors = time.perf_counter(), processor_seconds()
            answers[name] = job()
            taken = time.perf_counter() - clock, processor_seconds() - processors
            best[name] = min(best[name][0], taken[0]), min(best[name][1], taken[1])
    for name, (clock, processors) in best.items():
        print(f"{title:16}{name:18}{clock / per * 1e6:12.1f}{processors / per * 1e6:12.1f}", flush=True)
    first, *others = [sorted(map(tuple, each)) if title == "main job" else each for each in answers.values()]
    return all(each == first for each in others)


@contextmanager
def cluster() -> Iterator[Any]:
    """Give the client of a LocalCluster."""
    import distributed

    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    with (
        make_cluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as local,
        make_client(local, set_as_default=False) as client,
    ):
        yield client


def main() -> int:
    """Measure, and return 1 if answers differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_distributed", description=__doc__)
    parser.add_argument("--records", type=int, default=1_600_000, help="of the main job (default: 1600000)")
    parser.add_argument("--tasks", type=int, default=2000, help="that do nothing (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often to measure; the best counts (default: 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cluster() as client:
        pattern = generate(Path(folder), arguments.records)
        print(f"{'µs for each':34}{'clock':>12}{'processors':>12}")
        agree = compare("main job", main_jobs(client, pattern), arguments.rounds, arguments.records)
        agree &= compare("empty task", empty_tasks(client, arguments.tasks), arguments.rounds, arguments.tasks)
    if not agree:
        print("answers differ")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
