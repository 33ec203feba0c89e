"""Which files a path, a pattern or a URL names; asked while planning, so nothing is opened."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final

from bagkit.errors import NoFilesError, PlanError, SourceError, one_line
from bagkit.io.input.again import Attempts, is_passing
from bagkit.io.input.files import FileInfo
from bagkit.io.input.paths import (
    etag_of,
    filesystem_of,
    full_url,
    is_missing,
    is_url,
    is_web,
    means_the_file,
    named,
    path_text,
    reading,
)
from bagkit.option_values import did_you_mean
from bagkit.options import get_options

_FINDERS: Final = 16


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
        text = path_text(path)
        if not text:
            raise PlanError(f"urlpath: got {one_line(path)}; expected a path or a URL, as a str or os.PathLike")
        paths.append(text)
    return paths


def find_files(urlpath: object, storage_options: Mapping[str, Any]) -> list[FileInfo]:
    """Return the files that `urlpath` names, in order. A pattern gives sorted files; a file named twice comes twice.

    Raises NoFilesError for a path or pattern without files, SourceError for what can't be read.
    """
    paths = path_list(urlpath)
    if not paths:
        raise NoFilesError("no files: the list of paths is empty")
    find = partial(_find, storage_options=storage_options)
    if sum(map(is_url, paths)) < 2:
        return list(chain.from_iterable(map(find, paths)))
    # Each URL is a round trip or more.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_FINDERS) as threads:
        return list(chain.from_iterable(threads.map(find, paths)))


def _find(path: str, storage_options: Mapping[str, Any]) -> list[FileInfo]:
    is_file = "://" not in path and os.path.exists(path)  # one called a::b, which is fsspec's way to write a chain
    return _find_remote(path, storage_options) if is_url(path) and not is_file else _find_local(path)


# -- local -------------------------------------------------------------------------------------------------------------


def _find_local(given: str) -> list[FileInfo]:
    path = os.path.expanduser(given.removeprefix("file://").removeprefix("local://"))
    # A ".." after a link is not where its name says: only the operating system knows.
    path = os.path.join(os.getcwd(), path) if ".." in path.split("/") else os.path.abspath(path)
    if (inside := _in_archives(path)) is not None:
        archives, members = inside
        return [replace(info, members=members) for info in _find_local(archives)]
    if not glob.has_magic(path):
        return [_local_info(path, given)]
    matches = sorted(set(_matches(_within(path))))
    others = any(match != path for match in matches)
    if means_the_file(path, os.path.exists(path) and not (others and os.path.isdir(path)), others):
        return [_local_info(path, given)]
    files = [_local_info(match, given) for match in matches if not os.path.isdir(match)]
    if not files:
        what = f"matches no file, only {len(matches)} directories" if matches else "matches no file"
        raise NoFilesError(f"{named(given)}: {what}{_nearby(path)}{_hint_for_data(given)}")
    return files


def _within(pattern: str) -> str:
    """Return a pattern in which brackets of a folder that is there, as in `run[1]/*.txt`, mean themselves."""
    folder, name = os.path.split(pattern)
    has_brackets = glob.has_magic(folder) and not re.search(r"[*?]", folder)
    return os.path.join(glob.escape(folder), name) if has_brackets and os.path.isdir(folder) else pattern


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches, as glob does, but nothing behind links to folders above: glob goes in circles."""
    recursive = re.search(r"/\*\*(?=/|$)", pattern)
    if recursive is None:
        yield from glob.iglob(pattern)
        return
    before, after = pattern[: recursive.start()], pattern[recursive.end() + 1 :]
    for folder in glob.glob(before or "/"):
        above = accumulate(folder.split("/")[:-1], lambda one, other: f"{one}/{other}")
        for each in _folders_below(folder, frozenset(_identity(parent or "/") for parent in above)):
            yield from _matches(os.path.join(glob.escape(each), after or "*"))


