"""Disks that are unlike ext4: disks of macOS, network disks, directories behind links, names without case."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

FULL = 51
"""What F_FULLFSYNC is on macOS."""

Write = Callable[[Path], Any]


def write_lines(folder: Path) -> None:
    bag = bk.from_sequence(["a", "b", "c"], npartitions=3)
    bag.to_textfiles(folder / "*.txt", exist="overwrite", scheduler="sync")


def write_rows(folder: Path) -> None:
    bk.from_sequence([{"a": 1}]).to_parquet(folder / "a.parquet", exist="overwrite", scheduler="sync")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".bagkit-"))


WRITERS = {
    write_lines: ["0.txt", "1.txt", "2.txt"],
    write_rows: ["a.parquet"],
}
all_writers = pytest.mark.parametrize(
    ("write", "expected"), WRITERS.items(), ids=lambda each: getattr(each, "__name__", "")
)


@all_writers
def test_a_directory_behind_a_link(tmp_path: Path, write: Write, expected: list[str]) -> None:
    """As `/tmp` is on macOS."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert names(tmp_path / "real") == expected


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


class Disk:
    """A disk as macOS has it: what was asked of it, and the errors that it answers with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full_syncs: list[str] = []
        self.syncs: list[str] = []
        self.full_error: dict[str, int] = {}
        self.error: dict[str, int] = {}
        real, real_sync = fcntl.fcntl, os.fsync

        def control(file: int, command: int, *rest: Any) -> Any:
            if command != FULL:
                return real(file, command, *rest)
            self._take(file, self.full_syncs, self.full_error)
            return 0

        def sync(file: int) -> None:
            self._take(file, self.syncs, self.error)
            real_sync(file)

        monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL, raising=False)
        monkeypatch.setattr(fcntl, "fcntl", control)
        monkeypatch.setattr(os, "fsync", sync)

    @staticmethod
    def _take(file: int, asked: list[str], errors: dict[str, int]) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(file).st_mode) else "file"
        asked.append(kind)
        if kind in errors:
            raise OSError(errors[kind], os.strerror(errors[kind]))


@all_writers
def test_on_macos_files_go_through_the_memory_of_the_drive(
    tmp_path: Path, disk: Disk, write: Write, expected: list[str]
) -> None:
    write(tmp_path)
    assert disk.full_syncs.count("file") >= len(expected)
    assert "directory" in disk.full_syncs
    assert disk.syncs == []


@all_writers
def test_a_network_disk_of_macos(tmp_path: Path, disk: Disk, write: Write, expected: list[str]) -> None:
    disk.full_error = {"file": errno.ENOTSUP, "directory": errno.EINVAL}
    write(tmp_path)
    assert names(tmp_path) == expected
    assert disk.syncs == disk.full_syncs


@all_writers
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EBADF])
def test_a_disk_that_brings_no_directories_to_itself(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, write: Write, expected: list[str], code: int
) -> None:
    monkeypatch.delattr(fcntl, "F_FULLFSYNC")
    disk.error = {"directory": code}
    write(tmp_path)
    assert names(tmp_path) == expected
    assert disk.full_syncs == []
    assert disk.syncs.count("file") >= len(expected)


@all_writers
def test_a_directory_that_can_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, expected: list[str]
) -> None:
    real = os.open

    def refusing(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_DIRECTORY and os.fspath(path) == str(tmp_path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)
    write(tmp_path)
    assert names(tmp_path) == expected


@all_writers
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_an_error_of_the_disk_is_told(tmp_path: Path, disk: Disk, write: Write, expected: list[str], kind: str) -> None:
    disk.full_error = {kind: errno.EIO}
    with pytest.raises(bk.OutputError, match="can't be written: input/output error"):
        write(tmp_path)
    assert disk.syncs == []
    if kind == "file":
        assert names(tmp_path) == []


@pytest.fixture
def without_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let names in a directory not be told apart by their case, as on a disk of macOS."""

    def found(path: Any) -> Any:
        if not isinstance(path, str) or os.path.dirname(path) != str(tmp_path):
            return path
        name = os.path.basename(path)
        same = (each for each in os.listdir(tmp_path) if each.casefold() == name.casefold())
        return os.path.join(tmp_path, next(same, name))

    def first(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda path, *rest, **options: function(found(path), *rest, **options)

    for name in ("stat", "lstat", "unlink", "open", "access"):
        monkeypatch.setattr(os, name, first(getattr(os, name)))
    replace = os.replace

    def replaced(path: str, to: str) -> None:
        there = found(to)
        if there != to:
            os.rename(there, to)  # the new file has the name that was given now
        replace(path, to)

    monkeypatch.setattr(os, "replace", replaced)
    return tmp_path


def test_files_are_written_again_in_another_case(without_case: Path) -> None:
    bag = bk.from_sequence(["a", "b", "c"], npartitions=3)
    bag.to_textfiles(without_case / "*.txt", name_function="Part{}".format, scheduler="sync")
    assert names(without_case) == ["Part0.txt", "Part1.txt", "Part2.txt"]
    less = bk.from_sequence(["d", "e"], npartitions=2)
    paths = less.to_textfiles(
        without_case / "*.txt", name_function="part{}".format, exist="overwrite", scheduler="sync"
    )
    assert names(without_case) == ["part0.txt", "part1.txt"]
    assert [Path(path).read_text() for path in paths] == ["d", "e"]
    assert bk.read_text(str(without_case / "part*.txt")).compute(scheduler="sync") == ["d", "e"]
