"""Where the system allows no more threads, an error says so, and nothing waits for a thread that is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


def call_of_a_client() -> Any:
    with bk.Client(workers=1) as client:
        return client.submit(len, "abc").result()


def reported(path: Path) -> Any:
    with bk.report(path):
        return bk.range(3, 1).sum().compute(scheduler="sync")


def test_no_more_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    calls: dict[str, Callable[[], Any]] = {
        "bagkit-client": call_of_a_client,
        "bagkit-background": lambda: bk.range(10, 2).map(str).persist(scheduler="processes"),
        "bagkit-recorder": lambda: reported(tmp_path / "run.html"),
        "bagkit-dashboard": lambda: bk.dashboard(),
    }
    for name, call in calls.items():
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            with pytest.raises(bk.TaskError, match="can't start new thread") as caught:
                call()
        assert str(caught.value).startswith(name) or name == "bagkit-dashboard"
    assert call_of_a_client() == 3
    assert bk.range(3, 2).map(str).persist(scheduler="processes").compute() == ["0", "1", "2"]
    assert reported(tmp_path / "run.html") == 3
