"""What happens during a run, as frozen values; times are seconds of `time.time()`, taken where the work was done."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

Key = Hashable


@dataclass(frozen=True, slots=True)
class RunStarted:
    tasks: int
    weight: int
    """Bytes of input of all tasks together; 0 where unknown."""
    scheduler: str
    workers: int


@dataclass(frozen=True, slots=True)
class TaskStarted:
    key: Key
    label: str
    worker: int


@dataclass(frozen=True, slots=True)
class TaskProgressed:
    key: Key
    bytes_read: int
    """Bytes of input that this attempt of the task has done so far."""


@dataclass(frozen=True, slots=True)
class TaskFinished:
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


@dataclass(frozen=True, slots=True)
class TaskFailed:
    key: Key
    label: str
    worker: int
    error: str


@dataclass(frozen=True, slots=True)
class WorkerLost:
    worker: int
    key: Key | None
    """The task it ran, None if it was idle."""
    exit_code: int | None
    attempt: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    ok: bool


Event = RunStarted | TaskStarted | TaskProgressed | TaskFinished | TaskFailed | WorkerLost | RunFinished
