"""The files of a run go once, whichever threads let go of them."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers.run_directory import FilesOfRun, RunDirectory, live_directories
from tests.schedulers.works import wait_for


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


@pytest.mark.parametrize(("module", "name"), [(os, "mkdir"), (fcntl, "flock"), (subprocess, "Popen")])
def test_a_directory_that_is_broken_off_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    function = None if name == "Popen" else getattr(module, name)
    errors: list[type[BaseException]] = [KeyboardInterrupt]

    def broken(*args: Any, **kwargs: Any) -> None:
        if function is not None:
            function(*args, **kwargs)
        raise errors[0]

    before = live_directories()
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(KeyboardInterrupt):
        RunDirectory(str(tmp_path))
    assert os.listdir(tmp_path) == []
    errors[0] = OSError
    if function is None:
        RunDirectory(str(tmp_path)).remove()  # it needs no shell
    else:
        with pytest.raises(bk.TaskError, match="can't be made here"):
            RunDirectory(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert live_directories() == before


def test_a_file_that_comes_while_all_is_removed_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RunDirectory(str(tmp_path))
    remove, late = os.rmdir, ["1", "2"]

    def rmdir(path: Any, **given: Any) -> None:
        if late:
            directory.write(late.pop(), b"data")
        remove(path, **given)

    monkeypatch.setattr(os, "rmdir", rmdir)
    directory.remove()
    assert not late
    assert os.listdir(tmp_path) == []


OUTLIVED = """
import os, signal, sys, time
from bagkit.schedulers.remote_directory import RemoteDirectory
from bagkit.schedulers.run_directory import RunDirectory
parent = sys.argv[1]
made = [RunDirectory(parent), RemoteDirectory("file://" + parent, 0)]
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A program that is killed, and has a child that it has forked."""


def test_a_forked_child_does_not_keep_the_directories_of_a_parent_that_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTLIVED, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False
    )
    child = int(done.stdout)
    try:
        assert done.returncode == -signal.SIGKILL
        assert wait_for(lambda: not list(tmp_path.iterdir()))
        os.kill(child, 0)  # is alive
    finally:
        os.kill(child, signal.SIGKILL)
