"""One exception as bytes, without what it is chained to: so that it comes back from them as it was, as far as it can.

Four forms are tried, the first that gives the same again is it: its own pickle; that with the attributes beside it,
for types whose `__reduce__` leaves them out, be it only the notes that an error gets on its way; its type, arguments
and attributes, put together without its `__init__`, `__setattr__` and `__reduce__`; the same without what can't be
pickled, which is named. A group is its type, message and attributes; its members have bytes of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.crossing.call_when_loaded import CallWhenLoaded
from bagkit.crossing.transport import loads, to_bytes
from bagkit.errors import attribute, one_line, put, text_of
from bagkit.user_code.main_module import MAIN
from bagkit.visible import KEPT, LONGEST, cut

PICKLE_BYTES = LONGEST
TEXT = KEPT
"""How many characters of an exception's text are kept, if it has to be cut."""


def pickled_error(error: BaseException) -> tuple[bytes | None, list[str]]:
    """Return the bytes of `error` (None if there is no way), and notes on what is missing in them."""
    if not isinstance(error, BaseExceptionGroup) and not _is_long(error):
        try:
            for form in (error, CallWhenLoaded(_completed, error, attributes_of(error))):
                data = to_bytes(form)
                if len(data) <= PICKLE_BYTES and _same(loads(data), error):
                    return data, []
        except BaseException:
            pass  # declines because of whatever its own methods raise
    try:
        return _by_parts(error)
    except BaseException:
        return None, []  # its type can't be pickled, or has a base of its own in C


def _is_long(error: BaseException) -> bool:
    """Return whether texts that `error` holds have to be cut: to see that by its pickle takes copies of them."""
    held = (*attribute(error, "args"), *attribute(error, "__dict__").values())
    return sum([len(value) for value in held if type(value) in (str, bytes)]) > PICKLE_BYTES


def _by_parts(error: BaseException) -> tuple[bytes | None, list[str]]:
    native, args, state = native_type(error), attribute(error, "args"), {}
    if isinstance(error, BaseExceptionGroup):
        given: tuple[Any, ...] = (attribute(error, "message", BaseExceptionGroup),)
        args = given  # the members have bytes of their own
    else:
        _, given, *more = native.__reduce__(error)  # type: ignore[str-unpack, assignment]
        state = more[0] if more and isinstance(more[0], dict) else {}
    attributes = {**state, **attributes_of(error)}
    make = _group_later if isinstance(error, BaseExceptionGroup) else _put_together
    parts: list[Any] = [type(error), native, given, args, attributes]
    missing: list[str] = []
    try:
        long = not isinstance(error, BaseExceptionGroup) and _is_long(error)
        data = b"" if long else to_bytes(CallWhenLoaded(make, *parts))
        fits = not long and len(data) <= PICKLE_BYTES and _comes_back(data, error)
    except BaseException:
        fits = False
    if not fits:
        parts[2] = _texts_for(given, missing)
        parts[3] = parts[2] if given == args else _texts_for(args, [])
        parts[4] = _kept_attributes(attributes, missing)
        data = to_bytes(CallWhenLoaded(make, *parts))
    notes = [f"left behind in the worker: {', '.join(missing)}"] if missing else []
    copy, text = loads(data), text_of(error)
    if not isinstance(error, BaseExceptionGroup):
        if type(copy) is not type(error):
            return None, []
        if text_of(copy) != text and len(text) <= TEXT:
            notes.append(f"its text was: {text}")
    return data, notes


def _texts_for(values: Sequence[Any], missing: list[str]) -> tuple[Any, ...]:
    """Return `values`, with texts in place of values that do not come back."""
    kept: list[Any] = []
    for number, value in enumerate(values, 1):
        if isinstance(value, (str, bytes)) and len(value) > TEXT:
            kept.append(cut(value) if isinstance(value, str) else value[:TEXT])
            missing.append(_cut_off(value, f"argument {number}"))
        elif _fits(value):
            kept.append(value)
        else:
            kept.append(one_line(value))
            missing.append(f"argument {number} ({type_name_of(value)})")
    return tuple(kept)


