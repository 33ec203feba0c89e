"""JSON lines as `json.dumps` means them, written by orjson where that comes to the same.

orjson is several times faster, and more lenient: NaN becomes null, UUIDs and enums become text. So each line is read
back and compared with its record: where the two are equal, orjson wrote what the record says. Wherever they are not
(NaN, UUIDs, but also tuples inside of a record) and where orjson raises (dates, Decimals, large integers, keys that are
no text), it is the standard library that decides. Of those two the faster way takes less than half the time of
`json.dumps`.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import JSONEncoder
from typing import Any


def json_line_encoder(default: Callable[[Any], Any] | None = None, allow_nan: bool = False) -> Callable[[Any], bytes]:
    r"""Return the function that gives the line of a record, in UTF-8, with its "\n" and no other.

    It raises what `json.dumps` raises, ValueError for NaN and infinity unless `allow_nan`.

    >>> json_line_encoder()({"a": (1, None), 2: "é"})
    b'{"a":[1,null],"2":"\xc3\xa9"}\n'
    """
    import orjson

    dumps, loads, careful = orjson.dumps, orjson.loads, careful_encoder(default, allow_nan)
    as_is = (
        orjson.OPT_PASSTHROUGH_SUBCLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_APPEND_NEWLINE
    )

    def encode_json(record: Any) -> bytes:
        try:
            line = dumps(record, None, as_is)
            if loads(line) == (list(record) if type(record) is tuple else record):
                return line
        except Exception:  # also what the == of an enum raises when it gets text
            pass
        return careful(record)

    return encode_json


_DEFAULTS = {
    **dict.fromkeys(("set", "frozenset", "deque", "dict_keys", "dict_values", "range", "generator"), "list"),
    **dict.fromkeys(("bytes", "bytearray"), "bytes.decode"),
    **dict.fromkeys(("ndarray", "bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), ""),
    **dict.fromkeys(("uint64", "float16", "float32", "Series"), ""),
}
"""What writes values of a type, by its name; with an empty text their own `tolist`, as numpy's have it."""


def _hint(text: str) -> str | None:
    """Return what to do about a value that `json.dumps` refuses, by what that says."""
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
            return readable(record).encode() + b"\n"
        except UnicodeEncodeError:  # a lone surrogate, which JSON can say as an escape only
            return ascii_only(record).encode() + b"\n"
        except ValueError as error:
            if not allow_nan and "Out of range float" in str(error):
                error.add_note("hint: allow_nan=True writes NaN and Infinity, as Python's json does")
            raise
        except TypeError as error:
            if default is None and (hint := _hint(str(error))) is not None:
                error.add_note(f"hint: {hint}")
            raise

    return encode_json_carefully
