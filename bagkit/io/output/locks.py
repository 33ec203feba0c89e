"""The right to write to one place: one run has it at a time."""

from __future__ import annotations

import fcntl
import os
import time

from bagkit.errors import BagkitError, OutputBusyError
from bagkit.io.input.paths import named
from bagkit.io.output.names import directory_of
from bagkit.io.output.stores import open_own
from bagkit.json.standard import standard_dumps, standard_loads


class Lock:
    """The right to write to one place; mutable, of the run that has it.

    It is the kernel's, so it ends with its owner however that ends; the file says who the owner is.
    """

    excludes = True
    """Whether no one else can have it: not so on network disks that know no locks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pid = os.getpid()
        self._file: int | None = None
        for _ in range(100):
            file = open_own(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                text = os.pread(file, 4096, 0)
                os.close(file)
                raise _busy(path, text) from None
            except OSError:
                self.excludes = False
            if _is_at(file, path):
                if os.fstat(file).st_nlink < 2:
                    break
                os.unlink(path)  # it has another name elsewhere: nothing may be written into it
            os.close(file)  # its owner has removed it since
        else:
            raise OutputBusyError(f"{named(path)}: other runs take the lock again and again")
        self._file = file
        _held.add(self)
        owner = {"pid": os.getpid(), "host": os.uname().nodename, "since": time.strftime("%Y-%m-%d %H:%M:%S %z")}
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, standard_dumps(owner).encode(), 0)
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others write."""
        if self._file is None or os.getpid() != self._pid:
            return
        try:
            os.unlink(self._path)
        except OSError:
            pass
        self.forget()

    def forget(self) -> None:
        """Close the file, which a forked process holds too."""
        _held.discard(self)
        if self._file is not None:
            os.close(self._file)
            self._file = None


_held: set[Lock] = set()


def _forget_all() -> None:
    for lock in tuple(_held):
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)


def _is_at(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def _busy(path: str, text: bytes) -> BagkitError:
    try:
        owner = standard_loads(text)
        who = f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return OutputBusyError(
        f"{named(directory_of(path))}: another run writes to these files: {who}; "
        "hint: wait for its end, or write elsewhere"
    )
