"""The directory of one run behind a URL, which all machines see; gone at the end whatever the end is.

The run removes it, `atexit` does, or a process that waits for the end of this one, however it ends.
"""

from __future__ import annotations

import os
import sys
import uuid

from bagkit.errors import TaskError
from bagkit.exchange import remote
from bagkit.schedulers.run_directory import PREFIX, FilesOfRun, host

_REMOVE_AFTER_OWNER = """
import sys
if not sys.stdin.buffer.read(1):
    from bagkit.exchange.remote import remove_all
    remove_all(sys.argv[1])
"""


class RemoteDirectory(FilesOfRun):
    """A directory behind a URL; what fails there is tried again `retries` times in a row."""

    def __init__(self, parent: str, retries: int) -> None:
        super().__init__()
        name = f"{PREFIX}{host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.path = f"{parent}/{name}{remote.saying(retries)}"
        try:
            # First: so the directory goes too if Ctrl-C comes while it is made.
            self._start_undertaker(sys.executable, "-c", _REMOVE_AFTER_OWNER, self.path)
            remote.make_directory(self.path)
        except (OSError, ImportError, ValueError) as error:
            self._dismiss_undertaker()
            raise TaskError(
                f"{parent}: a directory for large values can't be made here: {error}; "
                "hint: give another shared_directory"
            ) from error
        self._count_as_live()

    def discard(self, path: str) -> None:
        remote.remove_file(path if remote.is_remote(path) else f"{self.path}/{path}")

    def _remove(self) -> None:
        remote.remove_all(self.path)
