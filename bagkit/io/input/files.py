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
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from bagkit.kernels.contexts import context

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
    ranges: bool | None = True
    """Whether it can be read from the middle; None if that must be tried."""


def is_url(path: str) -> bool:
    """Return whether `path` is for fsspec: `s3://bucket/key`, `simplecache::https://...`; `file://` is local."""
    return _URL.match(path) is not None and not path.startswith(("file://", "local://"))


def path_list(urlpath: object) -> list[str]:
    """Return what the user gave as one or many paths as a list of strings; raises PlanError for anything else."""
    if isinstance(urlpath, (str, os.PathLike)):
        urlpath = [urlpath]
    if hasattr(urlpath, "read"):
        raise PlanError(
            f"urlpath: got an open file, {one_line(urlpath, 80)}; expected a path, a URL, or a list of them; "
            "hint: give its name, or bagkit.from_sequence(file) for the lines that it has left"
        )
    if isinstance(urlpath, (bytes, Mapping)) or not isinstance(urlpath, Iterable):
        hint = "; hint: manifest.paths" if hasattr(urlpath, "paths") else ""  # what to_jsonl gave
        raise PlanError(f"urlpath: got {one_line(urlpath)}; expected a path, a URL, or a list of them{hint}")
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

    >>> named("logs/a.txt"), named("a" + chr(10) + "b")
    ('logs/a.txt', "'a\\\\nb'")
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
        raise NoFilesError(f"{named(given)}: {what}{_nearby(path)}{_hint_for_data(given)}")
    return files


def _local_info(path: str, given: str) -> FileInfo:
    shown = named(path if glob.has_magic(given) else given)
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        dangling = " (it is a link to a file that does not exist)" if os.path.islink(path) else ""
        raise NoFilesError(f"{shown}: there is no such file{dangling}{_nearby(path)}{_hint_for_data(given)}") from error
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


def _hint_for_data(given: str) -> str:
    """Return the hint for text that is no path but what a file would hold."""
    if "\n" not in given and given.lstrip()[:1] not in ("{", "["):
        return ""
    return "; hint: for text that is at hand already, bagkit.from_sequence(text.splitlines()), and .map(json.loads)"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


# -- remote ------------------------------------------------------------------------------------------------------------


def filesystem_of(url: str, storage_options: Mapping[str, Any]) -> tuple[Any, str]:
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
    filesystem, path = filesystem_of(url, storage_options)
    # In web addresses "?" begins the query.
    magic = re.search(r"[*?\[]", path.partition("?")[0] if _is_web(path) else path)
    filesystem.invalidate_cache()  # of listings that may be older than this call
    try:
        if magic is None:
            return [_remote_info(url, filesystem.info(path))]
        found = filesystem.glob(path, detail=True)
        # As in local patterns, "*" is not for names that are hidden; what is ours beside an output is none of it.
        matches = {name: info for name, info in found.items() if "/.bagkit-" not in name}
    except BagkitError:
        raise
    except Exception as error:
        if _is_missing(error):
            raise NoFilesError(f"{named(url)}: there is no such file") from error
        raise SourceError(f"{named(url)}: can't be read: {_reason(error)}") from error
    files = [
        _remote_info(_full_url(url, name), info)
        for name, info in sorted(matches.items())
        if info["type"] != "directory"
    ]
    if not files:
        raise NoFilesError(f"{named(url)}: matches no file")
    return files


def _remote_info(url: str, info: Mapping[str, Any]) -> FileInfo:
    if info.get("type") == "directory":
        raise SourceError(f"{named(url)}: is a directory; expected a file; hint: {url.rstrip('/') + '/*'!r}")
    size = info.get("size")
    web = _is_web(url)
    no_ranges = size is None or info.get("partial") is False
    return FileInfo(
        path=url,
        size=None if size is None else int(size),
        # The web's ETags are no sure sign, mirrors have their own; and few of its servers say that they have ranges.
        etag=None if web else etag_of(info),
        ranges=False if no_ranges else None if web else True,
    )


def _is_web(path: str) -> bool:
    return path.startswith(("http://", "https://"))


def _is_missing(error: Exception) -> bool:
    """Whether `error` says that a file does not exist: fsspec says so too of web servers that it could not reach."""
    if not isinstance(error, FileNotFoundError):
        return False
    return error.__cause__ is None or (
        getattr(error.__cause__, "status", 404) in (404, 410) and not isinstance(error.__cause__, OSError)
    )


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ is not None else error
    return f"{type(cause).__name__}: {cause}"


def etag_of(info: Mapping[str, Any]) -> str | None:
    """Return what a store says that the content of a file is known by, if it does."""
    etag = info.get("ETag") or info.get("etag")
    return etag if isinstance(etag, str) else None


