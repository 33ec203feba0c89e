"""A number for a key that is the same wherever it is made, and the same for equal keys.

`hash()` would not do: the hash of a str depends on the process, the hash of None and of most objects on their
address. Here equal numbers have one digest whatever their type (1, 1.0, True, Decimal(1), Fraction(1)). A namedtuple
has the digest of its tuple, an IntEnum the digest of its int; an Enum, a date, a frozen dataclass have their own.

A key whose equality is not known raises Undigestible: it would be one group or two as chance has it.
"""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import repeat
from operator import ne
from typing import Any, Final, TypeVar
from uuid import UUID

from bagkit.exchange.checksum import deflate_module
from bagkit.exchange.compared_fields import compared_fields
from bagkit.flow.buckets import SPREAD

crc32: Callable[[bytes], int] = deflate_module().crc32

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_SALT: Final = 0xD1B54A32D192ED03
_TEXT: Final = 0x5354520000000000
"""The upper half of the digest of a text; the lower is a checksum, which spreads keys as it is."""
_TUPLE: Final = 0x7475706C65
_DAY: Final = 86_400_000_000


class Undigestible(TypeError):
    """No digest is known that equal keys would share; the text says why."""

    key: Any = None
    """The key, if it is known."""


def bucket_of(key: Any, count: int, salt: int = 0) -> int:
    """Return which of `count` buckets a key belongs to; another `salt` spreads the keys of one bucket over others.

    >>> bucket_of(1, 8) == bucket_of(1.0, 8) == bucket_of(True, 8)
    True
    """
    return _number_of(key, count, salt) % count


