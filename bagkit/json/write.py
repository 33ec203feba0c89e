"""JSON lines as `json.dumps` writes them, written by orjson if that gives the same.

orjson is several times faster, and more lenient: NaN becomes null, UUIDs and enums become text. So what it has written
of a block counts where all values of the records are of JSON's own types, and all floats are finite (`json.plain`).
Wherever they are not, and where orjson raises (dates, Decimals, large integers, keys that are no text), it is the
standard library that decides, for each record by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from json.encoder import JSONEncoder
from typing import Any, Final

from bagkit.json.plain import GIVEN_BACK, PLAIN, are_finite, floats_in

_FEW: Final = 8
"""Records that are looked at one by one where one of them is for the standard library."""


def json_lines_encoder(
    default: Callable[[Any], Any] | None = None, allow_nan: bool = False
) -> Callable[[Sequence[Any]], Iterable[bytes]]:
    r"""Return the function that gives the lines of some records, each in UTF-8, without its end.

    What iterates over them raises what `json.dumps` raises, ValueError for NaN and infinity unless `allow_nan`.

    >>> list(json_lines_encoder()([{"a": (1, None), 2: "é"}, 1.5]))
    [b'{"a":[1,null],"2":"\xc3\xa9"}', b'1.5']
    """
    quick = _quick_encoder()
    one = partial(_encode_one, quick, careful_encoder(default, allow_nan))

    def few(records: Sequence[Any]) -> Iterable[bytes]:
        return quick(records) or map(one, records)

    def encode_json(records: Sequence[Any]) -> Iterable[bytes]:
        if len(records) > _FEW and (lines := quick(records)):
            return lines
        starts = range(0, len(records), _FEW)
        return chain.from_iterable(few(records[start : start + _FEW]) for start in starts)

    return encode_json


def quick_look() -> Callable[[Sequence[Any]], bool]:
    """Return a function that says of some records that JSON gives all back as they are, if that is quickly told.

    >>> looks = quick_look()
    >>> looks([{"a": [1, None]}]), looks([{"a": (1, None)}]), looks([2**70])
    (True, False, False)
    """
    quick = _quick_encoder(GIVEN_BACK)
    return lambda records: bool(quick(records))


def _quick_encoder(plain: frozenset[type] = PLAIN) -> Callable[[Sequence[Any]], list[bytes]]:
    """Return a function that gives the lines of records; none if orjson may write something else than `json.dumps`.

    Values of other types than the `plain` ones are such.
    """
    import orjson

    dumps = orjson.dumps
    as_is = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

    def encode(records: Sequence[Any]) -> list[bytes]:
        try:
            lines = list(map(dumps, records, repeat(None), repeat(as_is)))
            floats = floats_in(records, plain)
            return lines if floats is not None and are_finite(floats) else []
        except Exception:  # the standard library says it better, or finds nothing wrong
            return []

    return encode


def _encode_one(quick: Callable[[Sequence[Any]], list[bytes]], careful: Callable[[Any], bytes], record: Any) -> bytes:
    for line in quick((record,)):
        return line
    return careful(record)


_DEFAULTS = {
    **dict.fromkeys(("set", "frozenset", "deque", "dict_keys", "dict_values", "range", "generator"), "list"),
    **dict.fromkeys(("bytes", "bytearray"), "bytes.decode"),
    **dict.fromkeys(("ndarray", "bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), ""),
    **dict.fromkeys(("uint64", "float16", "float32", "Series"), ""),
}
"""What writes values of a type, by its name; with an empty text their own `tolist`, as numpy's have it."""


_AS_DICTS = {
    "__struct_fields__": "msgspec.to_builtins",
    "__dataclass_fields__": "msgspec.to_builtins",
    "model_dump": "lambda record: record.model_dump(mode='json')",
}
"""Attributes by which types of records are known that are no dicts, and functions that make dicts of these."""


def dicts_hint(record: object) -> str | None:
    """Return a hint how to make dicts of objects such as `record`; None for other values."""
    for name, function in _AS_DICTS.items():
        if hasattr(type(record), name):
            return f"bag.map({function}) makes dicts of them"
    return None


def _hint(text: str, record: object) -> str | None:
    """Return what to do about a value in `record` that `json.dumps` refuses, by what that says."""
    hint = dicts_hint(record)
    if hint is not None:
        return hint
    kind = text.removeprefix("Object of type ").removesuffix(" is not JSON serializable")
    if kind != text:
        default = _DEFAULTS.get(kind, "str") or "lambda value: value.tolist()"
        return f"default={default} writes {kind} as {'text' if default in ('str', 'bytes.decode') else 'JSON'}"
    if text.startswith("keys must be"):
        return "keys of dicts are text in JSON: map(...) can make them so before"
    return None


def careful_encoder(default: Callable[[Any], Any] | None, allow_nan: bool) -> Callable[[Any], bytes]:
    """Return the function that gives a record's line as the standard library writes it."""
    compact = (",", ":")
    readable = JSONEncoder(ensure_ascii=False, allow_nan=allow_nan, separators=compact, default=default).encode
    ascii_only = JSONEncoder(ensure_ascii=True, allow_nan=allow_nan, separators=compact, default=default).encode

    def encode_json_carefully(record: Any) -> bytes:
        try:
            return readable(record).encode()
        except UnicodeEncodeError:  # a lone surrogate, which JSON can say as an escape only
            return ascii_only(record).encode()
        except ValueError as error:
            if type(error) is ValueError and not allow_nan and "Out of range float" in str(error):
                error.add_note("hint: allow_nan=True writes NaN and Infinity, as Python's json does")
            raise
        except TypeError as error:
            own = type(error) is TypeError  # of json itself, and no class of the user's
            if own and default is None and (hint := _hint(str(error), record)) is not None:
                error.add_note(f"hint: {hint}")
            raise

    return encode_json_carefully
