"""Files, local and remote: finding them while planning, opening them while running.

A path is local or a URL. Local ones go straight to the operating system and are kept as absolute paths; URLs go through
fsspec, which is imported here only and only for them.
"""

from __future__ import annotations

import glob
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from bagkit.errors import (
    BagkitError,
    InputChangedError,
    MissingExtraError,
    NoFilesError,
    PlanError,
    SourceError,
    missing_extra,
    one_line,
)

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(://|::)")
_EXTRAS: Final = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
}
_FINDERS: Final = 16
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
    ranges: bool = True
    """Whether it can be read from the middle."""


def is_url(path: str) -> bool:
    """Return whether `path` is for fsspec: `s3://bucket/key`, `simplecache::https://...`; `file://` is local."""
    return _URL.match(path) is not None and not path.startswith(("file://", "local://"))


def path_list(urlpath: object) -> list[str]:
    """Return what the user gave as one or many paths as a list of strings; raises PlanError for anything else."""
    if isinstance(urlpath, (str, os.PathLike)):
        urlpath = [urlpath]
    if isinstance(urlpath, (bytes, Mapping)) or not isinstance(urlpath, Iterable):
        raise PlanError(f"urlpath: got {one_line(urlpath)}; expected a path, a URL, or a list of them")
    paths = []
    for path in urlpath:
        text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
        if not isinstance(text, str) or not text:
            raise PlanError(f"urlpath: got {one_line(path)}; expected a path or a URL, as a str or os.PathLike")
        paths.append(text)
    return paths


def find_files(urlpath: object, storage_options: Mapping[str, Any] | None = None) -> list[FileInfo]:
    """Return the files that `urlpath` names, in order; those of a pattern sorted, each once per mention.

    Raises NoFilesError for a path or pattern without files, SourceError for what can't be read.
    """
    paths = path_list(urlpath)
    if not paths:
        raise NoFilesError("no files: the list of paths is empty")
    find = partial(_find, storage_options=storage_options or {})
    if sum(map(is_url, paths)) < 2:
        return list(chain.from_iterable(map(find, paths)))
    # Each URL is a round trip or more.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_FINDERS) as threads:
        return list(chain.from_iterable(threads.map(find, paths)))


def _find(path: str, storage_options: Mapping[str, Any]) -> list[FileInfo]:
    return _find_remote(path, storage_options) if is_url(path) else _find_local(path)


def named(path: str) -> str:
    """Return `path` for a message: as it is, if it can be printed.

    >>> named("logs/a.txt"), named("a\nb")
    ('logs/a.txt', "'a\\nb'")
    """
    return path if path.isprintable() else ascii(path)


# -- local -------------------------------------------------------------------------------------------------------------


def _find_local(given: str) -> list[FileInfo]:
    path = re.sub("^(file|local)://", "", given)
    path = os.path.expanduser(path)
    # A ".." after a link is not where its name says: only the operating system knows.
    path = os.path.join(os.getcwd(), path) if ".." in path.split("/") else os.path.abspath(path)
    # A name such as `a[1].txt` is a pattern too; whoever has a file of that name means the file.
    if not glob.has_magic(path) or (not re.search(r"[*?]", path) and os.path.exists(path)):
        return [_local_info(path, given)]
    matches = sorted(set(glob.glob(path, recursive=True)))
    files = [_local_info(match, given) for match in matches if not os.path.isdir(match)]
    if not files:
        what = f"matches no file, only {len(matches)} directories" if matches else "matches no file"
        raise NoFilesError(f"{named(given)}: {what}{_nearby(path)}")
    return files


def _local_info(path: str, given: str) -> FileInfo:
    shown = named(path if glob.has_magic(given) else given)
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        dangling = " (it is a link to a file that does not exist)" if os.path.islink(path) else ""
        raise NoFilesError(f"{shown}: there is no such file{dangling}{_nearby(path)}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{shown}: can't be read: {error}") from error
    if stat.S_ISDIR(info.st_mode):
        raise SourceError(f"{shown}: is a directory; expected a file; hint: {os.path.join(given, '*')!r}")
    if not stat.S_ISREG(info.st_mode):
        raise SourceError(
            f"{shown}: is a {_kind(info.st_mode)}; expected a regular file, which can be read more than "
            "once; hint: copy it into a file first"
        )
    if not os.access(path, os.R_OK):
        raise SourceError(f"{shown}: no permission to read it (mode {stat.filemode(info.st_mode)})")
    return FileInfo(path, info.st_size, info.st_mtime_ns)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))
    return next((name for test, name in kinds if test(mode)), "special file")


