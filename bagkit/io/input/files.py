"""Files, local and remote, while they are read: opened, found to be what the plan was made with, and counted."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from bagkit.contexts import context
from bagkit.errors import BagkitError, InputChangedError, SourceError
from bagkit.io.input.again import Attempts, is_passing
from bagkit.io.input.paths import etag_of, filesystem_of, is_missing, is_url, is_web, named, reason, unreadable
from bagkit.light_classes import dataclass

_FETCH: Final = 1 << 22
"""How much a remote file is asked for at a time: few requests, little memory."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as it was found: `size` in bytes and `mtime_ns` are None where a remote filesystem does not say."""

    path: str
    size: int | None
    mtime_ns: int | None = None
    etag: str | None = None
    """What an object store says that the content is known by."""
    ranges: bool | None = True
    """Whether it can be read from the middle; None if that must be tried."""
    members: str | None = None
    """Which of the files in it are wanted, as a name or pattern, where it is an archive; None for all of them."""


def read_fully(read: Callable[[int], bytes], size: int) -> bytes:
    """Return `size` bytes of what `read` gives, fewer only at its end."""
    data = read(size)
    while len(data) < size and (more := read(size - len(data))):
        data += more
    return data


class InputFile:
    """An open file, the same as when the plan was made; counts the bytes that are read."""

    def __init__(self, info: FileInfo, file: Any) -> None:
        """`file` is a RemoteFile, or one of this machine."""
        self.info = info
        self.position = 0
        self.consumed = 0
        self._file = file
        self._remote = file if isinstance(file, RemoteFile) else None
        self._fetched = memoryview(b"")
        self._limit = info.size or 0

    @property
    def attempts(self) -> Attempts:
        """What says how often reads of it are tried again."""
        return Attempts() if self._remote is None else self._remote.attempts

    def begin(self, at: int, stop: int | None) -> None:
        """Go to the byte `at`; what is behind `stop` will be asked for in small parts."""
        if at:
            self._file.seek(at)
        self.position = at
        self._limit = min(self._limit, self._limit if stop is None else stop)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end; raises InputChangedError if that is not where it was."""
        data = self._file.read(size) if self._remote is None else self._read_fetched(size, self._remote)
        self.position += len(data)
        self.consumed += len(data)
        if not data and self.info.size is not None and self.position != self.info.size:
            raise _changed(self.info, f"{self.position} bytes")
        return data

    def _read_fetched(self, size: int, remote: RemoteFile) -> bytes:
        if not self._fetched:
            ahead = max(size, min(_FETCH, self._limit - self.position))
            try:
                self._fetched = memoryview(remote.fetch(ahead))
            except BagkitError:
                raise
            except Exception as error:
                raise SourceError(
                    f"{named(self.info.path)}: reading failed after byte {self.position}: "
                    + reason(error, self.info.path)
                ) from error
        part = bytes(self._fetched[:size])
        self._fetched = self._fetched[size:]
        return part

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def check(self) -> None:
        """Raise InputChangedError if the file is not what it was when the plan was made."""
        if self._remote is None:
            now = os.fstat(self._file.fileno())
            _compare(self.info, now.st_size, now.st_mtime_ns, None)
        else:
            self._remote.check()


class RemoteFile:
    """A remote file that is read anywhere in it, and opened again where a connection breaks; mutable, of one reading.

    `read` and `seek` are what libraries call. They raise SourceError if a fault stays, and other errors as they are.
    """

    def __init__(
        self, info: FileInfo, storage_options: Mapping[str, Any], attempts: Attempts, in_order: bool = False
    ) -> None:
        """`in_order`: it is read part after part, so nothing is cached, and its server need not have ranges."""
        self.closed = False
        self.failure: SourceError | None = None
        """What was raised last because reads go on to fail: libraries pass over errors of the system."""
        self.attempts = attempts
        self._info = info
        self._position = 0
        self._file: Any = None
        filesystem, path = attempts.call(partial(filesystem_of, info.path, storage_options))
        self._opens = partial(_own, filesystem, path, **({"cache_type": "none"} if in_order else {}))
        self._streams = partial(filesystem.open, path, "rb", block_size=0) if in_order and is_web(path) else None
        """Opens it to be read from its beginning on, where ranges turn out not to be had."""
        self._is_streamed = False

    def readable(self) -> bool:
        """Return True: libraries ask."""
        return True

    seekable = readable

    def tell(self) -> int:
        """Return which byte is read next."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte; return which it is."""
        with self._telling():
            found = self._attempt(lambda file: file.seek(offset, whence))
        self._position = offset if whence == 0 else found  # some files do not say
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or all that there are."""
        with self._telling():
            return self.fetch(size)

    def fetch(self, size: int) -> bytes:
        """Do the same, and raise a fault that stays as it is."""
        data: bytes = self._attempt(lambda file: file.read(size))
        self._position += len(data)
        return data

    def open(self) -> None:
        """Open the file, if it is not; raises a fault that stays as it is."""
        self._attempt(lambda file: None)

    def check(self) -> None:
        """Raise InputChangedError if the file is not what it was when the plan was made."""
        if self._file is not None:  # else it is opened again before more of it is read, and looked at then
            _compare(self._info, *_remote_state(self._info, self._file))

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        self._let_go()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @context
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_passing(error):
                raise
            path = self._info.path
            self.failure = SourceError(f"{named(path)}: reading failed at byte {self._position}: {reason(error, path)}")
            raise self.failure from error

    def _attempt(self, function: Callable[[Any], Any]) -> Any:
        return self.attempts.call(partial(self._once, function))

    def _once(self, function: Callable[[Any], Any]) -> Any:
        try:
            if self._file is None:
                self._file = self._opened()
            return function(self._file)
        except BagkitError:
            raise
        except ValueError:  # fsspec's way to say that the server gives whole files only
            if self._is_streamed or self._streams is None:
                raise
        except Exception as error:
            if type(error).__name__ == "FileExpired":  # s3fs: no longer the object that was opened
                raise _changed(self._info, "another object of this name") from error
            if is_passing(error):
                self._let_go()  # and it is opened again, to go on from here
            raise
        self._let_go()
        self._is_streamed, self._opens = True, self._streams
        return self._once(function)

    def _opened(self) -> Any:
        """Return the file, opened and at the byte that is read next."""
        file, left = self._opens(), self._position
        try:
            if not self._is_streamed:
                _compare(self._info, *_remote_state(self._info, file))
                file.seek(left)
                left = 0
            while left and (data := file.read(min(left, _FETCH))):
                left -= len(data)
        except BaseException:
            file.close()
            raise
        return file


def _remote_state(info: FileInfo, file: Any) -> tuple[int | None, None, str | None]:
    size = file.getbuffer().nbytes if isinstance(file, io.BytesIO) else getattr(file, "size", None)
    details = file.details if info.etag is not None and hasattr(file, "details") else None
    return (
        size if isinstance(size, int) else None,
        None,
        etag_of(details) if isinstance(details, Mapping) else None,
    )


def _compare(info: FileInfo, size: int | None, mtime_ns: int | None, etag: str | None) -> None:
    """Raise InputChangedError if what a file is now is not what it was when the plan was made."""
    if size is not None and info.size is not None and size != info.size:
        raise _changed(info, f"{size} bytes")
    if mtime_ns is not None and mtime_ns != info.mtime_ns:
        raise _changed(info, f"modified {_time(mtime_ns)}", f"modified {_time(info.mtime_ns)}")
    if etag is not None and info.etag is not None and etag != info.etag:
        raise _changed(info, f"ETag {etag}", f"ETag {info.etag}")


def _changed(info: FileInfo, now: str, then: str | None = None) -> InputChangedError:
    return InputChangedError(
        f"{named(info.path)}: changed since the plan was made; got {now}; expected {then or f'{info.size} bytes'}; "
        "hint: make the bag again"
    )


def _time(mtime_ns: int | None) -> str:
    import datetime

    return str(datetime.datetime.fromtimestamp((mtime_ns or 0) / 1e9))


@context
def opened(info: FileInfo, storage_options: Mapping[str, Any], attempts: Attempts) -> Iterator[InputFile]:
    """Open a file for reading and close it in the end. What fails of a remote one is tried again, as `attempts` say.

    Raises InputChangedError if it is gone or not what it was when it was found, SourceError if it can't be opened.
    """
    try:
        if is_url(info.path):
            remote = RemoteFile(info, storage_options, attempts, in_order=True)
            remote.open()
            file = InputFile(info, remote)
        else:
            file = _open_local(info)
    except BagkitError:
        raise
    except Exception as error:
        if is_missing(error):
            hint = ""
            if info.path.startswith("memory:"):
                hint = "; hint: memory:// exists in one process only, use scheduler='threads' or 'sync'"
            raise InputChangedError(
                f"{named(info.path)}: was there when the plan was made and is gone{hint}"
            ) from error
        raise unreadable(info.path, error, "can't be opened") from error
    try:
        file.check()
        yield file
    finally:
        file.close()


def open_file(info: FileInfo, storage_options: Mapping[str, Any], attempts: Attempts | None = None) -> Any:
    """Return a file that can be read from the middle, as `open` does.

    What fails of a remote one is tried again, as `attempts` say, or else the option.
    """
    if not is_url(info.path):
        return open(info.path, "rb")
    if attempts is None:
        from bagkit.options import get_options

        attempts = Attempts(get_options().read_retries)
    file = RemoteFile(info, storage_options, attempts)
    file.seek(0)
    return file


def _own(filesystem: Any, path: str, **keywords: Any) -> Any:
    """Open a file. memory:// gives all its readers one file object, with one position: this one gets its own."""
    file = filesystem.open(path, "rb", **keywords)
    return io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else file


def _open_local(info: FileInfo) -> InputFile:
    return InputFile(info, open(info.path, "rb", buffering=0))
