"""Values of the user's modules in forms that cross, and that a worker can compare with what its own modules hold.

A function, class or module that stands somewhere under its name is sent by that name. Anything else is pickled, the
same way by the caller and by the worker: the same bytes are the same value, and then the worker keeps its own. Where
the bytes differ, they are compared again without what is by chance: the order of sets, and which texts are one object.

Imported by workers, so light.
"""

from __future__ import annotations

import _pickle
import marshal
import sys

from bagkit.crossing.generators import belongs_to_process, generator_reduce, is_generator

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST_BYTES = 1 << 18
"""A value of more bytes than this is taken for data that nobody changes."""
_PROTOCOL = 5
_FUNCTION: Any = type(lambda: 0)
_MODULE, _CELL = type(sys), type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]
_PROXY: Any = type(vars(type))
NOTHING: Any = object()


class NotComparableError(Exception):
    """What holds code of the program's own module, or of one that travels by value, is no worker's own value."""


class TooLargeError(Exception):
    """A value is data that nobody changes."""


class Named(tuple):  # type: ignore[type-arg]
    """The names of a module, and of a function or class in it; the second is empty where the module is meant."""

    __slots__ = ()

    def here(self, present: Any, own: Any) -> Any:
        """Return what has that name in this process."""
        module, dotted = self
        found = sys.modules.get(module)
        if found is None:
            __import__(module)
            found = sys.modules[module]
        for name in dotted.split(".") if dotted else ():
            found = getattr(found, name)
        return found


class ObjectOf(Named):
    """An object of a class, by the names of the class. What is in it comes by itself, attribute by attribute."""

    __slots__ = ()

    def here(self, present: Any, own: Any) -> Any:
        """Return `present` if it is such an object, else a new one."""
        kind = super().here(present, own)
        return present if type(present) is kind else kind.__new__(kind)


class Packed:
    """A pickled value; mutable: it is made once, so that all who have it get the same object.

    It is `fresh` where the worker's own value can't do: it can't be compared, or has a generator of random numbers.
    """

    __slots__ = ("_made", "data", "fresh")

    def __init__(self, data: bytes, fresh: bool) -> None:
        self.data = data
        self.fresh = fresh
        self._made: Any = NOTHING

    def __reduce__(self) -> tuple[Any, ...]:
        return Packed, (self.data, self.fresh)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packed) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]

    def keep(self, present: Any) -> None:
        """Give `present` to all who have this value: it was made of the same bytes before."""
        if self._made is NOTHING:
            self._made = present

    def here(self, present: Any, own: Any) -> Any:
        """Return `present`, or else `own`, if it is the same value; else make it."""
        if self._made is NOTHING:
            known = () if self.fresh else (present, own)
            self._made = next((each for each in known if self._is_packed(each)), NOTHING)
        if self._made is NOTHING:
            made = _pickle.loads(self.data)
            self._made = next((each for each in known if are_alike(made, each)), made)
        return self._made

    def _is_packed(self, value: Any) -> bool:
        try:
            return value is not NOTHING and pack(value).data == self.data
        except Exception:  # whatever its own __reduce__ raises: it is another
            return False


def pack(value: Any, by_value: Callable[[str], bool] = lambda module: False) -> Packed:
    """Return `value` pickled; `by_value` says which modules a worker does not have as this process has them.

    Raises NotComparableError, TooLargeError, and what pickle raises.
    """
    file = _Bytes()
    pickler = _Pickler(file, by_value)
    pickler.dump(value)
    return Packed(b"".join(file.chunks), pickler.has_generator)


