"""Kills workers, or fills the disk, at random moments of a groupby and of a to_jsonl: `python -m benchmarks.faults`.

Whatever happens, a run must come to the right result or to an error that says what happened, and leave nothing behind:
no file under a final name that is not whole, no temporary file, no process, no open file. A job that writes is run once
more, with `exist="resume"` as before, and must finish with the exact result: every file with the bytes of a run without
faults. Where bytes differ it is told whether the lines do.

The disk is a small tmpfs in a mount namespace of its own, which is filled to the last byte from outside. Where none can
be mounted, the processes of the job are told, from outside too, that their files may not grow (RLIMIT_FSIZE).
"""

import argparse
import gzip
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks.fault_jobs import JOBS, PARTITIONS, WRITING, describe, record
from benchmarks.measure import ROOT

DEADLINE = 60
GRACE = 3
"""Seconds in which what was running may go."""
MARK = "BAGKIT_FAULT_RUN"
"""Is in the environment of all processes of a run, by which those are found that outlive it."""
INSIDE = "BAGKIT_FAULTS_INSIDE"
PAUSE = 0.5
"""Seconds between two kills, on average, where workers are killed again and again."""
CLEAR = {
    "worker killed": r"the worker process that ran it was killed by SIGKILL",
    "workers killed": r"the worker process that ran it was killed by SIGKILL",
    "disk full": r"(?i)no space left on device|file too large",
}
"""What an error must say to be a clear one."""


# Disks ----------------------------------------------------------------------------------------------------------------


class Disk(Protocol):
    """Where a job works, and how it becomes full."""

    name: str
    folder: Path

    def fill(self, job: psutil.Process) -> None:
        """Leave the job no byte to write; called again and again until it ends."""

    def clear(self) -> None:
        """Give back the room that was taken."""


class SmallDisk:
    """A tmpfs of its own, which becomes full."""

    name = "a tmpfs"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, job: psutil.Process) -> None:
        """Take all that is free."""
        with self._filler.open("ab") as filler:
            while (free := os.statvfs(self.folder)).f_bavail:
                try:
                    os.posix_fallocate(filler.fileno(), filler.tell(), free.f_bavail * free.f_frsize)
                except OSError:
                    return  # the job was quicker; the next call takes the rest
                filler.seek(0, os.SEEK_END)

    def clear(self) -> None:
        """Remove what took the room."""
        self._filler.unlink(missing_ok=True)


class LimitedFiles:
    """An ordinary directory, where the files of a job may not grow any more."""

    name = "RLIMIT_FSIZE"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, job: psutil.Process) -> None:
        """Let no process of the job write to a file."""
        for process in family(job):
            try:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            except OSError:
                continue  # it has ended

    def clear(self) -> None:
        """Do nothing: the limits ended with their processes."""


