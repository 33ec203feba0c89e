"""`read_parquet`: the rows of Parquet files as dicts, of only the columns that are asked for.

A file is cut where its row groups begin: a piece has those that begin in its range of bytes, as its list of them says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC
from itertools import chain, repeat
from typing import Any, ClassVar, Final

from bagkit.errors import BagkitError, CorruptInputError, PlanError, SourceError
from bagkit.flow.blocks import Block, NumberedOrigin
from bagkit.io.input.file_source import FilePiece, FileSource, PieceReader, find_partitions
from bagkit.io.input.files import InputFile, open_file
from bagkit.io.input.paths import is_url, named
from bagkit.lazily import import_extra
from bagkit.light_classes import dataclass
from bagkit.option_values import did_you_mean
from bagkit.plan.columns import ColumnSource
from bagkit.plan.fields import in_order, keys_of, shown_fields, within
from bagkit.plan.kinds import ALL, Field, Fields

ROWS: Final = 2048
BYTES: Final = 1 << 21
"""How many rows, or bytes that they take in the file before they are packed, are made into records together."""
_READ: Final = 1 << 20
"""Bytes of a column that are read at a time."""
_UTC: Final = frozenset({"UTC", "Etc/UTC", "Z", "+00:00", "GMT"})


@dataclass(frozen=True, slots=True)
class ReadParquet(FileSource, ColumnSource):
    """The rows of Parquet files; made by `plan_parquet`."""

    columns: frozenset[Field] | None
    """The columns that the user wants, or fields inside of them; None for all."""
    fields: Fields = ALL
    """What is read of them; ALL for all of them."""

    function: ClassVar[str] = "read_parquet"
    unit: ClassVar[str] = "row"

    @property
    def wanted(self) -> frozenset[Field] | None:
        """What is read of a file; None for all."""
        if self.columns is None or self.fields is ALL:
            return self.fields if self.columns is None else self.columns
        return within(self.fields, self.columns)

    @property
    def label(self) -> str:
        return f"read_parquet({self.files.name}{self._shown(self.wanted)})"

    @property
    def error_label(self) -> str:
        return f"read_parquet({self.files.name}{self._shown(self.columns)})"

    @staticmethod
    def _shown(fields: frozenset[Field] | None) -> str:
        return "" if fields is None else f", columns: {shown_fields(fields)}"

    def narrowed(self, fields: frozenset[Field]) -> ReadParquet:
        return replace(self, fields=fields)

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        return _read(self, reader)


def _read(source: ReadParquet, reader: PieceReader) -> Iterator[Block]:
    piece = reader.piece
    try:
        with ExitStack() as stack:
            path: Any = piece.path
            if is_url(path):
                assert isinstance(reader.file, InputFile)  # files in archives are refused
                path = open_file(piece.info, source.files.storage_options, reader.file.attempts)
                stack.callback(path.close)
            parquet = import_extra("pyarrow.parquet", "arrow", "for read_parquet")
            table = stack.enter_context(parquet.ParquetFile(path, buffer_size=_READ, pre_buffer=False))
            yield from _rows(source, reader, table)
    except BagkitError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system, not about what is in the file
        reader.file.check()
        raise CorruptInputError(
            f"{named(piece.path)}: can't be read as Parquet after {reader.count} rows: {type(error).__name__}: {error}"
        ) from None  # all that it says


def _rows(source: ReadParquet, reader: PieceReader, table: Any) -> Iterator[Block]:
    piece, metadata = reader.piece, table.metadata
    names, paths = _chosen(source, piece, table.schema_arrow)
    before = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        begin, size = _extent(group)
        rows, done = group.num_rows, 0
        if rows and piece.start <= begin and (piece.stop is None or begin < piece.stop):
            step = max(1, min(ROWS, BYTES * rows // max(1, group.total_byte_size)))
            for batch in table.iter_batches(step, row_groups=[number], columns=paths, use_threads=False):
                origin = NumberedOrigin(piece.path, piece.partition, before + done)
                done += batch.num_rows
                yield reader.block(origin, _records(source, piece, batch, names), upto=begin + size * done // rows)
        before += rows


def _extent(group: Any) -> tuple[int, int]:
    """Return the first byte of a row group, and how many it has."""
    columns = [group.column(number) for number in range(group.num_columns)]
    begins = [column.dictionary_page_offset or column.data_page_offset for column in columns]
    return min(begins, default=4), sum(column.total_compressed_size for column in columns)


def _chosen(source: ReadParquet, piece: FilePiece, schema: Any) -> tuple[list[str], list[str] | None]:
    """Return which columns are read, and the paths in them that are, for pyarrow; None for all of them."""
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise SourceError(f"{named(piece.path)}: has the column {twice!r} more than once; a dict takes each once")
    for field in in_order(source.columns or frozenset()):
        _check_there(piece, schema, field)
    if source.wanted is None:
        return schema.names, None
    found = [field for field in source.wanted if keys_of(field)[0] in schema.names]
    wanted = {keys_of(field)[0] for field in found}
    return [name for name in schema.names if name in wanted], [_path(schema, field) for field in found]


def _check_there(piece: FilePiece, schema: Any, field: Field) -> None:
    """Raise SourceError for a field that the user wants and a file does not have."""
    kind, inside = schema, ""
    for key in keys_of(field):
        names = schema.names if kind is schema else _names_in(kind)
        if key not in names:
            has = f"has {', '.join(map(repr, names))}" if names else f"is of {kind}"
            raise SourceError(
                f"{named(piece.path)}: has no column {key!r}{inside}; it {has}{did_you_mean(key, names, most=3)}"
            )
        kind, inside = kind.field(key).type, f" in {key!r}"


def _names_in(kind: Any) -> list[str]:
    """Return the names of what is in a struct; none of what is no struct."""
    return [kind.field(n).name for n in range(kind.num_fields)] if hasattr(kind, "get_field_index") else []


def _path(schema: Any, field: Field) -> str:
    """Return the path to a field for pyarrow: as far as it leads through structs, and has no dot in a name."""
    first, *keys = keys_of(field)
    path, kind = [first], schema.field(first).type
    for key in keys:
        if not hasattr(kind, "get_field_index") or "." in key or kind.get_field_index(key) < 0:
            break
        path.append(key)
        kind = kind.field(key).type
    return ".".join(path)


# -- values ------------------------------------------------------------------------------------------------------------


def _records(source: ReadParquet, piece: FilePiece, batch: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    if not names:
        return [{} for _ in range(batch.num_rows)]
    columns = [_values(piece, name, batch.column(name)) for name in names]
    records = list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))
    if any("." in key for field in source.columns or () for key in keys_of(field)[1:]):
        from bagkit.json.parse import only  # pyarrow has no path to such a field, and reads all that is beside it

        return list(map(only(in_order(source.columns or frozenset())), records))
    return records


def _values(piece: FilePiece, name: str, column: Any) -> list[Any]:
    """Return the values of a column as Python's own."""
    try:
        return _as_pythons(import_extra("pyarrow", "arrow", "for read_parquet"), column)
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnicodeError):
            raise
        raise SourceError(
            f"{named(piece.path)}: the column {name!r} is of {column.type}, and has values that Python's types of "
            f"microseconds do not hold: {error}; hint: columns=[...] of the others"
        ) from error


