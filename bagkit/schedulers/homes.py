"""Which worker keeps which records, by the names of these; of this process, for all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bagkit.schedulers.worker_process import WorkerProcess

_homes: dict[str, WorkerProcess] = {}


def home_of(name: str) -> WorkerProcess | None:
    """Return the worker that keeps the records `name`."""
    return _homes.get(name)


def move_in(name: str, worker: WorkerProcess, nbytes: int) -> None:
    """Note that `worker` keeps the records `name` from now on, and no other does."""
    before = _homes.get(name)
    if before is not None and before is not worker:
        before.let_go(name)
    _homes[name] = worker
    worker.keep(name, nbytes)


def take_away(name: str) -> None:
    """Note that a task takes the records `name` from the worker that keeps them."""
    worker = move_out(name)
    if worker is not None:
        worker.take(name)


def move_out(name: str) -> WorkerProcess | None:
    """Note that nobody keeps the records `name` any longer; return who did."""
    return _homes.pop(name, None)


def leave(worker: WorkerProcess) -> None:
    """Note that `worker` has ended."""
    for name in tuple(worker.keeps):
        if _homes.get(name) is worker:
            del _homes[name]


def forget_all() -> None:
    """Know nothing, in a forked process: the workers are its parent's."""
    _homes.clear()
