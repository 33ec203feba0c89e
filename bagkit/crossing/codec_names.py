"""Error handlers and encodings that the caller has registered with `codecs`, for workers that have not.

Python has no list of either. An error handler is looked for by the texts that stand in a work: one that is a handler's
name sends that along. An encoding is asked for when a worker meets a name that it does not know.
"""

from __future__ import annotations

import _pickle
import codecs
from collections.abc import Callable, Iterator
from typing import Any

from bagkit.crossing.call_when_loaded import CallWhenLoaded

_PYTHONS = {"strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace"}
_PYTHONS |= {"surrogatepass", "surrogateescape"}
_SCANNED = 1 << 20
"""A work of more bytes than this is mostly data, and is not searched."""
_MENTIONS = (b"code", b"errors", b"open", b"Encoding")
"""What stands in a work that decodes or encodes text: names that a function uses, and the encoding of a source."""
_TEXT = b"\x8c"
"""How a text of up to 255 bytes begins in a pickle; its length follows."""


def with_error_handlers(data: bytes, pickled: Callable[[Any], bytes]) -> bytes:
    """Return the pickle of a work, with the error handlers whose names stand in it, if there are any."""
    if len(data) > _SCANNED or not any(map(data.__contains__, _MENTIONS)):
        return data
    found: dict[str, bytes] = {}
    for text in set(_texts(data)) - _PYTHONS:
        try:
            found[text] = pickled(codecs.lookup_error(text))
        except Exception:
            pass  # the name of nothing, nearly always
    return _pickle.dumps(CallWhenLoaded(open_with, found, data), 5) if found else data


def _texts(data: bytes) -> Iterator[str]:
    at = data.find(_TEXT)
    while at >= 0:
        text = data[at + 2 : at + 2 + data[at + 1]] if at + 1 < len(data) else b""
        if 0 < len(text) <= 64:
            yield text.decode("utf-8", "ignore")
        at = data.find(_TEXT, at + 1)


def open_with(handlers: dict[str, bytes], data: bytes) -> Any:
    """Register `handlers` in this process, a worker, and return the work that `data` is the pickle of."""
    for name, handler in handlers.items():
        codecs.register_error(name, _pickle.loads(handler))
    return _pickle.loads(data)


_PARTS = ("encode", "decode", "streamreader", "streamwriter", "incrementalencoder", "incrementaldecoder", "name")


def pickled_codec(name: str, pickled: Callable[[Any], bytes]) -> bytes:
    """Return the pickle of what the caller has registered for the encoding `name`; raises what asking for it raises."""
    info = codecs.lookup(name)
    return pickled((*(getattr(info, part) for part in _PARTS), info._is_text_encoding))


def codec_of(data: bytes) -> codecs.CodecInfo:
    """Return the encoding that `data` is the pickle of."""
    *parts, is_text = _pickle.loads(data)
    values: dict[str, Any] = dict(zip(_PARTS, parts, strict=True))
    return codecs.CodecInfo(**values, _is_text_encoding=is_text)
