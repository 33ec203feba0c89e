"""Which version of its file each of the user's modules was made of: noted while it is imported.

A file can be edited afterwards, and then the module in memory is not the one that a worker would import. Python itself
keeps no note of that. So there is a finder in `sys.meta_path`, just before Python's own finder of files: it finds what
that one finds, and writes on the spec of the module which version of the file there was.

Imported by `import bagkit`, to see the imports that follow, and so light.
"""

from __future__ import annotations

import os
import sys
import time
from _frozen_importlib_external import PathFinder, SourceFileLoader

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

Version = tuple[str, int, int]
"""The file of a module, when it was changed last, and its size."""

_NOTE = "bagkit_load"
"""The attribute of a spec that has the note: another spec, another load."""
_EARLIER = frozenset(sys.modules)
"""The modules that were imported before bagkit."""
_BEGAN = time.time_ns()
_versions: dict[str, Version] = {}
"""The version that each module was made of the last time."""
reloaded: dict[str, int] = {}
"""The modules that were made again in this process, each with the number of its last load."""


class Loads:
    """How many imports and reloads of the user's modules there were; mutable, one in the process."""

    all = 0
    again = 0
    """Those of modules that there were before, in another version."""


class Watcher:
    """The finder."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """Return what Python's finder of files finds, with a note."""
        if PathFinder not in sys.meta_path:
            return None  # somebody does not want it
        spec = PathFinder.find_spec(name, path, target)
        file = spec.origin if spec is not None and isinstance(spec.loader, SourceFileLoader) else None
        if file is not None and not is_of_others(name, file) and (found := version_of(file)) is not None:
            _note(spec, name, found, is_reload=target is not None)
        return spec


def is_of_others(name: str, file: str) -> bool:
    """Return whether a module is of the standard library, of bagkit or installed, by its name and its file."""
    if name.partition(".")[0] in sys.stdlib_module_names or name.startswith("bagkit."):
        return True
    return name == "bagkit" or "site-packages" in file or "dist-packages" in file


def version_of(file: str) -> Version | None:
    """Return the version of a file as it is now; None where there is none."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return file, status.st_mtime_ns, status.st_size


def _note(spec: Any, name: str, found: Version, is_reload: bool) -> None:
    Loads.all += 1
    setattr(spec, _NOTE, (Loads.all, found))
    if is_reload or _versions.get(name, found) != found:
        Loads.again += 1
        reloaded[name] = Loads.all
    _versions[name] = found


def is_edited(module: Any, now: Version) -> bool:
    """Return whether the file of `module`, which is `now`, has changed since the module was made of it.

    Of a module that no note was made of, nothing is known if it was imported after bagkit.
    """
    number, made_of = getattr(getattr(module, "__spec__", None), _NOTE, (0, ()))
    if number:
        return bool(made_of[1:] != now[1:])
    return module.__name__ in _EARLIER and now[1] > _BEGAN


def newer_than(module: Any) -> set[str]:
    """Return the modules that were made again after `module` was made."""
    number, _ = getattr(getattr(module, "__spec__", None), _NOTE, (0, None))
    return {name for name, last in reloaded.items() if last > number}


def watch() -> None:
    """Put the finder in its place, once."""
    if PathFinder in sys.meta_path and Watcher not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), Watcher)


watch()
