"""How much memory the workers take, and how many bytes of records wait on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bagkit.schedulers.pool import all_workers
from bagkit.schedulers.run_directory import live_directories

MOST_SAMPLES = 240
"""Then every second one goes, and they are taken half as often."""
MOST_FILES = 20_000
"""Files of a run that are looked at; it is said where there are more."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured at one time."""

    time: float
    own: int
    """Bytes of memory of this process."""
    workers: dict[int, int]
    """Bytes of memory of each worker, by its number."""
    spilled: int
    """Bytes of files in the private directories of runs: records and values that wait there."""


class Samples:
    """What was measured so far; mutable, of one recorder."""

    def __init__(self) -> None:
        self.all: list[Measurement] = []
        self._every = 1
        self._asked = 0

    def take(self) -> None:
        """Measure, unless it was done a short while ago."""
        self._asked += 1
        if self._asked % self._every:
            return
        workers = {worker.number: worker.process.pid for worker in all_workers()}
        memory = memory_of([os.getpid(), *workers.values()])
        taken = {number: memory[pid] for number, pid in workers.items() if pid in memory}
        self.all.append(Measurement(time.time(), memory.get(os.getpid(), 0), taken, _spilled()))
        if len(self.all) > MOST_SAMPLES:
            self.all = self.all[::2]
            self._every *= 2


def memory_of(pids: Iterable[int]) -> dict[int, int]:
    """Return how many bytes of memory processes have; those that have ended are left out."""
    if not sys.platform.startswith("linux"):
        return _memory_by_ps(pids)
    found: dict[int, int] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                found[pid] = int(file.read().split()[1]) * page
        except (OSError, IndexError, ValueError):
            pass  # it has ended meanwhile
    return found


def _memory_by_ps(pids: Iterable[int]) -> dict[int, int]:
    command = ["/bin/ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
        return {int(pid): int(kilobytes) * 1024 for pid, kilobytes in map(str.split, text.splitlines())}
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}


def _spilled() -> int:
    total = seen = 0
    for directory in live_directories():
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST_FILES:
                        return total
                    try:
                        total += entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        pass  # gone meanwhile
        except OSError:
            pass
    return total
