"""Where a compressed file can be read from the middle: between two of its members, which know nothing of each other.

A member is what one call of a compressor has made: a member of gzip (bgzip makes one of every 64 KiB, `cat a.gz b.gz`
has two), a frame of zstd or lz4, a stream of bz2 (pbzip2 makes one of every 900 kB).

Nothing says where members begin, but all begin with the same bytes. Those may be in compressed data too. So a border is
looked at twice:

- who looks for borders unpacks what follows, to see whether it is data at all;
- who reads up to a border knows where the members before it end. If no member begins there, FalseBorderError is raised,
  before anything that comes after is believed. The first part begins with the file, so all borders are true if each
  part has found the one at its end.

A file with a false border is read in one piece from then on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from bagkit.errors import SourceError
from bagkit.flow.anew import RunAnew
from bagkit.io.input.codecs import SURE_SIGNS, DamagedError
from bagkit.io.input.files import FileInfo, open_file, read_fully
from bagkit.io.input.inflating import inflate
from bagkit.io.input.paths import is_url, named

SEPARABLE: Final = frozenset({"gzip", "bz2", "zstd", "lz4"})
"""Compressions whose members can be found."""

SEEN: Final = 1 << 18
"""How many bytes of a member, and of those after it, are unpacked to see whether it is one."""

UNPACKED: Final = 1 << 22
"""How many bytes of content are enough to see that."""

PART: Final = 16
"""Borders of a file are looked for in a sixteenth of it, all together: one process reads it before others begin."""

LEAST_REACH: Final = 1 << 20
"""How far a member is looked for, at the least."""

_OVERLAP: Final = 16
"""More than any of the signs has."""

_false: set[str] = set()
"""Paths of files in which borders were false."""


class FalseBorderError(SourceError, RunAnew):
    """Compressed data have what looked like the beginning of a member, and it is inside of one."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path

    def learn(self) -> None:
        """Have no more borders in the file."""
        _false.add(self.path)


def false_border(info: FileInfo, at: int, compression: str) -> FalseBorderError:
    """Return the error for the border at the byte `at` of a file."""
    return FalseBorderError(
        f"{named(info.path)}: no {compression} member begins at byte {at}, though it looks so; expected a file that "
        "can be read from there; hint: scheduler='sync' reads it in one piece",
        info.path,
    )


def borders(info: FileInfo, compression: str, count: int, storage_options: Mapping[str, Any]) -> list[int]:
    """Return where members begin that cut a file into at most `count` parts of about one size.

    There are none where none are found near those places, or the file can't be opened, which who reads it will say.
    """
    size = info.size or 0
    if info.path in _false or compression not in SEPARABLE or count < 2:
        return []
    reach = LEAST_REACH
    if not is_url(info.path):
        reach = max(reach, size // PART // (count - 1))
    found: set[int] = set()
    try:
        with closing(open_file(info, storage_options)) as file:
            for number in range(1, count):
                begin = size * number // count
                if not found or begin > max(found):
                    found.update(_first_border(file, compression, begin, min(begin + reach, size)))
    except Exception:  # of any filesystem: to read the file meets it too, and has the words for it
        return []
    return sorted(found)


def _first_border(file: Any, compression: str, begin: int, stop: int) -> list[int]:
    """Return the first border from byte `begin` to before `stop` of a file, if there is one."""
    sign, step = SURE_SIGNS[compression], LEAST_REACH
    while begin < stop:
        file.seek(begin)
        data = read_fully(file.read, min(step, stop - begin) + _OVERLAP)
        for match in re.finditer(sign, data):
            if _begins_member(file, compression, begin + match.start()):
                return [begin + match.start()]
        begin += step
    return []


class _Enough(Exception):
    """All that there is to see was seen."""


def _begins_member(file: Any, compression: str, at: int) -> bool:
    """Return whether a member can begin at a byte of a file: the data there, and behind it, can be unpacked."""
    file.seek(at)
    data = read_fully(file.read, SEEN + 1)
    is_whole = len(data) <= SEEN

    def read(size: int) -> bytes:
        nonlocal data
        part, data = data[:size], data[size:]
        if not part and not is_whole:
            raise _Enough
        return part

    unpacked = 0
    try:
        for part in inflate(read, compression, UNPACKED // 16):
            unpacked += len(part)
            if unpacked >= UNPACKED:
                return True
    except _Enough:
        return True
    except DamagedError:
        return False
    return True
