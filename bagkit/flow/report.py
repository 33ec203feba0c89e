"""What a task has to say beside its value."""

from __future__ import annotations

import _pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Report:
    """What a task says beside its value; mutable, owned by the one task that fills it."""

    attempt: int = 1
    bytes_read: int = 0
    skipped: int = 0
    failures: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    """What was written for the caller's side to make outputs of: plain values."""
    on_progress: Callable[[Report], None] | None = None
    """Called now and then while the task runs; it decides itself how often to tell others."""
    directory: Callable[[], str] | None = None
    """Gives the run's directory, where a task may leave files for others; None where tasks share no directory."""
    dumps: Callable[[Any], bytes] = _pickle.dumps
    """Pickles what is written to such a file."""

    def read(self, nbytes: int) -> None:
        """Count `nbytes` more bytes of input as done with."""
        self.bytes_read += nbytes
        if self.on_progress is not None:
            self.on_progress(self)
