"""Rows O1, O16, P1, P4, P13 and R1 of what can go wrong, for exchanges that write what they hold.

The exact result or a clear error, and nothing left behind. `python -m benchmarks.faults` does the same from outside, at
random moments and on a disk that is really full.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import bagkit as bk
from bagkit.exchange.frames import FrameFile
from bagkit.schedulers import dispatch, pool
from tests.operations.compare import outcome
from tests.operations.functions import record
from tests.schedulers.faulty_works import first_time
from tests.schedulers.works import wait_for

LIMIT = 800_000
"""Bytes, a third of what the records take: every task writes."""
COUNT = 8_000


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[Path]:
    """Everything goes to a directory of its own, where nothing is left."""
    home = tmp_path / "temporary"
    home.mkdir()
    with bk.options(temporary_directory=home):
        yield home
    assert os.listdir(home) == []


def records(function: Callable[[Any], Any] = lambda record: record) -> Any:
    return bk.range(COUNT, npartitions=4).map(record).map(function)


OPERATIONS = {
    "groupby": lambda bag: bag.groupby(0, npartitions=3),
    "sort_by": lambda bag: bag.sort_by(2, npartitions=3),
    "join": lambda bag: bag.join(bag.filter(lambda one: one[1] % 4 == 0), 0, npartitions=3),
}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What the operations give without faults."""
    return {name: make(records()).compute(scheduler="sync") for name, make in OPERATIONS.items()}


# Files that are not as they were --------------------------------------------------------------------------------------


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGES = {
    "flip a byte": flip_a_byte,
    "cut": cut,
    "remove": Path.unlink,
    "all gone": lambda path: shutil.rmtree(path.parent),
}


@pytest.mark.parametrize(
    ("operation", "damage"), [*zip(OPERATIONS, DAMAGES, strict=False), ("groupby", "all gone"), ("sort_by", "remove")]
)
def test_damage_to_what_was_written_is_an_error(operation: str, damage: str, directory: Path) -> None:
    """Done once the first partition is collected: what was read until then is as it was."""

    damaged: list[Path] = []

    def damaging(one: Any) -> Any:
        if not damaged:
            damaged.extend(directory.glob("bagkit-*/spill-*"))
            for path in filter(Path.exists, damaged):
                DAMAGES[damage](path)
        return one

    made = OPERATIONS[operation](records()).map(damaging)
    with pytest.raises(bk.TaskError, match=rf"{operation}: .*(was changed|can't be read|can't be written)") as caught:
        made.compute(scheduler="sync", memory_limit=LIMIT)
    assert "hint: give another temporary_directory" in str(caught.value)


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_the_directory_is_removed_under_the_run(scheduler: str, directory: Path, tmp_path: Path) -> None:
    def removing(one: Any) -> Any:
        if one[1] == COUNT // 3 and first_time(str(tmp_path / "flag")):
            wait_for(lambda: any(directory.glob("bagkit-*/spill-*")))
            shutil.rmtree(next(directory.glob("bagkit-*")))
        return one

    grouped = records(removing).groupby(0, npartitions=3)
    with pytest.raises(
        bk.TaskError, match=r"groupby: .*No such file or directory.*hint: give another temporary_direct"
    ):
        grouped.compute(scheduler=scheduler, workers=2, memory_limit=LIMIT)


# No room --------------------------------------------------------------------------------------------------------------


def fill_the_disk(nbytes: int) -> Any:
    """Return a function that lets its process write no file of more than `nbytes`, and gives records."""

    def made(part: list[int]) -> list[tuple[str, int, str]]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, resource.RLIM_INFINITY))
        return [record(number) for number in part]

    return made


@pytest.mark.parametrize("room", random.Random(3).sample(range(1_000, 480_000), 1))
def test_a_full_disk_is_an_error(room: int) -> None:
    pool.end_workers()
    bag = bk.range(COUNT, npartitions=4).map_partitions(fill_the_disk(room)).groupby(0, npartitions=3)
    counted = bag.map(lambda group: len(group[1])).sum()
    kind, got = outcome(lambda: counted.compute(scheduler="processes", workers=2, memory_limit=LIMIT))
    pool.end_workers()  # these can write no more
    if kind == "value":
        assert got == COUNT
    else:
        assert isinstance(got, bk.TaskError), got
        assert re.search(r"File too large.*hint: give another temporary_directory", str(got))


