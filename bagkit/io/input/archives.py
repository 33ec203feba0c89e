"""Zip archives and framed Snappy, read from their beginning to their end, a part at a time.

Files in archives are found by `io/input/members.py`; an archive is read here as a whole where that can't be done.

The loop of io/input/inflating.py is for formats whose decompressors say where a member ends. These two do not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

from bagkit.exchange.checksum import crc32
from bagkit.io.input.codecs import DamagedError, unpacked

_READ: Final = 1 << 17
_LOCAL, _CENTRAL, _END, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
LOCAL_HEADER: Final = struct.Struct("<5H3I2H")
"""What stands behind the sign of a file: flags, method, checksum, sizes, and how long its name is."""
_FOLLOWS: Final = (_LOCAL, _CENTRAL, b"PK\x06\x06", _END)
_DESCRIPTORS: Final = (16, 24, 12, 20)
"""Bytes of what may stand behind a file: with a signature or without, sizes of four bytes or of eight."""
ENCRYPTED, SIZES_LATER = 1, 8
_STORED = 0
_FULL: Final = 0xFFFFFFFF


class _Input:
    """What is left of a file; mutable, of one reading."""

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read = read
        self._name = name
        self.data = b""

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end, and leave them there."""
        while len(self.data) < size and (more := self._read(_READ)):
            self.data += more
        return self.data[:size]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        part = self.peek(size)
        if len(part) < size:
            raise DamagedError(f"its {self._name} data is cut off") from EOFError("no end of the archive")
        self.data = self.data[size:]
        return part

    def some(self) -> bytes:
        """Return what comes next, none at the end."""
        part, self.data = self.data or self._read(_READ), b""
        return part


def unzip(read: Callable[[int], bytes], size: int, decompressors: dict[int, Callable[[], Any]]) -> Iterator[bytes]:
    """Yield the content of the one file in a zip archive; `decompressors` are there by the numbers of methods.

    Raises DamagedError for an archive without a file, with several, and for one that is not whole.
    """
    source = _Input(read, "zip")
    found: list[str] = []
    while source.peek(4) == _LOCAL:
        source.take(4)
        _, flags, method, _, _, checksum, packed, _, length, extra_length = LOCAL_HEADER.unpack(
            source.take(LOCAL_HEADER.size)
        )
        name = source.take(length).decode("utf-8", "replace")
        extra = source.take(extra_length)
        if not name.endswith("/"):
            found.append(name)
            if len(found) > 1:
                raise DamagedError(
                    f"it is an archive of several files: {found[0]!r}, {name!r}; expected one; "
                    "hint: save it on this machine"
                )
        if flags & ENCRYPTED:
            raise DamagedError(f"{name!r} in it is encrypted")
        seen = 0
        for part in _content(source, name, method, packed if packed != _FULL else long_size(extra), flags, size,
                             decompressors):  # fmt: skip
            seen = crc32(part, seen)
            yield part
        if flags & SIZES_LATER:
            checksum = _descriptor(source, checksum)
        if seen != checksum:
            raise DamagedError(f"its zip data is damaged (the checksum of {name!r} is wrong)")
    _check_end(source, found)


def content(
    read: Callable[[int], bytes],
    method: int,
    size: int,
    decompressors: dict[int, Callable[[], Any]],
    to_the_byte: bool,
) -> Generator[bytes, None, bytes]:
    """Yield what the packed data says that `read` gives, and that is one file of an archive; return what is behind."""
    if method == _STORED:
        while part := read(size):
            yield part
        return b""
    if method not in decompressors:
        raise DamagedError(f"it is packed by the method {method}, which is not read; hint: pack it again")
    return (yield from unpacked(decompressors[method](), b"", lambda: read(_READ), size, to_the_byte, "zip"))


def _content(
    source: _Input, name: str, method: int, packed: int, flags: int, size: int,
    decompressors: dict[int, Callable[[], Any]],
) -> Iterator[bytes]:  # fmt: skip
    if method == _STORED:
        if flags & SIZES_LATER and not packed and not name.endswith("/"):
            raise DamagedError(f"{name!r} in it is stored without its size; hint: pack it again")
        while packed:
            source.peek(1)
            part = source.take(min(size, packed, len(source.data) or 1))
            packed -= len(part)
            yield part
        return
    if method not in decompressors:
        raise DamagedError(f"{name!r} in it is packed by the method {method}, which is not read; hint: pack it again")
    rest = yield from content(lambda _: source.some(), method, size, decompressors, to_the_byte=False)
    source.data = rest + source.data


def long_size(extra: bytes) -> int:
    """Return the packed size in the field of an archive with more than 4 GiB."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        if kind == 1 and length >= 16:
            return int(struct.unpack("<Q", extra[12:20])[0])
        extra = extra[4 + length :]
    return _FULL


def _descriptor(source: _Input, checksum: int) -> int:
    """Take what stands behind a file whose header does not have its checksum; return that."""
    ahead = source.peek(28)
    for length in _DESCRIPTORS:
        signed = ahead[:4] == _DESCRIPTOR
        if ahead[length : length + 4] in _FOLLOWS and signed == (length in (16, 24)):
            part = source.take(length)
            (checksum,) = struct.unpack("<I", part[4:8] if signed else part[:4])
            return checksum
    raise DamagedError("its zip data is damaged (what stands behind a file in it makes no sense)")


def _check_end(source: _Input, found: list[str]) -> None:
    start = source.peek(4)
    if start not in _FOLLOWS:
        if found:
            raise DamagedError("its zip data is cut off" if len(start) < 4 else "its zip data is damaged")
        raise DamagedError(f"it is no zip file, it begins with {source.peek(16)!r}; hint: compression=None reads it")
    tail = b""
    while part := source.some():
        tail = (tail + part)[-(1 << 17) :]
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little"):
        raise DamagedError("its zip data is cut off") from EOFError("no end of the archive")
    if not found:
        raise DamagedError("it is an archive without a file")


_IDENTIFIER: Final = b"\xff\x06\x00\x00sNaPpY"


def unsnap(read: Callable[[int], bytes], uncompress: Callable[[bytes], Any]) -> Iterator[bytes]:
    """Yield what framed Snappy data says; `uncompress` takes one frame behind the identifier."""
    source = _Input(read, "snappy")
    if source.peek(1) and source.peek(len(_IDENTIFIER)) != _IDENTIFIER:
        raise DamagedError(f"it is no snappy file, it begins with {source.peek(16)!r}; hint: compression=None reads it")
    while head := source.peek(4):
        head = source.take(4)
        frame = head + source.take(int.from_bytes(head[1:], "little"))
        if head[0] not in (0, 1):
            if head[0] < 0x80:
                raise DamagedError(f"its snappy data is damaged (a frame of the unknown kind {head[0]})")
            continue
        try:
            yield bytes(uncompress(_IDENTIFIER + frame))
        except Exception as error:
            raise DamagedError(f"its snappy data is damaged ({error})") from error
