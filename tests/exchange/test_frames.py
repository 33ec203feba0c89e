"""Bytes that wait in files: as they were written, or an error."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from bagkit.exchange import frames
from bagkit.exchange.frames import (
    MAPPED_BYTES,
    FrameError,
    FrameFile,
    entries,
    load_frame,
    load_indexed,
    without_collector,
)


@pytest.fixture
def file(tmp_path: Path) -> FrameFile:
    numbers = count()
    return FrameFile(lambda: str(tmp_path / f"frames-{next(numbers)}"))


def test_frames_are_read_as_they_were_written(file: FrameFile) -> None:
    large = os.urandom(MAPPED_BYTES + 1)
    written = [[b"one"], [], [b"a", memoryview(b"b"), b""], [large, b"more"], [b"last"]]
    places = []
    for parts in written:
        for part in parts:
            file.add(part)
        places.append(file.cut())
    file.close()
    assert [load_frame(file.path, place, bytes) for place in places] == [b"".join(parts) for parts in written]


def test_no_more_is_written_at_once_than_systems_take(file: FrameFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2 GiB macOS writes nothing; any system may write less than it is given."""
    real, sizes = os.pwrite, []

    def little(descriptor: int, data: memoryview, offset: int) -> int:
        sizes.append(len(data))
        return real(descriptor, data[:300], offset)

    monkeypatch.setattr(os, "pwrite", little)
    monkeypatch.setattr(frames, "WRITTEN_BYTES", 1000)
    data = os.urandom(5000)
    file.add(data)
    place = file.cut()
    file.close()
    assert max(sizes) == 1000
    assert load_frame(file.path, place, bytes) == data


def test_a_frame_that_is_begun_anew_leaves_nothing(file: FrameFile) -> None:
    file.add(b"kept")
    first = file.cut()
    file.add(b"thrown away")
    file.restart()
    file.add(b"second")
    second = file.cut()
    assert [load_frame(file.path, place, bytes) for place in (first, second)] == [b"kept", b"second"]
    assert second[0] == 4


def test_the_file_is_made_when_something_is_written_and_under_a_name_that_is_free(
    file: FrameFile, tmp_path: Path
) -> None:
    assert file.path == ""
    file.remove()
    (tmp_path / "frames-0").write_bytes(b"of another")
    file.add(b"x")
    assert file.path == str(tmp_path / "frames-1")
    assert os.stat(file.path).st_mode & 0o777 == 0o600
    file.remove()
    assert os.listdir(tmp_path) == ["frames-0"]
    only = FrameFile(lambda: str(tmp_path / "frames-0"))
    with pytest.raises(FileExistsError):
        only.add(b"x")


@pytest.mark.parametrize("size", [100, MAPPED_BYTES + 100])
@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"", lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:]],
    ids=["cut off", "empty", "changed"],
)
def test_damage_is_an_error(file: FrameFile, size: int, damage: Callable[[bytes], bytes]) -> None:
    data = os.urandom(size)
    file.add(data)
    place = file.cut()
    file.close()
    Path(file.path).write_bytes(damage(data))
    with pytest.raises(FrameError, match=rf"was changed: got \d+ bytes, expected {size} as written"):
        load_frame(file.path, place, bytes)
    file.remove()
    with pytest.raises(FrameError, match=r"can't be read: .*; was it removed\?"):
        load_frame(file.path, place, bytes)


def test_an_index_gives_one_frame(file: FrameFile) -> None:
    file.add(b"before")
    before = file.cut()
    file.add(b"after")
    index = file.add_index([(0, 0, 0), before, (0, 0, 0), file.cut()])
    file.close()
    assert entries(index) == 4
    assert [load_indexed(file.path, index, n, bytes) for n in range(4)] == [None, b"before", None, b"after"]


@pytest.mark.parametrize("at", [0, 9, 17, 23, 24 * 2, 24 * 3 - 1])
def test_damage_to_an_index_is_an_error(file: FrameFile, at: int) -> None:
    file.add(b"one")
    index = file.add_index([file.cut(), (0, 0, 0), (0, 0, 0)])
    file.close()
    data = bytearray(Path(file.path).read_bytes())
    data[index[0] + at] ^= 1
    Path(file.path).write_bytes(data)
    with pytest.raises(FrameError, match=f"was changed: the entry {at // 24} of its index is not as written"):
        load_indexed(file.path, index, at // 24, bytes)
    Path(file.path).write_bytes(data[: index[0]])
    with pytest.raises(FrameError, match="was changed: the entry 1 of its index"):
        load_indexed(file.path, index, 1, bytes)
    file.remove()
    with pytest.raises(FrameError, match=r"can't be read: .*; was it removed\?"):
        load_indexed(file.path, index, 0, bytes)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was_afterwards(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        assert without_collector(gc.isenabled) is False
        assert gc.isenabled() is enabled
        with pytest.raises(ZeroDivisionError):
            without_collector(lambda: 1 / 0)
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was_enabled else gc.disable()
