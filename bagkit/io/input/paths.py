"""Paths and URLs: which of the two one is, how it is shown, and the fsspec filesystem behind a URL.

A path is local or a URL. Local ones go straight to the operating system; URLs go through fsspec, which is imported here
only and only for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bagkit.contexts import context
from bagkit.errors import (
    BagkitError,
    CorruptInputError,
    MissingExtraError,
    NoFilesError,
    PlanError,
    SourceError,
    missing_extra,
    one_line,
    text_of,
)
from bagkit.visible import without_secrets_of

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(://|::)")
_EXTRAS: Final = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
}


def is_url(path: str) -> bool:
    """Return whether `path` is for fsspec: `s3://bucket/key`, `simplecache::https://...`; `file://` is local."""
    return _URL.match(path) is not None and not path.startswith(("file://", "local://"))


def path_text(path: object) -> str:
    """Return a path or URL as text; "" for what is none."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
    return text if isinstance(text, str) else ""


def checked_options(storage_options: Any) -> dict[str, Any]:
    """Return what the user wants fsspec to be given, as a dict of ours; raises PlanError for what is no dict."""
    if storage_options is not None and not isinstance(storage_options, Mapping):
        raise PlanError(
            f"storage_options: got {one_line(storage_options)}; expected a dict for fsspec, such as {{'anon': True}}"
        )
    return dict(storage_options or {})


def check_nameable(operation: str, path: str) -> str:
    """Return a local path; raises PlanError if it has what no file's name can have here.

    Which characters these are depends on the encoding of file names, which the locale may set. Half a surrogate pair
    is in no encoding.

    >>> check_nameable("to_jsonl", "a.txt")
    'a.txt'
    """
    wrong = "a NUL" if "\0" in path else ""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        wrong = f"{path[error.start]!a}, which names of files can't have here ({error.encoding}),"
    if wrong:
        raise PlanError(f"{operation}: the path {path!a} has {wrong} in it")
    return path


def named(path: str) -> str:
    """Return `path` for a message: as it is, if it can be printed.

    >>> named("logs/a.txt"), named("a" + chr(10) + "b")
    ('logs/a.txt', "'a\\\\nb'")
    """
    return path if path.isprintable() else ascii(path)


def base_name(path: str) -> str:
    """Return the name of the file without its directories: of a URL without what follows it.

    >>> base_name("/logs/a.gz"), base_name("https://host/a.gz?version=2"), base_name("zip://a.gz::s3://bucket/x.zip")
    ('a.gz', 'a.gz', 'a.gz')
    """
    if is_url(path):
        parts = path.split("::")
        path = parts[_named_part(parts)]
        path = path.partition("?")[0] if is_web(path) else path
    return path.rpartition("/")[2]


def shown_path(path: str, storage_options: Mapping[str, Any]) -> str:
    """Return `path` as dask gives it with `include_path`: absolute, or for a URL the path in its filesystem."""
    if not is_url(path):
        return path
    with reading(path, "can't be opened"):
        return str(filesystem_of(path, storage_options)[1])


def filesystem_of(url: str, storage_options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the fsspec filesystem of `url`, and the path in it.

    Some filesystems connect to a server, or open an archive, when they are made: they raise anything where they can't.
    """
    import fsspec.core

    try:
        filesystem, path = fsspec.core.url_to_fs(url, **storage_options)
    except ImportError as error:
        protocol = url.split("://")[0].split("::")[-1]
        if protocol in _EXTRAS:
            package, extra = _EXTRAS[protocol]
            raise missing_extra(package, extra, f"to read {protocol}:// URLs") from error
        raise MissingExtraError(f"{url}: {without_secrets_of(url, str(error))}") from error
    except (ValueError, TypeError) as error:
        raise PlanError(f"{url}: {without_secrets_of(url, str(error))}") from error
    return filesystem, path


def name_matcher(pattern: str) -> Callable[[str], Any]:
    """Return a test whether a path matches a pattern, in which `*` stays in a folder and `**` does not."""
    from fsspec.utils import glob_translate

    return re.compile(glob_translate(pattern)).match


def means_the_file(pattern: str, is_there: bool, others: bool) -> bool:
    """Return whether a pattern that is also the name of a file means that file, and no `others` that it matches.

    Names with brackets are common: whoever has a file of that name means the file. With `*` or `?` it may be either.

    Raises SourceError where it may mean one file or several.
    """
    if is_there and others and re.search(r"[*?]", pattern):
        raise SourceError(
            f"{named(pattern)}: there is a file of this name, and as a pattern it matches others too; expected one or "
            "the other; hint: glob.escape(path) means the file alone, and map(glob.escape, glob.glob(path)) each"
        )
    return is_there


def is_web(path: str) -> bool:
    """Return whether `path` is an address of the web."""
    return path.startswith(("http://", "https://"))


def is_missing(error: Exception) -> bool:
    """Whether `error` says that a file does not exist: fsspec says so too of web servers that it could not reach."""
    if not isinstance(error, FileNotFoundError):
        return False
    return error.__cause__ is None or (
        getattr(error.__cause__, "status", 404) in (404, 410) and not isinstance(error.__cause__, OSError)
    )


def reason(error: Exception, url: str) -> str:
    """Return what went wrong with `url`, for a message: of a web server the error behind the one of fsspec."""
    cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ is not None else error
    return f"{type(cause).__name__}: {without_secrets_of(url, text_of(cause))}"


def unreadable(path: str, error: Exception, what: str) -> SourceError:
    """Return the error for a file that can't be read because of `error`; `what` says so: "can't be opened"."""
    if is_missing(error):
        return NoFilesError(f"{named(path)}: there is no such file")
    said = f"{named(path)}: {what}: {reason(error, path)}"
    return CorruptInputError(said) if _is_of_an_archive(error) else SourceError(said)


@context
def reading(path: str, what: str) -> Iterator[None]:
    """Raise what `unreadable` returns for whatever this block raises: each kind of file system has its own errors."""
    try:
        yield
    except BagkitError:
        raise
    except Exception as error:
        raise unreadable(path, error, what) from error


def digest_of(text: str, size: int = 16) -> str:
    """Return a digest of a path, or of other text that has paths in it, as hexadecimal digits of `size` bytes."""
    import hashlib  # a small run has no use for it

    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size).hexdigest()


def _is_of_an_archive(error: Exception) -> bool:
    from tarfile import TarError
    from zipfile import BadZipFile

    return isinstance(error, (BadZipFile, TarError))


def etag_of(info: Mapping[str, Any]) -> str | None:
    """Return what a store says that the content of a file is known by, if it does."""
    etag = info.get("ETag") or info.get("etag")
    return etag if isinstance(etag, str) else None


def full_url(pattern: str, path: str) -> str:
    """Return the URL of the file `path` that `pattern` has found: the pattern with `path` in place of its own path."""
    parts = pattern.split("::")
    at = _named_part(parts)
    parts[at] = path if "://" in path else parts[at].partition("://")[0] + "://" + path
    return "::".join(parts)


def _named_part(parts: list[str]) -> int:
    """Return which part of a URL that was split at "::" has the file's path."""
    return next((at for at, part in enumerate(parts) if part.partition("://")[2]), len(parts) - 1)
