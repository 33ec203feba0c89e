"""The private directory of one run: large functions and values, gone at the end whatever the end is.

Four ways to go: the run removes it; `atexit` does; when this process is killed, a shell that waits for its end does;
and a later run does, which tells live from dead by the lock that the owner holds.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import stat
import subprocess
import threading
import time
import weakref
from abc import ABC, abstractmethod

from bagkit.errors import TaskError
from bagkit.flow.batches import Batches

PREFIX = "bagkit-"
LOCK = "lock"
YOUNG_SECONDS = 60
"""A directory without a lock may be one that is being made."""

_REMOVE_AFTER_OWNER = """
read line
i=0
while [ -e "$1" ] && [ $i -lt 50 ]; do
    rm -rf -- "$1" 2>/dev/null
    i=$((i + 1))
    [ -e "$1" ] && sleep 0.1
done
"""

_live: set[FilesOfRun] = set()
"""What is there now, or is just being made."""


def live_directories() -> list[str]:
    """Return the paths of the directories of this process that are there now."""
    return [files.path for files in tuple(_live) if isinstance(files, RunDirectory)]


class FilesOfRun(ABC):
    """Files that go when nobody needs them; mutable, owned by one run.

    Files have owners: values that use them. A file goes with its last one. All go when the run has ended and the last
    value that was handed to the caller has gone. Values go in any thread, several at once, in the middle of anything.
    """

    path: str
    """Of the directory that has them, or its URL."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._uses: dict[str, int] = {}
        self._held: dict[str, list[str]] = {}
        """For a file the others that it leads to, which stay as long as it does."""
        self._ended = False
        self._removed = False
        self._counting = threading.RLock()
        self._undertaker: subprocess.Popen[bytes] | None = None
        """A process that removes the directory when this one is killed: it waits for the end of its input."""

    def _count_as_live(self) -> None:
        _live.add(self)

    def _start_undertaker(self, *command: str, cwd: str | None = None) -> None:
        self._undertaker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
        )

    def _dismiss_undertaker(self) -> None:
        if self._undertaker is not None:
            self._undertaker.kill()
            self._undertaker.communicate()

    def forget(self) -> None:
        """Let go of it in a forked process, which is not the owner."""
        if self._undertaker is not None:
            assert self._undertaker.stdin is not None
            self._undertaker.stdin.close()
            self._undertaker.returncode = 0  # not this process's child: nothing to wait for

    def keep(self, path: str) -> None:
        """Count one more value that uses the file `path`."""
        with self._counting:
            self._uses[path] = self._uses.get(path, 0) + 1

    def keep_for(self, batches: Batches, path: str) -> None:
        """Have the file `path` stay as long as the caller has `batches`, which may be read when the run is over."""
        self.keep(path)
        weakref.finalize(batches._batches, self.drop, path).atexit = False

    def hold(self, path: str, others: list[str]) -> None:
        """Have the files `others` stay as long as values use the file `path`."""
        self._held[path] = others
        for other in others:
            self.keep(other)

    def drop(self, path: str) -> None:
        """Count one value less; remove the file with the last."""
        if os.getpid() != self._pid:
            return
        with self._counting:
            self._uses[path] -= 1
            if self._uses[path]:
                return
            del self._uses[path]
        self.discard(path)
        for other in self._held.pop(path, ()):
            self.drop(other)
        if self._ended and not self._uses:
            self.remove()

    @abstractmethod
    def discard(self, path: str) -> None:
        """Remove a file of the directory, if it is there."""

    def write(self, name: str, data: bytes, what: str = "values") -> str:
        """Write a file of `what`, and return its path; raise TaskError where that can't be done."""
        try:
            return write_file(self.path, name, data)
        except OSError as error:
            raise TaskError(
                f"{self.path}/{name}: {len(data)} bytes of {what} can't be stored: {error}; "
                "hint: give another temporary_directory or shared_directory"
            ) from error

    def remove(self) -> None:
        """Remove the directory and all in it; whoever asks after the first does nothing."""
        if os.getpid() != self._pid:
            return
        with self._counting:
            if self._removed:
                return
            self._removed = True
        self._remove()
        _live.discard(self)
        self._dismiss_undertaker()

    @abstractmethod
    def _remove(self) -> None:
        """Remove the directory and all in it: called once, in the process that made it."""

    def end(self) -> None:
        """Note that the run has ended; remove the directory unless the caller still has values in it."""
        self._ended = True
        if not self._uses:
            self.remove()