def _folders_below(folder: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Yield a folder and those below it that are not hidden, also behind links, but for links to what is `above`."""
    try:
        own = _identity(folder)
        names = sorted(each.name for each in os.scandir(folder) if _is_folder(each) and not each.name.startswith("."))
    except OSError:  # a file, or a folder that may not be read: glob passes over both
        return
    if own in above:
        return
    yield folder
    for name in names:
        yield from _folders_below(os.path.join(folder, name), above | {own})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether it is a folder, or a link to one. A link that leads nowhere is none, and hides no other file."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where this user may not look
        return False


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _in_archives(path: str) -> tuple[str, str] | None:
    """Return the path of zip archives, and the pattern of files in them, where `path` leads into archives."""
    if ".zip/" not in path.lower():  # nearly always
        return None
    for found in re.finditer(r"\.zip/", path, re.IGNORECASE):
        archive = path[: found.end() - 1]
        is_pattern = glob.has_magic(archive) and not os.path.exists(archive)
        matches = _matches(archive) if is_pattern else [archive]
        if any(map(os.path.isfile, matches)):
            return archive, path[found.end() :]
    return None


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
            f"once; hint: copy it into a file first, or bagkit.from_sequence(open({shown!r})) takes its lines"
        )
    if not os.access(path, os.R_OK):
        raise SourceError(f"{shown}: no permission to read it (mode {stat.filemode(info.st_mode)})")
    return FileInfo(_lasting_name(path, shown, info), info.st_size, info.st_mtime_ns)


def _lasting_name(path: str, shown: str, info: os.stat_result) -> str:
    """Return the name by which workers find a file too: /dev/stdin is another one in each process.

    Raises SourceError for what has no such name, and for what the system makes when it is read: nobody knows its size.
    """
    if not path.startswith(("/dev/", "/proc/", "/sys/")):
        return path
    place = os.path.realpath(path)
    if place.startswith(("/proc/", "/sys/")) and os.path.exists(place):
        what = "made by the system when it is read; expected a file of a known size"
    elif not os.path.exists(place) or not os.path.samestat(os.stat(place), info):
        what = "a file that has no name any more; expected a file that can be opened by its name"
    else:
        return place
    raise SourceError(f"{shown}: is {what}; hint: bagkit.from_sequence(open({shown!r})) takes its lines")


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))
    return next((name for test, name in kinds if test(mode)), "special file")


def _nearby(path: str) -> str:
    """Return words on what there is where `path` was looked for."""
    parent, name = os.path.split(path)
    while not os.path.isdir(parent) and not glob.has_magic(parent) and parent != os.path.dirname(parent):
        parent, name = os.path.split(parent)
    if glob.has_magic(parent):
        return ""
    try:
        names = sorted(os.listdir(parent))
    except OSError as error:
        return f"; the directory {parent} can't be listed: {error.strerror}"
    words = f"; {parent} has {len(names)} entr{'y' if len(names) == 1 else 'ies'}"
    suffix = "".join(re.findall(r"\.\w+", name)[-2:]) if "." in name else ""
    same = [other for other in names if suffix and other.endswith(suffix)]
    if same:
        words += f", {len(same)} of them *{suffix}"
    return words + did_you_mean(name, [other for other in names if other != name], most=3)


def _hint_for_data(given: str) -> str:
    """Return the hint for text that is no path but the content of a file."""
    if "\n" not in given and given.lstrip()[:1] not in ("{", "["):
        return ""
    return "; hint: for text that is at hand already, bagkit.from_sequence(text.splitlines()), and .map(json.loads)"


# -- remote ------------------------------------------------------------------------------------------------------------


def _find_remote(url: str, storage_options: Mapping[str, Any]) -> list[FileInfo]:
    attempts = Attempts(get_options().read_retries)
    with reading(url, "can't be read"):
        filesystem, path = attempts.call(partial(filesystem_of, url, storage_options))
        matches = _found(filesystem, url, path, attempts)
    files = [_remote_info(name, info) for name, info in matches]
    if not files:
        raise NoFilesError(f"{named(url)}: matches no file")
    return files


def _found(filesystem: Any, url: str, path: str, attempts: Attempts) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the URLs of what is there, and what the filesystem says of them."""
    # In web addresses "?" begins the query.
    magic = re.search(r"[*?\[]", path.partition("?")[0] if is_web(path) else path)
    filesystem.invalidate_cache()  # of listings that may be older than this call
    if magic is None:
        return [(url, attempts.call(partial(filesystem.info, path)))]
    found = attempts.call(partial(_glob, filesystem, path))
    # Only names with brackets may be there without being matched: others are asked for in vain.
    if "[" in path and not is_web(path) and path not in found:
        try:
            found[path] = attempts.call(partial(filesystem.info, path))
        except Exception as error:
            if is_passing(error):
                raise  # else it is not there, or stores do not say whether it is
    if means_the_file(url, path in found and found[path]["type"] != "directory", len(found) > 1):
        return [(url, found[path])]
    # As in local patterns, "*" finds no hidden names, and nothing that we keep beside an output.
    files = {name: info for name, info in found.items() if "/.bagkit-" not in name and info["type"] != "directory"}
    return [(full_url(url, name), files[name]) for name in sorted(files)]


def _glob(filesystem: Any, path: str) -> dict[str, Any]:
    """Return what is found under a pattern.

    fsspec leaves out directories that can't be listed, and says nothing; only file systems that list by themselves
    raise what is wrong.
    """
    modules = [
        kind.__module__ for kind in type(filesystem).__mro__ if {"find", "_find", "glob", "_glob"} & {*vars(kind)}
    ]
    keywords = {"on_error": "raise"} if all(name in ("fsspec.spec", "fsspec.asyn") for name in modules) else {}
    try:
        found: dict[str, Any] = filesystem.glob(path, detail=True, **keywords)
    except FileNotFoundError as error:
        if not is_missing(error):
            raise
        return {}
    return found


def _remote_info(url: str, info: Mapping[str, Any]) -> FileInfo:
    if info.get("type") == "directory":
        raise SourceError(f"{named(url)}: is a directory; expected a file; hint: {url.rstrip('/') + '/*'!r}")
    size = info.get("size")
    web = is_web(url)
    no_ranges = size is None or info.get("partial") is False
    return FileInfo(
        path=url,
        size=None if size is None else int(size),
        # The web's ETags are no sure sign, mirrors have their own; and few of its servers say that they have ranges.
        etag=None if web else etag_of(info),
        ranges=False if no_ranges else None if web else True,
    )
