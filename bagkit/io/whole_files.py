"""Files that are there whole or not at all: written under a temporary name beside their place, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bagkit.errors import BagkitError, OutputExistsError, PlanError, one_line
from bagkit.io.files import is_url, named


def check_place(operation: str, path: Any, exist: Any) -> str:
    """Return the absolute path of a file to be written.

    Raises PlanError for a URL, for a directory, and in a directory that is not there; OutputExistsError for a file that
    is there, unless `exist` is "overwrite".
    """
    if exist not in ("error", "overwrite"):
        raise PlanError(f"{operation}: exist is {exist!r}; expected 'error' or 'overwrite'")
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str) or not os.fspath(path):
        raise PlanError(f"{operation}: path is {one_line(path)}; expected a path, as a str or os.PathLike")
    text = os.fspath(path)
    if is_url(text):
        raise PlanError(f"{operation}: {named(text)} is a URL; expected a file of this machine")
    place = os.path.abspath(os.path.expanduser(text))
    if text.endswith("/") or os.path.isdir(place):
        raise PlanError(f"{operation}: {named(text)} is a directory; expected a file's name")
    if not os.path.isdir(os.path.dirname(place)):
        raise PlanError(f"{operation}: there is no directory {named(os.path.dirname(place))}")
    if exist == "error":
        _refuse_existing(operation, place)
    return place


def _refuse_existing(operation: str, place: str) -> None:
    if os.path.lexists(place):
        raise OutputExistsError(
            f"{operation}: {named(place)} exists; hint: exist='overwrite' replaces it when the new one is whole"
        )


@contextmanager
def whole_files(operation: str, places: Sequence[str], exist: str) -> Iterator[list[str]]:
    """Give temporary paths, one for each of `places`, that become those when the block ends without an exception.

    Raises OutputExistsError where another process made one of them meanwhile, OutputError for what can't be written.
    """
    made: list[str] = []
    try:
        for place in places:
            handle, name = tempfile.mkstemp(prefix=".bagkit-", suffix=".part", dir=os.path.dirname(place))
            os.close(handle)
            made.append(name)
        yield list(made)
        for name in made:
            _settle(name)
        for place in places if exist == "error" else ():
            _refuse_existing(operation, place)
        for place in places:
            os.replace(made[0], place)
            del made[0]
        for directory in dict.fromkeys(map(os.path.dirname, places)):
            _sync(directory, os.O_RDONLY)
    except BagkitError:
        raise
    except OSError as error:
        from bagkit.io.stores import failed

        raise failed(places[0], error) from error
    finally:
        for name in made:
            Path(name).unlink(missing_ok=True)


def _settle(name: str) -> None:
    """Give the file the permissions of any new file, and make sure that it is on the disk."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)
    _sync(name, os.O_RDWR)


def _sync(path: str, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def spill_beside(place: str) -> Iterator[Any]:
    """Give a file without a name on the disk of `place`: it is gone when it is closed, and when its process ends."""
    with tempfile.TemporaryFile(dir=os.path.dirname(place)) as file:
        yield file
