"""A JSON Schema that all records of a profile fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bagkit.profiling.kinds import ANY, ITEMS, Steps
from bagkit.profiling.looks import DATE, UUID
from bagkit.profiling.parts import PathProfile, children, is_key

if TYPE_CHECKING:
    from bagkit.profiling.parts import Findings

_TYPES: Final = {
    "null": "null",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "string",
    "list": "array",
    "dict": "object",
}
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema(profile: Findings) -> dict[str, Any]:
    """Return the schema of the records."""
    found: dict[str, Any] = {"$schema": _DIALECT}
    root = profile.paths.get("$")
    if root is not None and root.count:
        found.update(_of_path(root, children(profile)))
    return found


def _format(each: PathProfile) -> str | None:
    """Return the format that all texts of a path have, by the name that JSON Schema has for it."""
    texts = each.texts
    if texts is None:
        return None
    (look, count), *_ = [*texts.looks.items(), ("", 0)]
    if count != texts.count:
        return None
    if look.startswith(DATE):
        if texts.standard_dates != texts.count:
            return None
        return {"date YYYY-MM-DD": "date", "date YYYY-MM-DD time zone": "date-time"}.get(look)
    return "uuid" if look == UUID else None


def _of_path(each: PathProfile, below: dict[Steps, list[PathProfile]]) -> dict[str, Any]:
    names = [_TYPES.get(kind) for kind in each.types]
    if None in names:
        return {}  # a Python type that JSON does not have: nothing is said of it
    types = sorted({"number" if name == "integer" and "number" in names else str(name) for name in names})
    found: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    text_format = _format(each)
    if text_format:
        found["format"] = text_format
    inner = below[each.steps]
    if "dict" in each.types:
        keys = [child for child in inner if is_key(child.steps[-1])]
        if keys:
            found["properties"] = {str(child.steps[-1]): _of_path(child, below) for child in keys}
            required = [str(child.steps[-1]) for child in keys if child.count == each.types["dict"]]
            if required:
                found["required"] = required
        rest = [child for child in inner if child.steps[-1] == ANY]
        if rest:
            found["additionalProperties"] = _of_path(rest[0], below)
    if "list" in each.types:
        items = [child for child in inner if child.steps[-1] == ITEMS]
        if items:
            found["items"] = _of_path(items[0], below)
    return found
