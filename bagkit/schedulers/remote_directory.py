"""The directory of one run behind a URL, which all machines see; gone at the end whatever the end is.

The run removes it, `atexit` does, or a process that waits for the end of this one, however it ends.
"""

from __future__ import annotations

import atexit
import os
import subprocess
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
_live: set[RemoteDirectory] = set()


class RemoteDirectory(FilesOfRun):
    """A directory behind a URL; what fails there is tried again `retries` times in a row."""

    def __init__(self, parent: str, retries: int) -> None:
        super().__init__()
        name = f"{PREFIX}{host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.path = f"{parent}/{name}{remote.saying(retries)}"
        # First: so the directory goes too if Ctrl-C comes while it is made.
        self._undertaker = subprocess.Popen(
            [sys.executable, "-c", _REMOVE_AFTER_OWNER, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            remote.make_directory(self.path)
        except (OSError, ImportError, ValueError) as error:
            self._dismiss()
            raise TaskError(
                f"{parent}: a directory for large values can't be made here: {error}; "
                "hint: give another shared_directory"
            ) from error
        _live.add(self)

    def discard(self, path: str) -> None:
        remote.remove_file(path if remote.is_remote(path) else f"{self.path}/{path}")

    def _remove(self) -> None:
        _live.discard(self)
        remote.remove_all(self.path)
        self._dismiss()

    def _dismiss(self) -> None:
        self._undertaker.kill()
        self._undertaker.communicate()


def _remove_all() -> None:
    for directory in tuple(_live):
        directory.remove()


atexit.register(_remove_all)
os.register_at_fork(after_in_child=_live.clear)
