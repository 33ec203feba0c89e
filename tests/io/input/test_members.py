"""Files in zip archives: each is read as if it lay beside the archive."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, NoFilesError, PlanError
from tests.io.input.test_archives import Pipe

SYNC: dict[str, Any] = {"scheduler": "sync"}
NOISE = random.Random(0)
FILES = {
    "day/a.json": "".join(json.dumps({"n": n, "x": NOISE.getrandbits(90)}) + "\n" for n in range(3000)),
    "day/b.json": "",
    "day/deep/c.json": '{"n": 1}\nbad\n{"n": 2}',
    "top.json": '{"n": 7}\n',
}


def zipped(files: dict[str, str | bytes], target: Any = None, **options: Any) -> bytes:
    target = target or io.BytesIO()
    with zipfile.ZipFile(target, "w", options.pop("method", zipfile.ZIP_DEFLATED)) as archive:
        archive.mkdir("day")
        for name, content in files.items():
            with archive.open(name, "w", **options) as file:
                file.write(content.encode() if isinstance(content, str) else content)
    return bytes(target.data if isinstance(target, Pipe) else target.getvalue())


def lines(*names: str) -> list[str]:
    return [line for name in names for line in FILES[name].splitlines(keepends=True)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "all.zip").write_bytes(zipped({**FILES, "__MACOSX/._top.json": b"\0", "day/.hidden": b"\xff"}))
    return tmp_path / "all.zip"


def test_members_with_the_way_to_them_are_not_hidden(tmp_path: Path) -> None:
    names = ["../up.txt", "./here.txt", "a/./b.txt", "a/../c.txt", "../.d.txt", "./.e/f.txt"]
    (tmp_path / "all.zip").write_bytes(zipped({name: f"{name}\n" for name in names}))
    assert bk.read_text(tmp_path / "all.zip").str.strip().compute(**SYNC) == names[:4]


@pytest.mark.parametrize("options", [SYNC, {"scheduler": "threads"}, {"scheduler": "processes", "workers": 2}])
def test_every_member_is_an_input_of_its_own(path: Path, options: dict[str, Any]) -> None:
    bag = bk.read_text(path, include_path=True)
    assert bag.npartitions == len(FILES)
    expected = [(line, f"{path}/{name}") for name in FILES for line in lines(name)]
    assert bag.compute(**options) == expected
    got = bk.read_json(path).pluck("n").compute(on_error="collect", **options)
    assert got.result == [*range(3000), 1, 2, 7]
    (failure,) = got.failures
    assert failure.where == f"{path}/day/deep/c.json, line 2 (byte 9), partition 2"


def test_some_members_by_pattern(path: Path) -> None:
    for pattern, names in {
        "day/*.json": ["day/a.json", "day/b.json"],
        "**/*.json": [*FILES],
        "day/deep/c.json": ["day/deep/c.json"],
        "t?p.json": ["top.json"],
    }.items():
        assert bk.read_text(path / pattern).compute(**SYNC) == lines(*names)
    (path.parent / "other.ZIP").write_bytes(zipped({"top.json": "other\n"}))
    assert bk.read_text([path / "top.json", path.parent / "other.ZIP"]).compute(**SYNC) == ['{"n": 7}\n', "other\n"]
    with pytest.raises(NoFilesError, match=r"'\*\.csv' matches no file in it; it has 6, such as 'day/a.json'"):
        bk.read_text(path / "*.csv")
    with pytest.raises(PlanError, match="is compressed"):
        bk.read_text(path, blocksize=100)


@pytest.mark.parametrize("archive", ["all.zip", "all[1].zip"])
def test_a_pattern_that_is_also_the_name_of_a_member(tmp_path: Path, archive: str) -> None:
    names = ["a[1].txt", "a1.txt", "b?.txt", "c*.txt", "c1.txt"]
    with zipfile.ZipFile(tmp_path / archive, "w") as file:
        for name in names:
            file.writestr(name, name)
    for name in names[:3]:
        assert bk.read_text(tmp_path / archive / name).compute(scheduler="sync") == [name]
    assert bk.read_text(tmp_path / archive / "*").compute(scheduler="sync") == names
    with pytest.raises(bk.SourceError, match="there is a file of this name, and as a pattern"):
        bk.read_text(tmp_path / archive / "c*.txt")


def test_other_formats_and_members_that_are_compressed(tmp_path: Path) -> None:
    tables = {"a.csv": "n\n1\n", "b.csv.gz": gzip.compress(b"n\n2\n"), "c.zip": zipped({"c.csv": "n\n3\n"})}
    (tmp_path / "a.zip").write_bytes(zipped(tables))
    assert bk.read_csv(tmp_path / "a.zip").compute(**SYNC) == [{"n": "1"}, {"n": "2"}, {"n": "3"}]
    whole = bk.read_files(tmp_path / "a.zip", compression="zip", binary=True)
    assert dict(whole.compute(**SYNC))[f"{tmp_path}/a.zip/b.csv.gz"] == tables["b.csv.gz"]
    (tmp_path / "d.zip").write_bytes(zipped({"d.json": '[{"n": 1},\n {"n": 2}]'}))
    assert bk.read_json(tmp_path / "d.zip", lines=False).pluck("n").compute(**SYNC) == [1, 2]


@pytest.mark.parametrize("target", [io.BytesIO, Pipe])
@pytest.mark.parametrize("options", [
    {}, {"force_zip64": True}, {"method": zipfile.ZIP_STORED}, {"method": zipfile.ZIP_BZIP2},
])  # fmt: skip
def test_archives_of_all_kinds(tmp_path: Path, target: Any, options: dict[str, Any]) -> None:
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n" * (target is io.BytesIO) + zipped(FILES, target(), **options))
    assert bk.read_text(tmp_path / "a.zip").compute(**SYNC) == lines(*FILES)
    folder = fsspec.filesystem("memory")
    folder.pipe("/members/a.zip", (tmp_path / "a.zip").read_bytes())
    assert bk.read_text("memory://members/a.zip").compute(**SYNC) == lines(*FILES)


def test_names_in_other_encodings(tmp_path: Path) -> None:
    """Old tools write the bytes of a name and say nothing: in UTF-8, or in the code page of their machine."""
    data = zipped({"NAME1.txt": "one\n", "NAME2.txt": "two\n", "ü.txt": "three\n"})
    data = data.replace(b"NAME1", "éß0".encode()).replace(b"NAME2", b"\x81AME2")
    (tmp_path / "a.zip").write_bytes(data)
    found = bk.read_text(tmp_path / "a.zip", include_path=True).compute(**SYNC)
    assert [(line, name.rpartition("/")[2]) for line, name in found] == [
        ("one\n", "éß0.txt"), ("two\n", "üAME2.txt"), ("three\n", "ü.txt"),
    ]  # fmt: skip
    assert bk.read_text(tmp_path / "a.zip/éß0.txt").compute(**SYNC) == ["one\n"]


def test_the_only_member_has_the_path_of_its_archive_in_records(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"day/a.csv": "n\n1\n", "day/.hidden": "n\n2\n"}))
    assert bk.read_text(path, include_path=True).pluck(1).compute(**SYNC) == [str(path)] * 2
    assert bk.read_csv(path, include_path=True).compute(**SYNC) == [({"n": "1"}, str(path))]
    for inside in (path / "day/a.csv", path / "*/a.csv"):  # who names a member gets its name
        assert bk.read_text(inside, include_path=True).pluck(1).compute(**SYNC) == [f"{path}/day/a.csv"] * 2
    failure = bk.read_text(path, include_path=True).starmap(int).compute(on_error="collect", **SYNC).failures[0]
    assert failure.where == f"{path}/day/a.csv, line 1 (byte 0), partition 0"


def test_what_is_broken_is_said_of_the_member(tmp_path: Path) -> None:
    path, data = tmp_path / "a.zip", zipped(FILES, method=zipfile.ZIP_STORED)
    flags = data.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
    size = struct.pack("<2L", len(FILES["top.json"]), len(FILES["top.json"]))
    for broken, words in (
        (flags, r"a\.zip/day/a\.json: it is encrypted; hint: unpack the archive first"),
        (data.replace(b'{"n": 7}', b'{"n": 8}'), r"a\.zip/top\.json: .*its checksum is wrong"),
        (data.replace(size, struct.pack("<2L", 9, 3)), r"a\.zip/top\.json: .*more data than the archive says"),
        (data.replace(b"PK\x03\x04", b"PK\x03\x05"), r"a\.zip/day/a\.json: .*not where the archive says that it is"),
    ):
        path.write_bytes(broken)
        with pytest.raises(CorruptInputError, match=words):
            bk.read_text(path).compute(**SYNC)


@pytest.mark.parametrize("place", [("memory://members/wrong.zip"), ""])
@pytest.mark.parametrize(("sign", "at", "offset"), [(b"PK\x01\x02", 42, 0x7FFFFFFF), (b"PK\x05\x06", 16, 0x7FFFFFFF)])
def test_a_list_of_what_is_not_in_the_archive_makes_no_sense(
    tmp_path: Path, place: str, sign: bytes, at: int, offset: int
) -> None:
    """A place before its beginning was an OSError of the system, one behind its end a file that has changed."""
    data, path = bytearray(zipped(FILES)), tmp_path / "wrong.zip"
    struct.pack_into("<L", data, data.rindex(sign) + at, offset)
    path.write_bytes(data)
    if place:
        fsspec.filesystem("memory").pipe(place, bytes(data))
    with pytest.raises(CorruptInputError, match="the last that can be found in its archive"):
        bk.read_text(place or path).compute(**SYNC)
    with pytest.warns(bk.DamagedInputWarning):
        assert bk.read_text(place or path, damaged="keep").compute(**SYNC) == lines(*FILES)


@pytest.mark.parametrize("target", [io.BytesIO, Pipe])
def test_of_an_archive_that_is_cut_off_stays_what_there_is(tmp_path: Path, target: Any) -> None:
    data, path = zipped(FILES, target()), tmp_path / "a.zip"
    whole = lines(*FILES)
    for size in (len(data) - 1, len(data) - 300, len(data) // 2, 30, 3):
        path.write_bytes(data[:size])
        with pytest.raises(CorruptInputError):
            bk.read_text(path).compute(**SYNC)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = bk.read_text(path, damaged="keep").compute(**SYNC)
            kept = bk.read_text(path, damaged="skip_file").compute(**SYNC)
        assert found == whole[: len(found)]
        assert kept == found[: len(kept)]
        assert len(found) > 1000 or size < 100
        assert [warning.category for warning in told] == [bk.DamagedInputWarning] * 2


def test_what_has_no_end_is_not_taken_for_all_that_follows(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(FILES, Pipe(), method=zipfile.ZIP_STORED)[:-30])
    with pytest.warns(bk.DamagedInputWarning, match="the last that can be found"):
        assert bk.read_text(tmp_path / "a.zip", damaged="keep").compute(**SYNC) == []
