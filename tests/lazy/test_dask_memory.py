"""Memory that is given back in workers of dask.distributed."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from bagkit.lazy import dask_memory


def worker_with(limit: int | None) -> Any:
    manager = SimpleNamespace(memory_limit=limit)
    return SimpleNamespace(status=SimpleNamespace(name="running"), memory_manager=manager)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "bagkit-memory"]


def test_a_thread_gives_back_memory_until_nothing_is_done_or_the_worker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(dask_memory, "SECONDS", 0.001)
    monkeypatch.setattr(dask_memory, "_begun", time.monotonic())
    worker = worker_with(1)

    def give_back(keep: int) -> int:
        calls.append(keep)
        if len(calls) == 5:
            monkeypatch.setattr(dask_memory, "IDLE_SECONDS", 0.0)
            worker.status.name = "paused"
        if len(calls) == 10:
            worker.status.name = "closed"
        return 1

    dask_memory._watch(worker, 1, give_back)
    assert calls == [0] * 10
    worker.status.name = "running"
    dask_memory._watch(worker, 1, give_back)
    dask_memory._watch(worker_with(1 << 60), 1 << 60, give_back)
    assert len(calls) == 10


def test_only_workers_with_a_limit_have_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    dask_memory.watch()  # in no worker
    monkeypatch.setattr(dask_memory, "_worker", lambda: worker_with(None))
    dask_memory.watch()
    assert threads() == []
    worker = worker_with(1 << 60)
    monkeypatch.setattr(dask_memory, "_worker", lambda: worker)
    for _ in range(3):
        dask_memory.watch()
    assert len(threads()) <= 1  # none where the C library has no such function
    worker.status.name = "closed"
    for thread in threads():
        thread.join()
