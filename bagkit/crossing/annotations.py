"""Annotations of classes that travel by value: text in them is taken for what it names.

`from __future__ import annotations` makes text of all annotations, and a class that names itself has text in one. The
process that receives the class would look for these names in its own modules, where they are not: it never imports the
user's program.
"""

from __future__ import annotations

import io
import pickle
import sys
import typing
from contextlib import suppress
from typing import Any

from bagkit.user_code.code_parts import annotations_of


def resolved(cls: type) -> dict[str, Any]:
    """Return the class's own annotations with what text in them names; nothing where no text names anything.

    What names nothing here, or can't cross, stays text.
    """
    own = annotations_of(cls)
    found: dict[str, Any] = {}
    for name, annotation in own.items():
        if _has_text(annotation):
            with suppress(Exception):  # whatever the text makes of itself: it is nobody's business before it is asked
                value = _evaluated(annotation, cls)
                _Trial(io.BytesIO()).dump(value)
                found[name] = value
    if not found:
        return {}
    texts = {name: getattr(each, "__forward_arg__", each) for name, each in own.items()}
    return {name: found.get(name, each) for name, each in texts.items()}


def _has_text(annotation: Any) -> bool:
    if isinstance(annotation, (str, typing.ForwardRef)):
        return True
    if typing.get_origin(annotation) is typing.Literal:
        return False
    return any(map(_has_text, getattr(annotation, "__args__", ())))


def _evaluated(annotation: Any, cls: type) -> Any:
    holder = type("holder", (), {"__annotations__": {"it": annotation}})  # a class, so that it may have a ClassVar
    names = {**vars(cls), **{each.__name__: each for each in getattr(cls, "__type_params__", ())}}
    module = vars(sys.modules[cls.__module__])
    # As `typing` does it for classes: names of the module go before names of the class.
    return typing.get_type_hints(holder, names, module, include_extras=True)["it"]


class _Trial(pickle.Pickler):
    """Finds out whether an annotation crosses; classes do, whatever is in them."""

    def persistent_id(self, value: Any) -> str | None:
        return "a class" if isinstance(value, type) else None

    def reducer_override(self, value: Any) -> Any:
        return reduce_meta(value) if is_meta(value) else NotImplemented


def is_meta(value: Any) -> bool:
    """Return whether a value is a Meta of msgspec."""
    return type(value).__name__ == "Meta" and type(value).__module__ == "msgspec"


def reduce_meta(meta: Any) -> Any:
    """Return how a Meta of msgspec is made again: pickle knows no way."""
    names = [name for name in dir(meta) if name[0] != "_"]
    return _make_meta, ({name: getattr(meta, name) for name in names if getattr(meta, name) is not None},)


def _make_meta(given: dict[str, Any]) -> Any:
    import msgspec

    return msgspec.Meta(**given)
