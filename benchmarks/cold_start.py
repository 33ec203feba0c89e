"""How long a whole program takes, from the start of its interpreter to its end: `cold/*.py`, as users write them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.catalogue import counts_above_last
from benchmarks.generate import FEW, SMALL
from benchmarks.measure import Figure, cpu_seconds, environment, merge

SCRIPTS = {
    name: Path(__file__).parent / "cold" / f"with_{name}.py" for name in ("bagkit", "dask", "pool", "polars", "duckdb")
}
DATA = {"cold-few": FEW, "cold-small": SMALL}


def run_script(benchmark: str, contender: str, paths: Sequence[str], workers: int) -> Figure:
    """Run one program as a shell would, and return its seconds and the ten names it printed."""
    command = [sys.executable, str(SCRIPTS[contender]), str(workers), *paths]
    with on_cpus(workers):
        started, before = time.perf_counter(), cpu_seconds()
        done = subprocess.run(command, env=environment(workers), capture_output=True, text=True, check=False)
        seconds, cpu = time.perf_counter() - started, cpu_seconds() - before
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
        return Figure(benchmark, contender, "s", (), error=last[0][:300])
    return Figure(benchmark, contender, "s", (seconds,), counts_above_last(json.loads(done.stdout)), cpu=(cpu,))


@contextmanager
def on_cpus(count: int) -> Iterator[None]:
    """Have what is started run on `count` of this process's CPUs, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def measure(benchmark: str, contenders: Sequence[str], paths: Sequence[str], repeat: int, workers: int) -> list[Figure]:
    """Run the programs in turn; the first round only fills the disk cache."""
    found: dict[str, Figure] = {}
    for number in range(repeat + 1):
        for contender in [name for name in SCRIPTS if name in contenders]:
            latest = run_script(benchmark, contender, paths, workers)
            if number > 0:
                found[contender] = merge(found.get(contender), latest)
    return list(found.values())
