"""Where a bag is written to: one path for each partition, all of them known and checked while planning."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bagkit.errors import PlanError, one_line
from bagkit.io.files import is_url, named
from bagkit.warn import warn_at_caller

RESERVED = ".bagkit-"
"""What the names of our own files beside the output begin with."""

_LONGEST_NAME = 255
"""In bytes; what all file systems of today take."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The `paths` of all partitions, in order; `key` is what the place as a whole is known by."""

    paths: tuple[str, ...]
    key: str
    remote: bool

    @property
    def home(self) -> str:
        """The directory that the manifest is in."""
        return directory_of(self.paths[0])

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that are written to."""
        return tuple(dict.fromkeys(map(directory_of, self.paths)))

    def own(self, what: str) -> str:
        """Return the path of a file of ours: the manifest, the journal, the lock."""
        return f"{self.home}/{RESERVED}{self.key}.{what}"


def directory_of(path: str) -> str:
    """Return what stands before the last slash."""
    return path.rpartition("/")[0]


def plan_targets(
    operation: str, path: object, npartitions: int, name_function: Callable[[int], str] | None, suffix: str
) -> Targets:
    """Return the paths for `npartitions` partitions; raises PlanError for names that leave their directory or collide.

    `path` is a directory (files are `0.part`, where `suffix` is `.part`), a pattern with one `*`, or a list of paths.
    """
    if isinstance(path, (str, os.PathLike)):
        template = _absolute(operation, path)
        if "*" not in template:
            template = template.rstrip("/") + "/*" + suffix
        if template.count("*") > 1:
            raise PlanError(f"{operation}: {named(str(path))} has more than one '*'; expected one, for the number")
        names = _names(operation, npartitions, name_function)
        paths = [template.replace("*", name) for name in names]
        ordered = paths == sorted(paths)
    else:
        template, paths, ordered = "", _listed(operation, path, npartitions), True
    _check(operation, paths)
    if not ordered:
        warn_at_caller(
            f"{operation}: the names that name_function gives do not sort in the order of the partitions, so that "
            "reading them by a pattern changes the order of the records",
            UserWarning,
        )
    identity = "\n".join(map(_true_path, [template] if template else paths))
    key = hashlib.blake2b(identity.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    return Targets(tuple(paths), key, is_url(paths[0]))


def _absolute(operation: str, path: object) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text:
        raise PlanError(f"{operation}: the path is {one_line(path)}; expected a str or os.PathLike that is not empty")
    if "\0" in text:
        raise PlanError(f"{operation}: the path {text!a} has a NUL in it")
    if is_url(text):
        return text
    text = os.path.expanduser(re.sub("^(file|local)://", "", text))
    # A ".." after a link is not where its name says: only the operating system knows.
    return os.path.join(os.getcwd(), text) if ".." in text.split("/") else os.path.abspath(text)


def _true_path(path: str) -> str:
    """Return a local path with its directory's own name, whatever links lead there."""
    if is_url(path):
        return path
    directory, _, name = path.rpartition("/")
    return os.path.realpath(directory) + "/" + name


def _listed(operation: str, path: object, npartitions: int) -> list[str]:
    if isinstance(path, (bytes, Mapping)) or not isinstance(path, Iterable):
        raise PlanError(f"{operation}: the path is {one_line(path)}; expected a path, a pattern, or a list of paths")
    paths = [_absolute(operation, each) for each in path]
    if len(paths) != npartitions:
        raise PlanError(
            f"{operation}: got {len(paths)} paths for {npartitions} partitions; expected one for each; "
            "hint: a pattern such as 'out/*.txt', or repartition first"
        )
    if len(set(map(is_url, paths))) > 1:
        raise PlanError(f"{operation}: some of the paths are local and some are URLs; expected one or the other")
    return paths


def _names(operation: str, npartitions: int, name_function: Callable[[int], str] | None) -> list[str]:
    if name_function is None:
        width = len(str(npartitions - 1))
        return [str(number).zfill(width) for number in range(npartitions)]
    if not callable(name_function):
        raise PlanError(
            f"{operation}: name_function can't be called; got {one_line(name_function)}; "
            "expected a function of the partition's number"
        )
    names = []
    for number in range(npartitions):
        name = name_function(number)
        if not isinstance(name, str) or "/" in name or "\0" in name:
            raise PlanError(
                f"{operation}: name_function({number}) is {one_line(name)}; "
                "expected a str without '/' and NUL, for files stay in their directory"
            )
        names.append(name)
    return names


def _check(operation: str, paths: list[str]) -> None:
    seen: dict[str, int] = {}
    for number, path in enumerate(paths):
        name = path.rpartition("/")[2]
        if name in ("", ".", "..") or name.startswith(RESERVED):
            raise PlanError(
                f"{operation}: partition {number} would be written to {named(path)}; expected the name of a file"
            )
        if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
            raise PlanError(
                f"{operation}: partition {number} would have a name of {len(name)} characters, {one_line(name, 40)}; "
                f"expected up to {_LONGEST_NAME} bytes"
            )
        # Where case does not count, two such names are one file.
        other = seen.setdefault(path.casefold(), number)
        if other != number:
            same = "the same path" if paths[other] == path else "paths that differ in case only"
            raise PlanError(
                f"{operation}: partitions {other} and {number} would be written to {same}, {named(path)}; "
                "expected another for each"
            )
