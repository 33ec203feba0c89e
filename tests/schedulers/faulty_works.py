"""Works that break in many ways. Light to import: workers import this."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bagkit.flow.batches import Batches
from bagkit.flow.report import Report

Inputs = Sequence[Any]


def first_time(path: str) -> bool:
    """Return whether nobody asked this before for `path`."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def running(pid: int) -> bool:
    """Return whether the process runs; one that has ended and that nobody asked about does not."""
    import psutil  # takes too long for all workers that have a work of this module

    try:
        status: str = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return status != psutil.STATUS_ZOMBIE


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_once(part: tuple[str, int], inputs: Inputs, report: Report) -> tuple[int, int]:
    """Return the number and the attempt."""
    if first_time(part[0]):
        kill_self()
    return part[1], report.attempt


def killed(part: Any, inputs: Inputs, report: Report) -> None:
    kill_self()


def close_all(part: float | None, inputs: Inputs, report: Report) -> None:
    """Close all descriptors but the standard ones, and go on for `part` seconds."""
    os.closerange(3, 256)
    time.sleep(part or 0)


def segfault(part: Any, inputs: Inputs, report: Report) -> None:
    ctypes.string_at(0)


def abort(part: Any, inputs: Inputs, report: Report) -> None:
    os.abort()


def leave_with(part: int, inputs: Inputs, report: Report) -> None:
    os._exit(part)


def sleep(part: float, inputs: Inputs, report: Report) -> float:
    time.sleep(part)
    return part


class KillsWhenPickled:
    """Ends the process that pickles it, the first time; later it is a number."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        if first_time(self.path):
            kill_self()
        return int, (7,)


def killed_half_stored(part: str, inputs: Inputs, report: Report) -> list[Any]:
    return [bytes(30_000_000), KillsWhenPickled(part), bytes(1000)]


def killed_between_batches(part: str, inputs: Inputs, report: Report) -> Batches:
    def batches() -> Iterator[list[bytes]]:
        for number in range(40):
            if number == 30 and first_time(part):
                kill_self()
            yield [bytes([number]) * 100_000]

    return Batches(batches())


def killed_half_sent(part: str, inputs: Inputs, report: Report) -> bytes:
    """Make the worker end when it has sent half of the result."""
    if first_time(part):
        write = os.write

        def write_half(descriptor: int, data: Any) -> int:
            if len(data) < 1000:
                return write(descriptor, data)
            write(descriptor, data[: len(data) // 2])
            kill_self()
            return 0

        os.write = write_half
    return bytes(900_000)


class KillsWhenUnpickled:
    """Ends the worker that receives it, the first time."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if first_time(self.path):
            kill_self()


def large_array(part: str, inputs: Inputs, report: Report) -> Any:
    """Give an array of 2.4 MB that lies in memory row by row ("C") or column by column ("F")."""
    import numpy

    return numpy.arange(300_000).reshape(500, 600, order=part)


def large(part: int, inputs: Inputs, report: Report) -> bytes:
    return bytes(part)


def large_slowly(part: tuple[int, str], inputs: Inputs, report: Report) -> Batches:
    """Give `part[0]` batches of 1 MB, each a bit later."""

    def batches() -> Iterator[list[bytes]]:
        for _ in range(part[0]):
            time.sleep(0.005)
            yield [os.urandom(1) * 1_000_000]

    return Batches(batches())


def measure(part: Any, inputs: Inputs, report: Report) -> int:
    return sum(len(value) for value in inputs)


def measure_batches(part: Any, inputs: Inputs, report: Report) -> int:
    return sum(len(record) for batches in inputs for batch in batches for record in batch)


def fork_and_return(part: int, inputs: Inputs, report: Report) -> int:
    os.fork()
    return part


def fork_and_raise(part: int, inputs: Inputs, report: Report) -> int:
    if not os.fork():
        raise ValueError("of the child")
    return part


def fork_in_batches(part: int, inputs: Inputs, report: Report) -> Batches:
    def batches() -> Iterator[list[int]]:
        yield [1]
        os.fork()
        yield [2]

    return Batches(batches())


def leave_thread(part: Any, inputs: Inputs, report: Report) -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return os.getpid()


def leave_process(part: Any, inputs: Inputs, report: Report) -> int:
    return subprocess.Popen(["sleep", "600"]).pid


def close_files(part: Any, inputs: Inputs, report: Report) -> int:
    os.closerange(3, 64)
    return 1


