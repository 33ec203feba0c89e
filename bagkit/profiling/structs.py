"""Python source of types that all records of a profile fit."""

from __future__ import annotations

import builtins
import json
import keyword
import re
import typing
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bagkit.errors import PlanError, one_line
from bagkit.profiling.kinds import ANY, ITEMS, Steps
from bagkit.profiling.parts import PathProfile, children, is_key

if TYPE_CHECKING:
    from bagkit.profiling.parts import Findings

_SCALARS: Final = {"bool": "bool", "int": "int", "float": "float", "str": "str", "null": "None"}


@dataclass(slots=True)
class _Source:
    """The classes written so far; mutable, of one call."""

    style: str
    below: dict[Steps, list[PathProfile]]
    taken: set[str]
    classes: list[str] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)


def struct(profile: Findings, name: Any, style: Any) -> str:
    """Return the source of the type `name`."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise PlanError(f"struct: name is {one_line(name, 80)}; expected the name of a class, such as 'Record'")
    if style not in ("msgspec", "TypedDict"):
        raise PlanError(f"struct: style is {one_line(style, 80)}; expected 'msgspec' or 'TypedDict'")
    root = profile.paths.get("$")
    source = _Source(style, children(profile), {*dir(builtins), *dir(typing), "Struct", "UNSET", "UnsetType", "field"})
    source.taken.discard(name)
    kind = "Any" if root is None or not root.count else _type_of(root, name, source)
    if kind != name:
        source.classes.append(f"{name} = {kind}")
    source.uses |= {"Any"} if re.search(r"\bAny\b", "\n".join(source.classes)) else set()
    return (
        "\n\n\n".join(["\n".join(["from __future__ import annotations", "", *_imports(source)]), *source.classes])
        + "\n"
    )


def _imports(source: _Source) -> list[str]:
    typed = sorted(source.uses & {"Any", "NotRequired", "TypedDict"})
    msgspec = sorted(
        source.uses & {"Struct", "UNSET", "UnsetType", "field"}, key=lambda n: (not n.isupper(), n.lower())
    )
    lines = [f"from typing import {', '.join(typed)}"] if typed else []
    if msgspec:
        lines += [*([""] if lines else []), f"from msgspec import {', '.join(msgspec)}"]
    return lines


def _type_of(each: PathProfile, name: str, source: _Source) -> str:
    """Return the annotation for the values of a path; classes that it needs are written first."""
    kinds = dict(each.types)
    if not set(kinds) <= {*_SCALARS, "list", "dict"}:
        return "Any"
    inner = source.below[each.steps]
    found = [_SCALARS[kind] for kind in ("bool", "int", "float", "str") if kind in kinds]
    if "int" in kinds and "float" in kinds:
        found.remove("float")
        found[found.index("int")] = "int | float"
    if "list" in kinds:
        items = [child for child in inner if child.steps[-1] == ITEMS]
        found.append(f"list[{_type_of(items[0], name + 'Item', source) if items else 'Any'}]")
    if "dict" in kinds:
        found.append(_dict_type(each, inner, name, source))
    if "null" in kinds:
        found.append("None")
    return "Any" if not found else " | ".join(found)


def _dict_type(each: PathProfile, inner: list[PathProfile], name: str, source: _Source) -> str:
    rest = [child for child in inner if child.steps[-1] == ANY and not is_key(child.steps[-1])]
    keys = [child for child in inner if is_key(child.steps[-1])]
    if rest:
        return f"dict[str, {_type_of(rest[0], name + 'Value', source)}]"
    if not keys:
        return "dict[str, Any]"
    name = _class_name(name, source)
    always = each.types["dict"]
    if source.style == "TypedDict":
        source.classes.append(_typed_dict(name, keys, always, source))
    else:
        source.classes.append(_struct(name, keys, always, source))
    return name


def _class_name(name: str, source: _Source) -> str:
    found, number = name, 2
    while found in source.taken or keyword.iskeyword(found):
        found, number = f"{name}{number}", number + 1
    source.taken.add(found)
    return found


def _name_below(name: str, key: Any) -> str:
    """Return the name of the class of what is under a key."""
    words = _words(str(key))
    return name + "".join([word[:1].upper() + word[1:] for word in words])[:40] if words else name + "Value"


def _struct(name: str, keys: Iterable[PathProfile], always: int, source: _Source) -> str:
    source.uses.add("Struct")
    required, optional, left, taken = [], [], [], set[str]()
    for child in keys:
        key = str(child.steps[-1])
        if _UNNAMEABLE.search(key):
            left.append(f"    # left out, since a Struct can't have the key {_literal(key)}")
            continue
        kind = _type_of(child, _name_below(name, key), source)
        attribute = _attribute(key, taken)
        renamed = f"name={_literal(key)}" if attribute != key else ""
        if renamed:
            source.uses.add("field")
        if child.count == always:
            required.append(f"    {attribute}: {kind}" + (f" = field({renamed})" if renamed else ""))
            continue
        source.uses |= {"UNSET", "UnsetType"}
        default = f"field(default=UNSET, {renamed})" if renamed else "UNSET"
        kind = "Any" if kind == "Any" else f"{kind} | UnsetType"
        optional.append(f"    {attribute}: {kind} = {default}")
    return "\n".join(
        [f"class {name}(Struct):", *left, *(required or optional or ["    pass"]), *(optional if required else [])]
    )


_UNNAMEABLE: Final = re.compile('[\\\\"\\x00-\\x1f\\ud800-\\udfff]')
"""What msgspec takes in no name of a field."""


def _attribute(key: str, taken: set[str]) -> str:
    """Return the name of an attribute for a key: the key itself where that can be one."""
    name = key
    if not _is_plain(key) or key in _RESERVED or key[0].isupper():
        name = "_".join(_words(key)).lower() or "empty"
        name = f"field_{name}" if not name.isidentifier() or keyword.iskeyword(name) or name in _RESERVED else name
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def _words(key: str) -> list[str]:
    """Return the words of a key, of letters of any language, as Python has them in names."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", key))


def _is_plain(key: str) -> bool:
    """Return whether a key can be a name in Python, and stays what it is there: Python makes "fi" of a ligature."""
    same = key.isascii() or unicodedata.normalize("NFKC", key) == key
    return same and key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("__")


_RESERVED: Final = frozenset({"field", *_SCALARS, "list", "dict"})
"""Attributes of a class that would hide what its annotations name."""


def _typed_dict(name: str, keys: Iterable[PathProfile], always: int, source: _Source) -> str:
    source.uses.add("TypedDict")
    rows = []
    for child in keys:
        kind = _type_of(child, _name_below(name, child.steps[-1]), source)
        if child.count != always:
            source.uses.add("NotRequired")
            kind = f"NotRequired[{kind}]"
        rows.append((str(child.steps[-1]), kind))
    if all(_is_plain(key) for key, _ in rows):
        return "\n".join([f"class {name}(TypedDict):", *[f"    {key}: {kind}" for key, kind in rows]])
    inner = ", ".join([f"{_literal(key)}: {_literal(kind)}" for key, kind in rows])
    return f"{name} = TypedDict({_literal(name)}, {{{inner}}})"


def _literal(text: str) -> str:
    """Return text as Python source, in ASCII."""
    return json.dumps(text) if text.isprintable() and text.isascii() else ascii(text)