@contextmanager
def disk_of(megabytes: int) -> Iterator[Disk]:
    """Yield the smallest disk that can be had, of so many `megabytes` where it is a disk."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        mounted = (
            INSIDE in os.environ
            and not subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
        )
        try:
            yield SmallDisk(Path(folder)) if mounted else LimitedFiles(Path(folder))
        finally:
            if mounted:
                subprocess.run(["umount", folder], check=True)


def enter_namespace(argv: Sequence[str]) -> None:
    """Go on as a process with mounts of its own, which end with it; return if the system allows none."""
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if INSIDE in os.environ or shutil.which("unshare") is None:
        return
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.execvpe(
            unshare[0], [*unshare, sys.executable, "-m", "benchmarks.faults", *argv], {**os.environ, INSIDE: "1"}
        )


# Faults ---------------------------------------------------------------------------------------------------------------


def family(job: psutil.Process) -> list[psutil.Process]:
    """Return the processes of a job that are running."""
    try:
        return [job, *job.children(recursive=True)]
    except psutil.Error:
        return []


def is_worker(process: psutil.Process) -> bool:
    """Return whether it is a worker of bagkit's."""
    try:
        return any("bagkit.schedulers.worker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def kill_worker(job: psutil.Process, disk: Disk, chance: random.Random, ended: threading.Event) -> bool:
    """Kill one of the workers; return whether there was one."""
    workers = [process for process in family(job) if is_worker(process)]
    if workers:
        chance.choice(workers).kill()
    return bool(workers)


def kill_workers(job: psutil.Process, disk: Disk, chance: random.Random, ended: threading.Event) -> bool:
    """Kill one worker after the other to the end of the run; return whether there was one."""
    struck = kill_worker(job, disk, chance, ended)
    while not ended.wait(chance.expovariate(1 / PAUSE)):
        struck = kill_worker(job, disk, chance, ended) or struck
    return struck


def fill_disk(job: psutil.Process, disk: Disk, chance: random.Random, ended: threading.Event) -> bool:
    """Fill the disk, and keep it full to the end of the run."""
    while not ended.is_set():
        disk.fill(job)
        time.sleep(0.001)
    return True


FAULTS: dict[str, Callable[[psutil.Process, Disk, random.Random, threading.Event], bool]] = {
    "worker killed": kill_worker,
    "workers killed": kill_workers,
    "disk full": fill_disk,
}


# Runs -----------------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What came of one run of a job; mutable while it is looked at."""

    struck: bool = False
    """Whether the fault came while the job was running."""
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """Return the heading in the table under which it is counted."""
        if self.wrong or self.left:
            return "WRONG" if self.wrong else "LEFT BEHIND"
        return "clear error" if self.result["error"] else "right result"


class Series:
    """Runs of one job, disturbed at random moments."""

    def __init__(self, job: str, disk: Disk, records: int, seed: str) -> None:
        self.job, self.disk, self.records = job, disk, records
        self.chance = random.Random(f"{seed} {job}")
        self.expected = expected_answer(job, records)
        self.files: dict[str, bytes] = {}
        """What a run without faults writes, by name."""
        self.longest = 0.0
        """How many seconds such a run takes."""

    def runs(self, fault: str, count: int) -> Iterator[Run]:
        """Yield `count` runs that the `fault` came into."""
        struck, self.longest = 0, self.longest or self._calm_run().seconds
        while struck < count:
            self._make_folders()
            run = self._run(fault, self.chance.uniform(0, self.longest))
            self.look_at(run, fault)
            if not run.struck and not run.wrong and not run.left:
                continue  # it was over before
            if self.job in WRITING and not run.wrong:
                self._look_at_resumed(run)
            struck += 1
            yield run

    def _make_folders(self) -> None:
        for name in ("temporary", "output"):
            shutil.rmtree(self.disk.folder / name, ignore_errors=True)
            (self.disk.folder / name).mkdir()

    def _calm_run(self) -> Run:
        """Return a run without faults, of which all is as plain Python says."""
        self._make_folders()
        run = self._run()
        self.files = self._visible()
        self.look_at(run)
        written = [json.loads(line) for data in self.files.values() for line in gzip.decompress(data).splitlines()]
        if self.job in WRITING and written != expected_records(self.job, self.records, written):
            run.wrong.append("other records are written")
        if run.wrong or run.left or run.result["error"]:
            raise RuntimeError(f"{self.job} fails without faults: {run}")
        return run

    def _run(self, fault: str = "", moment: float = 0.0) -> Run:
        """Run the job, and let the fault, if there is one, come in after `moment` seconds."""
        run, token = Run(), f"{os.getpid()}-{self.chance.random()}"
        command = [sys.executable, "-m", "benchmarks.fault_jobs", self.job, str(self.disk.folder), str(self.records)]
        environment = {**os.environ, MARK: token, "PYTHONPATH": str(ROOT)}
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
                start_new_session=True, cwd="/",
            )  # fmt: skip
            hung = threading.Timer(DEADLINE, process.kill)
            hung.start()
            try:
                self._follow(process, run, fault, moment)
            finally:
                process.wait()
                hung.cancel()
                self.disk.clear()
            errors.seek(0)
            said = errors.read().strip()
        if run.seconds > DEADLINE - 1:
            run.wrong.append("hung")
        elif process.returncode or not run.result or said:
            run.wrong.append(f"ended with status {process.returncode}: {said[-500:]}")
        run.left += [f"a process: {name}" for name in processes_of(token)]
        return run

    def _follow(self, process: "subprocess.Popen[str]", run: Run, fault: str, moment: float) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            lines.readline()
            started, ended = time.monotonic(), threading.Event()

            def strike() -> None:
                if not ended.wait(moment) and fault:
                    run.struck = FAULTS[fault](psutil.Process(process.pid), self.disk, self.chance, ended)

            striking = threading.Thread(target=strike)
            striking.start()
            lines.readline()
            run.seconds = time.monotonic() - started
            ended.set()
            striking.join()
            run.result = json.loads(lines.readline() or "{}")

    # What came of it

    def look_at(self, run: Run, fault: str = "") -> None:
        """Note what is wrong, and what was left behind; `fault` says which errors may be."""
        result = run.result
        if result.get("error"):
            if not result["typed"] or not fault or not re.search(CLEAR[fault], result["message"]):
                run.wrong.append(f"an error that is not clear: {result['error']}: {result['message']}")
        elif result and result["answer"] != self.expected:
            run.wrong.append("another result")
        if result and result["files"][1] > result["files"][0]:
            run.left.append(f"open files: {result['files'][1] - result['files'][0]}")
        temporary = self.disk.folder / "temporary"
        waited_for(lambda: not os.listdir(temporary))
        run.left += [f"a temporary: {name}" for name in os.listdir(temporary)]
        files = self._visible()
        for name, data in files.items():
            if data != self.files.get(name):
                run.wrong.append(f"not whole: {name}: {difference(data, self.files.get(name, b''))}")
        run.left += [f"a temporary: {name}" for name in self._hidden() if not name.endswith(self._kept(result))]
        if result and not result["error"] and self.files != files:
            run.wrong.append("files are missing")

    def _look_at_resumed(self, run: Run) -> None:
        """Note whether the same program, undisturbed, finishes."""
        again = self._run()
        self.look_at(again)
        run.wrong += [f"resumed: {problem}" for problem in again.wrong]
        run.left += [f"resumed: {problem}" for problem in again.left]

    @staticmethod
    def _kept(result: dict[str, Any]) -> tuple[str, ...]:
        """Return the ends of the names that stay: what was written, or what resume goes on from."""
        return (".journal", "manifest.json") if result.get("error") else ("manifest.json",)

    def _visible(self) -> dict[str, bytes]:
        output = self.disk.folder / "output"
        return {path.name: path.read_bytes() for path in sorted(output.iterdir()) if not path.name.startswith(".")}

    def _hidden(self) -> list[str]:
        return sorted(path.name for path in (self.disk.folder / "output").iterdir() if path.name.startswith("."))


