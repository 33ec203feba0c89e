"""What the imports of a user's module have made: a worker that imports the module has it already."""

from __future__ import annotations

import sys
import types
from collections import Counter
from collections.abc import Iterator
from dis import opmap
from typing import Any

from bagkit.light_classes import dataclass
from bagkit.user_code.file_code import known_code_of

_IMPORT_NAME, _IMPORT_FROM, _STORE_NAME = (opmap[name] for name in ("IMPORT_NAME", "IMPORT_FROM", "STORE_NAME"))
_EXTENDED_ARG = opmap["EXTENDED_ARG"]
_FLAGS = 2 if sys.version_info >= (3, 15) else 0
"""How many bits of the argument of IMPORT_NAME say whether the import is a lazy one."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What the file of a module says."""

    code: types.CodeType | None
    imports: dict[str, tuple[str, str]]
    """By the name that an import gives a value: the name of a module, and the name in it, or an empty one."""

    def imported(self) -> dict[str, Any]:
        """Return what names of the module stand for that nothing but one import gives a value."""
        found = {}
        for name, (source, attribute) in self.imports.items():
            owner = sys.modules.get(source)
            value = getattr(owner, attribute, None) if attribute else owner
            if value is None and attribute:
                value = sys.modules.get(f"{source}.{attribute}")
            if value is not None:
                found[name] = value
        return found

    def may_seed(self) -> bool:
        """Return whether an import of the module may seed random numbers, which workers then have to draw anew."""
        return self.code is not None and "seed" in self.code.co_names


_NONE = Statements(None, {})
_known: dict[str, Statements] = {}


def statements(module: types.ModuleType) -> Statements:
    """Return what the file of `module` says, as far as it is known."""
    code = known_code_of(module).whole
    if code is None:
        return _NONE
    known = _known.get(module.__name__)
    if known is None or known.code is not code:
        known = _known[module.__name__] = Statements(code, _imports(code))
    return known


def _imports(code: types.CodeType) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    stored: Counter[str] = Counter()
    module = attribute = ""
    before = -1
    for operation, argument in _instructions(code.co_code):
        if operation == _IMPORT_NAME:
            module, attribute = code.co_names[argument >> _FLAGS], ""
        elif operation == _IMPORT_FROM:
            attribute = code.co_names[argument]
        elif operation == _STORE_NAME:
            name = code.co_names[argument]
            stored[name] += 1
            if before == _IMPORT_FROM:
                found[name] = module, attribute
            elif before == _IMPORT_NAME:
                found[name] = module.partition(".")[0], ""
        before = operation
    return {name: source for name, source in found.items() if stored[name] == 1}


def _instructions(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield operations with their whole arguments."""
    extended = 0
    for operation, argument in zip(code[::2], code[1::2], strict=True):
        argument |= extended
        extended = argument << 8 if operation == _EXTENDED_ARG else 0
        if not extended:
            yield operation, argument
