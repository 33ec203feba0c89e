"""The files in a zip archive, each read by itself: found by the list at the archive's end, and opened in its middle.

Where that list is missing, for the archive is cut off, members are found by what stands before each of them. What is
no archive at all, or comes from a server that gives whole files only, is left to `unzip` of `io/input/archives.py`,
which reads from beginning to end and says what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bagkit.errors import NoFilesError, SourceError
from bagkit.exchange.checksum import crc32
from bagkit.io.input.archives import ENCRYPTED, LOCAL_HEADER, SIZES_LATER, content, long_size
from bagkit.io.input.codecs import ZIP_METHODS, DamagedError
from bagkit.io.input.files import FileInfo, InputFile, open_file, read_fully
from bagkit.io.input.inflating import inflate
from bagkit.io.input.paths import is_web, means_the_file, name_matcher, named, reading
from bagkit.light_classes import dataclass

if TYPE_CHECKING:
    import zipfile

_UTF8: Final = 1 << 11
_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a zip archive."""

    name: str
    offset: int
    """Of what stands before it in the archive."""
    packed: int
    """How many bytes it has in the archive."""
    size: int
    """How many bytes it has, or -1 where the archive does not say before its end."""
    checksum: int
    inner: str | None = None
    """What it is compressed with before it is put into the archive."""
    is_last: bool = False
    """Whether the archive is cut off in or behind it."""


def members_of(info: FileInfo, storage_options: Mapping[str, Any]) -> Sequence[Member]:
    """Return the files in an archive; none where they can't be found, and reading it says what is wrong.

    Raises NoFilesError where a pattern of theirs names none, SourceError for an archive that can't be opened.
    """
    with reading(info.path, "can't be opened"):
        file = open_file(info, storage_options)
    try:
        found = _listed(file)
        if not all(0 <= member.offset < (info.size or sys.maxsize) for member in found):
            raise DamagedError("its list has files that are not in it")
    except Exception as error:  # there is no list, or it makes no sense
        if type(error) is ValueError and is_web(info.path):
            return ()  # its server can't go to the end first, so nobody knows whether there is one
        failure: SourceError | None = getattr(file, "failure", None)
        if failure is not None:
            raise failure from failure.__cause__  # which says nothing about the archive
        found = _found(file, info.size)
    finally:
        file.close()
    if info.members is None:
        return [member for member in found if not _is_hidden(member.name)]
    match, hidden = name_matcher(info.members), _is_hidden(info.members)
    named_so = [member for member in found if member.name == info.members]
    others = [
        member
        for member in found
        if member not in named_so and match(member.name) and (hidden or not _is_hidden(member.name))
    ]
    chosen = named_so if means_the_file(info.members, bool(named_so), bool(others)) else others
    if not chosen:
        raise NoFilesError(
            f"{named(info.path)}: {info.members!r} matches no file in it; it has {len(found)}"
            + (f", such as {found[0].name!r}" if found else "")
        )
    return chosen


def _is_hidden(name: str) -> bool:
    """Return whether patterns leave a name out: it is hidden, or macOS keeps it beside files."""
    parts = set(name.split("/")) - {".", ".."}  # these only say where a file stood
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _listed(file: Any) -> list[Member]:
    import zipfile  # takes long, and workers that read no archive have no use for it

    with zipfile.ZipFile(file) as archive:
        return [
            Member(_name(entry), entry.header_offset, entry.compress_size, entry.file_size, entry.CRC)
            for entry in archive.infolist()
            if not entry.is_dir()
        ]


def _name(entry: zipfile.ZipInfo) -> str:
    """Return a member's name: in UTF-8 where its bytes are that, though nothing in the archive says so."""
    if not entry.flag_bits & _UTF8:
        try:
            return entry.filename.encode("cp437").decode()
        except UnicodeError:
            pass  # it is in the encoding of old archives
    return entry.filename