def expected_answer(job: str, records: int) -> Any:
    """Return what a job gives, as plain Python does it."""
    if job == "to_jsonl":
        return [f"{number:02}.jsonl.gz" for number in range(PARTITIONS)]
    if job == "groups_to_jsonl":
        return [f"{number}.jsonl.gz" for number in range(PARTITIONS // 2)]
    return expected_groups(records)


def expected_records(job: str, records: int, written: list[Any]) -> list[Any]:
    """Return what stands in the files of a job; groups in the order in which they were `written`."""
    if job == "to_jsonl":
        return list(map(record, range(records)))
    groups = {group[0]: group for group in expected_groups(records)}
    return [groups.pop(key, None) for key, *_ in written] + list(groups.values())


def expected_groups(records: int) -> list[Any]:
    """Return what describes the groups, as plain Python makes them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in map(record, range(records)):
        groups.setdefault(one["key"], []).append(one)
    return sorted(map(list, map(describe, groups.items())))


def difference(data: bytes, expected: bytes) -> str:
    """Return in words how a file that was written differs from the one expected."""
    pairs = zip(data, expected, strict=False)
    at = next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(data), len(expected)))
    bytes_differ = f"{len(data)} bytes, expected {len(expected)}; byte {at} is the first that differs"
    try:
        found, wanted = (gzip.decompress(each).splitlines() for each in (data, expected))
    except (OSError, EOFError, ValueError) as error:
        return f"{bytes_differ}; it can't be read: {error}"
    if found == wanted:
        return f"{bytes_differ}; all lines are the same"
    lines = zip(found, wanted, strict=False)
    line = next((number for number, (one, other) in enumerate(lines) if one != other), min(len(found), len(wanted)))
    return f"{bytes_differ}; {len(found)} lines, expected {len(wanted)}; line {line + 1} is the first that differs"


def processes_of(token: str) -> list[str]:
    """Return what still runs of a run after a while."""
    found: list[str] = []

    def none_left() -> bool:
        found.clear()
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == token and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline())[:80])
            except psutil.Error:
                continue  # of somebody else, or gone
        return not found

    waited_for(none_left)
    return found


def waited_for(true: Callable[[], bool]) -> bool:
    """Return whether something became true soon."""
    end = time.monotonic() + GRACE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


HEADINGS = ("right result", "clear error", "WRONG", "LEFT BEHIND")


def main(argv: Sequence[str] | None = None) -> int:
    """Run all series, print what came of them, and return 1 if anything was wrong."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="of each series (default: 20)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="decides the moments (default: by chance)")
    parser.add_argument("--records", type=int, default=60_000, help="of each job (default: 60000)")
    parser.add_argument("--job", action="append", choices=JOBS, help="only this one, or these (default: all)")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one, or these (default: all)")
    parser.add_argument("--limit-only", action="store_true", help="mount nothing; limit the size of files instead")
    arguments = parser.parse_args(argv)
    if not arguments.limit_only:
        enter_namespace(argv)
    problems: list[str] = []
    with disk_of(megabytes=64) as disk:
        print(f"seed {arguments.seed}, {arguments.records} records, the disk is {disk.name}", flush=True)
        print(f"{'':32}" + "".join(f"{heading:>14}" for heading in HEADINGS))
        for job in arguments.job or JOBS:
            series = Series(job, disk, arguments.records, arguments.seed)
            for fault in arguments.fault or FAULTS:
                counts: Counter[str] = Counter()
                for run in series.runs(fault, arguments.runs):
                    counts[run.outcome] += 1
                    problems += [f"{job}, {fault}: {problem}" for problem in (*run.wrong, *run.left)]
                print(f"{job + ', ' + fault:32}" + "".join(f"{counts[heading]:14}" for heading in HEADINGS), flush=True)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
