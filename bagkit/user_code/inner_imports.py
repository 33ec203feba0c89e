"""Which modules code imports: at its top, and while it runs, as `import tools` inside of a function does."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bagkit.user_code.instructions import instructions_of

Import = tuple[str, str]
"""A module, and the name that is imported from it; no name where it is the module itself."""

_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_BY_TEXT = frozenset(("import_module", "__import__"))
"""Functions that import what a text names."""


def imports_in(code: types.CodeType, package: str) -> Iterator[Import]:
    """Yield what `code` imports, and the functions in it, in the package `package`."""
    yield from imports_outside(code, package)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from imports_in(each, package)


def imports_outside(code: types.CodeType, package: str) -> Iterator[Import]:
    """Yield what `code` imports outside of the functions in it.

    >>> list(imports_outside(compile("import a.b; from .c import d", "", "exec"), "pack"))
    [('a.b', ''), ('pack.c', 'd')]
    """
    if not code.co_names:
        return
    if _IMPORT_NAME in code.co_code[::2]:
        yield from _in_instructions(code, package)
    if not _BY_TEXT.isdisjoint(code.co_names):
        yield from ((text, "") for text in code.co_consts if isinstance(text, str))


def _in_instructions(code: types.CodeType, package: str) -> Iterator[Import]:
    """Yield what the import statements name. Before each its level and its names are put on the stack."""
    before: list[Any] = [0, None]
    for each in instructions_of(code):
        if each.opcode == _IMPORT_NAME:
            level, names = before
            module = _absolute(each.argval, level if type(level) is int else 0, package)
            yield from ((module, name) for name in (names if type(names) is tuple else ("",)))
        if each.opname != "EXTENDED_ARG":
            before = [before[1], each.argval]


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def package_of(content: Mapping[str, Any]) -> str:
    """Return the package that relative imports start from, in the module with this content."""
    package, name = content.get("__package__"), content.get("__name__")
    if isinstance(package, str):
        return package
    return (name if "__path__" in content else name.rpartition(".")[0]) if isinstance(name, str) else ""


def modules_of(imports: Iterable[Import]) -> Iterator[tuple[str, bool]]:
    """Yield the modules that imports lead to, as far as this process has them, and whether code gets them as a whole.

    Of the package `a` in `from a import f` it gets no more than what stands there.
    """
    for module, name in imports:
        if name and is_here(f"{module}.{name}"):
            yield f"{module}.{name}", True
        elif is_here(module):
            yield module, not name
        while not name and (module := module.rpartition(".")[0]):
            if is_here(module):
                yield module, False


def is_here(name: str) -> bool:
    """Return whether this process has imported a module."""
    return isinstance(sys.modules.get(name), types.ModuleType)
