"""read_avro: the records that fastavro reads, whole or in blocks, and what is no Avro."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import fastavro
import pytest

import bagkit as bk

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

    from bagkit.io.avro import plan_avro
    from bagkit.kernels.report import Report

    path = tmp_path / "a.avro"
    path.write_bytes(avro(RECORDS[:40], sync_interval=100))
    source = plan_avro(path, None, None, None)
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


@pytest.mark.parametrize("data", [b"", b"no avro", avro(RECORDS)[:-500], avro(RECORDS)[:30], avro(RECORDS) + b"\5"])
def test_what_is_no_whole_avro_file_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.avro"
    path.write_bytes(data)
    with pytest.raises(bk.CorruptInputError, match=r"a\.avro: can't be read as Avro after \d+ records: "):
        read(path)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(bk.MissingExtraError) as caught:
        bk.read_avro(tmp_path / "a.avro")
    assert str(caught.value) == (
        "the package 'fastavro' is not installed, and is needed to read and write Avro files; "
        "hint: pip install 'bagkit[avro]'"
    )
