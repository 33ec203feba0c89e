"""Files behind a URL that tasks on several machines share: written once, from beginning to end, and read in slices.

What can be done again is: slices are read, and whole files written, as often as the option `read_retries` says. A task,
the program and dask know no more of a file than its name. So the name of its directory says how often.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

RETRIES = 3
"""How often the same is tried again where the name of the directory says nothing."""
FIRST_SECONDS, MOST_SECONDS = 0.1, 10.0
_SAID = re.compile(r"/[^/]*-again([0-9]+)(?:/|$)")
_random = random.SystemRandom()


def is_remote(path: str) -> bool:
    """Return whether `path` is a URL.

    >>> is_remote("s3://bucket/tmp/x"), is_remote("/mnt/x")
    (True, False)
    """
    return "://" in path


def saying(retries: int) -> str:
    """Return what the name of a directory ends with in which `retries` times in a row is tried again.

    >>> saying(3), saying(10)
    ('', '-again10')
    """
    return "" if retries == RETRIES else f"-again{retries}"


def said_of(url: str) -> int:
    """Return how often in a row to try again what fails of a file.

    >>> said_of("s3://bucket/run-1/part"), said_of("s3://bucket/run-1-again10/part")
    (3, 10)
    """
    found = _SAID.findall(url)
    return int(found[-1]) if found else RETRIES


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    import fsspec.core

    found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    return found


class RemoteWriter:
    """Writes one file, which is there for others when it is closed; mutable, of one task."""

    def __init__(self, url: str) -> None:
        self._url = url
        filesystem, path = filesystem_of(url)
        self._file = _as_os_error(url, lambda: filesystem.open(path, "wb"))

    def write(self, data: Any) -> int:
        """Write bytes, and return how many; raises OSError where that can't be done."""
        view = memoryview(data).cast("B")
        _as_os_error(self._url, lambda: self._file.write(view))
        return len(view)

    def close(self) -> None:
        """Have all of it there; raises OSError where that can't be done."""
        _as_os_error(self._url, self._file.close)


def read_slice(url: str, start: int, length: int) -> bytes:
    """Return some bytes of a file; raises OSError where that can't be done."""
    filesystem, path = filesystem_of(url)
    return _again(url, lambda: bytes(filesystem.cat_file(path, start=start, end=start + length)))


def read_file(url: str) -> bytes:
    """Return all bytes of a file; raises OSError where that can't be done."""
    filesystem, path = filesystem_of(url)
    return _again(url, lambda: bytes(filesystem.cat_file(path)))


def write_file(url: str, data: bytes) -> None:
    """Write a file; raises OSError where that can't be done."""
    filesystem, path = filesystem_of(url)
    _again(url, lambda: filesystem.pipe_file(path, data))


def make_directory(url: str) -> None:
    """Make a directory, where a file system has such; raises OSError where that can't be done."""
    filesystem, path = filesystem_of(url)
    _again(url, lambda: filesystem.makedirs(path, exist_ok=True))


def remove_file(url: str) -> None:
    """Remove a file, if it is there."""
    try:
        filesystem, path = filesystem_of(url)
        filesystem.rm_file(path)
    except Exception:  # each kind of file system has its own
        pass  # the directory goes later


def remove_all(url: str) -> None:
    """Remove a directory and all in it, if it is there."""
    try:
        filesystem, path = filesystem_of(url)
        filesystem.invalidate_cache()
        filesystem.rm(path, recursive=True)
    except Exception:  # each kind of file system has its own
        pass  # nothing was written, or nobody is there to remove it


def _again(url: str, function: Callable[[], T]) -> T:
    for attempt in range(said_of(url)):
        try:
            return function()
        except FileNotFoundError:
            raise
        except Exception:  # each kind of file system has its own; the last time it is raised
            time.sleep(min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(attempt, 10)) * _random.uniform(0.5, 1.5))
    return _as_os_error(url, function)


def _as_os_error(url: str, function: Callable[[], T]) -> T:
    try:
        return function()
    except OSError:
        raise
    except Exception as error:  # packages for stores have classes of their own
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error
