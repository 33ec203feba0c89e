"""Bytes that wait in files of a worker."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dask.sizeof import sizeof

import bagkit as bk
from bagkit.crossing import values
from bagkit.lazy import dask_pieces
from bagkit.lazy.dask_files import LeftBuckets, left
from bagkit.lazy.dask_pieces import LeftPiece, bytes_of, kept

LONG = bytes(range(256)) * 40


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    worker = SimpleNamespace(local_directory=str(tmp_path))
    monkeypatch.setattr(dask_pieces, "_worker", lambda: worker)
    monkeypatch.setattr(dask_pieces, "_open", None)
    return worker


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


def test_only_workers_have_them() -> None:
    assert kept(LONG) is LONG


def test_long_ones_are_in_files_without_a_name(worker: Any, tmp_path: Path) -> None:
    pieces = [kept(LONG + bytes([n])) for n in range(20)]
    assert {type(piece) for piece in pieces} == {LeftPiece}
    assert [bytes_of(piece) for piece in pieces] == [LONG + bytes([n]) for n in range(20)]
    assert list(tmp_path.iterdir()) == []
    assert kept(b"short") == b"short" == bytes_of(b"short")
    assert sizeof(pieces[0]) > len(LONG)


def test_a_file_goes_with_its_last_piece(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pieces, "FILE_BYTES", 3 * len(LONG))
    before = open_files()
    pieces = [kept(LONG) for _ in range(12)]
    assert open_files() == before + 3
    del pieces[:4]
    assert open_files() == before + 2
    assert {bytes_of(piece) for piece in pieces} == {LONG}
    del pieces[:]
    kept(LONG)
    assert open_files() <= before + 1


def test_where_no_file_can_be_made_they_stay(worker: Any, tmp_path: Path) -> None:
    worker.local_directory = str(tmp_path / "none")
    assert kept(LONG) is LONG


def test_what_tasks_leave_travels_as_bytes(worker: Any) -> None:
    one, buckets = left((values.ONE, None, (LONG,))), LeftBuckets({0: LONG, 2: b"N."})
    for value in (one, buckets):
        assert sizeof(value) > len(LONG)
    data = pickle.dumps((one, buckets, buckets[0]))
    assert data.count(LONG) >= 2
    for arrived in pickle.loads(data), (one, buckets, buckets[0]):
        assert arrived[0].whole == arrived[1][0][0].whole == arrived[2][0].whole == (values.ONE, None, (LONG,))
        assert [len(arrived[1][number]) for number in range(3)] == [1, 0, 1]
        assert type(arrived[0].stored[2][0]) is LeftPiece


def test_tasks_of_a_kind_have_one_name_and_needs_another() -> None:
    from distributed.utils import key_split_group

    bag = bk.range(300, npartitions=30).map(str).groupby(len, npartitions=20).map(len)
    groups = {key: key_split_group(key) for key in bag.__dask_graph__()}
    for key, task in bag.__dask_graph__().items():
        assert groups[key] not in {groups[need] for need in task[1:] if need in groups}
    assert len(set(groups.values())) < 10
    assert {groups[key] for key in bag.__dask_keys__()} == {bag.__dask_keys__()[0][0]}
