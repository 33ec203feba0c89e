"""One loop that unpacks every compression, a part at a time.

The loop is ours, so that files of several members, padding, garbage at the end and files that are cut off mean the same
in all of them: every member is read, zeros after one are padding, anything else there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from bagkit.io.input.archives import unsnap, unzip
from bagkit.io.input.codecs import (
    BY_NAME,
    MAGIC_BYTES,
    ZIP_METHODS,
    Codec,
    DamagedError,
    recognise,
    snappy_uncompress,
    unpacked,
)

STEP: Final = 1 << 17
"""How much compressed data is read at a time. Ranges of a compressed file begin and end at multiples of it, so that all
who read the file are at the same byte of its content there."""


def inflate(
    read: Callable[[int], bytes],
    name: str,
    size: int,
    to_the_byte: bool = False,
    at_member: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """Yield what the compressed data that `read` gives says, at most `size` bytes at a time.

    Raises DamagedError where it can't go on, after all that came before: without `to_the_byte` but for the last part,
    which the decompressor keeps. `at_member` is told before each member how many of the bytes that were read are of it,
    or come after it.
    """
    if name in ("zip", "snappy"):
        yield from unzip(read, size, ZIP_METHODS) if name == "zip" else unsnap(read, snappy_uncompress())
        return
    codec = BY_NAME[name]
    is_first = True
    data = _past_padding(read, b"", is_first)
    while data:
        if not re.match(codec.magic, data):
            raise DamagedError(_not_a_member(codec, data, is_first))
        if at_member is not None:
            at_member(len(data))
        behind = yield from unpacked(codec.decompressor(), data, lambda: read(STEP), size, to_the_byte, name)
        is_first = False
        data = _past_padding(read, behind, is_first)


def _past_padding(read: Callable[[int], bytes], data: bytes, is_first: bool) -> bytes:
    """Return the beginning of the next member: long enough to know one by, if the file is; empty at the file's end."""
    while True:
        if not is_first:
            data = data.lstrip(b"\0")
        if len(data) >= MAGIC_BYTES:
            return data
        more = read(STEP)
        if not more:
            return data
        data += more


def _not_a_member(codec: Codec, data: bytes, is_first: bool) -> str:
    if not is_first:
        return f"something that is not {codec.name} data follows its {codec.name} data: {data[:16]!r}"
    other = recognise(data)
    if other is not None:
        return f"it is no {codec.name} file but begins as {other} data; hint: compression={other!r}"
    if len(data) < MAGIC_BYTES and codec.name == "gzip" and data[:1] == b"\x1f":
        return f"its {codec.name} data is cut off"
    return f"it is no {codec.name} file, it begins with {data[:16]!r}; hint: compression=None reads it as it is"
