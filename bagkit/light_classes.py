"""Dataclasses and named tuples that take a fraction of the time to make: a first `compute` imports 170 of them.

For each frozen class `dataclasses` writes and compiles six methods. Here all classes have the same functions, but for
`__init__`, which is written when the first instance is made: of most classes that are imported a program makes none.
And nothing refuses to set a field of a frozen one while a program runs: type checkers do, which see the dataclass of
the standard library. Classes that users hold are true dataclasses.

`dataclasses` also looks into the text of each annotation, for three types that make something else of a field. Here
only ClassVar is known, by its name.

`typing` compiles each annotation of a named tuple, and looks whether it is a type. Here nobody does.
"""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from operator import attrgetter
from types import MemberDescriptorType

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from dataclasses import dataclass as dataclass
    from typing import Any
    from typing import NamedTuple as NamedTuple
else:

    def dataclass(cls=None, /, *, repr=True, eq=True, frozen=False, slots=False, **others):  # noqa: A002  (as there)
        """Do what `dataclasses.dataclass` does, with its parameters."""

        def made(cls):
            if repr:
                _give(cls, __repr__=_repr)
            if eq:
                _give_equality(cls, frozen)
            if frozen and slots:
                _give(cls, __getstate__=_state, __setstate__=_set_state)
            if others:
                made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots, **others)
            else:
                made = _with_fields(cls, slots)
            _give(made, __init__=_first_init(made))
            return made

        return made if cls is None else made(cls)

    class _MakesNamedTuples(type):
        """Makes a named tuple of a class that has NamedTuple as its base."""

        def __new__(cls, name, bases, content):
            if not bases:
                return super().__new__(cls, name, bases, content)
            names = tuple(content["__annotations__"])
            defaults = [content.pop(each) for each in names if each in content]
            made = namedtuple(name, names, defaults=defaults)
            for each, value in content.items():
                setattr(made, each, value)
            return made

    class NamedTuple(metaclass=_MakesNamedTuples):
        """Stands for `typing.NamedTuple`."""


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Example:
    """A class of `dataclasses`, which shows what that has in each."""

    a: int


_ITS_PARAMETERS = vars(_Example)["__dataclass_params__"]
_ITS_KIND_OF_FIELD = vars(_Example)["__dataclass_fields__"]["a"]._field_type
_OF_ONE_CLASS = frozenset({"__dict__", "__weakref__"})
"""What a class has for itself alone."""


def _with_fields(cls: type, slots: bool) -> type:
    """Return the class with what `dataclasses` looks for in one, or another with slots in its place."""
    fields: dict[str, Any] = {}
    for base in cls.__mro__[:0:-1]:
        fields |= vars(base).get("__dataclass_fields__", ())
    for name, kind in vars(cls).get("__annotations__", {}).items():  # texts, as in all modules here
        if not kind.startswith("ClassVar"):
            fields[name] = _own_field(cls, name, kind)
    names = tuple([name for name, each in fields.items() if each.init])
    _give(cls, __dataclass_fields__=fields, __dataclass_params__=_ITS_PARAMETERS, __match_args__=names)
    return _with_slots(cls, fields) if slots else cls


def _own_field(cls: type, name: str, kind: str) -> Any:
    """Return the field of an annotation; the class keeps its default, if it has one."""
    default: Any = getattr(cls, name, dataclasses.MISSING)
    if isinstance(default, MemberDescriptorType):  # the slot of a class below
        default = dataclasses.MISSING
    found: Any = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
    if type(found.default).__hash__ is None:
        raise ValueError(f"{cls.__qualname__}.{name}: the default can be changed; expected a default_factory")
    if found is default and found.default is dataclasses.MISSING:
        delattr(cls, name)
    elif found is default:
        setattr(cls, name, found.default)
    found.name, found.type, found.kw_only, found._field_type = name, kind, False, _ITS_KIND_OF_FIELD
    return found


def _with_slots(cls: type, fields: Iterable[str]) -> type:
    """Return a class like `cls` that has slots for `fields`, but for those that a class below has slots for."""
    content = {name: value for name, value in vars(cls).items() if name not in fields and name not in _OF_ONE_CLASS}
    below = {name for base in cls.__mro__[1:] for name in vars(base).get("__slots__", ())}
    content["__slots__"] = tuple([name for name in fields if name not in below])
    made: type = type(cls)(cls.__name__, cls.__bases__, content)
    made.__qualname__ = cls.__qualname__
    return made


def _give(cls: type, **attributes: Any) -> None:
    """Give a class the methods, and what else it does not define itself."""
    for name, value in attributes.items():
        if name not in vars(cls):
            setattr(cls, name, value)


def _give_equality(cls: type, frozen: bool) -> None:
    has_hash = vars(cls).get("__hash__") is not None  # a class that defines __eq__ alone has None
    _give(cls, __eq__=_equal)
    if not has_hash:
        cls.__hash__ = _hash if frozen else None  # type: ignore[assignment, method-assign]  # as dataclasses do


def _first_init(cls: type) -> Callable[..., None]:
    """Return what stands for `__init__` until it is called."""

    def __init__(self: Any, *args: Any, **keywords: Any) -> None:
        init = _written_init(cls)
        cls.__init__ = init  # type: ignore[misc]  # the class has its own from here on
        init(self, *args, **keywords)

    return __init__


_NOT_GIVEN = object()


def _written_init(cls: type) -> Callable[..., None]:
    """Return the `__init__` that `dataclasses` would write for a class that is not frozen."""
    defaults: dict[str, Any] = {"__name__": cls.__module__}  # which tells tracebacks whose code it is
    parameters, lines = ["self"], []
    fields: Any = cls
    for each in dataclasses.fields(fields):
        name, value, default = each.name, each.name, f"__default_{each.name}"
        has_default = True
        if each.default_factory is not dataclasses.MISSING:
            defaults |= {f"__make_{name}": each.default_factory, default: _NOT_GIVEN}
            value = f"__make_{name}()" + (f" if {name} is {default} else {name}" if each.init else "")
        elif each.default is not dataclasses.MISSING:
            defaults[default] = each.default
            value = name if each.init else default
        else:
            has_default = False
        if each.init:
            parameters.append(f"{name}={default}" if has_default else name)
        lines.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), defaults)
    init: Callable[..., None] = defaults["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _repr(self: Any) -> str:
    shown = (each.name for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    values = _compared(type(self))
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_compared(type(self))(self))


_getters: dict[type, Callable[[Any], tuple[Any, ...]]] = {}


def _compared(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the fields by which instances of `cls` are equal."""
    if cls not in _getters:
        fields: Any = cls
        _getters[cls] = _getter([each.name for each in dataclasses.fields(fields) if each.compare])
    return _getters[cls]


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        setattr(self, each.name, value)
