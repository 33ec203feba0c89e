"""The files of a run go once, whichever threads let go of them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bagkit.schedulers.run_directory import FilesOfRun, RunDirectory


class Met(RunDirectory):
    """One whose files go at the same time, each in a thread."""

    def __init__(self, parent: Path, threads: int) -> None:
        super().__init__(str(parent))
        self._meeting = threading.Barrier(threads)
        self.removals = 0

    def discard(self, path: str) -> None:
        super().discard(path)
        self._meeting.wait(200)

    def _remove(self) -> None:
        self.removals += 1
        super()._remove()


def in_threads(directory: FilesOfRun, paths: list[str]) -> None:
    with ThreadPoolExecutor(len(paths)) as threads:
        list(threads.map(directory.drop, paths))


def test_the_last_values_go_in_several_threads_at_once(tmp_path: Path) -> None:
    directory = Met(tmp_path, 4)
    paths = [directory.write(f"{number}", b"data") for number in range(4)]
    for path in paths:
        directory.keep(path)
    directory.end()
    in_threads(directory, paths)
    assert directory.removals == 1
    assert not os.path.exists(directory.path)


def test_a_file_stays_until_the_last_of_its_values_has_gone(tmp_path: Path) -> None:
    directory = Met(tmp_path, 1)
    path = directory.write("one", b"data")
    for _ in range(9):
        directory.keep(path)
    directory.end()
    in_threads(directory, [path] * 8)
    assert os.path.exists(path)
    directory.drop(path)
    assert not os.path.exists(directory.path)
