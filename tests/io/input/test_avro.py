"""read_avro: the records that fastavro reads, whole or in blocks, and what is no Avro."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import math
import re
import struct
import sys
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

import bagkit as bk
from bagkit.io.input.avro import _Bytes, check_codec
from tests.each_case import each_case
from tests.io.input.contract import FileSourceContract

SYNC = {"scheduler": "sync"}
SCHEMA: dict[str, Any] = {
    "name": "Test", "type": "record", "namespace": "test",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}  # fmt: skip
RECORDS = [{"n": n, "name": None if n % 7 == 0 else f"é{n}", "tags": ["x"] * (n % 3)} for n in range(2000)]


def avro(records: list[Any], codec: str = "null", sync_interval: int = 1000) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, SCHEMA, records, codec=codec, sync_interval=sync_interval)
    return file.getvalue()


def read(path: Any, **arguments: Any) -> list[Any]:
    return bk.read_avro(path, **arguments).compute(**SYNC)


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_records_are_those_that_were_written(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(avro(RECORDS, codec))
    assert read(path) == RECORDS
    assert read(str(path), blocksize=None) == RECORDS


def test_a_block_of_one_long_record(tmp_path: Path) -> None:
    """Its chunks used to be put together anew for each: two minutes for 200 MB."""
    path = tmp_path / "a.avro"
    records = [{"n": 1, "name": "x" * 40_000_000, "tags": []}, {"n": 2, "name": "after", "tags": ["y"]}]
    path.write_bytes(avro(records, sync_interval=1))
    assert read(path) == records
    chunks = _Bytes(iter([b"abc", b"defg", b"hi"]))
    assert [chunks.read(size) for size in (2, 3, 0, 3, 5, 1)] == [b"ab", b"cde", b"", b"fgh", b"i", b""]
    assert chunks.tell() == 9


def test_a_file_is_a_partition(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(avro(RECORDS[:10]))
    (tmp_path / "b.avro").write_bytes(avro([]))
    (tmp_path / "c.avro").write_bytes(avro(RECORDS[10:]))
    bag = bk.read_avro(tmp_path / "*.avro")
    assert bag.npartitions == 3
    assert bag.compute(scheduler="processes", workers=2) == RECORDS
    assert bag.pluck("n").sum().compute(**SYNC) == sum(range(2000))


@pytest.mark.parametrize("blocksize", [1, 7, 100, 1000, 1016, 5000, 10**6, "3 kB"])
def test_a_file_is_cut_at_its_blocks(tmp_path: Path, blocksize: Any) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(avro(RECORDS[:150] if blocksize in (1, 7) else RECORDS))
    bag = bk.read_avro(path, blocksize=blocksize)
    size = {"3 kB": 3000}.get(blocksize, blocksize)
    assert bag.npartitions == -(-path.stat().st_size // size)
    assert bag.compute(**SYNC) == fastavro_records(path)


def fastavro_records(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return list(fastavro.reader(file))


def test_any_two_parts_are_the_whole(tmp_path: Path) -> None:
    from dataclasses import replace

    from bagkit.flow.report import Report
    from bagkit.io.input.avro import plan_avro

    path = tmp_path / "a.avro"
    path.write_bytes(avro(RECORDS[:40], sync_interval=100))
    source = plan_avro(path, None, compression=None)
    ((piece,),) = source.pieces()
    for cut in range(1, path.stat().st_size):
        parts = (replace(piece, stop=cut), replace(piece, start=cut, stop=path.stat().st_size))
        report = Report()
        found = [record for block in source.bare().read(parts, report) for record in block.records]
        assert found == RECORDS[:40], cut


def test_compressed_files_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.avro.gz"
    path.write_bytes(gzip.compress(avro(RECORDS)))
    assert read(path, compression="gzip") == RECORDS
    assert read(path, compression="infer") == RECORDS
    with pytest.raises(bk.PlanError, match="is compressed"):
        bk.read_avro(path, blocksize=1000, compression="gzip")


def test_places(tmp_path: Path) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(avro(RECORDS))
    fail = bk.read_avro(path).map(lambda record: 1 / (record["n"] - 1500))
    with pytest.raises(ZeroDivisionError) as caught:
        fail.compute(**SYNC)
    assert f"at {path}, record 1500, partition 0" in caught.value.__notes__
    assert f"record: {RECORDS[1500]!r}" in caught.value.__notes__
    with pytest.raises(ZeroDivisionError) as caught:
        bk.read_avro(path, blocksize=2000).map(lambda record: 1 / (record["n"] - 1500)).compute(**SYNC)
    (note,) = [note for note in caught.value.__notes__ if note.startswith("at ")]
    offset = int(note.split("byte ")[1].split(",")[0])
    assert path.read_bytes()[offset - 16 : offset] == path.read_bytes()[-16:]


@pytest.mark.parametrize(
    "data",
    [b"", b"no avro", b"Obj\2" + avro(RECORDS)[4:], avro(RECORDS)[:-500], avro(RECORDS)[:30], avro(RECORDS) + b"\5"],
)
def test_what_is_no_whole_avro_file_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(data)
    with pytest.raises(bk.CorruptInputError, match=r"a\.avro: can't be read as Avro after \d+ records: "):
        read(path)


# Writing ------------------------------------------------------------------------------------------------------------


def write(tmp_path: Path, records: list[Any] = RECORDS, npartitions: int = 4, **arguments: Any) -> list[str]:
    arguments = {"schema": SCHEMA, **SYNC, **arguments}
    paths: list[str] = bk.from_sequence(records, npartitions=npartitions).to_avro(tmp_path / "out", **arguments)
    return paths


def header(path: str) -> Any:
    with open(path, "rb") as file:
        return fastavro.reader(file).metadata


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2", "xz", "zstandard"])
def test_a_round_trip(tmp_path: Path, codec: str) -> None:
    check_round_trip(tmp_path, codec)


def check_round_trip(tmp_path: Path, codec: str) -> None:
    paths = write(tmp_path, codec=codec, metadata={"made by": "é"})
    assert [Path(path).name for path in paths] == ["0.avro", "1.avro", "2.avro", "3.avro"]
    assert [record for path in paths for record in fastavro_records(Path(path))] == RECORDS
    assert read(paths) == RECORDS
    assert header(paths[0])["avro.codec"] == codec
    assert header(paths[3])["made by"] == "é"
    assert bk.read_avro(paths, blocksize=1000).compute(**SYNC) == RECORDS


def test_workers_write_what_this_process_would(tmp_path: Path) -> None:
    paths = write(tmp_path, codec="deflate", scheduler="processes", workers=2)
    assert [record for path in paths for record in fastavro_records(Path(path))] == RECORDS


def test_a_codec_whose_package_is_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path, *_) = write(tmp_path, codec="snappy")

    def missing(*arguments: Any) -> None:
        raise ValueError("snappy codec is supported but you need to install one of the following libraries: cramjam")

    check_codec.cache_clear()
    monkeypatch.setitem(fastavro._write.BLOCK_WRITERS, "snappy", missing)
    message = (
        "the package 'fastavro[snappy]' is not installed, and is needed for Avro's codec 'snappy'; "
        "hint: pip install 'bagkit[avro-codecs]'"
    )
    for use in (
        lambda: write(tmp_path / "more", codec="snappy"),
        lambda: read(path),
        lambda: read(path, blocksize=2000),
    ):
        with pytest.raises(bk.MissingExtraError) as caught:
            use()
        assert str(caught.value) == message
    assert not (tmp_path / "more").exists()


def test_blocks_are_of_about_the_interval(tmp_path: Path) -> None:
    (path,) = write(tmp_path, npartitions=1, sync_interval=500)
    with open(path, "rb") as file:
        blocks = [block.num_records for block in fastavro.block_reader(file)]
    assert sum(blocks) == 2000
    assert 20 < len(blocks) < 100


def test_empty_partitions_are_whole_files_too(tmp_path: Path) -> None:
    paths = write(tmp_path, [], 2)
    assert [fastavro_records(Path(path)) for path in paths] == [[], []]


def test_writing_when_it_is_computed(tmp_path: Path) -> None:
    item = bk.from_sequence(RECORDS, npartitions=2).to_avro(tmp_path / "*.avro", SCHEMA, compute=False)
    assert list(tmp_path.iterdir()) == []
    assert read(item.compute(**SYNC)) == RECORDS
    with pytest.raises(bk.PlanError, match="to_avro: 'workers' is an option of compute, and compute=False"):
        bk.from_sequence(RECORDS).to_avro(tmp_path / "*.avro", SCHEMA, compute=False, workers=2)


def test_a_record_that_does_not_fit_the_schema_has_its_place_and_can_be_skipped(tmp_path: Path) -> None:
    records = [*RECORDS[:3], {"n": "text", "name": None, "tags": []}, *RECORDS[3:5]]
    with pytest.raises(TypeError) as caught:
        write(tmp_path, records, 2)
    assert caught.value.__notes__[:2] == ["in to_avro", "at from_sequence, record 0, partition 1"]
    assert [path.name for path in (tmp_path / "out").glob("*.avro")] in (["0.avro"], [])
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record "):
        paths = write(tmp_path, records, 2, on_error="skip", exist="overwrite")
    assert read(paths) == RECORDS[:5]


INNER = {"type": "record", "name": "inner", "fields": [{"name": "x", "type": "int", "default": 7}]}


@pytest.mark.parametrize(
    ("kind", "value", "where"),
    [
        ("int", 1, ""),
        ("float", 1.5, ""),
        (["null", "string"], None, ""),
        (INNER, {"x": 1, "odd": 5}, "f."),
        ({"type": "array", "items": INNER}, [{"x": 1}, {"x": 1, "odd": 5}], "f[1]."),
        ({"type": "map", "values": INNER}, {"a": {"odd": 5}}, "f.a."),
        (["null", INNER], {"x": 1, "odd": 5}, "f."),
    ],
)
def test_a_field_that_the_schema_does_not_name_is_an_error(tmp_path: Path, kind: Any, value: Any, where: str) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "f", "type": kind}]}
    record = {"f": value} if where else {"f": value, "odd": 5}
    with pytest.raises(
        bk.ColumnTypeError, match=re.escape(f"the field '{where}odd' is 5, and the schema does not name")
    ):
        write(tmp_path, [record], 1, schema=schema)
    assert list((tmp_path / "out").glob("*.avro")) == []


def test_a_field_with_a_default_may_be_missing(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "f", "type": ["null", INNER]}]}
    paths = write(tmp_path, [{"f": {}}, {"f": ("inner", {"x": 2})}], 1, schema=schema)
    assert read(paths) == [{"f": {"x": 7}}, {"f": {"x": 2}}]


@pytest.mark.parametrize(("kind", "value"), [("int", 1.5), ("int", 2**40), ("int", True), ("float", "1")])
def test_a_value_that_another_type_would_be_made_of_is_an_error(tmp_path: Path, kind: str, value: Any) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": kind}]}
    with pytest.raises((fastavro.validation.ValidationError, TypeError)) as caught:
        write(tmp_path, [{"x": value}], 1, schema=schema)
    assert caught.value.__notes__[0] == "in to_avro"
    assert list((tmp_path / "out").glob("*.avro")) == []


UTC = dt.UTC
NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 678901)


def logical(kind: str, logically: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logically, **more}


def of(kind: str, what: Any) -> dict[str, Any]:
    return {"type": kind, {"array": "items", "map": "values"}[kind]: what}


MILLIS, MICROS = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
LOCAL, DAY = logical("long", "local-timestamp-micros"), logical("int", "date")
MONEY = logical("bytes", "decimal", precision=6, scale=2)
FIXED = logical("fixed", "decimal", precision=4, scale=2, name="m", size=2)
PAIR = {"type": "record", "name": "p", "fields": [{"name": "a", "type": "float"}, {"name": "b", "type": ["null", "p"]}]}
LOST: list[tuple[Any, Any]] = [
    ("float", 1e300), ("float", -1e300), ("float", 1e-50), ("float", 1e-40), ("float", 2**24 + 1),
    ("double", 2**53 + 1), ("double", Fraction(1, 3)), (["null", "float"], 1e300), (["null", "string", "float"], 1e300),
    (["float", "long"], 2**24 + 1), (["double", "long"], 2**53 + 1), (of("array", "float"), [0.5, 1e300]),
    (of("array", "double"), [1, 2**53 + 1]), (of("map", "float"), {"a": 1e-50}), (PAIR, {"a": 0.5, "b": {"a": 1e300}}),
    (of("array", "int"), b"ab"), (MILLIS, NOON.replace(tzinfo=UTC)), (MICROS, NOON),
    (MILLIS, NOON.replace(microsecond=0)), (LOCAL, NOON.replace(tzinfo=UTC)),
    (logical("long", "local-timestamp-millis"), NOON), (DAY, NOON),
    (logical("int", "time-millis"), NOON.time()), (logical("long", "time-micros"), dt.time(1, tzinfo=UTC)),
    (["null", MILLIS], NOON.replace(tzinfo=UTC)), ([DAY, MICROS], NOON.replace(tzinfo=UTC)),
    (of("array", MILLIS), [NOON.replace(tzinfo=UTC)]), (MONEY, Decimal("99999")), (MONEY, Decimal("1e10")),
    (["null", MONEY], Decimal("123456")), (FIXED, Decimal("100")), (logical("string", "uuid"), "no UUID"),
]  # fmt: skip


@each_case(("kind", "value"), LOST, ids=str)
def test_a_value_that_would_be_read_back_as_another_is_an_error_with_its_place(
    tmp_path: Path, kind: Any, value: Any
) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": kind}]}
    with pytest.raises(
        (bk.ColumnTypeError, ValueError), match=r"the field 'x.*read back|can't be read back|not match"
    ) as e:
        write(tmp_path, [{"x": value}], 1, schema=schema)
    assert e.value.__notes__[:2] == ["in to_avro", "at from_sequence, record 0, partition 0"]
    assert list((tmp_path / "out").glob("*.avro")) == []


KEPT: list[tuple[Any, Any, Any]] = [
    ("float", 0.1, 0.10000000149011612), ("float", 1 / 3, struct.unpack("f", struct.pack("f", 1 / 3))[0]),
    ("float", math.inf, math.inf), ("float", 2**24, 2.0**24), ("float", 0.0, 0.0), ("double", 5e-324, 5e-324),
    ("double", 2**53, 2.0**53), (["null", "float"], 0.1, 0.10000000149011612), (["null", "float"], None, None),
    (["float", "double"], 1e300, 1e300), (["int", "long"], 2**40, 2**40), (["int", "boolean"], True, True),
    (["double", "long"], ("long", 2**53 + 1), 2**53 + 1), (of("array", "float"), [0.1, 1], [0.10000000149011612, 1]),
    (of("map", "float"), {"a": 0.1}, {"a": 0.10000000149011612}), (of("array", "int"), (1, 2), [1, 2]),
    (PAIR, {"a": 1.5, "b": {"a": 0.5, "b": None}}, {"a": 1.5, "b": {"a": 0.5, "b": None}}),
    (PAIR, {"a": 1.5}, {"a": 1.5, "b": None}), ("bytes", bytearray(b"a"), b"a"), ("string", "a\0é", "a\0é"),
    (MICROS, NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=UTC)), (LOCAL, NOON, NOON),
    (MICROS, NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=2))), NOON.replace(hour=10, tzinfo=UTC)),
    (MILLIS, NOON.replace(microsecond=5000, tzinfo=UTC), NOON.replace(microsecond=5000, tzinfo=UTC)),
    (MICROS, 1, dt.datetime(1970, 1, 1, 0, 0, 0, 1, UTC)), (DAY, NOON.date(), NOON.date()),
    (DAY, 1, dt.date(1970, 1, 2)), (DAY, dt.datetime(2026, 1, 2), dt.date(2026, 1, 2)),
    (DAY, "2026-01-02", dt.date(2026, 1, 2)),
    (logical("long", "time-micros"), NOON.time(), NOON.time()), (MONEY, Decimal("1.1"), Decimal("1.10")),
    (MONEY, Decimal("-9999.99"), Decimal("-9999.99")), (FIXED, Decimal("-1.10"), Decimal("-1.10")),
    (["null", MONEY], Decimal(0), Decimal(0)), (MONEY, b"\1", Decimal("0.01")),
    (logical("string", "uuid"), UUID(int=1), UUID(int=1)), (logical("string", "uuid"), str(UUID(int=1)), UUID(int=1)),
]  # fmt: skip


@each_case(("kind", "value", "expected"), KEPT, ids=str)
def test_values_that_avro_can_hold(tmp_path: Path, kind: Any, value: Any, expected: Any) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": kind}]}
    assert read(write(tmp_path, [{"x": value}], 1, schema=schema)) == [{"x": expected}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "enum", "name": "e", "symbols": ["A"]}, "C"),
        ({"type": "fixed", "name": "f", "size": 4}, b"ab"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, Decimal("1.234")),
        ({"type": "int", "logicalType": "date"}, "02/03/2020"),
        ("long", 2**63),
    ],
)
def test_errors_of_fastavro_name_the_field(tmp_path: Path, kind: Any, value: Any) -> None:
    fields = [{"name": "first", "type": "int"}, {"name": "odd", "type": kind}, {"name": "last", "type": "string"}]
    records = bk.from_sequence([{"first": 1, "odd": value, "last": ""}])
    with pytest.raises((ValueError, OverflowError)) as caught:
        records.to_avro(tmp_path / "a", {"type": "record", "name": "r", "fields": fields}, scheduler="sync")
    assert f"to_avro: the field 'odd' is {value!r}; expected " in "\n".join(caught.value.__notes__)


def test_errors_of_fastavro_say_what_is_no_record(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}]}
    for record, said in (
        (1, "the record is 1 of type int; expected a dict"),
        ([["x"]], "the record is [['x']] of type list; expected a dict"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            bk.from_sequence([record]).to_avro(tmp_path / "a", schema, scheduler="sync")
        assert f"to_avro: {said}" in caught.value.__notes__


def test_nan_is_read_back(tmp_path: Path) -> None:
    for kind in ("float", "double"):
        schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": of("array", kind)}]}
        ((one, other),) = (
            record["x"] for record in read(write(tmp_path / kind, [{"x": [math.nan, 1]}], 1, schema=schema))
        )
        assert (math.isnan(one), other) == (True, 1)


def test_the_message_names_the_value_and_a_type_that_holds_it(tmp_path: Path) -> None:
    for kind, value, message in (
        ("float", 1e300, "1e+300, and would be read back as inf; expected a value that float can hold; hint: the type "
         "double"),
        (logical("int", "time-millis"), dt.time(1, 2, 3, 4), "datetime.time(1, 2, 3, 4), and would be read back as "
         "datetime.time(1, 2, 3); expected a value that time-millis int can hold; hint: the type long and logical type "
         "time-micros"),
        (MICROS, dt.datetime(2026, 1, 2), "datetime.datetime(2026, 1, 2, 0, 0), and would be read back as "
         f"{bk.errors.one_line(dt.datetime(2026, 1, 2).astimezone(UTC), 60)}; expected a value that timestamp-micros "
         "long can hold; hint: a time zone, or the logical type local-timestamp-micros"),
    ):  # fmt: skip
        schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": kind}]}
        with pytest.raises(bk.ColumnTypeError) as caught:
            write(tmp_path, [{"x": value}], 1, schema=schema)
        assert str(caught.value) == f"to_avro: the field 'x' is {message}"


def test_files_that_are_there(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(bk.OutputExistsError):
        write(tmp_path)
    assert read(write(tmp_path, RECORDS[:8], exist="overwrite")) == RECORDS[:8]
    assert read(write(tmp_path, RECORDS[:8], exist="resume")) == RECORDS[:8]
    with pytest.raises(bk.ResumeMismatchError):
        write(tmp_path, RECORDS[:8], exist="resume", codec="deflate")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"schema": 5}, "to_avro: schema is 5; expected a dict with name, type='record' and fields"),
    ({"schema": {"type": "record", "name": "a"}},
     "to_avro: schema is {'type': 'record', 'name': 'a'}; expected a dict with name, type='record' and fields"),
    ({"schema": {"type": "record", "name": "a", "fields": [{"name": "n", "type": "?"}]}},
     "to_avro: schema is {'type': 'record', 'name': 'a', 'fields': [{'name': 'n', 'type': '?'}]}; UnknownType: ?"),
    ({"codec": "rar"},
     "to_avro: codec is 'rar'; expected one of 'null', 'deflate', 'snappy', 'bzip2', 'xz', 'zstandard', 'lz4'"),
    ({"sync_interval": 0}, "to_avro: sync_interval is 0; expected an int of 1 or more, the bytes of a block"),
    ({"metadata": {"a": 1}}, "to_avro: metadata is {'a': 1}; expected a dict of str to str"),
])  # fmt: skip
def test_arguments_are_checked(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        write(tmp_path, **arguments)
    assert str(caught.value) == message


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(bk.MissingExtraError) as caught:
        bk.read_avro(tmp_path / "a.avro")
    assert str(caught.value) == (
        "the package 'fastavro' is not installed, and is needed to read and write Avro files; "
        "hint: pip install 'bagkit[avro]'"
    )


class TestContract(FileSourceContract):
    suffix = ".avro"
    unit = "records"

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_avro(urlpath, compression="infer", **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return avro(self.records("", numbers))

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [{"n": number, "name": "x" * 60, "tags": []} for number in numbers]