class _Bytes:
    """What is written, up to MOST_BYTES."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._room = MOST_BYTES

    def write(self, chunk: Any) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            raise TooLargeError
        self.chunks.append(bytes(chunk))


def _is_to_be_copied(buffer: Any) -> bool:
    with buffer.raw() as content:
        if content.nbytes > MOST_BYTES:
            raise TooLargeError
    return True


class _Pickler(_pickle.Pickler):
    """Pickles by name what stands in modules, and code that does not stand there under a name by what it is."""

    def __init__(self, file: _Bytes, by_value: Callable[[str], bool]) -> None:
        super().__init__(file, _PROTOCOL, buffer_callback=_is_to_be_copied)
        self._by_value = by_value
        self.has_generator = False

    def reducer_override(self, value: Any) -> Any:
        """Return how `value` is made again; NotImplemented if pickle does it right."""
        kind = type(value)
        if kind is _FUNCTION:
            return self._function(value)
        if isinstance(value, type):
            if self._by_value(value.__module__):
                raise NotComparableError
        elif kind is _MODULE:
            return Named.here, (Named((value.__name__, "")), None, None)
        elif kind is _PROXY:
            return _make_proxy, (dict(value),)
        elif hasattr(kind, "__next__"):
            raise TypeError("an iterator, which goes on where it is")
        elif is_generator(value):
            return self._generator(value)
        return NotImplemented

    def _function(self, function: Any) -> Any:
        if function.__module__ is None or self._by_value(function.__module__):
            raise NotComparableError
        if _found(function.__module__, function.__qualname__) is function:
            return NotImplemented
        content = function.__globals__
        module = content.get("__name__")
        if self._by_value(module) or getattr(sys.modules.get(module), "__dict__", None) is not content:
            raise NotComparableError
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        more = function.__kwdefaults__, vars(function)
        return _make_function, (module, _code_bytes(function.__code__), function.__defaults__, cells, *more)

    def _generator(self, generator: Any) -> Any:
        self.has_generator = self.has_generator or not belongs_to_process(generator)
        return generator_reduce(generator, True) or NotImplemented


def _found(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _code_bytes(code: Any) -> bytes:
    try:
        return marshal.dumps(code, 2)  # which knows neither sharing nor interning, so the bytes are not by chance
    except ValueError:  # of a constant that is newer
        return marshal.dumps(code)


def _make_function(
    module: str,
    code: bytes,
    defaults: Any,
    cells: list[Any],
    keywords: dict[str, Any] | None,
    attributes: dict[str, Any],
) -> Any:
    content = vars(sys.modules.get(module) or Named((module, "")).here(None, None))
    made = _FUNCTION(marshal.loads(code), content, None, defaults, tuple(map(_CELL, cells)))
    made.__kwdefaults__ = keywords
    vars(made).update(attributes)
    return made


def _make_proxy(content: dict[Any, Any]) -> Any:
    return _PROXY(content)


# -- what is not by chance ---------------------------------------------------------------------------------------------


def are_alike(one: Any, other: Any) -> bool:
    """Return whether two values are the same but for the order of sets, and for which equal parts are one object."""
    if type(one) is not type(other):
        return False
    for made in (_as_it_comes, _canonical):  # the first is a tenth of the work, and enough where there are no sets
        try:
            if made(one) == made(other):
                return True
        except Exception:  # whatever its own __reduce__ raises, or it is in itself
            pass
    return False


def _as_it_comes(value: Any) -> bytes:
    return _dumped(_Pickler, value, as_if_first=True)


def _canonical(value: Any) -> bytes:
    try:
        return _dumped(_Ordered, value, as_if_first=True)
    except (ValueError, RecursionError):  # it is in itself
        return _dumped(_Ordered, value, as_if_first=False)


def _dumped(kind: type[_Pickler], value: Any, as_if_first: bool) -> bytes:
    file = _Bytes()
    pickler = kind(file, lambda module: False)
    pickler.fast = as_if_first  # each part as if it came for the first time
    pickler.dump(value)
    return b"".join(file.chunks)


class _Ordered(_Pickler):
    """Pickles sets in an order that is the same in all processes."""

    def persistent_id(self, value: Any) -> Any:
        if type(value) in (set, frozenset):
            return type(value).__name__, sorted(map(_canonical, value))
        return None
