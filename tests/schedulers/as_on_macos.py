"""Makes a Python on Linux look like one on macOS to what is imported later: a `sitecustomize` for new interpreters."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import select
import selectors
import signal
import sys
from typing import Any

MISSING = {
    os: "copy_file_range eventfd fdatasync getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise "
    "posix_fallocate sched_getaffinity sched_setaffinity setxattr splice O_DIRECT O_PATH O_TMPFILE",
    fcntl: "F_SETSIG F_GETSIG F_SETPIPE_SZ F_GETPIPE_SZ",
    select: "epoll",
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo SIGRTMIN SIGRTMAX",
}


class KqueueLike(selectors.EpollSelector):
    """Tells of reading and of writing one by one, as kqueue does."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        kinds = (selectors.EVENT_READ, selectors.EVENT_WRITE)
        return [(key, kind) for key, mask in super().select(timeout) for kind in kinds if mask & kind]


def without_proc(function: Any) -> Any:
    """Return `function`, for which there is nothing below /proc."""

    def checked(path: Any, *rest: Any, **options: Any) -> Any:
        if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith("/proc"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return function(path, *rest, **options)

    return checked


def little_at_once(function: Any) -> Any:
    """Return `function`, which writes a part of what it is given, and refuses 2 GiB."""

    def checked(file: int, data: Any, offset: int) -> Any:
        if len(data) > (1 << 31) - 1:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return function(file, data[:10_000], offset)

    return checked


def become_macos() -> None:
    """Take away what macOS does not have."""
    for module, names in MISSING.items():
        for name in names.split():
            vars(module).pop(name, None)
    selectors.DefaultSelector = KqueueLike  # type: ignore[misc]
    builtins.open = io.open = without_proc(open)
    for name in ("open", "stat", "listdir", "scandir"):
        setattr(os, name, without_proc(getattr(os, name)))
    os.pwrite = little_at_once(os.pwrite)
    sys.platform = "darwin"
