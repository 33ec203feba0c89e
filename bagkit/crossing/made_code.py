"""Code of functions that came by value. Imported by workers, so light."""

from __future__ import annotations

import weakref
from types import CodeType

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_codes: weakref.WeakKeyDictionary[CodeType, weakref.ref[CodeType]] = weakref.WeakKeyDictionary()


def make_code(*parts: Any) -> CodeType:
    """Return code; the same again for what is equal: Python has warmed it up, and cloudpickle has looked through it."""
    code = CodeType(*parts)
    found = _codes.setdefault(code, weakref.ref(code))()
    return code if found is None or not _is_same(found, code) else found


def _is_same(one: CodeType, other: CodeType) -> bool:
    """Whether two that are equal are also alike in what Python does not compare."""
    if one is other:
        return True
    unlike = any(getattr(one, name) != getattr(other, name) for name in ("co_filename", "co_qualname", "co_linetable"))
    inner = zip(one.co_consts, other.co_consts, strict=True)
    return not unlike and all(_is_same(a, b) for a, b in inner if isinstance(a, CodeType))
