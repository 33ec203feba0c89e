"""Enums that travel by value: the same members again, whatever a `__new__` or an `__init__` has made of them.

cloudpickle makes members anew from their values, without the class's own methods: it loses what those have set on the
members, and the members that are other names of some.
"""

from __future__ import annotations

import copyreg
import enum
from collections.abc import Iterator
from typing import Any

from bagkit.crossing.class_numbers import is_pythons
from bagkit.user_code.modules import IMMUTABLE

Data = tuple[tuple[Any, ...], list[Any], list[tuple[Any, Any]]]
"""What a value of one of Python's own types is made of: arguments; what is in a list; keys and values of a dict."""
Member = tuple[str, Any, Data]
"""A name, its value, and its data: none where its type is none of Python's own."""


def enum_parts(cls: Any) -> tuple[Any, ...]:
    """Return the arguments of `make_enum` for `cls`."""
    native = _native_type(cls)
    members = [(name, member.value, _data(native, member)) for name, member in cls.__members__.items()]
    boundary = getattr(cls, "_boundary_", None)
    return type(cls), cls.__name__, cls.__bases__, cls.__module__, cls.__qualname__, native, members, boundary


def _slots_of(cls: Any) -> list[str]:
    """Return the names of slots of `cls` and its bases, as pickle knows them."""
    found: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined]  # stubs leave it out
    return found


def enum_attributes(cls: Any) -> dict[str, dict[str, Any]]:
    """Return what a `__new__` or an `__init__` has set on the members of `cls`, by their names; in slots too."""
    slots = _slots_of(cls)
    found = {}
    for member in cls.__members__.values():
        own = {name: value for name, value in vars(member).items() if not is_pythons(name)}
        own.update({name: getattr(member, name) for name in slots if hasattr(member, name)})
        if own:
            found[member.name] = own
    return found


def make_enum(
    kind: Any,
    name: str,
    bases: tuple[type, ...],
    module: str,
    qualname: str,
    native: Any,
    members: list[Member],
    boundary: Any,
) -> Any:
    """Make an enum, which gets its methods and its members' attributes later."""
    waiting = iter(members)

    def new_member(cls: type, *__: Any) -> Any:
        _, value, data = next(waiting)
        member = _made(native, cls, *data)
        member._value_ = value
        return member

    settings = {} if boundary is None else {"boundary": boundary}
    content = kind.__prepare__(name, bases, **settings)
    content.update(_stand_ins(new_member))
    for each, value, _ in members:
        content[each] = enum.member(value)
    made = kind.__new__(kind, name, bases, content, **settings)
    made.__module__, made.__qualname__ = module, qualname
    for stand_in in ("__init__", "__new_member__"):
        if stand_in in vars(made):
            delattr(made, stand_in)
    return made


def fill_members(cls: Any, attributes: dict[str, dict[str, Any]]) -> None:
    """Set on the members of `cls` what `enum_attributes` has found."""
    slots = _slots_of(cls)
    for member_name, own in attributes.items():
        member = cls.__members__[member_name]
        for name, value in own.items():
            if name in slots:
                object.__setattr__(member, name, value)
            else:
                vars(member)[name] = value  # where nothing of the class's own is asked


def _stand_ins(new_member: Any) -> Iterator[tuple[str, Any]]:
    yield "__new__", new_member
    yield "__init__", lambda self, *_: None


def _native_type(cls: Any) -> Any:
    """Return the type that lays out the members: one of Python's own, `object` where there is no other."""
    return next(each for each in cls._member_type_.__mro__ if each.__flags__ & IMMUTABLE)


def _data(native: Any, member: Any) -> Data:
    if native is object:
        return (), [], []
    new_arguments = getattr(native, "__getnewargs__", None)
    if new_arguments is not None:
        return new_arguments(member), [], []
    make, arguments, *rest = native.__reduce_ex__(member, 4)
    _, elements, items = (*rest, None, None, None)[:3]
    takes_class = make is copyreg.__newobj__  # type: ignore[attr-defined]  # stubs leave it out
    return arguments[takes_class:], list(elements or ()), list(items or ())


def _made(native: Any, cls: type, arguments: tuple[Any, ...], elements: list[Any], items: list[Any]) -> Any:
    member = native.__new__(cls, *arguments)
    if native.__init__ is not object.__init__:
        native.__init__(member, *arguments)
    if elements:
        native.extend(member, elements)
    for key, value in items:
        native.__setitem__(member, key, value)
    return member
