"""How many CPUs and how much memory this process may use: what the machine has, less what containers allow.

A control group limits all that is below it, so the limits of every level from the group of this process up to where
the tree is mounted count. /proc/self/cgroup names the group, /proc/self/mountinfo says where its tree is mounted and
which part of it is seen there.

`root` is `/`, but for tests, which make such trees elsewhere.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from pathlib import Path  # which is imported by no run: it imports urllib

ROOT = "/"


def cpu_count(root: str | Path = ROOT) -> int:
    """Return how many CPUs this process may use, at least 1.

    That is the least of its affinity and the CPU quotas of its control groups, where half a CPU is rounded up to one.

    >>> 1 <= cpu_count() <= (os.cpu_count() or 1)
    True
    """
    return max(1, min([_usable_cpus(), *(math.ceil(quota) for quota in _cpu_quotas(root))]))


def available_memory(root: str | Path = ROOT) -> int | None:
    """Return how many bytes of memory this process may use, used ones included; None where the system does not say.

    That is the least of the machine's memory and the limits of the control groups of this process.
    """
    return min((*_physical_memory(), *_memory_limits(root)), default=None)


DEFAULT_MEMORY = 4 << 30
"""Taken for what there is where the system does not say."""


def usable_memory() -> int:
    """Return how many bytes bagkit takes where it was given no limit: half of what this process may use."""
    return (available_memory() or DEFAULT_MEMORY) // 2


def _usable_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _physical_memory() -> Iterator[int]:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    if size > 0:
        yield size


def _cpu_quotas(root: str | Path) -> Iterator[float]:
    """Yield the CPUs that each level allows, where it allows a limited number."""
    for level in _levels(root, "cgroup2", ""):
        if (words := _read(level, "cpu.max").split()) and len(words) == 2:
            yield from _ratio(words[0], words[1])  # "max 100000" is no limit
    for level in _levels(root, "cgroup", "cpu"):
        yield from _ratio(_read(level, "cpu.cfs_quota_us"), _read(level, "cpu.cfs_period_us"))


def _memory_limits(root: str | Path) -> Iterator[int]:
    for level in _levels(root, "cgroup2", ""):
        yield from _positive(_read(level, "memory.max"))
    for level in _levels(root, "cgroup", "memory"):
        # Where there is no limit, this is a number of about 2**63.
        yield from _positive(_read(level, "memory.limit_in_bytes"))


def _ratio(quota: str, period: str) -> Iterator[float]:
    for allowed in _positive(quota):
        for whole in _positive(period):
            yield allowed / whole


def _positive(text: str) -> Iterator[int]:
    """Yield the number in `text` if it is one; "max", -1 and nothing at all mean that there is no limit."""
    text = text.strip()
    if text.isdecimal() and int(text) > 0:
        yield int(text)


def _read(directory: str | Path, name: str) -> str:
    try:
        with open(os.path.join(directory, name), "rb", 0) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _levels(root: str | Path, kind: str, controller: str) -> Iterator[str]:
    """Yield the directories of this process's control group and of those it is in, innermost first.

    `kind` is the file system's name; the trees of version 1 are one for each `controller`.
    """
    group = _own_group(root, controller)
    if group is None:
        return
    seen: set[str] = set()
    for part, mount_point in _mounts(root, kind, controller):
        top = os.path.join(root, *_names(mount_point))
        level = os.path.join(top, *_below(part, group))
        while level not in seen:
            seen.add(level)
            yield level
            if level == top:
                break
            level = os.path.dirname(level)


def _own_group(root: str | Path, controller: str) -> str | None:
    """Return the path of this process in the tree of `controller`; the tree of version 2 has no controller's name."""
    for line in _read(root, "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controller in controllers.split(","):
            return path
    return None


def _mounts(root: str | Path, kind: str, controller: str) -> Iterator[tuple[str, str]]:
    """Yield which part of a tree is seen, and where, for each mount of a file system with the flag of a controller."""
    for line in _read(root, "proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        if not right.startswith(kind):  # nearly all
            continue
        about, system = left.split(), right.split()
        is_its = len(system) >= 3 and system[0] == kind and (not controller or controller in system[2].split(","))
        if len(about) >= 5 and is_its:
            yield _plain(about[3]), _plain(about[4])


def _plain(path: str) -> str:
    r"""Return `path` without the escapes that mountinfo has for blanks: `a\040b` is `a b`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path) if "\\" in path else path


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _below(part: str, group: str) -> list[str]:
    """Return where `group` is below a mount that shows `part` of the tree.

    A container may see only its own group, as the root of the mount, and be told its name from outside; or be told
    names that lead out of what it sees (`/../..`). Then the mount itself is the innermost level there is.
    """
    above, names = _names(part), _names(group)
    below = names[len(above) :]
    return [] if names[: len(above)] != above or ".." in below else below
