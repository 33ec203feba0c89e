"""Bytes that wait in a worker of dask.distributed until another task wants them: in files, not in its memory.

dask brings values to disk when a worker's process has grown large: late, one by one, and as a whole for each small
task that wants a part. Workers came above their limit meanwhile. So what tasks of an exchange leave is written at once,
to files without a name in the worker's own directory: they go with the last piece in them, and with the process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from typing import Any

SMALL = 1 << 10
"""A piece that is no longer than that stays in memory."""
FILE_BYTES = 8 << 20
"""A file gets no more pieces when it is that long: it is there as long as any of them."""


class LeftPiece:
    """Some bytes in a file."""

    __slots__ = ("_file", "_offset", "nbytes")

    def __init__(self, file: PieceFile, offset: int, nbytes: int) -> None:
        self._file = file
        self._offset = offset
        self.nbytes = nbytes

    def read(self) -> bytes:
        """Return the bytes."""
        return self._file.read(self._offset, self.nbytes)

    def __sizeof__(self) -> int:
        # What dask is to reckon with when it moves values, some messages of a limited size at a time. It has the bytes
        # of a message twice: what it has pickled, and what waits to be sent.
        return object.__sizeof__(self) + 2 * self.nbytes


class PieceFile:
    """A file without a name; any thread may read it."""

    def __init__(self, number: int) -> None:
        self._number = number
        """By which the system knows it."""
        self.nbytes = 0

    def __del__(self) -> None:
        os.close(self._number)

    def add(self, data: bytes) -> LeftPiece:
        """Write a piece behind the others: one thread at a time."""
        view, offset = memoryview(data), self.nbytes
        while view:
            written = os.pwrite(self._number, view, self.nbytes)
            self.nbytes += written
            view = view[written:]
        return LeftPiece(self, offset, len(data))

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return some bytes of it."""
        parts = []
        while nbytes:
            parts.append(os.pread(self._number, nbytes, offset))
            if not parts[-1]:
                raise EOFError(f"a file of this worker's ends {nbytes} bytes too early")
            offset, nbytes = offset + len(parts[-1]), nbytes - len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)


_lock = threading.Lock()
_open: PieceFile | None = None
"""The file that gets the next piece."""


def kept(data: bytes) -> bytes | LeftPiece:
    """Return `data`, or where it is now: in a file, if this process is a worker of dask.distributed."""
    global _open
    if len(data) <= SMALL:
        return data
    worker = _worker()
    if worker is None:
        return data
    with _lock:
        try:
            if _open is None or _open.nbytes > FILE_BYTES:
                number, path = tempfile.mkstemp(prefix="bagkit-", dir=worker.local_directory)
                os.unlink(path)
                _open = PieceFile(number)
            return _open.add(data)
        except OSError:
            _open = None
            return data  # dask does the same with a value for which there is no room on disk


def bytes_of(part: Any) -> Any:
    """Return the bytes of what `kept` has returned; anything else as it is."""
    return part.read() if type(part) is LeftPiece else part


def _worker() -> Any:
    """Return a worker whose process this is; its values may arrive in any thread."""
    kind: Any = getattr(sys.modules.get("distributed.worker"), "Worker", None)
    return next(iter(tuple(getattr(kind, "_instances", ()))), None)