def _kept_attributes(attributes: dict[str, Any], missing: list[str]) -> dict[str, Any]:
    """Return the `attributes` that come back; long texts are cut."""
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, str) and len(value) > TEXT:
            kept[name] = cut(value)
            missing.append(_cut_off(value, f"attribute `{name}`"))
        elif _fits(value):
            kept[name] = value
        else:
            missing.append(f"attribute `{name}` ({type_name_of(value)})")
    return kept


def _cut_off(text: str | bytes, what: str) -> str:
    kind = "characters" if isinstance(text, str) else "bytes"
    return f"{len(text) - TEXT + isinstance(text, str):,} {kind} of {what}"


def type_name_of(value: Any) -> str:
    """Return the name of the type of `value`, with its module."""
    return type_name(type(value))


def type_name(kind: type) -> str:
    """Return the name of a type as Python's tracebacks have it."""
    plain = kind.__module__ == "builtins" or kind.__module__ in MAIN
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def native_type(error: BaseException) -> type[BaseException]:
    """Return the type of `error`, or the first of its bases that is Python's own."""
    return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")


def attributes_of(error: BaseException) -> dict[str, Any]:
    """Return the attributes of `error`, those in slots too."""
    found: dict[str, Any] = {}
    for kind in reversed(type(error).__mro__):
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = f"_{kind.__name__.lstrip('_')}{name}" if name[:2] == "__" != name[-2:] else name
            if member not in ("__dict__", "__weakref__"):
                try:
                    found[member] = BaseException.__getattribute__(error, member)
                except Exception:
                    pass  # it was not set, or something else stands in its place
    return {**found, **attribute(error, "__dict__")}


def _comes_back(data: bytes, error: BaseException) -> bool:
    copy = loads(data)
    return isinstance(error, BaseExceptionGroup) or _same(copy, error)


def _same(copy: Any, error: BaseException) -> bool:
    if type(copy) is not type(error) or attributes_of(copy).keys() != attributes_of(error).keys():
        return False
    return text_of(copy) == text_of(error)


def _put_together(
    kind: type[BaseException],
    native: type[BaseException],
    given: tuple[Any, ...],
    args: tuple[Any, ...],
    attributes: dict[str, Any],
) -> BaseException:
    error = native.__new__(kind, *given)
    native.__init__(error, *given)
    put(error, "args", args)
    return _completed(error, attributes)


def _completed(error: BaseException, attributes: dict[str, Any]) -> BaseException:
    for name, value in attributes.items():
        put(error, name, value)
    return error


class GroupLater:
    """A group of exceptions that waits for its members."""

    def __init__(self, kind: type[Any], message: str, attributes: dict[str, Any]) -> None:
        self._kind = kind
        self._message = message
        self._attributes = attributes

    def of(self, members: Sequence[BaseException]) -> BaseException:
        """Return the group of `members`."""
        error: BaseException = BaseExceptionGroup.__new__(self._kind, self._message, list(members))
        put(error, "args", (self._message, list(members)))
        return _completed(error, self._attributes)


def _group_later(
    kind: type[Any], native: Any, given: tuple[str], args: tuple[Any, ...], attributes: dict[str, Any]
) -> GroupLater:
    return GroupLater(kind, given[0], attributes)


def _fits(value: Any) -> bool:
    """Return whether `value` can be sent: read again from its pickle, which is not too large."""
    size = size_of_pickle(value)
    return size is not None and size <= PICKLE_BYTES


def size_of_pickle(value: Any) -> int | None:
    """Return the size of the pickle of `value`; None if it can't be read again from that."""
    try:
        data = to_bytes(value)
        loads(data)
    except BaseException:
        return None
    return len(data)
