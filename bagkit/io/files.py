"""Files, local and remote: finding them while planning, opening them while running.

A path is local or a URL. Local ones go straight to the operating system and are kept as absolute paths; URLs go through
fsspec, which is imported here only and only for them.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
_FETCH: Final = 1 << 22
"""How much a remote file is asked for at a time: few requests, little memory."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as it was found: `size` in bytes and `mtime_ns` are None where a remote filesystem does not say."""

    path: str
    size: int | None
    mtime_ns: int | None = None
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
    found: list[FileInfo] = []
    for path in paths:
        found += _find_remote(path, storage_options or {}) if is_url(path) else _find_local(path)
    return found


# -- local -------------------------------------------------------------------------------------------------------------


def _find_local(given: str) -> list[FileInfo]:
    path = re.sub("^(file|local)://", "", given)
    path = os.path.abspath(os.path.expanduser(path))
    # A name such as `a[1].txt` is a pattern too; whoever has a file of that name means the file.
    if not glob.has_magic(path) or (not re.search(r"[*?]", path) and os.path.exists(path)):
        return [_local_info(path, given)]
    matches = sorted(glob.glob(path, recursive=True))
    files = [_local_info(match, given) for match in matches if not os.path.isdir(match)]
    if not files:
        what = f"matches no file, only {len(matches)} directories" if matches else "matches no file"
        raise NoFilesError(f"{given}: {what}{_nearby(path)}")
    return files


def _local_info(path: str, given: str) -> FileInfo:
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        dangling = " (it is a link to a file that does not exist)" if os.path.islink(path) else ""
        raise NoFilesError(f"{_named(path, given)}: there is no such file{dangling}{_nearby(path)}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{_named(path, given)}: can't be read: {error}") from error
    if stat.S_ISDIR(info.st_mode):
        raise SourceError(f"{_named(path, given)}: is a directory; expected a file; hint: {os.path.join(given, '*')!r}")
    if not stat.S_ISREG(info.st_mode):
        raise SourceError(
            f"{_named(path, given)}: is a {_kind(info.st_mode)}; expected a regular file, which can be read more than "
            "once; hint: copy it into a file first"
        )
    if not os.access(path, os.R_OK):
        raise SourceError(f"{_named(path, given)}: no permission to read it (mode {stat.filemode(info.st_mode)})")
    return FileInfo(path, info.st_size, info.st_mtime_ns)


def _named(path: str, given: str) -> str:
    return path if glob.has_magic(given) else given


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
    magic = re.search(r"[*\[]" if "://" in path else r"[*?\[]", path)
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
    ranges = size is not None and info.get("partial", True) is not False
    return FileInfo(url, None if size is None else int(size), None, ranges)


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
            except BagkitError:
                raise
            except Exception as error:
                raise SourceError(
                    f"{self.info.path}: reading failed after byte {self.position}: {type(error).__name__}: {error}"
                ) from error
        part = bytes(self._fetched[:size])
        self._fetched = self._fetched[size:]
        return part

    def check(self) -> None:
        """Raise InputChangedError if the file is not what it was when the plan was made."""
        if self._remote:
            size = getattr(self._file, "size", None)
            if isinstance(size, int) and self.info.size is not None and size != self.info.size:
                raise _changed(self.info, f"{size} bytes")
            return
        now = os.fstat(self._file.fileno())
        if now.st_size != self.info.size:
            raise _changed(self.info, f"{now.st_size} bytes")
        if now.st_mtime_ns != self.info.mtime_ns:
            raise _changed(self.info, f"modified {_time(now.st_mtime_ns)}", f"modified {_time(self.info.mtime_ns)}")


def _changed(info: FileInfo, now: str, then: str | None = None) -> InputChangedError:
    return InputChangedError(
        f"{info.path}: changed since the plan was made; got {now}; expected {then or f'{info.size} bytes'}; "
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
    remote = is_url(info.path)
    try:
        if remote:
            filesystem, path = _filesystem(info.path, storage_options or {})
            file = filesystem.open(path, "rb", cache_type="none")
        else:
            file = open(info.path, "rb", buffering=0)  # noqa: SIM115 (closed below, with the remote ones)
    except FileNotFoundError as error:
        hint = ""
        if info.path.startswith("memory:"):
            hint = "; hint: memory:// exists in one process only, use scheduler='threads' or 'sync'"
        raise InputChangedError(f"{info.path}: was there when the plan was made and is gone{hint}") from error
    except BagkitError:
        raise
    except Exception as error:
        raise SourceError(f"{info.path}: can't be opened: {type(error).__name__}: {error}") from error
    with file:
        opened_file = InputFile(info, file, remote)
        opened_file.check()
        yield opened_file
