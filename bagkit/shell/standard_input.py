"""Standard input, which is read as far as somebody asks for it: what comes may have no end.

What has come is kept in a file, for it is read more than once: the first lines say which format it is. Readers of this
process open it by a URL and wait for what has not come yet. Worker processes get the file, when all has come.
"""

from __future__ import annotations

from threading import Lock
from typing import IO, Any, Final

_STEP: Final = 1 << 17
URL: Final = "stdin://input"


class StandardInput:
    """What has come so far; mutable."""

    def __init__(self, stream: Any, file: IO[bytes]) -> None:
        """Keep what `stream` gives in `file`."""
        self._stream = stream
        self._file = file
        self._size = 0
        self._lock = Lock()

    def read(self, at: int, size: int) -> bytes:
        """Return some bytes from the byte `at` on, at most `size`; none at the end only."""
        with self._lock:
            while at >= self._size and self._more():
                pass
            self._file.seek(at)
            return self._file.read(size)

    def begin(self, size: int) -> bytes:
        """Return how it begins: `size` bytes, or fewer if there is a line end in them."""
        data = more = self.read(0, size)
        while more and len(data) < size and b"\n" not in data:
            more = self.read(len(data), size - len(data))
            data += more
        return data

    def read_all(self) -> None:
        """Read to the end; then the file has all of it."""
        with self._lock:
            while self._more():
                pass
            self._file.flush()

    def _more(self) -> bool:
        data = self._stream.read1(_STEP)
        self._file.seek(self._size)
        self._file.write(data)
        self._size += len(data)
        return bool(data)

    def url(self, suffix: str) -> str:
        """Return the URL by which this process reads it from now on; `suffix` says how it is compressed."""
        from fsspec import AbstractFileSystem, register_implementation

        kept = self

        class OfStandardInput(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
            cachable = False

            def info(self, path: str, **_: Any) -> dict[str, Any]:
                return {"name": path, "type": "file", "size": None}

            def open(self, path: str, mode: str = "rb", **_: Any) -> _Opened:
                return _Opened(kept)

        scheme = URL.partition(":")[0]
        OfStandardInput.protocol = scheme
        register_implementation(scheme, OfStandardInput, clobber=True)
        return URL + suffix


class _Opened:
    """What has come, and will come, as a file that is open; mutable, of one reading."""

    def __init__(self, kept: StandardInput) -> None:
        self._kept = kept
        self._at = 0

    def read(self, size: int) -> bytes:
        data = self._kept.read(self._at, size)
        self._at += len(data)
        return data

    def seek(self, at: int) -> None:
        self._at = at

    def close(self) -> None:
        pass
