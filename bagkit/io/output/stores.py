"""Stores of outputs: a local file system, or a file system of fsspec behind a URL.

Both can write a whole object so that it is there at once or not at all, move one, and tell what is there. Only the
local one has locks, and files that can be added to.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import partial
from typing import IO, Any, BinaryIO, Protocol

from bagkit.contexts import context
from bagkit.errors import BagkitError, OutputError
from bagkit.exchange.frames import room_left
from bagkit.io.input.paths import etag_of, filesystem_of, is_url, named
from bagkit.io.output.names import RESERVED, directory_of
from bagkit.light_classes import NamedTuple, dataclass
from bagkit.visible import without_secrets_of


class FileState(NamedTuple):
    """What is known of a file without reading it: its size, and when it was changed or what its content is known by."""

    nbytes: int
    mtime_ns: int | None = None
    etag: str | None = None


class Store(Protocol):
    """What writing needs of a place."""

    journals: bool
    """Whether a file can be added to, and locked."""

    def create(self, path: str) -> BinaryIO:
        """Open a new file for writing, in the worker."""

    def seal(self, file: BinaryIO, path: str) -> int | None:
        """Bring all to the disk and close; return when it was last changed, in nanoseconds."""

    def abandon(self, file: BinaryIO, path: str) -> None:
        """Close and remove a file that will not be sealed."""

    def state(self, path: str) -> FileState | None:
        """Return what is known of a file without reading it, None if there is none."""

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield what is in a file."""

    def existing(self, paths: Iterable[str]) -> list[str]:
        """Return the `paths` that exist."""

    def identity(self, path: str, follow: bool = True) -> Any:
        """Return what a file is known by, whatever names it has; None if it is not there. A link may be what it is."""

    def read(self, path: str) -> bytes | None:
        """Return what is in a small file, None if there is none."""

    def move(self, path: str, to: str) -> None:
        """Give a file another name, in place of what has it."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    def make_directory(self, path: str, private: bool = False) -> None:
        """Make a directory, and those above."""

    def remove_directory(self, path: str) -> None:
        """Remove a directory and all in it."""

    def staging(self, directory: str, prefix: str) -> list[str]:
        """Return the directories in `directory` whose names begin with `prefix`."""

    def settle(self, directory: str) -> None:
        """Bring the names in a directory to the disk."""


def failed(path: str, error: Exception) -> OutputError:
    """Return the error for a `path` that can't be written."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
    else:
        reason = f"{type(error).__name__}: {error}"
    reason = without_secrets_of(path, reason)
    room = room_left(directory_of(path) or "/", error)
    result = OutputError(f"{_shown(path)} can't be written: {reason}{room}")
    result.errno = getattr(error, "errno", None)
    return result


@context
def failing_as(path: str, kind: type[Exception] = OSError) -> Iterator[None]:
    """Raise OutputError, of `path`, for errors of this `kind` in the block; stores that are remote raise many."""
    try:
        yield
    except (BagkitError, Warning):  # a warning where filters make an error of it
        raise
    except kind as error:
        raise failed(path, error) from error


def _shown(path: str) -> str:
    """Return `path` for a message; a temporary file is shown as the partition that it is for."""
    directory, _, name = path.rpartition("/")
    if not directory.rpartition("/")[2].startswith(RESERVED):
        return f"{named(path)}:"
    number, dot, _ = name.partition(".")
    return named(directory_of(directory)) + (f": partition {number}" if dot else ": the manifest")


def write_all(file: BinaryIO | IO[bytes], data: bytes) -> None:
    """Write all of `data` to a file without a buffer, which may take a part of it at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or len(rest) :]  # what is no raw file takes all, and some of those say nothing


def write_whole(store: Store, path: str, data: bytes, temporary: str) -> None:
    """Write a small file that is there as a whole or not at all: under a `temporary` name first."""
    file = store.create(temporary)
    try:
        write_all(file, data)
    except BaseException:
        store.abandon(file, temporary)
        raise
    store.seal(file, temporary)
    store.move(temporary, path)


_READ = 1 << 20


def open_own(path: str, flags: int) -> int:
    """Return a descriptor of a file of ours at a path that others can guess; made if `flags` say so.

    Whoever may write in the directory may have put something else there: a symbolic link would have us write to a file
    that is elsewhere, a FIFO would never answer. Raises OutputError for those.
    """
    try:
        return _open_regular(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _not_own(path, "a symbolic link") from error


def _not_own(path: str, what: str) -> OutputError:
    return OutputError(
        f"{named(path)}: is {what}; expected nothing there, or a file of bagkit's; "
        "hint: see who can write in this directory, and remove it"
    )


def _open_regular(path: str, flags: int) -> int:
    """Return a descriptor of a regular file; raises OutputError for anything else, and waits for none."""
    file = os.open(path, flags | os.O_NONBLOCK, 0o666)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise _not_own(path, "no regular file")


_UNKNOWN = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.EBADF}
"""What a file system says that can't bring something to the disk, in place of an error of the disk."""


