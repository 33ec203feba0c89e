"""Turns records into bytes for a file, one by one, so that an error knows its record."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, partial
from operator import methodcaller
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.json.dump import BlockDumper, Style
from bagkit.json.unchanged import Lines
from bagkit.json.write import careful_encoder, json_lines_encoder
from bagkit.light_classes import dataclass
from bagkit.ops.elementwise import Map, bind
from bagkit.ops.functions import check_callable, function_label
from bagkit.plan.kinds import OnRecords, Op, PerPartition

_MARKED = {
    "utf-8-sig": (codecs.BOM_UTF8, "utf-8"),
    "utf-16": (codecs.BOM_UTF16, "utf-16-le" if codecs.BOM_UTF16 == codecs.BOM_UTF16_LE else "utf-16-be"),
    "utf-32": (codecs.BOM_UTF32, "utf-32-le" if codecs.BOM_UTF32 == codecs.BOM_UTF32_LE else "utf-32-be"),
}
"""Encodings whose files begin with a mark: the mark, and the encoding of the text behind it."""


@dataclass(frozen=True)
class EncodeText(PerPartition):
    """Text to bytes; bytes are taken for UTF-8, and with no `encoding` go as they are."""

    encoding: str | None
    copies: bool = False
    """Whether records that are bytes are lines as they are written."""

    per_record = "one"
    error_label = "to_textfiles"
    opaque = False

    def __post_init__(self) -> None:
        if self.encoding is None:
            return
        try:
            _ = codecs.lookup(self.encoding).name, "\n".encode(self.encoding)
        except (LookupError, TypeError) as error:
            raise PlanError(
                f"to_textfiles: encoding is {self.encoding!r}; expected the name of a text encoding, such as 'utf-8', "
                f"or None for bytes ({error})"
            ) from error

    @property
    def label(self) -> str:
        return f"encode({self.encoding!r})"

    @cached_property
    def _marked(self) -> tuple[bytes, str]:
        name = codecs.lookup(self.encoding or "utf-8").name
        return _MARKED.get(name, (b"", name))

    @property
    def mark(self) -> bytes:
        """What a file that is not empty begins with."""
        return self._marked[0]

    @property
    def newline(self) -> bytes:
        """The end of a line."""
        return "\n".encode(self._marked[1])

    @property
    def passes_lines(self) -> bool:
        """Whether bytes in UTF-8 are written as they are."""
        return self.encoding is None or self._marked[1] == "utf-8"

    def user_functions(self) -> tuple[Any, ...]:
        return (text_encoder("utf-8"),)  # through its code an error in encoding is known as this op's

    def begin(self) -> OnRecords:
        encoding = self._marked[1]
        encode = text_encoder(encoding)
        if self.encoding is None:
            return partial(map, lambda record: record if isinstance(record, bytes) else encode(record))
        if encoding != "utf-8":
            return partial(map, encode)
        in_blocks = partial(_encode_block, encode)
        return partial(_encode_others, in_blocks) if self.copies else in_blocks


def _encode_block(encode: Callable[[Any], bytes], records: Sequence[Any]) -> Iterable[bytes]:
    if set(map(type, records)) == {str}:
        try:
            return list(map(str.encode, records))
        except UnicodeEncodeError:
            pass  # one by one it is known which it was
    return map(encode, records)


@cache
def text_encoder(encoding: str) -> Callable[[Any], bytes]:
    """Return the function that encodes one line."""
    # For most lines, two calls of C; told which encoding it is, str.encode takes twice as long.
    encode: Callable[[str], bytes] = str.encode if encoding == "utf-8" else methodcaller("encode", encoding)

    def encode_text(record: Any) -> bytes:
        if type(record) is str:
            return encode(record)
        if isinstance(record, str):
            return record.encode(encoding)
        if isinstance(record, bytes):
            return encode(str(record, "utf-8"))
        raise TypeError(f"a line is a str or bytes, got {type(record).__name__}: {one_line(record)}; hint: .map(str)")

    return encode_text


@dataclass(frozen=True)
class EncodeJson(PerPartition):
    """Records to lines of JSON."""

    default: Callable[[Any], Any] | None = None
    allow_nan: bool = False
    copies: bool = False
    """Whether some records are lines already, as bytes."""

    per_record = "one"
    error_label = "to_jsonl"

    def __post_init__(self) -> None:
        check_callable("to_jsonl", self.default, none_is="nothing else is written")

    @property
    def label(self) -> str:
        said = [f"default={function_label(self.default)}"] if self.default is not None else []
        said += ["allow_nan=True"] if self.allow_nan else []
        return f"encode_json({', '.join(said)})" if said else "encode_json"

    @property
    def opaque(self) -> bool:
        return self.default is not None

    def user_functions(self) -> tuple[Any, ...]:
        return (_careful(), *([self.default] if self.default is not None else []))

    def begin(self) -> OnRecords:
        encode = json_lines_encoder(self.default, self.allow_nan)
        return partial(_encode_others, encode) if self.copies else encode


@cache
def _careful() -> Callable[[Any], bytes]:
    """Return a function through whose code an error in encoding is known as one of to_jsonl."""
    return careful_encoder(None, False)


def _encode_others(encode: OnRecords, records: Sequence[Any]) -> Iterable[bytes]:
    """Return the lines of `records`; those that are bytes are lines, and no records that are to be written."""
    if type(records) is Lines or {bytes}.issuperset(map(type, records)):  # nearly always
        return records
    others = [record for record in records if type(record) is not bytes]
    if len(others) == len(records):
        return encode(records)
    made = iter(encode(others))
    return (record if type(record) is bytes else next(made) for record in records)


_USUAL = Style()


@dataclass(frozen=True)
class DumpJson(Map):
    """`map(json.dumps)` as the optimiser does it: whole blocks at a time."""

    style: Style = _USUAL
    copies: bool = False
    """Whether some records are lines already, as bytes."""

    demand = Op.demand  # all of each record is written

    @property
    def label(self) -> str:
        said = [*(["compact"] if not self.style.spaces else []), *(["sorted"] if self.style.sort_keys else [])]
        said += ["UTF-8"] if not self.style.ascii_only else []
        return f"dump_json({', '.join(said)})" if said else "dump_json"

    @property
    def error_label(self) -> str:
        return Map(self.function, self.kwargs).label

    def begin(self) -> OnRecords:
        dump = BlockDumper(bind(self.function, self.kwargs), self.style)
        return partial(_encode_others, dump) if self.copies else dump