def _number_of(key: Any, count: int, salt: int = 0) -> int:
    try:
        found = digest(key)
    except Undigestible as error:
        error.key = key
        raise
    if salt:
        # The last steps of splitmix64: each bit of the digest, and of the salt, moves all bits of what is left.
        mixed = ((found ^ (salt * _SALT)) * _GOLDEN) & _MASK
        mixed = ((mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9) & _MASK
        return mixed >> 32
    if found >> 32 == _TEXT >> 32:
        return found & 0xFFFFFFFF
    signed = found - (found >> 63 << 64)  # as hash() is
    return signed if count == SPREAD else hash((signed,))  # the hash of a tuple mixes well enough


def parts_of(keys: Collection[Any], count: int, kinds: set[type] | None = None) -> dict[int, list[Any]]:
    """Return `keys` in lists by the partitions that they go to: `bucket_of(key, count)` says to which.

    Texts only, or numbers only, take a fifth of the time. `kinds` are the types of the keys, where they are known.

    >>> parts_of(["a", "d", "b"], 2)
    {0: ['d'], 1: ['a', 'b']}
    """
    if count == 1:
        return {0: list(keys)} if keys else {}
    return divided(keys, numbers_of(keys, set(map(type, keys)) if kinds is None else kinds, count), count)


def numbers_of(keys: Collection[Any], kinds: set[type], count: int) -> Iterable[int]:
    """Return the number of each of `keys`, whose types are `kinds`: its bucket of `count` is the remainder of it."""
    if kinds <= _INTEGERS or (kinds <= _NUMBERS and not any(map(ne, keys, keys))):
        return map(hash, keys if count == SPREAD else zip(keys, strict=False))
    if kinds == {str}:
        try:
            return list(map(crc32, map(str.encode, keys)))
        except UnicodeEncodeError:
            pass  # lone surrogates, which have a number too
    return map(_number_of, keys, repeat(count))


_INTEGERS: Final = frozenset({int, bool})
_NUMBERS: Final = _INTEGERS | {float}
T = TypeVar("T")


def divided(things: Collection[T], numbers: Iterable[int], count: int) -> dict[int, list[T]]:
    """Return `things` in lists, each in the one of `count` that the remainder of its number says; no empty ones.

    >>> divided("abc", [7, 3, 5], 4)
    {1: ['c'], 3: ['a', 'b']}
    """
    if count > len(things):  # most would be empty: a task can have a few records for tens of thousands of partitions
        found: dict[int, list[T]] = {}
        for thing, number in zip(things, numbers, strict=True):
            found.setdefault(number % count, []).append(thing)
        return {number: found[number] for number in sorted(found)}
    parts: list[list[T]] = [[] for _ in range(count)]
    for thing, number in zip(things, numbers, strict=True):
        parts[number % count].append(thing)
    return {number: part for number, part in enumerate(parts) if part}


def digest(key: Any) -> int:
    """Return the digest of `key`, an int of at most 64 bits.

    Raises Undigestible for keys of types whose equality is not known, and TypeError for those that have no hash.
    """
    known = _DIGESTS.get(type(key))
    return (known(key) if known is not None else _digest_other(key)) & _MASK


def is_nan(key: Any) -> bool:
    """Return whether `key` is a number that is not equal to itself."""
    return isinstance(key, MAY_BE_NAN) and bool(key != key)


MAY_BE_NAN: Final = (float, Decimal)
"""Types of numbers that may not be equal to themselves."""


def _number(key: Any) -> int:
    # The hash of numbers is part of the language: the same for equal ones of all types, and in all processes.
    return hash(key) if key == key else _not_a_number(key)


def _not_a_number(key: Any) -> int:
    if isinstance(key, complex):
        raise Undigestible("a complex number that is not equal to itself")
    return 0x7FF8


def _text(key: str) -> int:
    return crc32(key.encode("utf-8", "surrogatepass")) ^ _TEXT


def _bytes(key: bytes) -> int:
    return crc32(key) ^ 0x4259540000000000


def _parts(tag: int, parts: Any) -> int:
    total = tag
    for part in parts:
        if is_nan(part):
            # (nan,) is equal to itself only while it holds the same object, which it does not in another process.
            raise Undigestible("it holds a NaN, which is not equal to itself")
        total = ((total ^ digest(part)) * _GOLDEN) & _MASK
        total ^= total >> 31
    return total


def _tuple(key: tuple[Any, ...]) -> int:
    return _parts(_TUPLE + len(key), key)


def _frozenset(key: frozenset[Any]) -> int:
    # A sum: the elements come in an order that differs between processes.
    return sum(_parts(0x736574, (part,)) for part in key) + 0x667365 + len(key)


def _range(key: range) -> int:
    first = key[0] if key else None
    return _parts(0x72616E6765, (len(key), first, key.step if len(key) > 1 else None))


def _microseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _time_of_day(key: time | datetime) -> int:
    return ((key.hour * 60 + key.minute) * 60 + key.second) * 1_000_000 + key.microsecond


def _date(key: date) -> int:
    return _parts(0x64617465, (key.toordinal(),))


def _datetime(key: datetime) -> int:
    # As its own hash: `fold` does not count, and with a time zone it is the moment that does.
    key = key.replace(fold=0)
    moment = key.toordinal() * _DAY + _time_of_day(key)
    offset = key.utcoffset()
    return _parts(0x6474, (moment if offset is None else moment - _microseconds(offset), offset is None))


def _time(key: time) -> int:
    key = key.replace(fold=0)
    offset = key.utcoffset()
    moment = _time_of_day(key)
    return _parts(0x74696D65, (moment if offset is None else moment - _microseconds(offset), offset is None))


def _path(key: pathlib.PurePath) -> int:
    windows = isinstance(key, pathlib.PureWindowsPath)
    return _parts(0x70617468, (windows, str(key).lower() if windows else str(key)))


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_DIGESTS: Final[dict[type, Callable[[Any], int]]] = {
    str: _text,
    int: hash,
    bool: hash,
    float: _number,
    complex: _number,
    Decimal: _number,
    Fraction: hash,
    bytes: _bytes,
    type(None): lambda key: 0x4E6F6E65,
    type(...): lambda key: 0x2E2E2E,
    tuple: _tuple,
    frozenset: _frozenset,
    range: _range,
    date: _date,
    datetime: _datetime,
    time: _time,
    timedelta: lambda key: _parts(0x7464, (_microseconds(key),)),
    UUID: lambda key: _parts(0x75756964, (key.int,)),
    type: lambda key: _parts(0x636C617373, (_named(key),)),
}
"""What is looked up by the exact type."""


def _digest_other(key: Any) -> int:
    """Return the digest of a key whose type is none of those above."""
    kind: Any = type(key)
    if kind.__module__.partition(".")[0] == "numpy":
        return _numpy(key)
    if isinstance(key, enum.Enum) and kind.__eq__ is object.__eq__:
        if kind.__hash__ not in (enum.Enum.__hash__, enum.Flag.__hash__):
            raise Undigestible(f"{_named(kind)} has a __hash__ of its own")
        return _parts(0x656E756D, (_named(kind), key.value if isinstance(key, enum.Flag) else key.name))
    if isinstance(key, pathlib.PurePath) and kind.__eq__ is pathlib.PurePath.__eq__:
        return _path(key)
    if isinstance(key, type) and kind.__eq__ is type.__eq__:
        return _DIGESTS[type](key)
    if hasattr(kind, "__dataclass_fields__"):
        hash(key)  # one that can change is no key
        names = compared_fields(kind)
        if names is not None:
            return _parts(crc32(_named(kind).encode()), [getattr(key, name) for name in names])
    for parent in kind.__mro__[1:-1]:
        if parent in _DIGESTS:
            if is_compared_as(kind, parent):
                return (_BELOW.get(parent) or _DIGESTS[parent])(key)
            break
    hash(key)  # a list is no key at all, which is another error
    what = "is compared by identity" if kind.__eq__ is object.__eq__ else "has an __eq__ or a __hash__ of its own"
    raise Undigestible(f"{_named(kind)} {what}")


def is_compared_as(kind: Any, parent: Any) -> bool:
    """Return whether keys of the type `kind` are equal if they are as keys of `parent`, which it is made of."""
    return kind is parent or (kind.__eq__ is parent.__eq__ and kind.__hash__ is parent.__hash__)


_BELOW: Final[dict[type, Callable[[Any], int]]] = {
    str: lambda key: _text(str.__str__(key)),
    tuple: lambda key: _parts(_TUPLE + tuple.__len__(key), tuple.__iter__(key)),
    frozenset: lambda key: _frozenset(frozenset.copy(key)),
}
"""For subclasses of these, which may make something else of `encode` or `__iter__` than what is compared."""


def _numpy(key: Any) -> int:
    """Return the digest of a numpy scalar: if it equals a plain value, the digest of the value."""
    if getattr(getattr(key, "dtype", None), "kind", "") in tuple("biufcUS"):
        plain = key.item()
        if type(plain) is not type(key):
            return digest(plain)
    raise Undigestible(f"{_named(type(key))} has an __eq__ of its own")
