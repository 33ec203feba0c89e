"""The standard library's own json, whatever the program has put in its place.

Programs replace `json.loads`, wrap it, give it other defaults, or change the decoder below it. Then it is another
function, which runs as it is; and what bagkit itself has to read and write is none of its business.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from json.decoder import JSONDecoder
from json.encoder import JSONEncoder
from os.path import dirname
from types import FunctionType
from typing import Any

_HOME = dirname(vars(json.decoder)["py_scanstring"].__code__.co_filename)
_HOOKS = ("object_hook", "object_pairs_hook", "array_hook")  # the last since Python 3.15


def is_standard_loads(function: Any) -> bool:
    """Return whether `function` is the standard library's `json.loads`, and does now what that does.

    >>> is_standard_loads(json.loads), is_standard_loads(lambda text: json.loads(text))
    (True, False)
    """
    return (
        type(function) is FunctionType
        and function.__module__ == "json"
        and _is_of_json(function, "loads")
        and not any((function.__kwdefaults__ or {}).values())
        and not function.__defaults__
        and _is_standard(getattr(json, "_default_decoder", None))
    )


_WRITING = {"skipkeys": False, "ensure_ascii": True, "check_circular": True, "allow_nan": True}
_OF_CALL = {**_WRITING, **dict.fromkeys(("cls", "indent", "separators", "default")), "sort_keys": False}
_OF_ENCODER = {**_WRITING, "sort_keys": False, "indent": None}
_METHODS = ("encode", "iterencode", "default", "__init__")
_IN_C = {
    "c_make_encoder": "make_encoder",
    "encode_basestring": "encode_basestring",
    "encode_basestring_ascii": "encode_basestring_ascii",
}
"""What json.encoder takes from C, by what that calls it. What it has in Python for want of that is slower alone."""


def is_standard_dumps(function: Any) -> bool:
    """Return whether `function` is the standard library's `json.dumps`, and does now what that does.

    >>> is_standard_dumps(json.dumps), is_standard_dumps(lambda value: json.dumps(value))
    (True, False)
    """
    return (
        type(function) is FunctionType
        and function.__module__ == "json"
        and _is_of_json(function, "dumps")
        and function.__globals__ is vars(json)
        and function.__kwdefaults__ == _OF_CALL
        and not function.__defaults__
        and _is_standard_encoder(getattr(json, "_default_encoder", None))
        and getattr(json, "JSONEncoder", None) is JSONEncoder
    )


def _is_standard_encoder(encoder: Any) -> bool:
    """Return whether an encoder is as `JSONEncoder()` makes one, and what is below is the standard library's too."""
    own, c = vars(json.encoder), sys.modules.get("_json")
    return (
        type(encoder) is JSONEncoder
        and vars(encoder) == _OF_ENCODER
        and (JSONEncoder.item_separator, JSONEncoder.key_separator) == (", ", ": ")
        and all(_is_of_json(getattr(JSONEncoder, name, None), name) for name in _METHODS)
        and all(own.get(name) is getattr(c, of_c, name) for name, of_c in _IN_C.items())
        and own.get("INFINITY") == float("inf")
        and not {"float", "int", "str", "list", "tuple", "dict", "isinstance"} & own.keys()
    )


def is_replaced(value: Any) -> bool:
    """Return whether a function of json, or its decoder, is or does something else in a process that imports json."""
    if value is JSONDecoder:
        return not _has_its_methods(value)
    if type(value) is not FunctionType or value.__module__ != "json":
        return False
    if value.__name__ == "loads":
        return value is not getattr(json, "loads", None) or not is_standard_loads(value)
    return value.__globals__ is not vars(json)


def _is_of_json(function: Any, name: str) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and code.co_name == name and dirname(code.co_filename) == _HOME


def _is_standard(decoder: Any) -> bool:
    """Return whether a decoder is as `JSONDecoder()` makes one."""
    kind, own = type(decoder), getattr(decoder, "__dict__", {})
    if (kind.__module__, kind.__qualname__) != ("json.decoder", "JSONDecoder") or {"decode", "raw_decode"} & own.keys():
        return False
    if not _has_its_methods(kind):
        return False
    scanner = own.get("scan_once")
    return type(scanner).__module__ == "_json" and all(map(_has_no_hooks, (decoder, scanner)))


def _has_its_methods(kind: type) -> bool:
    return all(_is_of_json(getattr(kind, name, None), name) for name in ("decode", "raw_decode", "__init__"))


def _has_no_hooks(decoder: Any) -> bool:
    return (
        decoder.parse_float in (float, None)
        and decoder.parse_int in (int, None)
        and decoder.strict
        and all(getattr(decoder, name, None) is None for name in _HOOKS)
        and getattr(decoder.parse_constant, "__name__", "") == "__getitem__"
    )


def loads_here() -> Callable[[Any], Any]:
    """Return the standard library's `json.loads`: itself, unless something else is in its place."""
    return json.loads if is_standard_loads(json.loads) else standard_loads


def scanner_here() -> Callable[[str, int], Any] | None:
    """Return what the standard library's `json.loads` scans a text with; None where something else is in its place."""
    return vars(json)["_default_decoder"].scan_once if is_standard_loads(json.loads) else None


def standard_loads(text: Any) -> Any:
    """Return what the standard library's `json.loads` returns for `text` or bytes, or raise what it raises."""
    if isinstance(text, (bytes, bytearray)):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    return JSONDecoder().decode(text)


def standard_dumps(value: Any, **settings: Any) -> str:
    """Return what the standard library's `json.dumps` returns for `value`."""
    return JSONEncoder(**settings).encode(value)
