"""The right to write to one place: one run has it at a time.

Runs that each write some files of one output (`compute=False` gives a value for each file) take turns: they have one
token. dask starts as many of them at once as it has threads and workers.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time

from bagkit.errors import BagkitError, OutputBusyError
from bagkit.flow.inside import inside_task
from bagkit.io.input.paths import named
from bagkit.io.output.names import directory_of
from bagkit.io.output.stores import open_own
from bagkit.json.standard import standard_dumps, standard_loads

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1
"""Seconds between two looks at a lock that somebody else has."""
_LOOKS = 10
"""How often a waiting run looks before it believes that the owner is a stranger: who has just come has said nothing."""


class Lock:
    """The right to write to one place; mutable, of the run that has it.

    It is the kernel's, so it ends with its owner however that ends; the file says who the owner is. With a `token` it
    is waited for while an owner of the same token has it.
    """

    excludes = True
    """Whether no one else can have it: not so on network disks that know no locks."""

    def __init__(self, path: str, token: str = "") -> None:
        self._path = path
        self._token = token
        self._pid = os.getpid()
        self._thread = threading.get_ident()
        self._file: int | None = None
        for _ in range(100):
            file = self._locked()
            if _is_at(file, path):
                if os.fstat(file).st_nlink < 2:
                    break
                os.unlink(path)  # it has another name elsewhere: nothing may be written into it
            os.close(file)  # its owner has removed it since
        else:
            raise OutputBusyError(f"{named(path)}: other runs take the lock again and again")
        self._file = file
        _held.add(self)
        owner = {
            "pid": os.getpid(),
            "host": os.uname().nodename,
            "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "token": token,
            "in_task": inside_task(),
        }
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, standard_dumps(owner).encode(), 0)
        except OSError:
            self.release()
            raise

    def _locked(self) -> int:
        """Return the open file, locked; raises OutputBusyError where a run has it that is not waited for."""
        pause, looks = _FIRST_PAUSE, _LOOKS
        while True:
            file = open_own(self._path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                text = os.pread(file, 4096, 0)
                os.close(file)
            except OSError:
                self.excludes = False
                return file
            else:
                return file
            looks = _LOOKS if self._has_token(text) else looks - 1
            if not self._token or not looks or self._is_this_threads():
                raise _busy(self._path, text)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _has_token(self, text: bytes) -> bool:
        """Return whether the owner, who has written `text`, writes files of the same output, and does not wait for us.

        A run in a task may be part of what the owner does, unless that is itself in a task, beside this one.
        """
        try:
            owner = standard_loads(text)
            return bool(owner["token"] == self._token and owner["in_task"] >= inside_task())
        except (ValueError, KeyError, TypeError):
            return False

    def _is_this_threads(self) -> bool:
        """Return whether this very thread has the lock, which would wait for itself for ever."""
        return any(lock._path == self._path and lock._thread == self._thread for lock in tuple(_held))

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
        if (owner["pid"], owner["host"]) == (os.getpid(), os.uname().nodename):
            return OutputBusyError(
                f"{named(directory_of(path))}: this program writes to these files already, since {owner['since']}; "
                "hint: each output needs a place of its own"
            )
        who = f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return OutputBusyError(
        f"{named(directory_of(path))}: another run writes to these files: {who}; "
        "hint: wait for its end, or write elsewhere"
    )
