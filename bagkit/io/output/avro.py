"""`to_avro`: workers encode records one by one, and write them in blocks to a file for each partition."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any, Final

from bagkit.errors import ColumnTypeError, MismatchError, PlanError, add_notes, one_line, text_of
from bagkit.io.input.avro import CODECS, check_codec, import_fastavro
from bagkit.io.output.avro_values import Reading
from bagkit.io.output.sinks import Filling, OutputFile, WriteLines, plan_lines
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import OnRecords, PerPartition
from bagkit.plan.node import Plan
from bagkit.signatures import checked_count

_FIELD_SAID: Final = re.compile(r" on field |no default for |^\[")
"""In fastavro's messages, the last one as a list of JSON."""


class _Encoder:
    """Called with a record: its bytes."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._write = import_fastavro().schemaless_writer
        self._read = import_fastavro().schemaless_reader
        self._validate = import_fastavro().validate
        self._schema = schema
        self._reading = Reading(schema)

    def __call__(self, record: Any) -> bytes:
        target = io.BytesIO()
        try:
            self._write(target, self._schema, record)
            # For 1.5 or 2**40 as an int it writes something, and other readers something else or nothing.
            if not self._validate(record, self._schema, raise_errors=False):
                self._validate(record, self._schema)
        except Exception as error:  # of many types, and some do not say which field it is
            if not _FIELD_SAID.search(text_of(error)) and (wrong := self._wrong_field(record)):
                add_notes(error, [f"to_avro: {wrong}"])
            raise error.with_traceback(None) from None  # its frames, and what is behind it, are of fastavro's inside
        target.seek(0)
        self._check(record, target)
        return target.getvalue()

    def _wrong_field(self, record: Any) -> str:
        """Return which field can't be written, and what its schema is; nothing if it is none alone."""
        if not isinstance(record, Mapping):
            return f"the record is {one_line(record, 60)} of type {type(record).__name__}; expected a dict"
        for each in self._schema["fields"]:
            try:
                self._write(io.BytesIO(), {**self._schema, "fields": [each]}, record)
                self._validate(record, {**self._schema, "fields": [each]})
            except Exception:  # of whatever type: this is the field that is at fault
                name = each["name"]
                got = f"is {one_line(record[name], 60)}" if name in record else "is missing, and has no default"
                return f"the field {name!r} {got}; expected {one_line(each['type'], 100)}"
        return ""

    def _check(self, record: Any, target: io.BytesIO) -> None:
        """Raise ColumnTypeError where a value is read back as another."""
        try:
            read = self._read(target, self._schema, None)
        except Exception as error:  # of many types
            raise ColumnTypeError(f"to_avro: the record can't be read back: {type(error).__name__}: {error}") from None
        if problem := self._reading.problem(record, read):
            raise ColumnTypeError(f"to_avro: {problem}")


@dataclass(frozen=True)
class EncodeAvro(PerPartition):
    """Each record as Avro's bytes."""

    schema: Mapping[str, Any]

    per_record = "one"
    opaque = False
    label = "to_avro"

    def user_functions(self) -> tuple[Any, ...]:
        return (_Encoder.__call__,)  # through its code an error is known as this op's

    def begin(self) -> OnRecords:
        return partial(map, _Encoder(self.schema))


@dataclass(frozen=True)
class WriteAvro(WriteLines):
    """Encoded records to a file for each partition."""

    schema: Mapping[str, Any] = field(default_factory=dict)
    codec: str = "null"
    sync_interval: int = 16000
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def made_with(self) -> dict[str, Any]:
        avro = {"codec": self.codec, "sync_interval": self.sync_interval, "metadata": dict(self.metadata)}
        return super().made_with | avro

    def filling(self, file: OutputFile) -> Filling:
        from fastavro.write import Writer

        target: Any = _Target(file)  # all of a file that it needs
        return _Blocks(Writer(target, dict(self.schema), self.codec, metadata=dict(self.metadata)), self.sync_interval)


@dataclass(frozen=True, slots=True)
class _Block:
    """As many records as make a block, as fastavro has them."""

    num_records: int
    bytes_: io.BytesIO


class _Blocks:
    """Puts encoded records into a file, in blocks of at least `size` bytes."""

    def __init__(self, writer: Any, size: int) -> None:
        self._writer = writer
        self._size = size
        self._held: list[bytes] = []
        self._room = size
        self._total = 0

    def take(self, records: Sequence[bytes]) -> None:
        for record in records:
            self._held.append(record)
            self._room -= len(record)
            if self._room <= 0:
                self._write()

    def _write(self) -> None:
        self._writer.write_block(_Block(len(self._held), io.BytesIO(b"".join(self._held))))
        self._total += len(self._held)
        self._held, self._room = [], self._size

    def end(self) -> int:
        if self._held:
            self._write()
        self._writer.flush()
        return self._total


class _Target:
    """What fastavro takes for a file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._file.write(bytes(data))
        return len(data)

    def seekable(self) -> bool:
        """Return that it can't be sought in, so nothing is appended to what is there."""
        return False

    def flush(self) -> None:
        """Do nothing: sealing the file does it."""


def plan_avro_files(
    path: Any,
    made_of: Plan,
    schema: Any,
    *,
    name_function: Callable[[int], str] | None,
    storage_options: Mapping[str, Any] | None,
    codec: Any,
    sync_interval: Any,
    metadata: Any,
    exist: str,
) -> tuple[EncodeAvro, WriteLines]:
    """Return a function that encodes records and one that writes them; raises PlanError for wrong arguments."""
    parsed = _parsed(schema)
    if codec not in CODECS:
        raise PlanError(f"to_avro: codec is {codec!r}; expected one of {', '.join(map(repr, CODECS))}")
    check_codec(codec)
    interval = checked_count("to_avro", "sync_interval", sync_interval, hint=", the bytes of a block")
    texts = isinstance(metadata, Mapping) and all(type(text) is str for pair in metadata.items() for text in pair)
    if metadata is not None and not texts:
        raise PlanError(f"to_avro: metadata is {one_line(metadata)}; expected a dict of str to str")
    encode = EncodeAvro(parsed)
    sink = plan_lines(
        "to_avro",
        path,
        Plan(encode, (made_of,)),
        suffix=".avro",
        name_function=name_function,
        compression=None,
        storage_options=storage_options,
        exist=exist,
        gives="paths",
        make=partial(WriteAvro, schema=parsed, codec=codec, sync_interval=interval, metadata=metadata or {}),
    )
    return encode, sink


def _parsed(schema: Any) -> dict[str, Any]:
    fastavro = import_fastavro()
    if not isinstance(schema, Mapping) or schema.get("type") != "record" or not {"name", "fields"} <= schema.keys():
        raise MismatchError(
            f"to_avro: schema is {one_line(schema)}; expected a dict with name, type='record' and fields"
        )
    try:
        parsed: dict[str, Any] = fastavro.parse_schema(dict(schema))
    except Exception as error:  # of many types
        raise MismatchError(f"to_avro: schema is {one_line(schema)}; {type(error).__name__}: {error}") from error
    return parsed
