"""Files that are there whole or not at all: written under a temporary name beside their place, then renamed."""

from __future__ import annotations

import glob
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedWriter, RawIOBase
from typing import IO, TYPE_CHECKING, Any

from bagkit.contexts import context
from bagkit.errors import OutputExistsError, PlanError, one_line
from bagkit.io.input.codecs import compression_of, compressor
from bagkit.io.input.paths import check_nameable, digest_of, is_url, named, path_text
from bagkit.io.input.sharding import shard_of
from bagkit.io.output.locks import Lock
from bagkit.io.output.names import RESERVED
from bagkit.io.output.stores import bring_file_to_disk, bring_names_to_disk, failing_as, is_device, write_all

if TYPE_CHECKING:
    from bagkit.plan.node import Plan


def local_path(operation: str, name: str, path: Any, kind: str) -> str:
    """Return the argument `name`, a path of this machine, as text; raises PlanError for anything else."""
    text = path_text(path)
    if not text:
        raise PlanError(f"{operation}: {name} is {one_line(path)}; expected a path, as a str or os.PathLike")
    if is_url(text):
        raise PlanError(f"{operation}: {named(text)} is a URL; expected a {kind} of this machine")
    return check_nameable(operation, text)


def check_place(
    operation: str, path: Any, exist: Any, known: Sequence[str] = ("error", "overwrite"), pattern: bool = False
) -> str:
    """Return the absolute path of a file to be written; its directory is made when it is.

    Raises PlanError for a URL, for a directory, and below what is no directory; OutputExistsError for a file that is
    there, if `exist` is "error". `known` are the values that `exist` may have. With `pattern` there may be a `*` in it.
    """
    if exist not in known:
        words = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
        raise PlanError(f"{operation}: exist is {one_line(exist)}; expected {words}")
    text = local_path(operation, "path", path, "file")
    place = os.path.abspath(os.path.expanduser(text))
    if exist == "append":  # what is there stays there, also behind a link
        place = os.path.realpath(place)
    if text.endswith("/") or os.path.isdir(place):
        raise PlanError(f"{operation}: {named(text)} is a directory; expected a file's name")
    if is_device(place):
        raise PlanError(f"{operation}: {named(text)} is a device; expected a file's name")
    if "*" in text and not pattern and not os.path.lexists(place):
        raise PlanError(f"{operation}: {named(text)} has a *, and one file is written; expected a name without it")
    above = os.path.dirname(place)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise PlanError(f"{operation}: {named(above)} is no directory; expected one for {named(text)}")
    if exist == "error":
        _refuse_existing(operation, place)
    return place


def refuse_shard(operation: str, plan: Plan) -> None:
    """Raise PlanError for a shard where files have the numbers of its partitions: other shards have the same."""
    if shard_of(plan) is not None:
        raise PlanError(
            f"{operation}: shards would write files of the same numbers; expected a path without *; "
            "hint: one file for each shard, f'part-{k}.parquet'"
        )


def _refuse_existing(operation: str, place: str) -> None:
    if os.path.lexists(place):
        raise OutputExistsError(
            f"{operation}: {named(place)} exists; hint: exist='overwrite' replaces it when the new one is whole"
        )


@context
def whole_file(operation: str, place: str, exist: str) -> Iterator[str]:
    """Give the temporary path of a file that becomes `place` when the block ends without an exception.

    Raises OutputBusyError while another process is doing so, OutputExistsError where one has done it meanwhile,
    OutputError for what can't be written. Errors of the block pass as they are: they may be of users' functions. What a
    process that was killed has left of the same place is removed.
    """
    directory = os.path.dirname(place)
    own = f"{directory}/{RESERVED}{digest_of(place, 6)}"
    temporary = f"{own}.{secrets.token_hex(8)}.part"
    lock = None
    try:
        with failing_as(place):
            os.makedirs(directory, exist_ok=True)
            lock = Lock(f"{own}.lock")
            for left in glob.glob(f"{glob.escape(own)}.*.part") if lock.excludes else ():
                os.unlink(left)
        yield temporary
        with failing_as(place):
            bring_file_to_disk(temporary)
            if exist == "error":
                _refuse_existing(operation, place)
            os.replace(temporary, place)
            bring_names_to_disk(directory)
    finally:
        with suppress(OSError):  # it has its name, or what broke the writing may break this too, and is to be told
            os.unlink(temporary)
        if lock is not None:
            lock.release()


@context
def written_as(place: str, temporary: str) -> Iterator[IO[bytes]]:
    """Give the file `temporary` to write to, compressed as the name `place` says.

    Raises OutputError for what can't be written.
    """
    compression = compression_of(place, "infer", "written")
    with BufferedWriter(_Written(place, temporary, compression)) as file:
        yield file


class _Written(RawIOBase):
    """A file that takes all that is written to it, compressed if need be; mutable, of one `with` block."""

    def __init__(self, place: str, temporary: str, compression: str | None) -> None:
        self._place = place
        self._compressor = None if compression is None else compressor(compression)
        with failing_as(place):
            self._file = open(temporary, "wb", buffering=0)  # noqa: SIM115  # closed below

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with failing_as(self._place):
            write_all(self._file, data if self._compressor is None else self._compressor.compress(data))
        return len(data)

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        with failing_as(self._place), self._file:
            if self._compressor is not None:
                write_all(self._file, self._compressor.flush())


def spill_beside(place: str) -> IO[bytes]:
    """Return a file without a name in the directory of `place`, which is made if need be.

    It is gone when it is closed, and when its process ends. It has no buffer, which could find the disk full when it is
    closed. Raises OutputError where none can be made.
    """
    with failing_as(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        return tempfile.TemporaryFile(buffering=0, dir=os.path.dirname(place))
