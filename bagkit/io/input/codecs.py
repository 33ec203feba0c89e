"""Compressions: their names, their suffixes, how they begin, and what packs and unpacks them.

    name    suffixes     decompressor
    gzip    .gz          isal.igzip_lib
    bz2     .bz2         bz2
    xz      .xz, .lzma   lzma
    zstd    .zst, .zstd  compression.zstd, or backports.zstd (the extra `zstd`)
    lz4     .lz4         lz4.frame (the extra `lz4`)
    zip     .zip         those above, see io/input/members.py
    snappy  .snappy      cramjam, or python-snappy (the extra `snappy`), see there

The first four are written too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final

from bagkit.errors import PlanError, SourceError, missing_extra
from bagkit.exchange.checksum import deflate_module
from bagkit.io.input.paths import named
from bagkit.lazily import import_extra
from bagkit.light_classes import dataclass


class DamagedError(Exception):
    """Compressed data can't be inflated to its end; `__cause__` is the decompressor's own error, if it has one."""


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_AUTO)


def zstd_module() -> Any:
    """Return the module of Zstandard; raises MissingExtraError where there is none."""
    try:
        from compression import zstd
    except ImportError:
        try:
            from backports import zstd
        except ImportError as error:
            raise missing_extra("backports.zstd", "zstd", "to read and write .zst files") from error
    return zstd


def _zstd() -> Any:
    return zstd_module().ZstdDecompressor()


def _lz4() -> Any:
    return import_extra("lz4.frame", "lz4", "to read .lz4 files").LZ4FrameDecompressor()


def _inflater(flag: str, window: int) -> Any:
    """Return what unpacks deflate with the header that igzip calls `flag` and zlib `window`."""
    try:
        from isal import igzip_lib
    except ImportError:  # as in `exchange.checksum`; what has interpreters has this, too
        zlib: Any = import_module("zlib")
        return zlib._ZlibDecompressor(wbits=window)
    return igzip_lib.IgzipDecompressor(flag=getattr(igzip_lib, flag))


def snappy_uncompress() -> Callable[[bytes], Any]:
    """Return the function that unpacks framed Snappy; raises MissingExtraError where there is none."""
    try:
        from cramjam import snappy
    except ImportError:
        try:
            python_snappy = import_module("snappy")
        except ImportError as error:
            raise missing_extra("cramjam", "snappy", "to read .snappy files") from error
        return lambda data: python_snappy.StreamDecompressor().decompress(data)
    uncompress: Callable[[bytes], Any] = snappy.decompress
    return uncompress


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression: its `name`, the `suffixes` of its files, and what a member begins with."""

    name: str
    suffixes: tuple[str, ...]
    magic: bytes
    """A pattern, which is compiled when it is first looked for."""
    decompressor: Callable[[], Any]


