"""Works that the contract gives to schedulers: of a module that processes can import, and light."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bagkit as bk
from bagkit.flow.batches import Batches
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Task


def mark(directory: str, name: object) -> None:
    """Leave a file that says that `name` has run: counts across threads and processes."""
    open(os.path.join(directory, f"{name}.{uuid.uuid4().hex}"), "x").close()


def marks(directory: Path) -> list[str]:
    """Return the names that have run, in alphabetical order, each as often as it ran."""
    return sorted(name.rpartition(".")[0] for name in os.listdir(directory))


def wait_for(condition: Any, seconds: float = 50.0) -> bool:
    """Wait until `condition()` is true, for about `seconds`; return whether it is. A pause of the machine is a step."""
    step = 0.005
    for _ in range(int(seconds / step)):
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


def give(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    return part


def add(part: int, inputs: Sequence[int], report: Report) -> int:
    return part + sum(inputs)


def add_marked(part: tuple[str, str, int], inputs: Sequence[int], report: Report) -> int:
    directory, name, number = part
    mark(directory, name)
    return number + sum(inputs)


def tally_twice(part: int, inputs: Sequence[Any], report: Report) -> int:
    bk.tally("counted", part)
    bk.tally("also")
    return part


def split(part: int, inputs: Sequence[list[int]], report: Report) -> list[list[int]]:
    """Return `part` values: the numbers by their remainder."""
    return [[n for n in inputs[0] if n % part == remainder] for remainder in range(part)]


def inputs_as_they_are(part: Any, inputs: Sequence[Any], report: Report) -> list[Any]:
    return list(inputs)


def filled(part: None, inputs: Sequence[Any], report: Report) -> tuple[int, dict[int, Any]]:
    """Return the number of buckets, and those that have something."""
    return inputs[0].count, inputs[0].filled


def count_up(part: int, inputs: Sequence[Any], report: Report) -> Batches:
    """Return the numbers below `part` in batches of ten, made when they are asked for."""
    return Batches(list(range(start, min(start + 10, part))) for start in range(0, part, 10))


def sum_batches(part: None, inputs: Sequence[Batches], report: Report) -> int:
    return sum(number for batches in inputs for batch in batches for number in batch)


def fail_in_batches(part: None, inputs: Sequence[Any], report: Report) -> Batches:
    def batches() -> Iterator[list[int]]:
        yield [1]
        raise CodedError(7)

    return Batches(batches())


class CodedError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return CodedError, (self.code,)


def fail(part: int, inputs: Sequence[Any], report: Report) -> Any:
    error = CodedError(part)
    error.add_note("a note of the user's")
    raise error


def stop_iteration(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    raise StopIteration("from work")


def leave(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    sys.exit("so long")


def interrupt(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    raise KeyboardInterrupt


def exit_generator(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    raise GeneratorExit


def hold(part: tuple[str, str], inputs: Sequence[Any], report: Report) -> str:
    """Wait for the file `release` in the directory of `part`."""
    directory, name = part
    mark(directory, name)
    wait_for(lambda: os.path.exists(os.path.join(directory, "release")))
    return name


def wait_then_fail(part: tuple[str, str], inputs: Sequence[Any], report: Report) -> Any:
    """Raise once the task called `name` is running."""
    directory, name = part
    wait_for(lambda: any(file.startswith(f"{name}.") for file in os.listdir(directory)))
    raise CodedError(3)


def report_all(part: int, inputs: Sequence[Any], report: Report) -> int:
    report.read(part)
    report.skipped += 2
    report.failures.append(f"failure {part}")
    return part


def read_slowly(part: int, inputs: Sequence[Any], report: Report) -> int:
    for _ in range(part):
        report.read(1)
        time.sleep(0.03)
    return part


def nested(part: int, inputs: Sequence[Any], report: Report) -> tuple[list[int], str]:
    """Run a graph inside of a task, with the scheduler that stands for the default here."""
    from bagkit.diagnostics.observer import Observers
    from bagkit.schedulers.registry import get_scheduler

    scheduler = get_scheduler(None, workers=None, temporary_directory=None, memory_limit=None)
    graph = Graph([Task(keys=(n,), work=give, part=n) for n in range(part)])
    return list(scheduler.run(graph, range(part), Observers())), scheduler.name


class Counted:
    """An object that counts how many of its kind are alive in this process, and how many there ever were at once."""

    alive = 0
    most = 0

    def __init__(self) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


def make_counted(part: Any, inputs: Sequence[Any], report: Report) -> Counted:
    return Counted()


def nap(part: int, inputs: Sequence[Any], report: Report) -> int:
    time.sleep(0.02)
    return part


def dies_at_last(part: int, inputs: Sequence[Any], report: Report) -> int:
    if part == 59:
        os._exit(3)
    return part
