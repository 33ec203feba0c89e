"""What the file of a user's module compiles to: the code of its functions and methods, unless they were replaced."""

from __future__ import annotations

import types
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.user_code.code_parts import codes_in
from bagkit.user_code.module_loads import version_of


@dataclass(frozen=True, slots=True)
class FileCode:
    """The code of a file; none where it can't be compiled, or there is no such file."""

    whole: types.CodeType | None
    codes: frozenset[types.CodeType]
    is_rewritten: bool
    """Whether the module has other code of the same functions, as pytest makes it of asserts."""
    places: frozenset[tuple[str, int]]
    """The qualified name and the line of each."""
    names: frozenset[str]
    """Their qualified names: what the file defines."""

    def has(self, code: Any) -> bool:
        """Return whether `code` is of this file."""
        if not isinstance(code, types.CodeType):
            return False
        return (code.co_qualname, code.co_firstlineno) in self.places if self.is_rewritten else code in self.codes


_known: dict[str, tuple[Any, FileCode]] = {}


def code_of(module: types.ModuleType) -> FileCode:
    """Return what the file of `module` compiles to, as the file is now."""
    spec = getattr(module, "__spec__", None)
    made_of = version_of(getattr(module, "__file__", None) or "") or spec
    known = _known.get(module.__name__)
    if known is None or known[0] != made_of:
        loader = getattr(spec, "loader", None)
        whole = _loaded(module, loader)
        codes = frozenset(() if whole is None else codes_in(whole))
        places = frozenset((each.co_qualname, each.co_firstlineno) for each in codes)
        found = FileCode(whole, codes, not hasattr(loader, "get_code"), places, frozenset(name for name, _ in places))
        known = _known[module.__name__] = made_of, found
    return known[1]


def known_code_of(module: types.ModuleType) -> FileCode:
    """Return what was found out about the file of `module` last, or else what it is now."""
    known = _known.get(module.__name__)
    return code_of(module) if known is None else known[1]


def _loaded(module: types.ModuleType, loader: Any) -> types.CodeType | None:
    try:
        if hasattr(loader, "get_code"):
            code: types.CodeType | None = loader.get_code(module.__name__)
            return code
        with open(module.__file__ or "", "rb") as file:
            return compile(file.read(), module.__file__ or "", "exec", dont_inherit=True)
    except Exception:  # there is no such file, or it is being written
        return None