CODECS: Final = (
    Codec("gzip", (".gz",), rb"\x1f\x8b", partial(_inflater, "DECOMP_GZIP", 31)),
    Codec("bz2", (".bz2",), rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", _bz2),
    Codec("xz", (".xz", ".lzma"), rb"\xfd7zXZ\0|\x5d\0\0", _xz),
    Codec("zstd", (".zst", ".zstd"), rb"(?s)\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", _zstd),
    Codec("lz4", (".lz4",), rb"(?s)\x04\x22\x4d\x18|[\x50-\x5f]\x2a\x4d\x18", _lz4),
)

_WRITTEN: Final = ("gzip", "bz2", "xz", "zstd")
ZIP_METHODS: Final[dict[int, Callable[[], Any]]] = {
    8: partial(_inflater, "DECOMP_DEFLATE", -15), 12: _bz2, 93: _zstd,
}  # fmt: skip
"""What unpacks a file in a zip archive, by the number that the archive has for how it is packed."""

SURE_SIGNS: Final = {
    "gzip": rb"\x1f\x8b\x08",
    "bz2": rb"BZh[1-9]1AY&SY",
    "xz": rb"\xfd7zXZ\0",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "lz4": rb"\x04\x22\x4d\x18",
    "zip": rb"PK\x03\x04",
    "snappy": rb"\xff\x06\0\0sNaPpY",
}
MAGIC_BYTES: Final = 10
_ALIASES: Final = {"gz": "gzip", "lzma": "xz", "zst": "zstd", "bzip2": "bz2"}
BY_NAME: Final = {codec.name: codec for codec in CODECS}
_BY_SUFFIX: Final = {
    **{suffix: codec.name for codec in CODECS for suffix in codec.suffixes}, ".zip": "zip", ".snappy": "snappy",
}  # fmt: skip
_UNREADABLE: Final = frozenset({".br", ".7z", ".z"})


def compression_of(name: str, compression: str | None, done: str = "read") -> str | None:
    """Return the name of the compression of the file `name`; None for none.

    `compression` is what the user said: "infer" (by suffix), a name, or None. Raises PlanError for a name that does not
    exist and for a suffix of a compression that is not `done`: read, or written.
    """
    if compression is None:
        return None
    known = [*BY_NAME, "zip", "snappy"] if done == "read" else _WRITTEN
    if compression != "infer":
        meant = _ALIASES.get(compression, compression) if isinstance(compression, str) else ""
        if meant in known:
            return meant
        names = ", ".join(map(repr, known))
        raise PlanError(f"compression: got {compression!r}; expected 'infer', None, or one of {names}")
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    found = _BY_SUFFIX.get(suffix)
    if suffix in _UNREADABLE or (found is not None and found not in known):
        suffixes = ", ".join(suffix for suffix, codec in _BY_SUFFIX.items() if codec in known)
        raise PlanError(
            f"{name}: files of type {suffix} are not {done}; expected one of {suffixes}, or plain text; "
            f"hint: compression=None {'reads' if done == 'read' else 'writes'} the file as it is"
        )
    return found


def check_installed(names: Iterable[str | None]) -> None:
    """Raise MissingExtraError where a package is missing that reads, or writes, one of these compressions."""
    for name in set(names):
        if name in _PACKAGED:
            _PACKAGED[name]()


def recognise(start: bytes) -> str | None:
    """Return the name of the compression that a file's first bytes are a sure sign of; None if they are of none."""
    return next((name for name, sign in SURE_SIGNS.items() if re.match(sign, start)), None)


def refuse_compressed(path: str, start: bytes) -> None:
    """Raise SourceError for a file that begins as compressed data, and whose name does not say so."""
    name = recognise(start)
    if name is not None:
        raise SourceError(
            f"{named(path)}: begins as {name} data, and its name does not say so; expected data that are not "
            f"compressed; hint: compression={name!r}, or compression=None to read it as it is"
        )


_FORMATS: Final = {
    b"PAR1": ("Parquet", "bagkit.read_parquet(path)"),
    b"Obj\x01": ("Avro", "bagkit.read_avro(path)"),
    b"SQLite format 3\0": ("SQLite", "bagkit.read_sqlite(path, 'select * from records')"),
    b"\x89HDF\r\n\x1a\n": ("HDF5", "bagkit.from_sequence(pandas.read_hdf(path).to_dict('records'))"),
    b"ARROW1\0\0": ("Arrow", "bagkit.from_sequence(pyarrow.feather.read_table(path).to_pylist())"),
    b"\x93NUMPY": ("NumPy", "bagkit.from_sequence(numpy.load(path))"),
}
"""How files begin that hold records and are no text, and the function that reads each."""


def refuse_binary(path: str, start: bytes) -> None:
    """Raise SourceError for a file that holds records, or files, in a form that is no text."""
    found = next((found for mark, found in _FORMATS.items() if start.startswith(mark)), None)
    if found is None and start[257:262] == b"ustar" and 1 <= start.find(b"\0") <= 99:  # behind the name of a file
        found = "tar", "'tar://*::' before the path reads the files in it"
    if found is not None:
        name, way = found
        raise SourceError(f"{named(path)}: begins as {name} data; expected text; hint: {way}")


_PACKAGED: Final[dict[str | None, Callable[[], Any]]] = {"zstd": zstd_module, "lz4": _lz4, "snappy": snappy_uncompress}

FINE: Final = 256
"""Bytes that a decompressor is asked for where all is wanted that it can give before it fails."""


def unpacked(
    decompressor: Any, data: bytes, read: Callable[[], bytes], size: int, to_the_byte: bool, name: str
) -> Generator[bytes, None, bytes]:
    """Yield what `data`, and more that is read, says up to the end that it has itself; return what is behind that.

    Raises DamagedError, about data of the compression `name`, where it has no such end.
    """
    while not decompressor.eof:
        if not data and decompressor.needs_input:
            data = read()
            if not data:
                raise DamagedError(f"its {name} data is cut off") from EOFError("no end of the compressed data")
        part, error = _decompressed(decompressor, data, size, FINE if to_the_byte else size)
        if part:
            yield part
        if error is not None:
            raise DamagedError(f"its {name} data is damaged ({error})") from error
        data = b""
    return decompressor.unused_data or b""


def _decompressed(decompressor: Any, data: bytes, size: int, step: int) -> tuple[bytes, Exception | None]:
    """Return what `data` says, at most `size` bytes, asked for in parts of `step`; and the error that ended it."""
    parts: list[bytes] = []
    try:
        parts.append(decompressor.decompress(data, step))
        for _ in range(size // step - 1):
            if decompressor.eof or decompressor.needs_input:
                break
            parts.append(decompressor.decompress(b"", step))
    except Exception as error:
        return b"".join(parts), error
    return parts[0] if len(parts) == 1 else b"".join(parts), None


GZIP_LEVEL: Final = 2
"""Of igzip's 0 to 3. Files are about as large as with zlib's level 1, in a tenth of the time of zlib's usual 6."""
ZSTD_LEVEL: Final = 3


def compressor(name: str) -> Any:
    """Return an object with `compress(data)` and `flush()`; the same data give the same bytes."""
    if name == "gzip":
        deflate = deflate_module()
        return deflate.compressobj(GZIP_LEVEL, deflate.DEFLATED, 31)
    if name == "bz2":
        import bz2

        return bz2.BZ2Compressor()
    if name == "xz":
        import lzma

        return lzma.LZMACompressor()
    assert name == "zstd", f"nothing compresses as {name}"
    return zstd_module().ZstdCompressor(level=ZSTD_LEVEL)
