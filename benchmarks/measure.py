"""Times one contender after the other, each in a fresh process of its own, in turn for several rounds."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.contenders import Job, Setting

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender reached in one benchmark; `error` says why there are no values."""

    benchmark: str
    contender: str
    unit: str
    values: tuple[float, ...]
    answer: Any = None
    error: str = ""
    cpu: tuple[float, ...] = ()
    """Seconds of CPU time that one run takes in all processes, for each round: the clock goes on while others work."""

    @property
    def median(self) -> float:
        """The middle one of the values."""
        return statistics.median(self.values)

    @property
    def median_cpu(self) -> float | None:
        """The middle one of the CPU times; None where they are not measured, as for tasks of microseconds."""
        return statistics.median(self.cpu) if self.cpu and min(self.cpu) > 0 else None


@dataclass(frozen=True, slots=True)
class Effort:
    """How often to measure: `rounds` fresh processes for each contender, `repeat` timed runs in each."""

    rounds: int
    repeat: int
    workers: int


def environment(workers: int) -> dict[str, str]:
    """Return the environment of a measured process: this checkout first, and Polars on as many threads as workers."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "POLARS_MAX_THREADS": str(workers)}


def child_command(benchmark: str, contender: str, setting: Setting, repeat: int) -> list[str]:
    """Return the command that measures one contender in a process of its own; `repeat` 0 is a single cold run."""
    numbers = [f"--repeat={repeat}", f"--workers={setting.workers}", f"--tasks={setting.tasks}"]
    limit = f"--memory-limit={setting.memory_limit}"
    return [sys.executable, "-m", "benchmarks.measure", *numbers, limit, benchmark, contender, *setting.paths]


def run_child(benchmark: str, contender: str, setting: Setting, repeat: int) -> Figure:
    """Measure one contender in a fresh process."""
    command = child_command(benchmark, contender, setting, repeat)
    done = subprocess.run(command, env=environment(setting.workers), capture_output=True, text=True, check=False)
    return read_child(benchmark, contender, done.returncode, done.stdout, done.stderr)


def read_child(benchmark: str, contender: str, status: int, stdout: str, stderr: str) -> Figure:
    """Make a figure of what a measured process printed."""
    if status != 0:
        last = stderr.strip().splitlines()[-1:] or [f"ended with status {status}"]
        return Figure(benchmark, contender, "s", (), error=last[0][:300])
    report = json.loads(stdout.splitlines()[-1])
    return Figure(benchmark, contender, "s", tuple(report["seconds"]), answer=report["answer"], cpu=(report["cpu"],))


def run_rounds(
    benchmark: str, contenders: Sequence[str], setting: Setting, effort: Effort, once: frozenset[str]
) -> list[Figure]:
    """Measure the contenders in turn, so that a busy minute of the machine touches all of them."""
    found: dict[str, Figure] = {}
    for number in range(effort.rounds):
        for contender in contenders:
            if contender in once:
                if number == 0:
                    found[contender] = run_child(benchmark, contender, setting, repeat=0)
                continue
            latest = run_child(benchmark, contender, setting, effort.repeat)
            found[contender] = merge(found.get(contender), latest)
    return list(found.values())


def merge(earlier: Figure | None, latest: Figure) -> Figure:
    """Add the values of a later round to those of the rounds before it; one failure fails them all."""
    if earlier is None:
        return latest
    error = earlier.error or latest.error
    if not error and earlier.answer != latest.answer:
        error = f"two rounds gave two answers: {earlier.answer!r} and {latest.answer!r}"
    values, cpu = ((), ()) if error else (earlier.values + latest.values, earlier.cpu + latest.cpu)
    return replace(latest, values=values, cpu=cpu, error=error)


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it, where the system has a list of them."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in path.read_text().split():
                yield from family(int(child))


def cpu_seconds() -> float:
    """Return the CPU time so far of this process and of its descendants, with the ones that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for pid in islice(family(os.getpid()), 1, None):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def time_job(job: Job, repeat: int) -> tuple[list[float], float, Any]:
    """Run a job once to warm up, then `repeat` times; return the seconds, the CPU time of one run, and the last answer.

    With `repeat` 0 the first run is the one that counts.
    """
    seconds: list[float] = []
    answer, before = None, cpu_seconds()
    for number in range(repeat + 1):
        answer = None  # freed before the clock starts: a large answer takes its time to go
        if number == 1:
            before = cpu_seconds()
        started = time.perf_counter()
        answer = job()
        seconds.append(time.perf_counter() - started)
    return seconds[1:] or seconds, (cpu_seconds() - before) / max(1, repeat), answer


def main() -> None:
    """Measure what the command line names, and print the seconds and the answer as JSON."""
    from benchmarks.catalogue import MEASURED

    parser = argparse.ArgumentParser(description="Measure one contender of one benchmark in this process.")
    parser.add_argument("benchmark", choices=MEASURED)
    parser.add_argument("contender")
    parser.add_argument("--repeat", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--memory-limit", type=int, default=0)
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    benchmark = MEASURED[arguments.benchmark]
    setting = Setting(arguments.paths, arguments.workers, arguments.tasks, arguments.memory_limit)
    with ExitStack() as keep:
        job = benchmark.contenders[arguments.contender](setting, keep)
        seconds, cpu, answer = time_job(job, arguments.repeat)
        print(json.dumps({"seconds": seconds, "cpu": cpu, "answer": benchmark.digest(answer)}))


if __name__ == "__main__":
    main()
