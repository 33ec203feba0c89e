"""What code names, looks up, and has in it, what a function has closed over, and the annotations of a class.

Imported in each run, so light.
"""

from __future__ import annotations

import functools
import sys
import types

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield `code`, and the code of the functions, classes and comprehensions in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from codes_in(each)


def names_of(code: types.CodeType) -> Iterator[str]:
    """Yield the names of globals and attributes that `code` uses, and the functions in it."""
    return (name for each in codes_in(code) for name in each.co_names)


@functools.lru_cache(1000)
def globals_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that `code`, and the functions in it, look up in their module."""
    from bagkit.user_code.instructions import names_in

    names = [name for each in codes_in(code) for name in names_in(each, ("LOAD_GLOBAL", "LOAD_NAME"))]
    return tuple(dict.fromkeys(names))


def held_by(function: types.FunctionType) -> list[Any]:
    """Return what a function has closed over, and its defaults."""
    cells = map(content_of, function.__closure__ or ())
    return [*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def annotations_of(cls: type) -> dict[str, Any]:
    """Return the class's own annotations; in them what names nothing here is a ForwardRef."""
    if sys.version_info >= (3, 14):  # which makes them when they are asked for
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    found = vars(cls).get("__annotations__")
    return found if isinstance(found, dict) else {}


def content_of(cell: types.CellType) -> Any:
    """Return what a function has closed over; None where that is not there yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None