def _nearby(path: str) -> str:
    """Return words on what there is where `path` was looked for."""
    import difflib

    parent, name = os.path.split(path)
    while not os.path.isdir(parent) and not glob.has_magic(parent) and parent != os.path.dirname(parent):
        parent, name = os.path.split(parent)
    if glob.has_magic(parent):
        return ""
    try:
        names = sorted(os.listdir(parent))
    except OSError as error:
        return f"; the directory {parent} can't be listed: {error.strerror}"
    words = f"; {parent} has {_count(len(names), 'entry', 'entries')}"
    suffix = "".join(re.findall(r"\.\w+", name)[-2:]) if "." in name else ""
    same = [other for other in names if suffix and other.endswith(suffix)]
    if same:
        words += f", {len(same)} of them *{suffix}"
    close = difflib.get_close_matches(name, names, n=3)
    return words + (f"; did you mean {' or '.join(map(repr, close))}?" if close else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


# -- remote ------------------------------------------------------------------------------------------------------------


def _filesystem(url: str, storage_options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the fsspec filesystem of `url`, and the path in it."""
    import fsspec.core

    try:
        filesystem, path = fsspec.core.url_to_fs(url, **storage_options)
    except ImportError as error:
        protocol = url.split("://")[0].split("::")[-1]
        if protocol in _EXTRAS:
            package, extra = _EXTRAS[protocol]
            raise missing_extra(package, extra, f"to read {protocol}:// URLs") from error
        raise MissingExtraError(f"{url}: {error}") from error
    except ValueError as error:
        raise PlanError(f"{url}: {error}") from error
    return filesystem, path


def _find_remote(url: str, storage_options: Mapping[str, Any]) -> list[FileInfo]:
    filesystem, path = _filesystem(url, storage_options)
    # In web addresses "?" begins the query.
    magic = re.search(r"[*\[]" if path.startswith("http") else r"[*?\[]", path)
    filesystem.invalidate_cache()  # of listings that may be older than this call
    try:
        if magic is None:
            return [_remote_info(url, filesystem.info(path))]
        matches = filesystem.glob(path, detail=True)
    except BagkitError:
        raise
    except FileNotFoundError as error:
        raise NoFilesError(f"{url}: there is no such file ({error})") from error
    except Exception as error:
        raise SourceError(f"{url}: can't be read: {type(error).__name__}: {error}") from error
    files = [
        _remote_info(_full_url(url, name), info)
        for name, info in sorted(matches.items())
        if info["type"] != "directory"
    ]
    if not files:
        raise NoFilesError(f"{url}: matches no file")
    return files


def _remote_info(url: str, info: Mapping[str, Any]) -> FileInfo:
    if info.get("type") == "directory":
        raise SourceError(f"{url}: is a directory; expected a file; hint: {url.rstrip('/') + '/*'!r}")
    size = info.get("size")
    # The web's ETags are no sure sign: mirrors have their own. And its servers must say that they can give ranges.
    web = url.startswith("http")
    etag = None if web else _etag(info)
    return FileInfo(
        path=url,
        size=None if size is None else int(size),
        etag=etag,
        ranges=size is not None and (not web or info.get("partial") is True),
    )


def _etag(info: Mapping[str, Any]) -> str | None:
    etag = info.get("ETag") or info.get("etag")
    return etag if isinstance(etag, str) else None


def _full_url(pattern: str, path: str) -> str:
    """Return the URL of `path`, which was found by `pattern`: that, with the part that has a path replaced."""
    parts = pattern.split("::")
    at = next((at for at, part in enumerate(parts) if part.partition("://")[2]), len(parts) - 1)
    parts[at] = path if "://" in path else parts[at].partition("://")[0] + "://" + path
    return "::".join(parts)


def shown_path(path: str, storage_options: Mapping[str, Any] | None = None) -> str:
    """Return `path` as dask gives it with `include_path`: absolute, or for a URL the path in its filesystem."""
    return str(_filesystem(path, storage_options or {})[1]) if is_url(path) else path


# -- reading -----------------------------------------------------------------------------------------------------------


class InputFile:
    """An open file that is still the one that was planned with; counts what is read of it."""

    def __init__(self, info: FileInfo, file: Any, remote: bool) -> None:
        self.info = info
        self.position = 0
        self.consumed = 0
        self._file = file
        self._remote = remote
        self._fetched = memoryview(b"")
        self._limit = info.size or 0

    def begin(self, at: int, stop: int | None) -> None:
        """Go to the byte `at`; what is behind `stop` will be asked for in small parts."""
        if at:
            self._file.seek(at)
        self.position = at
        self._limit = min(self._limit, self._limit if stop is None else stop)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end; raises InputChangedError if that is not where it was."""
        data = self._read_fetched(size) if self._remote else self._file.read(size)
        self.position += len(data)
        self.consumed += len(data)
        if not data and self.info.size is not None and self.position != self.info.size:
            raise _changed(self.info, f"{self.position} bytes")
        return data

    def _read_fetched(self, size: int) -> bytes:
        if not self._fetched:
            ahead = max(size, min(_FETCH, self._limit - self.position))
            try:
                self._fetched = memoryview(self._file.read(ahead))
            except Exception as error:
                if type(error).__name__ == "FileExpired":  # s3fs: no longer the object that was opened
                    raise _changed(self.info, "another object of this name") from error
                raise SourceError(
                    f"{named(self.info.path)}: reading failed after byte {self.position}: "
                    f"{type(error).__name__}: {error}"
                ) from error
        part = bytes(self._fetched[:size])
        self._fetched = self._fetched[size:]
        return part

    def check(self) -> None:
        """Raise InputChangedError if the file is not what it was when the plan was made."""
        size, mtime_ns, etag = self._remote_state() if self._remote else self._local_state()
        info = self.info
        if size is not None and info.size is not None and size != info.size:
            raise _changed(info, f"{size} bytes")
        if mtime_ns is not None and mtime_ns != info.mtime_ns:
            raise _changed(info, f"modified {_time(mtime_ns)}", f"modified {_time(info.mtime_ns)}")
        if etag is not None and info.etag is not None and etag != info.etag:
            raise _changed(info, f"ETag {etag}", f"ETag {info.etag}")

    def _local_state(self) -> tuple[int, int, None]:
        now = os.fstat(self._file.fileno())
        return now.st_size, now.st_mtime_ns, None

    def _remote_state(self) -> tuple[int | None, None, str | None]:
        size = getattr(self._file, "size", None)
        details = self._file.details if self.info.etag is not None and hasattr(self._file, "details") else None
        return (
            size if isinstance(size, int) else None,
            None,
            _etag(details) if isinstance(details, Mapping) else None,
        )


def _changed(info: FileInfo, now: str, then: str | None = None) -> InputChangedError:
    return InputChangedError(
        f"{named(info.path)}: changed since the plan was made; got {now}; expected {then or f'{info.size} bytes'}; "
        "hint: make the bag again"
    )


def _time(mtime_ns: int | None) -> str:
    import datetime

    return str(datetime.datetime.fromtimestamp((mtime_ns or 0) / 1e9))


@contextmanager
def opened(info: FileInfo, storage_options: Mapping[str, Any] | None = None) -> Iterator[InputFile]:
    """Open a file for reading and close it in the end.

    Raises InputChangedError if it is gone or not what it was when it was found, SourceError if it can't be opened.
    """
    try:
        file = _open_remote(info, storage_options or {}) if is_url(info.path) else _open_local(info)
    except FileNotFoundError as error:
        hint = ""
        if info.path.startswith("memory:"):
            hint = "; hint: memory:// exists in one process only, use scheduler='threads' or 'sync'"
        raise InputChangedError(f"{named(info.path)}: was there when the plan was made and is gone{hint}") from error
    except BagkitError:
        raise
    except Exception as error:
        raise SourceError(f"{named(info.path)}: can't be opened: {type(error).__name__}: {error}") from error
    with file:
        opened_file = InputFile(info, file, is_url(info.path))
        opened_file.check()
        yield opened_file


def _open_local(info: FileInfo) -> Any:
    return open(info.path, "rb", buffering=0)


def _open_remote(info: FileInfo, storage_options: Mapping[str, Any]) -> Any:
    filesystem, path = _filesystem(info.path, storage_options)
    if not info.ranges and info.path.startswith("http"):
        return filesystem.open(path, "rb", block_size=0)  # one stream, from the beginning on
    file = filesystem.open(path, "rb", cache_type="none")
    if isinstance(file, io.BytesIO):
        # memory:// gives all its readers one file object, with one position.
        return io.BytesIO(file.getvalue())
    return file
