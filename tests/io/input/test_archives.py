"""Zip archives and snappy: read as any compressed text."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import fsspec
import pytest

import bagkit as bk

LINES = [f"line {n} {n * n}\n" for n in range(20_000)]
TEXT = "".join(LINES)


class Pipe(io.RawIOBase):
    """A file that can't go back, so that sizes and checksums come behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def archive(*files: tuple[str, str], method: int = zipfile.ZIP_DEFLATED, piped: bool = False, long: bool = False,
            comment: bytes = b"") -> bytes:  # fmt: skip
    target: Any = Pipe() if piped else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        for name, text in files:
            with made.open(name, "w", force_zip64=long) as file:
                file.write(text.encode())
        made.comment = comment
    return bytes(target.data if piped else target.getvalue())


def lines(path: Path, data: bytes, **options: Any) -> list[str]:
    path.write_bytes(data)
    read: list[str] = bk.read_text(path, **options).compute(scheduler="sync")
    return read


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("long", [False, True])
def test_zip(tmp_path: Path, method: int, long: bool) -> None:
    for text in (TEXT, "a\nb", ""):
        data = archive(("in/", ""), ("in/a.txt", text), method=method, long=long, comment=b"made by hand")
        expected = text.splitlines(keepends=True)
        assert lines(tmp_path / "a.zip", data) == lines(tmp_path / "a.x", data, compression="zip") == expected
        assert lines(tmp_path / "a.zip", archive(("a", text), method=method, long=long, piped=True)) == expected


def test_records_and_places(tmp_path: Path) -> None:
    (tmp_path / "a.json.zip").write_bytes(archive(("a.json", '{"n": 1}\nbad\n{"n": 3}\n')))
    b = bk.read_json(tmp_path / "a.json.zip")
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped"):
        assert b.on_error("skip").pluck("n").sum().compute(scheduler="sync") == 4
    with pytest.raises(ValueError, match="Expecting value") as caught:
        b.compute(scheduler="sync")
    assert "line 2" in "".join(caught.value.__notes__)
    with pytest.raises(ValueError, match="compressed"):
        bk.read_text(tmp_path / "a.json.zip", blocksize=10)


@pytest.mark.parametrize(("data", "words"), [
    (archive(), "it is an archive without a file"),
    (b"hello", "it is no zip file, it begins with b'hello'"),
    (b"", "it is no zip file"),
    (archive(("a.txt", "a\n"), method=zipfile.ZIP_LZMA), "packed by the method 14, which is not read"),
])  # fmt: skip
def test_archives_that_are_not_read(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(bk.CorruptInputError, match=words):
        lines(tmp_path / "a.zip", data)


def check_cut_off(path: Path, data: bytes) -> None:
    for size in (3, 30, len(data) // 2, len(data) - 25, len(data) - 1):
        with pytest.raises(bk.CorruptInputError):
            lines(path, data[:size])


def test_damage_is_seen(tmp_path: Path) -> None:
    zipped = archive(("a.txt", TEXT), method=zipfile.ZIP_STORED)
    wrong = zipped.replace(b"line 777 ", b"line 778 ", 1)
    with pytest.raises(bk.CorruptInputError, match=r"a\.zip/a\.txt: .* \(its checksum is wrong\)"):
        lines(tmp_path / "a.zip", wrong)
    snapped = bytes(cramjam.snappy.compress(TEXT.encode()))
    for name, data in (("a.zip", archive(("a.txt", TEXT))), ("a.snappy", snapped)):
        check_cut_off(tmp_path / name, data)
    with pytest.raises(bk.CorruptInputError, match="damaged"):
        lines(tmp_path / "a.snappy", snapped[:2000] + b"!" + snapped[2001:])


def check_codec(folder: Path, name: str, compress: Callable[[bytes], Any]) -> None:
    for text in (TEXT, "a\nb\n", ""):
        data, expected = bytes(compress(text.encode())), text.splitlines(keepends=True)
        assert lines(folder / f"a.{name}", data) == lines(folder / "a", data, compression=name) == expected
        assert lines(folder / f"b.{name}", data * 2) == expected * 2  # one behind the other


def test_snappy(tmp_path: Path) -> None:
    check_codec(tmp_path, "snappy", cramjam.snappy.compress)


def test_all_that_fsspec_knows(tmp_path: Path) -> None:
    for name in fsspec.available_compressions():
        path = tmp_path / f"of {name}"
        with fsspec.open(str(path), "wb", compression=name) as file:
            file.write(b"one\ntwo\n")
        assert bk.read_text(path, compression=name).compute(scheduler="sync") == ["one\n", "two\n"]


@pytest.mark.parametrize(("name", "modules"), [("lz4", ["lz4", "lz4.frame"]), ("snappy", ["cramjam", "snappy"])])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, modules: Any) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / f"a.{name}").write_bytes(b"")
    with pytest.raises(bk.MissingExtraError, match=rf"hint: pip install 'bagkit\[{name}\]'"):
        bk.read_text(tmp_path / f"a.{name}")


def test_they_are_not_written(tmp_path: Path) -> None:
    for name in ("zip", "lz4", "snappy"):
        with pytest.raises(bk.PlanError, match=f"files of type .{name} are not written; expected one of .gz, "):
            bk.from_sequence(["a"]).to_textfiles(tmp_path / f"*.{name}")
        with pytest.raises(bk.PlanError, match=f"compression: got '{name}'; expected 'infer', None, or one of 'gzip'"):
            bk.from_sequence(["a"]).to_textfiles(tmp_path / "*.txt", compression=name)
