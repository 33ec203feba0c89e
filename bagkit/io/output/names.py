"""Where a bag is written to: one path for each partition, all of them known and checked while planning."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from bagkit.amounts import how_many
from bagkit.errors import PlanError, one_line
from bagkit.io.input.paths import check_nameable, digest_of, is_url, named, path_text
from bagkit.light_classes import dataclass
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
    home: str
    """The directory that the manifest is in."""
    template: str = ""
    """What the paths were made of, with a `*` for the name of the partition; nothing for a list of paths."""

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that are written to."""
        return tuple(dict.fromkeys((self.home, *map(directory_of, self.paths))))

    def could_be(self, paths: Iterable[str]) -> set[str]:
        """Return the `paths` that could have been written here, by a run of other partitions."""
        return set(filter(self._fits, paths)) if self.template else set(paths).intersection(self.paths)

    def _fits(self, path: str) -> bool:
        before, _, after = self.template.partition("*")
        name = path[len(before) : len(path) - len(after)]
        file = path.rpartition("/")[2]
        fits = path == before + name + after and "/" not in name and name not in (".", "..")
        return fits and file != "" and not file.startswith(RESERVED)

    def own(self, what: str) -> str:
        """Return the path of a file of ours: the manifest, the journal, the lock."""
        return f"{self.home}/{RESERVED}{self.key}.{what}"


def directory_of(path: str) -> str:
    """Return what stands before the last slash."""
    return path.rpartition("/")[0]


def folded(name: str) -> str:
    """Return what two names have in common where case, or how an accent is written, does not count: on some disks."""
    return unicodedata.normalize("NFC", name).casefold()


def plan_targets(
    operation: str,
    path: object,
    npartitions: int,
    name_function: Callable[[int], str] | None,
    suffix: str,
    sorts: bool = True,
) -> Targets:
    """Return the paths for `npartitions` partitions; raises PlanError for names that leave their directory or collide.

    `path` is a directory (files are `0.part`, where `suffix` is `.part`), a pattern with one `*`, or a list of paths.
    Names that do not sort in the order of the partitions are a warning, if it is expected that they do.
    """
    if isinstance(path, (str, os.PathLike)):
        template = _absolute(operation, path)
        if "*" not in template:
            template = template.rstrip("/") + "/*" + suffix
        if template.count("*") > 1:
            raise PlanError(f"{operation}: {named(str(path))} has more than one '*'; expected one, for the number")
        names = _names(operation, npartitions, name_function)
        paths = [template.replace("*", name) for name in names]
        ordered = not sorts or paths == sorted(paths)
    else:
        template, paths, ordered = "", _listed(operation, path, npartitions), True
    _check(operation, paths)
    if not ordered:
        warn_at_caller(
            f"{operation}: the names that name_function gives do not sort in the order of the partitions, so that "
            "reading them by a pattern changes the order of the records",
            UserWarning,
        )
    key = digest_of("\n".join(_true_paths([template] if template else paths)), 6)
    home = directory_of(template.partition("*")[0] or paths[0])
    return Targets(tuple(paths), key, home, template)


def _absolute(operation: str, path: object) -> str:
    text = path_text(path)
    if not text:
        raise PlanError(f"{operation}: the path is {one_line(path)}; expected a str or os.PathLike that is not empty")
    if is_url(text):
        return text
    check_nameable(operation, text)
    text = os.path.expanduser(re.sub("^(file|local)://", "", text))
    # A ".." after a link is not where its name says: only the operating system knows.
    return os.path.join(os.getcwd(), text) if ".." in text.split("/") else os.path.abspath(text)


def _true_paths(paths: Sequence[str]) -> list[str]:
    """Return local paths with their directories' own names, whatever links lead there."""
    directories = {directory: directory for directory in map(directory_of, paths)}
    if not is_url(paths[0]):
        directories = {directory: os.path.realpath(directory) for directory in directories}
    return [f"{directories[directory_of(path)]}/{path.rpartition('/')[2]}" for path in paths]


def _listed(operation: str, path: object, npartitions: int) -> list[str]:
    if isinstance(path, (bytes, Mapping)) or hasattr(path, "write") or not isinstance(path, Iterable):
        hint = "; hint: for line in bag: file.write(line)" if hasattr(path, "write") else ""
        raise PlanError(
            f"{operation}: the path is {one_line(path, 80)}; expected a path, a pattern, or a list of paths{hint}"
        )
    paths = [_absolute(operation, each) for each in path]
    if len(paths) != npartitions:
        got, partitions = how_many(len(paths), "path"), how_many(npartitions, "partition")
        raise PlanError(
            f"{operation}: got {got} for {partitions}; expected one for each; "
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
        names.append(check_nameable(operation, name))
    return names


def _check(operation: str, paths: list[str]) -> None:
    seen: dict[str, int] = {}
    true = _true_paths(paths)
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
        other = seen.setdefault(folded(true[number]), number)
        if other != number:
            same = "the same path" if true[other] == true[number] else "paths that some disks do not tell apart"
            raise PlanError(
                f"{operation}: partitions {other} and {number} would be written to {same}, {named(path)}; "
                "expected another for each"
            )
