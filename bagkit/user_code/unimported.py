"""The user's modules that functions import while they run, and that this process has not imported: workers will.

They are known by their files. These are found as Python finds them, and not run.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator
from importlib.machinery import PathFinder, SourceFileLoader
from typing import Any

from bagkit.user_code.inner_imports import Import, imports_in, is_here
from bagkit.user_code.module_loads import Version, is_of_others, version_of

_others: set[str] = set()
"""Packages and modules that were looked for, and are not the user's."""
_known: dict[str, tuple[Version, tuple[Import, ...]]] = {}
"""What the files import, by the names of their modules."""


def unimported(imports: Iterable[Import], also: Container[str] = ()) -> dict[str, Version]:
    """Return the versions of the files of such modules that `imports` lead to, also by what these files import.

    The modules in `also` count as such.
    """
    found: dict[str, Version] = {}
    waiting = list(imports)
    while waiting:
        each = waiting.pop()
        if _is_done(*each, also):
            continue
        for name in _names(*each):
            is_known = name in found or (is_here(name) and name not in also)
            spec = None if is_known else _spec(name)
            version = version_of(spec.origin) if spec is not None and spec.has_location else None
            if version is not None:
                found[name] = version
                waiting += _imports(name, spec, version)
    return found


def _is_done(module: str, name: str, also: Container[str]) -> bool:
    """Return whether an import would import nothing more, or nothing of the user's."""
    if module.partition(".")[0] in _others:
        return True
    if module in also or f"{module}.{name}" in also:
        return False
    here = sys.modules.get(module)
    return here is not None and (name in ("", "*") or name in getattr(here, "__dict__", ()))


def _names(module: str, name: str) -> Iterator[str]:
    """Yield the modules that an import runs: packages before what is in them."""
    parts = [*module.split("."), *([name] if name else [])]
    if all(map(str.isidentifier, parts)):
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _spec(name: str) -> Any:
    """Return where a module is found, if it is the user's."""
    parent, _, _ = name.rpartition(".")
    path: Any = None
    if parent:
        package = sys.modules.get(parent)
        spec = _spec(parent) if package is None else None
        path = getattr(package, "__path__", None) or getattr(spec, "submodule_search_locations", None)
        if path is None:
            return None
    try:
        spec = None if is_of_others(name, "") else PathFinder.find_spec(name, path)
    except Exception:  # a finder of a path of the user's
        return None
    if is_of_others(name, (spec.origin if spec is not None else None) or ""):
        _others.add(name.partition(".")[0])
        return None
    return spec


def _imports(name: str, spec: Any, version: Version) -> tuple[Import, ...]:
    known = _known.get(name)
    if known is None or known[0] != version:
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        try:
            code = spec.loader.get_code(name) if isinstance(spec.loader, SourceFileLoader) else None
        except Exception:  # it is being written
            code = None
        known = _known[name] = version, tuple(() if code is None else {*imports_in(code, package)})
    return known[1]