def _as_pythons(pa: Any, column: Any) -> list[Any]:
    exact = _exact(pa, column.type)
    if exact != column.type:
        column = column.cast(exact)
    if pa.types.is_timestamp(exact) and exact.tz in _UTC:
        times = column.cast(pa.timestamp(exact.unit)).to_pylist()
        return [None if time is None else time.replace(tzinfo=UTC) for time in times]
    found: list[Any] = column.to_pylist()
    return found


def _exact(pa: Any, kind: Any) -> Any:
    """Return the type by which values of `kind` become Python's own, without a part that these do not have."""
    types = pa.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if types.is_float16(kind):
        return pa.float32()
    if types.is_struct(kind):
        return pa.struct([_exact_field(pa, kind.field(number)) for number in range(kind.num_fields)])
    if types.is_list(kind):
        return pa.list_(_exact_field(pa, kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(_exact_field(pa, kind.value_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(_exact_field(pa, kind.value_field), kind.list_size)
    if types.is_map(kind):
        return pa.map_(_exact(pa, kind.key_type), _exact(pa, kind.item_type))
    return kind


def _exact_field(pa: Any, field: Any) -> Any:
    return field.with_type(_exact(pa, field.type))


def plan_parquet(urlpath: Any, columns: frozenset[Field] | None, **options: Any) -> ReadParquet:
    """Return the source of `read_parquet`; raises what `find_partitions` raises."""
    import_extra("pyarrow", "arrow", "for read_parquet")
    files = find_partitions(urlpath, compression=None, divisible=True, **options)
    for piece in chain.from_iterable(files.partitions):
        if piece.member is not None:
            raise PlanError(
                f"read_parquet: {named(piece.path)} is in an archive, where only its beginning can be read from; "
                "expected a file; hint: 'zip://*.parquet::all.zip', or unpack the archive"
            )
    return ReadParquet(files, None, False, columns)