def is_device(path: str) -> bool:
    """Return whether `path` is a device, such as /dev/null, or a link of the system's, such as /dev/stdout.

    A file in its place would take it away from all programs of the machine; root may do that.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    if stat.S_ISLNK(mode):
        place = os.path.realpath(os.path.dirname(path))
        return place == "/dev" or place.startswith("/proc/")
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def bring_to_disk(descriptor: int) -> None:
    """Bring an open file, or the names in an open directory, to the disk, for a power cut to leave them there.

    On macOS, `fsync` leaves them in the memory of the drive, F_FULLFSYNC does not; network disks know the first only.
    Some file systems know neither for directories.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
            return
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise


def bring_file_to_disk(path: str) -> None:
    """Bring a local file that others have written to the disk."""
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        bring_to_disk(handle)
    finally:
        os.close(handle)


def bring_names_to_disk(directory: str) -> None:
    """Bring the names in a local `directory` to the disk; where its files can be written but not listed, do nothing."""
    try:
        descriptor = os.open(directory or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        bring_to_disk(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class LocalStore:
    """Files of this machine."""

    journals = True

    def create(self, path: str) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0)

    def seal(self, file: BinaryIO, path: str) -> int | None:
        bring_to_disk(file.fileno())
        changed = os.fstat(file.fileno()).st_mtime_ns
        file.close()
        return changed

    def abandon(self, file: BinaryIO, path: str) -> None:
        file.close()
        self.remove(path)

    def state(self, path: str) -> FileState | None:
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return FileState(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def blocks(self, path: str) -> Iterator[bytes]:
        with open(path, "rb", opener=_open_regular) as file:
            yield from iter(partial(file.read, _READ), b"")

    def existing(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if os.path.lexists(path)]

    def identity(self, path: str, follow: bool = True) -> tuple[int, int] | None:
        try:
            found = os.stat(path, follow_symlinks=follow)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def read(self, path: str) -> bytes | None:
        try:
            with open(path, "rb", opener=_open_regular) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def move(self, path: str, to: str) -> None:
        os.replace(path, to)

    def remove(self, path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

    def make_directory(self, path: str, private: bool = False) -> None:
        if private:
            os.mkdir(path, 0o700)
        else:
            os.makedirs(path or "/", exist_ok=True)

    def remove_directory(self, path: str) -> None:
        for _ in range(3):  # a thread that does not know that it is over may still make a file
            shutil.rmtree(path, ignore_errors=True)
            if not os.path.lexists(path):
                return

    def staging(self, directory: str, prefix: str) -> list[str]:
        try:
            names = os.listdir(directory)
        except OSError:
            return []
        paths = [f"{directory}/{name}" for name in names if name.startswith(prefix)]
        return [path for path in paths if os.path.isdir(path) and not os.path.islink(path)]

    def settle(self, directory: str) -> None:
        bring_names_to_disk(directory)


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """Objects behind URLs; a move is a copy, after which the object is there as a whole."""

    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    journals = False

    def create(self, path: str) -> BinaryIO:
        filesystem, inner = filesystem_of(path, self.storage_options)
        if "memory" in _protocols(filesystem):
            _check_memory_is_shared(path)
        file: BinaryIO = filesystem.open(inner, "wb")
        self._refuse_late_write(path)
        return file

    def seal(self, file: BinaryIO, path: str) -> int | None:
        file.close()
        self._refuse_late_write(path)
        return None

    def _refuse_late_write(self, path: str) -> None:
        """Remove the file if a thread wrote it after the end of its run, and end the thread."""
        if directory_of(path) in _over:
            self.remove(path)
            raise OutputError(f"{named(directory_of(directory_of(path)))}: the run is over; nothing more is written")

    def abandon(self, file: BinaryIO, path: str) -> None:
        try:
            file.close()
        finally:
            self.remove(path)

    def state(self, path: str) -> FileState | None:
        filesystem, inner = filesystem_of(path, self.storage_options)
        try:
            filesystem.invalidate_cache()
            info = filesystem.info(inner)
        except FileNotFoundError:
            return None
        return FileState(int(info["size"]), etag=etag_of(info))

    def blocks(self, path: str) -> Iterator[bytes]:
        filesystem, inner = filesystem_of(path, self.storage_options)
        with filesystem.open(inner, "rb") as file:
            yield from iter(partial(file.read, _READ), b"")

    def existing(self, paths: Iterable[str]) -> list[str]:
        found: dict[str, set[str]] = {}
        result = []
        for path in paths:
            filesystem, inner = filesystem_of(path, self.storage_options)
            directory = directory_of(path)
            if directory not in found:
                filesystem.invalidate_cache()
                try:
                    listed = filesystem.ls(directory_of(inner), detail=False)
                except FileNotFoundError:
                    listed = []
                found[directory] = {name.rstrip("/").rpartition("/")[2] for name in listed}
            if path.rpartition("/")[2] in found[directory]:
                result.append(path)
        return result

    def identity(self, path: str, follow: bool = True) -> str:
        return path

    def read(self, path: str) -> bytes | None:
        filesystem, inner = filesystem_of(path, self.storage_options)
        try:
            filesystem.invalidate_cache()
            content: bytes = filesystem.cat_file(inner)
        except FileNotFoundError:
            return None
        return content

    def move(self, path: str, to: str) -> None:
        filesystem, inner = filesystem_of(path, self.storage_options)
        filesystem.mv(inner, filesystem_of(to, self.storage_options)[1])

    def remove(self, path: str) -> None:
        filesystem, inner = filesystem_of(path, self.storage_options)
        try:
            filesystem.rm_file(inner)
        except FileNotFoundError:
            pass

    def make_directory(self, path: str, private: bool = False) -> None:
        filesystem, inner = filesystem_of(path + "/", self.storage_options)
        filesystem.makedirs(inner.rstrip("/"), exist_ok=True)

    def remove_directory(self, path: str) -> None:
        _over.add(path)  # first: what is made from now on is removed by who makes it
        filesystem, inner = filesystem_of(path, self.storage_options)
        try:
            filesystem.invalidate_cache()
            filesystem.rm(inner, recursive=True)
        except FileNotFoundError:
            pass

    def staging(self, directory: str, prefix: str) -> list[str]:
        return []  # without locks nobody knows the dead from the living

    def settle(self, directory: str) -> None:
        """Nothing to do."""


def store_of(path: str, storage_options: Mapping[str, Any]) -> Store:
    """Return the store that a path or a URL is in."""
    return RemoteStore(storage_options) if is_url(path) else LocalStore()


def among(store: Store, paths: Iterable[str], others: Iterable[str]) -> str | None:
    """Return one of `paths` that is one of the files `others`, of this store or another, if there is one."""
    there = {identity: path for path in paths if (identity := store.identity(path)) is not None}
    same = (there.get(store.identity(other)) for other in others if is_url(other) != store.journals) if there else ()
    return next(filter(None, same), None)


def apart(store: Store, paths: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the `paths` whose file none of `others` names, not even in another case."""
    found = [(path, identity) for path in paths if (identity := store.identity(path, follow=False)) is not None]
    kept = {store.identity(other, follow=False) for other in others} if found else set()
    return [path for path, identity in found if identity not in kept]


_over: set[str] = set()
"""Temporary directories that were removed. An object store would make them again for whoever writes to them."""


def _protocols(filesystem: Any) -> tuple[str, ...]:
    return (filesystem.protocol,) if isinstance(filesystem.protocol, str) else tuple(filesystem.protocol)


def _check_memory_is_shared(path: str) -> None:
    """Raise where a directory that the caller made in memory:// is not here: another process has another memory."""
    store = RemoteStore()
    filesystem, inner = filesystem_of(directory_of(path), store.storage_options)
    if not filesystem.isdir(inner):
        raise OutputError(f"{named(path)}: memory:// exists in one process only; hint: scheduler='threads' or 'sync'")
