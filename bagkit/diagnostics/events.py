"""What happens during a run, as named tuples, which are quick to make: there are two for each task.

Times are seconds of `time.time()`, taken where the work was done.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

Key = Hashable


class RunStarted(NamedTuple):
    tasks: int
    weight: int
    """How many bytes of input all tasks have together; 0 if unknown."""
    scheduler: str
    workers: int


class TaskStarted(NamedTuple):
    key: Key
    label: str
    worker: int


class TaskProgressed(NamedTuple):
    key: Key
    bytes_read: int
    """How many bytes of input this attempt of the task has read so far."""


class TaskFinished(NamedTuple):
    key: Key
    label: str
    worker: int
    start: float
    stop: float
    bytes_read: int
    bytes_out: int
    skipped: int
    failures: tuple[Any, ...]
    outputs: tuple[Any, ...] = ()
    """What the task has written, for the caller's side to make outputs of."""


class TaskFailed(NamedTuple):
    key: Key
    label: str
    worker: int
    error: str


class WorkerLost(NamedTuple):
    worker: int
    key: Key | None
    """The task that it ran; None if it was idle."""
    exit_code: int | None
    attempt: int


class RunFinished(NamedTuple):
    ok: bool


Event = RunStarted | TaskStarted | TaskProgressed | TaskFinished | TaskFailed | WorkerLost | RunFinished
