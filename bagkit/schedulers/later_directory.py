"""The directory of a run that may need none: what makes one is imported with the first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bagkit.errors import TaskError

if TYPE_CHECKING:
    from bagkit.schedulers.run_directory import RunDirectory


class LaterDirectory:
    """The directory of a run in this process, made when a task first asks for it; any thread may ask."""

    def __init__(self, parent: str | None) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._directory: RunDirectory | None = None
        self._closed = False

    def path(self) -> str:
        """Return the path of the directory; raise TaskError after the end of the run."""
        with self._lock:
            if self._closed:
                raise TaskError("the run is over, and so is its directory")
            if self._directory is None:
                from bagkit.schedulers.run_directory import RunDirectory

                self._directory = RunDirectory(self._parent)
            return self._directory.path

    def close(self) -> None:
        """Remove the directory, if there is one."""
        with self._lock:
            self._closed = True
            if self._directory is not None:
                self._directory.remove()
