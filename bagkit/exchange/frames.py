"""Frames: bytes that wait in a file. Reading one gives the bytes as they were written, or an error.

    a frame in a file    (offset, length, CRC-32)
    an index             a frame of the places of others; who wants one of them reads one entry

Two things wait like that: values on their way between tasks (`crossing/values.py`), and records that are more than a
task may hold (`exchange/spill.py`). Every worker imports this at its start, so it imports little.
"""

from __future__ import annotations

import gc
import os
from errno import ENOSPC
from struct import Struct

from bagkit.exchange.checksum import crc32

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from bagkit.exchange.remote import RemoteWriter

FramePlace = tuple[int, int, int]
MAPPED_BYTES = 1 << 20
"""Frames longer than this are read through a map of the file, without a copy."""
_SCHEME = "://"
"""What a path has that is a URL: a file that several machines see."""
_ENTRY = Struct("<QQI")
_CHECK = Struct("<I")
_ENTRY_BYTES = _ENTRY.size + _CHECK.size
"""Of an index: a place, and a checksum of that, since it is read without the others."""
WRITTEN_BYTES = 1 << 30
"""How much is written at once at the most: Linux writes only a part of 2 GiB, and macOS fails."""


class FrameError(OSError):
    """A frame can't be read, or is no longer as it was written."""


class FrameFile:
    """A file of frames; mutable, owned by the one task that writes it.

    The file is made when something is written, at the path that `new_path` gives: another one each time if a name may
    be taken already.
    """

    def __init__(self, new_path: Callable[[], str]) -> None:
        self._new_path = new_path
        self._file: int | RemoteWriter | None = None
        self.path = ""
        """Empty until something is written."""
        self._start = self._end = self._checksum = 0

    def add(self, data: Any) -> None:
        """Add `data` to the frame that is being written; raises OSError where that can't be done."""
        rest = memoryview(data).cast("B")
        self._checksum = crc32(data, self._checksum)
        file = self._open() if self._file is None else self._file
        if not isinstance(file, int):
            self._end += file.write(rest)
            return
        while rest:
            written = os.pwrite(file, rest[:WRITTEN_BYTES], self._end)
            self._end += written
            rest = rest[written:]

    def cut(self) -> FramePlace:
        """End the frame that is being written, and return its place."""
        place = (self._start, self._end - self._start, self._checksum)
        self._start, self._checksum = self._end, 0
        return place

    def add_index(self, places: Iterable[FramePlace]) -> FramePlace:
        """Write an index of frames of this file, and return its place."""
        entries = [_ENTRY.pack(*place) for place in places]
        self.add(b"".join([piece for entry in entries for piece in (entry, _CHECK.pack(crc32(entry)))]))
        return self.cut()

    def restart(self) -> None:
        """Throw away what was written of the frame."""
        if self._file is None or isinstance(self._file, int):
            self._end = self._start
        else:
            self._start = self._end  # what was sent off stays there
        self._checksum = 0

    def _open(self) -> int | RemoteWriter:
        while self._file is None:
            before, self.path = self.path, self._new_path()
            if _SCHEME in self.path:
                from bagkit.exchange.remote import RemoteWriter

                self._file = RemoteWriter(self.path)
                break
            try:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                if self.path == before:
                    raise
        return self._file

    def __del__(self) -> None:
        try:
            self.close()  # of a task that has failed
        except OSError:
            pass

    def close(self) -> None:
        """Close the file; what is in it stays."""
        file, self._file = self._file, None
        if isinstance(file, int):
            os.close(file)
        elif file is not None:
            file.close()

    def remove(self) -> None:
        """Close the file and remove it."""
        try:
            self.close()
        except OSError:
            pass  # of a file that could not be written
        if _SCHEME in self.path:
            from bagkit.exchange.remote import remove_file

            remove_file(self.path)
        elif self.path:
            try:
                os.unlink(self.path)
            except OSError:
                pass  # the directory went before


def room_left(directory: str, error: object) -> str:
    """Return how much room there is, for an error that says that the disk is full; nothing for any other."""
    if getattr(error, "errno", None) != ENOSPC:
        return ""
    try:
        disk = os.statvfs(directory or ".")
    except (OSError, ValueError):
        return ""
    return f"; {disk.f_bavail * disk.f_frsize / 1e6:,.0f} MB are free there"


def load_frame(path: str, place: FramePlace, loads: Callable[[bytes | memoryview], Any]) -> Any:
    """Return what `loads` makes of a frame; raises FrameError if the frame is not as it was written."""
    if _SCHEME in path:
        return loads(_slice(path, place))
    file = _opened(path)
    try:
        return _load(file, place, loads)
    finally:
        os.close(file)


def load_indexed(path: str, index: FramePlace, number: int, loads: Callable[[bytes | memoryview], Any]) -> Any:
    """Return what `loads` makes of the frame whose place is the entry `number` of an index; None for an empty one."""
    begin = index[0] + number * _ENTRY_BYTES
    if _SCHEME in path:
        place = _entry(_bytes(path, begin, _ENTRY_BYTES), number)
        return loads(_slice(path, place)) if place[1] else None
    file = _opened(path)
    try:
        place = _entry(os.pread(file, _ENTRY_BYTES, begin), number)
        return _load(file, place, loads) if place[1] else None
    finally:
        os.close(file)


def _entry(entry: bytes, number: int) -> FramePlace:
    if len(entry) != _ENTRY_BYTES or entry[_ENTRY.size :] != _CHECK.pack(crc32(entry[: _ENTRY.size])):
        raise FrameError(f"was changed: the entry {number} of its index is not as written")
    offset, length, checksum = _ENTRY.unpack_from(entry)
    return offset, length, checksum


def _slice(path: str, place: FramePlace) -> bytes | memoryview:
    return _verified(_bytes(path, place[0], place[1]), place[1], place[2])


def _bytes(path: str, start: int, length: int) -> bytes:
    from bagkit.exchange.remote import read_slice

    if not length:
        return b""
    try:
        return read_slice(path, start, length)
    except OSError as error:
        raise FrameError(f"can't be read: {error}; was it removed?") from error


def entries(index: FramePlace) -> int:
    """Return how many places an index has."""
    return index[1] // _ENTRY_BYTES


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FrameError(f"can't be read: {error}; was it removed?") from error


def _load(file: int, place: FramePlace, loads: Callable[[bytes | memoryview], Any]) -> Any:
    offset, length, checksum = place
    if length <= MAPPED_BYTES or offset + length > os.fstat(file).st_size:
        return loads(_verified(os.pread(file, length, offset), length, checksum))
    import mmap

    with (
        mmap.mmap(file, offset + length, access=mmap.ACCESS_READ) as whole,
        memoryview(whole) as view,
        view[offset : offset + length] as part,
    ):
        return loads(_verified(part, length, checksum))


def _verified(data: bytes | memoryview, length: int, checksum: int) -> bytes | memoryview:
    if len(data) != length or crc32(data) != checksum:
        raise FrameError(f"was changed: got {len(data)} bytes, expected {length} as written")
    return data


def without_collector(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that unpickles: the garbage collector would look at every new dict again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return function(*arguments)
    finally:
        if enabled:
            gc.enable()