def no_room(self: FrameFile, data: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


TEXTS = {
    "groupby": lambda bag: bag.groupby(0, npartitions=3),
    "sort_by": lambda bag: bag.sort_by(2, npartitions=3),
    "distinct": lambda bag: bag.distinct(1, npartitions=3),
    "near_distinct": lambda bag: bag.near_distinct(2),
}


@pytest.mark.parametrize("operation", TEXTS)
@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_no_record_is_blamed_for_a_full_disk(operation: str, policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrameFile, "add", no_room)
    with pytest.raises(bk.TaskError, match=rf"^{operation}: .*No space left on device; .* are free there; ") as caught:
        TEXTS[operation](records()).compute(scheduler="sync", memory_limit=20_000, on_error=policy)
    assert [note for note in caught.value.__notes__ if not note.startswith(f"in {operation}(")] == []


def little_memory(part: list[int]) -> list[tuple[str, int, str]]:
    """Give records, and let this process have 2 MB more than it has."""
    size = psutil.Process().memory_info().vms
    with contextlib.suppress(ValueError):  # of macOS, which has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (size + 2_000_000, resource.RLIM_INFINITY))
    return [record(number) for number in part]


@pytest.mark.parametrize("limit", ["1 GB", "1 MB"])
def test_memory_that_the_system_does_not_give(limit: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is written needs none; who holds all of it has an error, or dies and is tried again."""
    pool.end_workers()
    bag = bk.range(30_000, npartitions=12).map_partitions(little_memory).groupby(0, npartitions=3)
    counted = bag.map(lambda group: len(group[1])).sum()
    kind, got = outcome(lambda: counted.compute(scheduler="processes", workers=2, memory_limit=limit))
    pool.end_workers()  # these have no memory
    if kind == "value":
        assert got == 30_000
    else:
        assert limit == "1 GB"
        assert isinstance(got, (MemoryError, bk.WorkerDiedError)), got
    assert capfd.readouterr().err == ""


# Ends -----------------------------------------------------------------------------------------------------------------


def dying_halfway(flag: str) -> Callable[[Any], Any]:
    """Return a function after which its worker ends in the middle of the next write to a file, once."""

    def armed(one: Any) -> Any:
        if one[1] % 2_000 == 100 and first_time(flag):
            pwrite = os.pwrite

            def half(file: int, data: Any, offset: int) -> int:
                pwrite(file, data[: len(data) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
                return 0

            os.pwrite = half
        return one

    return armed


@pytest.mark.parametrize("operation", ["groupby", "sort_by"])
def test_a_worker_killed_in_the_middle_of_a_write(operation: str, expected: Any, tmp_path: Path) -> None:
    made = OPERATIONS[operation](records(dying_halfway(str(tmp_path / "flag"))))
    assert made.compute(scheduler="processes", workers=2, memory_limit=LIMIT) == expected[operation]
    assert (tmp_path / "flag").exists()


def test_workers_killed_at_random_change_nothing(expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "ATTEMPTS", 1000)
    bag = OPERATIONS["groupby"](records())
    done = threading.Event()
    killing = random.Random(0)
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < 3 and not done.wait(killing.uniform(0.02, 0.15)):
            for worker in killing.sample(pool.all_workers(), min(1, len(pool.all_workers()))):
                worker.process.send_signal(signal.SIGKILL)
                killed.append(worker.number)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        while not killed:
            assert bag.compute(scheduler="processes", workers=2, memory_limit="2 MB") == expected["groupby"]
    finally:
        done.set()
        killer.join()


def stalling(one: Any) -> Any:
    """Let the last record take so long that the run is not over when the interrupt comes."""
    if one[1] == COUNT - 1:
        time.sleep(60)
    return one


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_interrupted_while_it_writes(scheduler: str, directory: Path, expected: Any) -> None:
    def press() -> None:
        wait_for(lambda: any(directory.glob("bagkit-*/spill-*")))
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        OPERATIONS["groupby"](records(stalling)).compute(scheduler=scheduler, workers=2, memory_limit=LIMIT)
    pressing.join()
    assert os.listdir(directory) == []
    assert (
        OPERATIONS["groupby"](records()).compute(scheduler=scheduler, workers=2, memory_limit=LIMIT)
        == expected["groupby"]
    )
