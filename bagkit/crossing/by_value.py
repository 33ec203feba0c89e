"""Functions and classes that travel by value: cloudpickle's work, and what cloudpickle leaves out.

- Code keeps its file name, so that tracebacks show the user's file and line. cloudpickle 3.1.3 replaces it.
- A class that a process knows is not made again: it comes back by its number (see `class_numbers.py`).
- Classes keep their slots and their qualified names. Cached functions, weak dictionaries and the generators of random
  numbers cross as well.
- A generator that the user has seeded is not copied, but spawned: see `generators.py`.

Imported when something has to travel by value, in the process that sends and in the one that receives.
"""

from __future__ import annotations

import enum
import functools
import io
import json
import re
import types
import typing
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cloudpickle
from cloudpickle.cloudpickle import _dynamic_class_reduce, _lookup_class_or_track, _module_reduce

from bagkit.crossing.annotations import is_meta, reduce_meta, resolved
from bagkit.crossing.class_numbers import fill, make_class, number_of
from bagkit.crossing.enum_classes import enum_attributes, enum_parts, fill_members, make_enum
from bagkit.crossing.generators import generator_reduce, is_generator
from bagkit.crossing.made_code import make_code
from bagkit.crossing.patches import Patches, original, original_reduce, patches_in
from bagkit.crossing.sentinel_values import SENTINEL_TYPES, reduce_sentinel
from bagkit.json.standard import is_replaced
from bagkit.user_code.code_parts import codes_in, names_of
from bagkit.user_code.inner_imports import Import
from bagkit.user_code.instructions import names_in
from bagkit.user_code.main_module import MAIN
from bagkit.user_code.modules import CACHED, IMMUTABLE, found_by_name, imports_by, is_left_behind

if TYPE_CHECKING:
    from bagkit.crossing.class_numbers import Moments

PROTOCOL = 5

_being_tried: set[int] = set()
"""The values that are tried now, to see whether they can cross."""