def change_directory(part: str, inputs: Inputs, report: Report) -> str:
    before = os.getcwd()
    os.chdir(part)
    return before


def print_much(part: int, inputs: Inputs, report: Report) -> int:
    print("x" * part)
    return os.read(0, 10) == b""


def surroundings(part: str, inputs: Inputs, report: Report) -> dict[str, Any]:
    import logging
    import warnings

    return {
        "path": sys.path[-1],
        "cwd": os.getcwd(),
        "variable": os.environ.get(part),
        "level": logging.root.level,
        "limit": sys.getrecursionlimit(),
        "filter": warnings.filters[0][:3],
        "argv": sys.argv,
    }


def give_pid(part: Any, inputs: Inputs, report: Report) -> int:
    return os.getpid()


def nested_list(part: int, inputs: Inputs, report: Report) -> list[Any]:
    value: list[Any] = []
    for _ in range(part):
        value = [value]
    return value


def unpicklable(part: Any, inputs: Inputs, report: Report) -> Any:
    return [1, {"lock": threading.Lock()}]


def unpicklable_batch(part: Any, inputs: Inputs, report: Report) -> Any:
    return Batches([[1, 2], [3, threading.Lock()]])


def generator(part: Any, inputs: Inputs, report: Report) -> Any:
    return (number for number in range(3))


class FailsToUnpickle:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def fails_to_unpickle(part: Any, inputs: Inputs, report: Report) -> Any:
    return FailsToUnpickle()


class ExitsWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (3,)


def exits_when_unpickled(part: Any, inputs: Inputs, report: Report) -> Any:
    return ExitsWhenUnpickled()


class TwoArgumentsError(Exception):
    def __init__(self, record: int, reason: str) -> None:
        super().__init__(f"record {record}: {reason}")
        self.record = record
        self.reason = reason


class KeywordError(ValueError):
    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class LockedError(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class RudeError(BaseException):
    pass


class BrokenStrError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def raise_kind(part: str, inputs: Inputs, report: Report) -> Any:
    class LocalError(Exception):
        pass

    errors: dict[str, Any] = {
        "two": lambda: TwoArgumentsError(3, "bad"),
        "keyword": lambda: KeywordError(code=5),
        "locked": LockedError,
        "local": lambda: LocalError("of the function"),
        "group": lambda: ExceptionGroup("some", [ValueError(1), KeyError("k")]),
        "long": lambda: ValueError("x" * 50_000_000),
        "rude": lambda: RudeError("out"),
        "interrupt": KeyboardInterrupt,
        "exit": lambda: SystemExit(3),
        "str": BrokenStrError,
        "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        "os": lambda: FileNotFoundError(2, "No such file or directory", "a.json"),
    }
    raise errors[part]()


def raise_with_cause(part: Any, inputs: Inputs, report: Report) -> Any:
    try:
        {}["name"]
    except KeyError as error:
        problem = ValueError("a bad record")
        problem.add_note("record 17")
        raise problem from error


def call_deeply(part: int, inputs: Inputs, report: Report) -> Any:
    def down(level: int) -> None:
        if not level:
            raise ValueError("at the bottom")
        down(level - 1)

    down(part)


def mark_and_sleep(part: tuple[str, int], inputs: Inputs, report: Report) -> int:
    open(os.path.join(part[0], f"{part[1]}.{os.getpid()}-{time.monotonic_ns()}"), "x").close()
    time.sleep(0.005)
    return part[1]


def make_some(part: tuple[str, int], inputs: Inputs, report: Report) -> Any:
    """Give a value, a few values or batches, small or large, by what the inputs hold."""
    kind, number = part
    total = sum(
        sum(len(record) for batch in each for record in batch) if isinstance(each, Batches) else len(each)
        for each in inputs
    )
    if kind == "batches":
        return Batches([bytes([number % 256]) * (100 + number * 100)] for _ in range(number % 7))
    if kind == "several":
        return [bytes([index]) * (number * 90 % 70_000) for index in range(5)]
    return bytes([total % 256]) * (number * 1500)


def fill_the_disk(part: int, inputs: Inputs, report: Report) -> Any:
    """Let this worker write no more than `part` bytes to a file, and give more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (part, part))
    return bytes(10 * part)


def report_later(part: Any, inputs: Inputs, report: Report) -> int:
    """Leave a thread that reports progress of a task that is over."""

    def go_on() -> None:
        for _ in range(100):
            time.sleep(0.005)
            report.read(1000)

    threading.Thread(target=go_on, daemon=True).start()
    return 1
