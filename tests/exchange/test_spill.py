"""Frames on disk."""

import gc
import os
import random
from pathlib import Path

import pytest

from bagkit.exchange import spill
from bagkit.exchange.spill import Held, Room, SpillError, read_frame


def test_frames_are_compressed_where_that_saves_something(tmp_path: Path) -> None:
    records = [{"name": f"name {n % 50}", "value": n} for n in range(2000)]
    noise = [random.Random(1).randbytes(20_000)]
    file = Room(directory=lambda: str(tmp_path)).file()
    frames = [file.write(each, 7) for each in (records, noise, [1, 2])]
    file.close()
    assert [frame.packed for frame in frames] == [True, False, False]
    assert os.path.getsize(frames[0].path) < 2000 * 15 + 20_100
    assert [read_frame(frame) for frame in frames] == [records, noise, [1, 2]]
    assert os.listdir(tmp_path) == [os.path.basename(frames[0].path)]


@pytest.mark.parametrize("at", [0, 100, -1])
def test_damage_is_seen(tmp_path: Path, at: int) -> None:
    file = Room(directory=lambda: str(tmp_path)).file()
    frame = file.write(["x" * 100] * 1000, 7)
    data = bytearray(Path(frame.path).read_bytes())
    data[at] ^= 1
    Path(frame.path).write_bytes(data)
    with pytest.raises(SpillError, match="was changed: got"):
        read_frame(frame)
    Path(frame.path).write_bytes(data[:-1])
    with pytest.raises(SpillError, match="was changed: got"):
        read_frame(frame)
    file.remove()
    with pytest.raises(SpillError, match=r"can't be read: .*; was it removed"):
        read_frame(frame)


@pytest.mark.usefixtures("nothing_frozen")
def test_what_was_frozen_is_unfrozen_by_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "HELD_SECONDS", 0)
    with Held():
        with Held():
            Held.add()
            assert gc.get_freeze_count()
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()
    gc.freeze()
    with Held():
        Held.add()
    assert gc.get_freeze_count()


@pytest.mark.usefixtures("nothing_frozen")
def test_what_is_made_in_no_time_is_not_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask whether something was frozen before takes longer than that."""
    monkeypatch.setattr(spill, "HELD_SECONDS", 1000)
    with Held():
        Held.add()
        assert not gc.get_freeze_count()