def _never(module: str) -> bool:
    return False


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles one value; `by_value` says whether the functions and classes of a module travel by value.

    `moments` says when a run has sent each class; None on the way back. With `spawns` generators of
    random numbers are not copied. With `tracked` classes keep cloudpickle's numbers beside ours. What functions use
    that was replaced in the modules of others is put into `patches`, the names that they use into `names`, all that is
    no plain data into `seen`, what functions import while they run into `imports`.
    """

    def __init__(
        self,
        file: Any,
        by_value: Callable[[str], bool] = _never,
        moments: Moments | None = None,
        *,
        spawns: bool = False,
        tracked: bool = False,
        patches: Patches | None = None,
        names: set[str] | None = None,
        seen: list[Any] | None = None,
        imports: set[Import] | None = None,
    ) -> None:
        # A dict, for it is asked once an object: cloudpickle's ChainMap takes half of the time of small objects. It has
        # to be there before pickle looks for it.
        self.dispatch_table = {**cloudpickle.Pickler.dispatch_table, **_REDUCERS}
        super().__init__(file, PROTOCOL)
        self._by_value = by_value
        self._moments = moments
        self._spawns = spawns
        self._tracked = tracked
        self._patches = patches
        self._names = names
        self._seen = seen
        self._imports = imports
        self._ordinary: set[type] = set()

    def reducer_override(self, value: Any) -> Any:
        """Return how `value` is made again; NotImplemented if cloudpickle does it right."""
        kind = type(value)
        if self._seen is not None:
            self._seen.append(value)
        if kind in self._ordinary:
            return NotImplemented
        if kind is types.FunctionType:
            if not self._is_by_value(value) and super().reducer_override(value) is NotImplemented:
                return NotImplemented
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if kind is types.ModuleType:
            return self._module(value)
        if kind is CACHED:
            return self._cached(value)
        if kind is types.BuiltinFunctionType:
            return original_reduce(value)
        if kind is typing.NewType:
            return (
                (typing.NewType, (value.__name__, value.__supertype__)) if self._is_by_value(value) else NotImplemented
            )
        if is_generator(value):
            return generator_reduce(value, self._spawns) or NotImplemented
        if is_meta(value):
            return reduce_meta(value)
        self._ordinary.add(kind)
        return NotImplemented

    def _is_by_value(self, value: Any) -> bool:
        module = value.__module__
        if not isinstance(module, str):  # a function that `exec` has made: pickle would search for it in all modules
            return type(value) is types.FunctionType
        return module in MAIN or self._by_value(module) or is_replaced(value)

    def _function(self, function: types.FunctionType) -> Any:
        reduced = self._reduced(function)
        more = _names_looked_up(function.__code__)
        if more:
            known, given = reduced[2][1]["__globals__"], function.__globals__
            found = {name: given[name] for name in more if name in given and name not in known}
            known.update({name: value for name, value in found.items() if self._crosses(value)})
        if self._patches is not None and self._names is not None:
            names = {*names_of(function.__code__)}
            self._patches.update(patches_in(reduced[2][1]["__globals__"], names))
            self._names |= names
        if self._imports is not None:
            self._imports.update(imports_by(function))
        return reduced

    def _reduced(self, function: types.FunctionType) -> Any:
        _tell_globals(function.__code__, cloudpickle.cloudpickle._extract_code_globals_cache)
        try:
            return self._dynamic_function_reduce(function)
        except NameError:  # an annotation of something that only type checkers see (Python 3.14)
            copy = types.FunctionType(
                function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
            )
            copy.__kwdefaults__, copy.__qualname__ = function.__kwdefaults__, function.__qualname__
            copy.__dict__.update(vars(function))
            copy.__annotations__ = {}
            return self._dynamic_function_reduce(copy)

    def _cached(self, function: Any) -> Any:
        """Reduce what functools.cache and lru_cache make: by its name where that leads to it, else by what it wraps."""
        if not self._is_by_value(function) and found_by_name(function) is function:
            return function.__qualname__
        settings = function.cache_parameters()
        attributes = dict(vars(function))
        wrapped = attributes.pop("__wrapped__")
        return _make_cached, (wrapped, settings["maxsize"], settings["typed"]), attributes

    def _class(self, cls: type) -> Any:
        """Return the parts of a class that cloudpickle finds, made ours; NotImplemented where a name will do."""
        reduced = _dynamic_class_reduce(cls) if self._is_by_value(cls) else super().reducer_override(cls)
        if reduced is NotImplemented or len(reduced) != 6:
            return reduced
        if cls.__flags__ & IMMUTABLE:  # in whose place stands another: it is found where that is not put yet
            return original, (cls.__module__, cls.__qualname__)
        if type(cls).__module__ == "msgspec._core":
            number, moment = number_of(cls, self._moments)
            parts = _struct_parts(cls)
            annotations = resolved(cls) or dict(cls.__annotations__)
            fields = number, annotations, parts[2]
            return make_class, (number, moment, _make_struct, parts), fields, None, None, _fill_struct
        make, (*arguments, tracker, extra), (members, slot_state), _, _, put = reduced
        # By cloudpickle's own number the program itself would find, and change, its own class.
        tracker = tracker if self._tracked else None
        number, moment = number_of(cls, self._moments)
        members.pop("__msgspec_cache__", None)
        if hints := resolved(cls):
            members["__annotations__"] = hints
        state: tuple[Any, ...]
        if issubclass(cls, enum.Enum):
            members = {name: each for name, each in members.items() if name not in cls.__members__}
            state = (number, put, members, enum_attributes(cls))
            return make_class, (number, moment, _make_enum, (tracker, enum_parts(cls))), state, None, None, _fill_enum
        members = {name: each for name, each in members.items() if not _is_descriptor_of(each, cls)}
        if typing.is_typeddict(cls) and dict in arguments[2]:  # one made by a call, or that inherits from another
            arguments[2] = tuple([typing.TypedDict if base is dict else base for base in arguments[2]])
        arguments[3] = {**arguments[3], "__qualname__": cls.__qualname__}
        if "__slots__" in vars(cls) and not hasattr(cls, "_fields"):  # of a NamedTuple, which makes its own
            arguments[3]["__slots__"] = members.pop("__slots__")
        state = (number, put, members, slot_state)
        return make_class, (number, moment, make, (*arguments, tracker, extra)), state, None, None, _fill

    def _module(self, module: types.ModuleType) -> Any:
        by_value = module.__name__ in MAIN or self._by_value(module.__name__) or is_left_behind(module)
        if not by_value:
            return _module_reduce(module)
        content = {
            name: value
            for name, value in vars(module).items()
            if (name in _OF_PACKAGES or not name.startswith("__")) and self._crosses(value)
        }
        return _make_module, (module.__name__,), content, None, None, _fill_module

    def _crosses(self, value: Any) -> bool:
        if isinstance(value, (types.FunctionType, types.ModuleType, type)) or id(value) in _being_tried:
            return True
        _being_tried.add(id(value))
        try:
            Pickler(io.BytesIO(), self._by_value, self._moments).dump(value)
        except Exception:  # whatever its own __reduce__ raises: it does not cross
            return False
        finally:
            _being_tried.discard(id(value))
        return True


def dumps(value: Any, by_value: Callable[[str], bool], moments: Moments | None, **settings: Any) -> bytes:
    """Return the pickle of `value`, as a Pickler makes it with these settings."""
    with io.BytesIO() as file:
        Pickler(file, by_value, moments, **settings).dump(value)
        return file.getvalue()


# -- classes -----------------------------------------------------------------------------------------------------------


def _fill(cls: type, state: tuple[str, Callable[..., Any], dict[str, Any], Any]) -> None:
    number, put, members, slot_state = state
    fill(cls, number, members, lambda some: put(cls, (some, slot_state)))


def _make_enum(tracker: str | None, parts: tuple[Any, ...]) -> type:
    made: type = make_enum(*parts)
    return made if tracker is None else _lookup_class_or_track(tracker, made)


def _fill_enum(cls: type, state: tuple[str, Callable[..., Any], dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    number, put, members, attributes = state

    def put_some(some: dict[str, Any]) -> None:
        put(cls, (some, {}))
        fill_members(cls, attributes)

    fill(cls, number, members, put_some)


def _struct_parts(cls: Any) -> tuple[Any, ...]:
    """Return what a msgspec.Struct is made of: its fields are in no attribute that could be set afterwards."""
    config = {name: getattr(cls.__struct_config__, name) for name in dir(cls.__struct_config__) if name[0] != "_"}
    own = dict(cls.__annotations__)
    config["kw_only"] = bool(own) and not any(name in own for name in cls.__match_args__)
    fields = {name: settings for name, settings in _fields_of_struct(cls) if name in own}
    kept = (
        "__module__",
        "__qualname__",
        "__doc__",
        "__post_init__",
        "__orig_bases__",
        "__parameters__",
        "__type_params__",
    )
    members = {
        name: value
        for name, value in {**vars(cls), "__qualname__": cls.__qualname__}.items()
        if name not in fields and (name in kept or not name.startswith("__") or callable(value))
    }
    # The types of fields come later: they may name the class itself.
    annotations = {name: Any if name in fields else typing.ClassVar[Any] for name in own}
    return cls.__name__, cls.__bases__, {**members, "__annotations__": annotations}, fields, config


def _fields_of_struct(cls: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each field, and what msgspec.field() takes for it.

    msgspec.structs.fields() says it too, and fails where text in an annotation names nothing, as with what only type
    checkers import.
    """
    from msgspec import NODEFAULT
    from msgspec._core import Factory  # type: ignore[import-not-found]  # it has no types

    defaults = (NODEFAULT,) * (len(cls.__struct_fields__) - len(cls.__struct_defaults__)) + cls.__struct_defaults__
    for name, encoded, default in zip(cls.__struct_fields__, cls.__struct_encode_fields__, defaults, strict=True):
        settings: dict[str, Any] = {"name": encoded}
        if isinstance(default, Factory):
            settings["default_factory"] = default.factory
        elif default is not NODEFAULT:
            settings["default"] = default
        yield name, settings