def _full_url(pattern: str, path: str) -> str:
    """Return the URL of `path`, which was found by `pattern`: that, with the part that has a path replaced."""
    parts = pattern.split("::")
    at = _named_part(parts)
    parts[at] = path if "://" in path else parts[at].partition("://")[0] + "://" + path
    return "::".join(parts)


def _named_part(parts: list[str]) -> int:
    """Return which part of a URL that was split at "::" has the file's path."""
    return next((at for at, part in enumerate(parts) if part.partition("://")[2]), len(parts) - 1)


def base_name(path: str) -> str:
    """Return the name of the file without its directories: of a URL without what follows it.

    >>> base_name("/logs/a.gz"), base_name("https://host/a.gz?version=2"), base_name("zip://a.gz::s3://bucket/x.zip")
    ('a.gz', 'a.gz', 'a.gz')
    """
    if is_url(path):
        parts = path.split("::")
        path = parts[_named_part(parts)]
        path = path.partition("?")[0] if _is_web(path) else path
    return path.rpartition("/")[2]


def shown_path(path: str, storage_options: Mapping[str, Any] | None = None) -> str:
    """Return `path` as dask gives it with `include_path`: absolute, or for a URL the path in its filesystem."""
    return str(filesystem_of(path, storage_options or {})[1]) if is_url(path) else path


# -- reading -----------------------------------------------------------------------------------------------------------


class InputFile:
    """An open file that is still the one that was planned with; counts what is read of it."""

    def __init__(self, info: FileInfo, file: Any, remote: bool, stream: Callable[[], Any] | None = None) -> None:
        """`stream` opens the file to be read from its beginning on, where ranges may turn out not to be had."""
        self.info = info
        self.position = 0
        self.consumed = 0
        self._file = file
        self._remote = remote
        self._stream = stream
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
                self._fetched = memoryview(self._fetch(ahead))
            except Exception as error:
                if type(error).__name__ == "FileExpired":  # s3fs: no longer the object that was opened
                    raise _changed(self.info, "another object of this name") from error
                raise SourceError(
                    f"{named(self.info.path)}: reading failed after byte {self.position}: {_reason(error)}"
                ) from error
        part = bytes(self._fetched[:size])
        self._fetched = self._fetched[size:]
        return part

    def _fetch(self, size: int) -> bytes:
        try:
            return self._file.read(size)  # type: ignore[no-any-return]
        except ValueError:  # fsspec's way to say that the server gives whole files only
            if self._stream is None:
                raise
        self._file.close()
        self._file, self._stream = self._stream(), None
        before = self.position
        while before and (data := self._file.read(min(before, _FETCH))):
            before -= len(data)
        return self._file.read(size)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

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
        in_memory = isinstance(self._file, io.BytesIO)
        size = self._file.getbuffer().nbytes if in_memory else getattr(self._file, "size", None)
        details = self._file.details if self.info.etag is not None and hasattr(self._file, "details") else None
        return (
            size if isinstance(size, int) else None,
            None,
            etag_of(details) if isinstance(details, Mapping) else None,
        )


def _changed(info: FileInfo, now: str, then: str | None = None) -> InputChangedError:
    return InputChangedError(
        f"{named(info.path)}: changed since the plan was made; got {now}; expected {then or f'{info.size} bytes'}; "
        "hint: make the bag again"
    )


def _time(mtime_ns: int | None) -> str:
    import datetime

    return str(datetime.datetime.fromtimestamp((mtime_ns or 0) / 1e9))


@context
def opened(info: FileInfo, storage_options: Mapping[str, Any] | None = None) -> Iterator[InputFile]:
    """Open a file for reading and close it in the end.

    Raises InputChangedError if it is gone or not what it was when it was found, SourceError if it can't be opened.
    """
    try:
        file = _open_remote(info, storage_options or {}) if is_url(info.path) else _open_local(info)
    except BagkitError:
        raise
    except Exception as error:
        if _is_missing(error):
            hint = ""
            if info.path.startswith("memory:"):
                hint = "; hint: memory:// exists in one process only, use scheduler='threads' or 'sync'"
            raise InputChangedError(
                f"{named(info.path)}: was there when the plan was made and is gone{hint}"
            ) from error
        raise SourceError(f"{named(info.path)}: can't be opened: {_reason(error)}") from error
    try:
        file.check()
        yield file
    finally:
        file.close()


def _open_local(info: FileInfo) -> InputFile:
    return InputFile(info, open(info.path, "rb", buffering=0), remote=False)


def _open_remote(info: FileInfo, storage_options: Mapping[str, Any]) -> InputFile:
    filesystem, path = filesystem_of(info.path, storage_options)
    file = filesystem.open(path, "rb", cache_type="none")
    if isinstance(file, io.BytesIO):
        # memory:// gives all its readers one file object, with one position.
        file = io.BytesIO(file.getvalue())
    stream = partial(filesystem.open, path, "rb", block_size=0) if _is_web(path) else None
    return InputFile(info, file, remote=True, stream=stream)
