from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bagkit.diagnostics.observer import Observer
from bagkit.errors import OptionError
from bagkit.flow.inside import running_task
from bagkit.lower.graph import Graph, Key
from bagkit.option_values import SCHEDULERS
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.registry import get_scheduler
from bagkit.schedulers.sync import SyncScheduler
from bagkit.schedulers.threads import ThreadScheduler


class Mine:
    name = "mine"

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        yield from ()


@pytest.mark.parametrize("name", ["sync", "synchronous", "single-threaded"])
def test_sync(name: str) -> None:
    assert isinstance(get_scheduler(name), SyncScheduler)


@pytest.mark.parametrize("name", ["threads", "threading"])
def test_threads(name: str) -> None:
    scheduler = get_scheduler(name, workers=7)
    assert isinstance(scheduler, ThreadScheduler)
    assert scheduler.workers == 7
    assert getattr(get_scheduler(name), "workers", None) == cpu_count()


@pytest.mark.parametrize("name", ["processes", "multiprocessing", None])
def test_processes(name: str | None) -> None:
    assert get_scheduler(name, workers=2).name == "processes"


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_has_the_name_it_is_found_by(name: str) -> None:
    assert get_scheduler(name, workers=1).name == name


def test_an_executor() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert isinstance(get_scheduler(executor), ExecutorScheduler)


def test_a_scheduler_is_used_as_it_is() -> None:
    mine = Mine()
    assert get_scheduler(mine, workers=2, memory_limit=5) is mine


@pytest.mark.parametrize("spec", ["sync", "threads", "processes", "multiprocessing", None, ThreadPoolExecutor(1)])
def test_inside_of_a_task_it_is_sync(spec: Any) -> None:
    with running_task():
        assert isinstance(get_scheduler(spec, workers=4), SyncScheduler)


def test_inside_of_a_task_a_scheduler_is_still_used_as_it_is() -> None:
    mine = Mine()
    with running_task():
        assert get_scheduler(mine) is mine


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "procesess",
            "option 'scheduler': wrong value: got 'procesess', expected one of sync, threads, processes, ray; "
            "did you mean 'processes'?",
        ),
        ("thread", "did you mean 'threads'?"),
        ("zzz", "expected one of sync, threads, processes, ray"),
        (
            5,
            "got 5, expected one of sync, threads, processes, ray, an executor of concurrent.futures, or an",
        ),
        (Mine, "expected an object; hint: this is a class, call it: Mine(...)"),
    ],
)
def test_unknown_ones(spec: Any, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        get_scheduler(spec)
    with running_task(), pytest.raises(OptionError, match=re.escape(message)):
        get_scheduler(spec)


def test_schedulers_are_imported_when_they_are_asked_for() -> None:
    program = (
        "import sys, bagkit.schedulers.registry as r; "
        "assert 'bagkit.schedulers.threads' not in sys.modules and 'concurrent.futures' not in sys.modules; "
        "r.get_scheduler('threads', workers=1); assert 'bagkit.schedulers.threads' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
