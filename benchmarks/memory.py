"""How much memory the parent and its largest worker need: for one large file, within a limit, for a waiting task."""

import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.catalogue import BEYOND, MEASURED, WARM
from benchmarks.contenders import Setting
from benchmarks.generate import write_repeated
from benchmarks.measure import Figure, child_command, environment, read_child

FILES, DELAYED = "memory-files", "memory-delayed"
NAMES = (FILES, *BEYOND, DELAYED)
CONTENDERS = ("bagkit", "dask", "polars")  # the hand-written ones read gzip files only
JOBS = ("main-small", "whole-count")
PAUSE = 0.02


def peak_bytes(process: psutil.Process) -> int:
    """Return the most memory a process ever had resident, or what it has now where the system keeps no peak."""
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return int(process.memory_info().rss)


def watch(parent: psutil.Process, peaks: dict[int, int], stop: threading.Event) -> None:
    """Note the peaks of a process and of all that descend from it, from the outside, until told to stop."""
    while not stop.wait(PAUSE):
        try:
            family = [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return
        for process in family:
            try:
                peaks[process.pid] = max(peaks.get(process.pid, 0), peak_bytes(process))
            except psutil.Error:
                continue  # it ended between being listed and being read


def measure_one(name: str, job: str, contender: str, setting: Setting) -> list[Figure]:
    """Run a job once in a fresh process; return the peaks of it and of its largest worker, if it has any, in MB."""
    command = child_command(job, contender, setting, repeat=0)
    child = subprocess.Popen(
        command, env=environment(setting.workers), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peaks: dict[int, int] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(psutil.Process(child.pid), peaks, stop))
    watcher.start()
    stdout, stderr = child.communicate()
    stop.set()
    watcher.join()
    timing = read_child(name, contender, child.returncode, stdout, stderr)
    if timing.error:
        return [timing]
    found = [replace(timing, contender=f"{contender} parent", unit="MB", values=(peaks.pop(child.pid, 0) / 1e6,))]
    if peaks:  # Polars has threads, and bagkit may decide to need no workers
        largest = max(peaks.values()) / 1e6
        found.append(replace(timing, contender=f"{contender} worker", unit="MB", values=(largest,)))
    return found


def measure_within_limit(name: str, contenders: Sequence[str], setting: Setting) -> list[Figure]:
    """Return the peaks of contenders of one of BEYOND, in multiples of the limit that bagkit is given."""
    peaks = [
        peak
        for contender in BEYOND[name].contenders
        if contender in contenders
        for peak in measure_one(name, name, contender, setting)
    ]
    limit = setting.memory_limit / 1e6
    return [replace(peak, unit="x limit", values=tuple(value / limit for value in peak.values)) for peak in peaks]


def measure_waiting(contenders: Sequence[str], setting: Setting) -> list[Figure]:
    """Return by how many bytes a run of many delayed tasks has a higher peak than a run of one, for each task."""
    found = []
    for contender in MEASURED[DELAYED].contenders:
        if contender in contenders:
            one, *_ = measure_one(DELAYED, DELAYED, contender, replace(setting, tasks=1))
            many, *_ = measure_one(DELAYED, DELAYED, contender, setting)
            if one.values and many.values:
                grown = (many.values[0] - one.values[0]) * 1e6 / setting.tasks
                many = replace(many, contender=contender, unit="bytes", values=(grown,))
            found.append(many)
    return found


def measure_files(contenders: Sequence[str], source: str, size: int, workers: int) -> list[Figure]:
    """Make one plain and one gzip file of `size` bytes of JSON, measure on both, and remove them."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bagkit-benchmarks-") as folder:
        for kind, name in (("plain", "one.json"), ("gz", "one.json.gz")):
            path = Path(folder) / name
            write_repeated(source, path, size)
            setting = Setting([str(path)], workers)
            for job in JOBS:
                for contender in contenders:
                    if contender in CONTENDERS and contender in WARM[job].contenders:
                        found += measure_one(f"memory-{kind}-{job}", job, contender, setting)
            path.unlink()
    return found