class RunDirectory(FilesOfRun):
    """A directory that only this user can read.

    One that is `shared` may be on a disk of several machines, whose runs do not see each other's locks: so only runs of
    this machine are swept there.
    """

    def __init__(self, parent: str | None = None, *, shared: bool = False) -> None:
        import tempfile  # and what that imports: archives, random numbers

        super().__init__()
        parent = os.path.abspath(parent or tempfile.gettempdir())
        prefix = f"{PREFIX}{host()}-" if shared else PREFIX
        sweep(parent, prefix)
        self._lock: int | None = None
        try:
            self._make_locked(parent, prefix)
            with contextlib.suppress(OSError):  # without a shell the next run sweeps
                self._start_undertaker("/bin/sh", "-c", _REMOVE_AFTER_OWNER, "bagkit-cleaner", self.path, cwd="/")
        except BaseException as error:  # Ctrl-C too, which may come between any two lines
            self.remove()
            if not isinstance(error, OSError):
                raise
            raise TaskError(
                f"{parent}: a directory for large values can't be made here: {error}; "
                f"hint: give another {'shared' if shared else 'temporary'}_directory"
            ) from error

    def _make_locked(self, parent: str, prefix: str) -> None:
        """Make the directory and take its lock, before which a sweep could take it for a dead one."""
        for _ in range(10):
            self.path = os.path.join(parent, f"{prefix}{self._pid}-{os.urandom(4).hex()}")
            self._count_as_live()  # before it is there: so it goes whatever comes
            os.mkdir(self.path, 0o700)
            lock = os.path.join(self.path, LOCK)
            try:
                self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.exists(lock):
                    return
            except (FileNotFoundError, BlockingIOError):
                pass  # a sweep removes it
            self._unlock()
        raise OSError("none that is made stays")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def discard(self, path: str) -> None:
        try:
            os.unlink(os.path.join(self.path, path))
        except OSError:
            pass

    def _remove(self) -> None:
        import shutil

        for _ in range(10):  # a task that nobody waits for may write a file meanwhile
            shutil.rmtree(self.path, ignore_errors=True)
            if not os.path.exists(self.path):
                break
        self._unlock()

    def forget(self) -> None:
        self._unlock()
        super().forget()


def write_file(directory: str, name: str, data: bytes) -> str:
    """Write a file to the directory of a run, which may be a URL, and return its path."""
    path = os.path.join(directory, name)
    if "://" in path:
        from bagkit.exchange import remote

        remote.write_file(path, data)
    else:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
    return path


def host() -> str:
    """Return the name of this machine, as it can stand in a name of a file."""
    return re.sub("[^a-z0-9]", "_", os.uname().nodename.lower()) or "localhost"


def sweep(parent: str, prefix: str = PREFIX) -> None:
    """Remove the directories in `parent` that runs of this user left behind when they were killed."""
    name_of_run = re.compile(rf"{re.escape(prefix)}[0-9]+-[a-z0-9_]{{8}}")
    try:
        names = [entry for entry in os.listdir(parent) if name_of_run.fullmatch(entry)]
    except OSError:
        return
    for name in names:
        path = os.path.join(parent, name)
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and _dead(path, status.st_mtime):
                import shutil

                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass  # gone meanwhile


def _dead(path: str, changed: float) -> bool:
    try:
        lock = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Not one of ours, or one that is being made. Ours without a lock are empty.
        return not os.listdir(path) and time.time() - changed > YOUNG_SECONDS
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_all() -> None:
    for files in tuple(_live):
        files.remove()


def _forget_all() -> None:
    for files in tuple(_live):
        files.forget()
    _live.clear()


atexit.register(_remove_all)
os.register_at_fork(after_in_child=_forget_all)