def _make_struct(
    name: str, bases: tuple[type, ...], members: dict[str, Any], fields: dict[str, Any], config: dict[str, Any]
) -> type:
    import msgspec

    made = {field: msgspec.field(**given) for field, given in fields.items()}
    return types.new_class(name, bases, config, lambda namespace: namespace.update({**members, **made}))


def _fill_struct(cls: Any, state: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    number, annotations, members = state
    methods = {name: member for name, member in members.items() if not name.startswith("__")}

    def put(some: dict[str, Any]) -> None:
        for name, member in some.items():
            setattr(cls, name, member)

    fill(cls, number, {**methods, "__annotations__": annotations}, put)


def _is_descriptor_of(member: Any, cls: type) -> bool:
    """Whether the class makes `member` again from its slots."""
    kinds = (types.MemberDescriptorType, types.GetSetDescriptorType)
    return isinstance(member, kinds) and member.__objclass__ is cls


# -- code, functions, modules ------------------------------------------------------------------------------------------


def _reduce_code(code: types.CodeType) -> Any:
    return make_code, (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_nlocals,
        code.co_stacksize,
        code.co_flags,
        code.co_code,
        code.co_consts,
        code.co_names,
        code.co_varnames,
        code.co_filename,
        code.co_name,
        code.co_qualname,
        code.co_firstlineno,
        code.co_linetable,
        code.co_exceptiontable,
        code.co_freevars,
        code.co_cellvars,
    )


def _make_cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(function)


_OF_PACKAGES = frozenset(("__file__", "__path__", "__package__"))
"""What imports look at that start from a module."""


def _make_module(name: str) -> types.ModuleType:
    return types.ModuleType(name)


def _fill_module(module: types.ModuleType, content: dict[str, Any]) -> None:
    vars(module).update(content)


def _reduce_json_scanner(scanner: Any) -> Any:
    return _make_json_scanner, ({name: getattr(scanner, name, None) for name in _SCANNER_SETTINGS},)


def _make_json_scanner(settings: dict[str, Any]) -> Any:
    return _SCANNER(types.SimpleNamespace(**settings))


_SCANNER: Any = type(vars(json.JSONDecoder())["scan_once"])
_SCANNER_SETTINGS = (
    "strict",
    "object_hook",
    "object_pairs_hook",
    "parse_float",
    "parse_int",
    "parse_constant",
    "array_hook",
)
"""What a scanner is made of; `array_hook` since Python 3.15."""


def _reduce_weak_dictionary(value: Any) -> Any:
    return type(value), (dict(value),)


def _reduce_cached_property(value: functools.cached_property[Any]) -> Any:
    return _make_cached_property, (value.func, value.attrname)


def _make_cached_property(function: Callable[[Any], Any], name: str | None) -> functools.cached_property[Any]:
    made = functools.cached_property(function)
    if name is not None:
        made.__set_name__(object, name)
    return made


def _reduce_partial_method(value: functools.partialmethod[Any]) -> Any:
    return _make_partial_method, (value.func, value.args, value.keywords)


def _make_partial_method(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> functools.partialmethod[Any]:
    return functools.partialmethod(function, *arguments, **keywords)


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(SENTINEL_TYPES, reduce_sentinel),
    types.CodeType: _reduce_code,
    functools.cached_property: _reduce_cached_property,  # which has a lock up to Python 3.11
    functools.partialmethod: _reduce_partial_method,  # which pickle can't make without its function since Python 3.14
    _SCANNER: _reduce_json_scanner,
    weakref.WeakKeyDictionary: _reduce_weak_dictionary,
    weakref.WeakValueDictionary: _reduce_weak_dictionary,
}


_OF_GLOBALS = frozenset(("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"))


def _tell_globals(code: types.CodeType, known: Any) -> None:
    """Add the names of globals in `code` to those that cloudpickle has `known`.

    It would ask `dis`, which makes a text of each constant, and Python makes none of an integer of too many digits.
    """
    if code not in known:
        known[code] = {name: None for part in codes_in(code) for name in names_in(part, _OF_GLOBALS)}


_LOOKING = frozenset(("eval", "exec", "globals", "query"))
"""Functions that run a text or look up names in one: Python's own, and pandas'."""
_WORD = re.compile(r"[^\W\d]\w*")


def _names_looked_up(code: types.CodeType) -> set[str]:
    """Return the words in the texts of `code`, if it calls something that may look them up; else nothing.

    >>> sorted(_names_looked_up((lambda x: eval("LIMIT + x")).__code__))
    ['LIMIT', 'x']
    >>> _names_looked_up((lambda x: "LIMIT").__code__)
    set()
    """
    if _LOOKING.isdisjoint(names_of(code)):
        return set()
    return {word for text in _texts(code.co_consts) for word in _WORD.findall(text)}


def _texts(constants: Any) -> Iterator[str]:
    for each in constants:
        if isinstance(each, str):
            yield each
        elif isinstance(each, types.CodeType):
            yield from _texts(each.co_consts)
        elif isinstance(each, (tuple, frozenset)):
            yield from _texts(each)