def _found(file: Any, size: int | None) -> list[Member]:
    """Return the members that stand behind each other from the beginning of an archive without its end."""
    found: list[Member] = []
    at = 0
    try:
        while True:
            file.seek(at)
            head = file.read(LOCAL_HEADER.size + 4)
            if len(head) < LOCAL_HEADER.size + 4 or head[:4] != b"PK\x03\x04":
                break
            _, flags, method, _, _, checksum, packed, unpacked, length, extra_length = LOCAL_HEADER.unpack(head[4:])
            name, extra = file.read(length), file.read(extra_length)
            later = bool(flags & SIZES_LATER)
            if packed == 0xFFFFFFFF:
                packed, unpacked = long_size(extra), _UNKNOWN
            text = name.decode("utf-8" if flags & _UTF8 or _is_utf8(name) else "cp437", "replace")
            if later and not packed:
                # Of what is packed the data say where it ends; of what is not, nothing does.
                packed, unpacked = max(0, (size or 0) - at) if method else 0, _UNKNOWN
            found.append(Member(text, at, packed, unpacked, checksum))
            at += len(head) + length + extra_length + packed
            if later:
                break
    except SourceError:
        raise
    except Exception:  # what has no list and can't be gone through either is read from its beginning on
        return []
    found = [member for member in found if not member.name.endswith("/")]
    if not found:
        return []
    return [*found[:-1], replace(found[-1], is_last=True)]


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


class MemberFile:
    """A member of an open archive, as a file that is read from its beginning to its end; mutable, of one reading."""

    def __init__(self, file: InputFile, member: Member) -> None:
        self.info = file.info
        self.position = 0
        """How many bytes of the member, as it is packed, were read."""
        self._file = file
        self._member = member
        self._left = 0
        file.begin(member.offset, None)

    @property
    def consumed(self) -> int:
        """How many bytes were read."""
        return self.position

    def check(self) -> None:
        """Raise InputChangedError if the archive is not what it was when the plan was made."""
        self._file.check()

    def chunks(self, size: int, to_the_byte: bool) -> Iterator[bytes]:
        """Yield the content, at most `size` bytes at a time; raises DamagedError where it can't go on."""
        inner, parts = self._member.inner, self._unpacked(size, to_the_byte)
        return parts if inner is None else inflate(_Reading(parts).read, inner, size, to_the_byte)

    def _unpacked(self, size: int, to_the_byte: bool) -> Iterator[bytes]:
        member = self._member
        head = self._exactly(LOCAL_HEADER.size + 4)
        if head[:4] != b"PK\x03\x04":
            raise DamagedError("its zip data is damaged (it is not where the archive says that it is)")
        _, flags, method, *_, length, extra_length = LOCAL_HEADER.unpack(head[4:])
        self._exactly(length + extra_length)
        if flags & ENCRYPTED:
            raise DamagedError("it is encrypted; hint: unpack the archive first")
        self._left = member.packed
        self.position = seen = count = 0
        for part in content(self._read, method, size, ZIP_METHODS, to_the_byte):
            seen, count = crc32(part, seen), count + len(part)
            if 0 <= member.size < count:
                raise DamagedError("its zip data is damaged (it has more data than the archive says)")
            yield part
        if member.is_last:
            raise DamagedError("it is the last that can be found in its archive, whose zip data is cut off")
        if seen != member.checksum:
            raise DamagedError("its zip data is damaged (its checksum is wrong)")
        if count != member.size:
            raise DamagedError(f"its zip data is damaged (it has {count} bytes of {member.size})")

    def _exactly(self, size: int) -> bytes:
        data = read_fully(self._file.read, size)
        if len(data) < size:
            raise DamagedError("its zip data is cut off") from EOFError("no end of the archive")
        return data

    def _read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        self.position += len(data)
        return data


class _Reading:
    """Parts of data, as something to read from."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._data = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        data = self._data or next(self._parts, b"")
        self._data = data[size:]
        return data[:size]
