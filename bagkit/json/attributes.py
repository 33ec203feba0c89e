"""Records as objects with attributes, which msgspec makes faster than dicts.

    {"age": 36, "address": {"city": "Oslo"}}      record.field_1 is 36, record.field_0.field_0 is "Oslo"

Their names are numbers: any text can be a field. Each level counts by itself, in the order of the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from bagkit.light_classes import dataclass

Field = str | tuple[str, ...]
"""A key of a record; or several, each of the dict under the one before."""
Defaults = tuple[tuple[str, Any], ...]
"""Fields that a record may lack, and what they are in its object then."""
Decode = Callable[[Sequence[Any]], list[Any]]

_SCALAR: Final = None | bool | int | float | str
_SELDOM: Final = 256
"""The longest wait between two tries, in blocks."""


class Tree(dict[str, "Tree"]):
    """What is wanted of a dict, by keys: of what is under a key the same again; where that is empty, all of it."""


def tree_of(fields: Iterable[Field]) -> Tree:
    """Return the tree of `fields`."""
    tree = Tree()
    whole = set()
    for field in fields:
        *before, last = (field,) if isinstance(field, str) else field
        inner = tree
        for key in before:
            inner = inner.setdefault(key, Tree())
        whole.add((*before, last))
        inner.setdefault(last, Tree())
    for path in whole:  # one that is wanted whole, and in part, is wanted whole
        inner = tree
        for key in path:
            inner = inner.get(key, Tree())
        inner.clear()
    return tree


def attribute_paths(fields: Iterable[Field]) -> dict[tuple[str, ...], str]:
    """Return the attributes that lead to each of `fields`, by its keys.

    >>> attribute_paths(["name", ("address", "city"), ("address", "zip")])
    {('name',): 'field_0', ('address', 'city'): 'field_1.field_0', ('address', 'zip'): 'field_1.field_1'}
    """
    return dict(_paths(tree_of(fields), (), ""))


def _paths(tree: Tree, keys: tuple[str, ...], before: str) -> Iterable[tuple[tuple[str, ...], str]]:
    for number, (key, inner) in enumerate(tree.items()):
        name = f"{before}field_{number}"
        if inner:
            yield from _paths(inner, (*keys, key), f"{name}.")
        else:
            yield (*keys, key), name


@cache
def attribute_values(path: str) -> Callable[[Sequence[Any]], list[Any]]:
    """Return the function that gives the values of one field of some records, by the path of its attributes.

    Each has code of its own, in which the interpreter remembers where the attribute is: `attrgetter` looks it up for
    each record, and takes twice as long.
    """
    found: Callable[[Sequence[Any]], list[Any]] = eval(f"lambda records: [record.{path} for record in records]")
    return found


@dataclass(frozen=True, slots=True)
class Objects:
    """What objects look like: all fields, by which attributes are named, and those that a record may lack."""

    among: tuple[Field, ...]
    defaults: Defaults = ()

    def decoder(self, fields: Sequence[Field], kinds: Mapping[str, Any]) -> Callable[[Any], Any]:
        """Return the function that makes an object of a line, which has attributes for `fields`.

        `kinds` are the types of their values, by path.
        """
        import msgspec

        made = _struct(tree_of(self.among), tree_of(fields), kinds, dict(self.defaults), "")
        decode: Callable[[Any], Any] = msgspec.json.Decoder(made).decode
        return decode


def _struct(among: Tree, wanted: Tree, kinds: Mapping[str, Any], defaults: Mapping[str, Any], before: str) -> Any:
    import msgspec

    members = []
    for number, (key, inner) in enumerate(among.items()):
        if key in wanted:
            path = f"{before}field_{number}"
            kind: Any = kinds.get(path, Any)
            if inner:
                kind = _struct(inner, wanted[key], kinds, {}, f"{path}.") | _SCALAR | list
            default = defaults.get(key, msgspec.NODEFAULT)
            members.append((f"field_{number}", kind, msgspec.field(name=key, default=default)))
    return msgspec.defstruct("record", members, gc=False, kw_only=True)


class ObjectsOrDicts:
    """A decoder of blocks that gives objects; or dicts for a whole block, where a record lacks a field.

    Mutable. Threads may share it: any state of it is right.
    """

    def __init__(self, objects: Decode, dicts: Decode) -> None:
        self._objects = objects
        self._dicts = dicts
        self._waiting, self._again = 0, 1
        """How many blocks are left, and how many it will be next time, for which no objects are tried."""

    def __call__(self, lines: Sequence[Any]) -> list[Any]:
        """Return the records of `lines`; raises what the decoder of dicts raises."""
        if self._waiting:
            self._waiting -= 1
            return self._dicts(lines)
        try:
            records = self._objects(lines)
        except Exception:  # a line that is none, or has no such field: dicts may do, or say what is wrong
            found = self._dicts(lines)
        else:
            self._again = 1
            return records
        self._waiting, self._again = self._again, min(_SELDOM, 2 * self._again)
        return found
