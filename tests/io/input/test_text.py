"""The records of read_text are the lines of `open`, however a file is cut, packed or encoded."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bagkit as bk
from bagkit.flow.report import Report
from bagkit.io.input import file_source, lines
from bagkit.io.input.text import plan_text_files
from bagkit.option_values import parse_bytes
from tests.io.input.contract import FileSourceContract
from tests.io.input.reading import Reading, python_lines, read, read_partitions, read_pieces, split_lines

PARTS = [
    "a",
    "bc",
    "|",
    "||",
    "\n",
    "\r",
    "\r\n",
    "\u2028",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "\0",
    "é",
    "日本",
    "😀",
    "\ufeff",
]
TEXT = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)
BYTES = st.lists(st.sampled_from([part.encode() for part in PARTS] + [b"\xff", b"\xc3", b"\xf0\x9f"]), max_size=25).map(
    b"".join
)
any_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few bytes, so that small files have edges too."""
    monkeypatch.setattr(file_source, "BLOCK", 7)
    monkeypatch.setattr(file_source, "_TAIL", 3)
    monkeypatch.setattr(lines, "LONG", 16)  # and some lines are so long that they are gathered


def written(folder: Path, data: bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- the law -----------------------------------------------------------------------------------------------------------


@any_file
@given(
    data=BYTES,
    blocksize=st.none() | st.integers(1, 40),
    errors=st.sampled_from(["replace", "ignore", "surrogateescape", "backslashreplace"]),
)
def test_lines_of_any_bytes(tmp_path, small_blocks, data, blocksize, errors):
    path = written(tmp_path, data)
    assert read(path, blocksize=blocksize, errors=errors) == python_lines(path, errors=errors)


@any_file
@given(text=TEXT, blocksize=st.none() | st.integers(1, 40), encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
def test_lines_of_any_text(tmp_path, small_blocks, text, blocksize, encoding):
    path = written(tmp_path, text.encode(encoding))
    assert read(path, blocksize=blocksize, encoding=encoding) == python_lines(path, encoding)


@any_file
@given(text=TEXT, encoding=st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-7", "utf-8"]))
def test_whole_files_in_encodings_that_cannot_be_cut(tmp_path, small_blocks, text, encoding):
    path = written(tmp_path, text.encode(encoding))
    assert read(path, encoding=encoding) == python_lines(path, encoding)
    assert read(path, encoding=encoding, linedelimiter="||") == split_lines(text_of(path, encoding), "||")


@any_file
@given(
    text=TEXT,
    delimiter=st.sampled_from(["\n", "\r", "\r\n", "|", "||", "a|", "日本", "é|é", "\u2028"]),
    blocksize=st.none() | st.integers(1, 40),
)
def test_any_delimiter(tmp_path, small_blocks, text, delimiter, blocksize):
    path = written(tmp_path, text.encode())
    assert read(path, linedelimiter=delimiter, blocksize=blocksize) == split_lines(text, delimiter)


@any_file
@given(
    text=TEXT,
    delimiter=st.none() | st.sampled_from(["\n", "||"]),
    compression=st.sampled_from(["gz", "bz2", "xz", "zst"]),
)
def test_any_compression(tmp_path, small_blocks, text, delimiter, compression):
    plain = written(tmp_path, text.encode())
    packed = written(tmp_path, COMPRESS[compression](text.encode()), f"a.txt.{compression}")
    assert read(packed, linedelimiter=delimiter) == read(plain, linedelimiter=delimiter)


@any_file
@given(data=BYTES, blocksize=st.none() | st.integers(1, 40))
def test_raw_lines_decode_to_the_lines(tmp_path, small_blocks, data, blocksize):
    path = written(tmp_path, data.decode(errors="ignore").encode())
    raw = read(path, raw=True, blocksize=blocksize)
    assert b"".join(raw) == path.read_bytes()
    assert [line.decode().replace("\r\n", "\n").replace("\r", "\n") for line in raw] == python_lines(path)


def zstd_compress(data: bytes) -> bytes:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd_compress}


def text_of(path: Path, encoding: str) -> str:
    with open(path, encoding=encoding, newline="") as file:
        return file.read()


# -- lines -------------------------------------------------------------------------------------------------------------


def test_text_of_many_blocks_is_the_same_in_any_form(tmp_path):
    lines = [f"{n} {'é' * (n % 50)} {'x' * (n % 977)}\n" for n in range(4000)]
    data = "".join(lines).encode()
    path = written(tmp_path, data)
    assert read(path) == lines
    assert read(path, blocksize="300 kB") == lines
    assert read(path, linedelimiter="\n") == lines
    for suffix, compress in COMPRESS.items():
        assert read(written(tmp_path, compress(data), f"b.{suffix}")) == lines


def test_blocks_are_small_and_their_bytes_add_up(tmp_path):
    data = b"".join(b"%d\n" % n for n in range(200_000))
    for path in (written(tmp_path, data), written(tmp_path, gzip.compress(data), "a.gz")):
        source = plan_text_files(path)
        blocks = list(source.read(source.pieces()[0], Report(), raw=True))
        assert len(blocks) > 3
        assert b"".join(block.data for block in blocks) == data
        assert max(len(block.data) for block in blocks) <= 1 << 20
        assert sum(block.nbytes for block in blocks) == path.stat().st_size == source.pieces()[0][0].weight


def test_a_bom_is_text_in_utf8_and_a_mark_in_utf8_sig(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")
    assert read(path) == ["\ufeffa\n", "\ufeffb\n"]
    assert read(path, encoding="utf-8-sig") == read(path, encoding="utf-8-sig", blocksize=3) == ["a\n", "\ufeffb\n"]


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "koi8-r", "shift_jis", "euc-jp", "big5", "gbk", "ascii", "cp037"]
)
def test_other_encodings(tmp_path, encoding):
    path = written(tmp_path, "one\r\ntwo\nthree".encode(encoding))
    assert read(path, encoding=encoding) == ["one\n", "two\n", "three"]


def test_a_long_line_takes_time_in_proportion(tmp_path):
    path = written(tmp_path, b"a\n" + b"x" * (48 << 20) + b"\nb\n")
    assert list(map(len, read(path))) == [2, (48 << 20) + 1, 2]


# -- partitions --------------------------------------------------------------------------------------------------------


def test_one_partition_per_file_and_empty_ones_too(tmp_path):
    paths = [written(tmp_path, data, name) for name, data in (("a", b"1\n2"), ("b", b""), ("c.gz", b""), ("d", b"3\n"))]
    assert read_partitions(plan_text_files(paths)) == [["1\n", "2"], [], [], ["3\n"]]
    assert read_partitions(plan_text_files(paths, files_per_partition=3)) == [["1\n", "2"], ["3\n"]]
    assert read_partitions(plan_text_files(paths[1], blocksize=3)) == [[]]


def test_blocksize_cuts_by_the_first_byte_of_lines(tmp_path):
    path = written(tmp_path, b"aaa\nbbb\nccc\n")
    source = plan_text_files(path, blocksize=4)
    assert read_partitions(source) == [["aaa\n"], ["bbb\n"], ["ccc\n"]]
    assert [piece.partition for (piece,) in source.pieces()] == [0, 1, 2]
    assert source.pieces()[1][0].label == f"{path} bytes 4-8"
    assert [piece.weight for (piece,) in source.pieces()] == [4, 4, 4]


@any_file
@given(size=st.integers(1, 60), blocksize=st.none() | st.integers(1, 60))
def test_a_piece_is_cut_into_what_it_is(tmp_path, size, blocksize):
    path = written(tmp_path, b"a\nbb\r\n\n\nccc\rdddd\n" * 3)
    source = plan_text_files(path, blocksize=blocksize)
    for (piece,) in source.pieces():
        parts = piece.cut(size)
        assert sum(part.weight for part in parts) == piece.weight
        assert all(part.weight <= size for part in parts)
        assert read_pieces(source, tuple(parts)) == read_pieces(source, (piece,))


@pytest.mark.parametrize("options", [{"encoding": "utf-16"}, {"linedelimiter": "||"}, {"compression": "gzip"}])
def test_what_must_be_read_from_the_beginning_is_not_cut(tmp_path, options):
    (piece,) = plan_text_files(written(tmp_path, b"a" * 100), **options).pieces()[0]
    assert piece.cut(10) == (piece,)


def test_include_path_gives_absolute_paths(tmp_path, monkeypatch):
    path = written(tmp_path, b"a\n\xff\n")
    monkeypatch.chdir(tmp_path)
    assert read("a.txt", include_path=True, errors="replace") == [("a\n", str(path)), ("\ufffd\n", str(path))]
    assert read("a.txt", include_path=True, encoding="utf-16-le", errors="replace")[0][1] == str(path)
    assert read("a.txt", include_path=True, errors="replace", raw=True)[0] == ("a\n", str(path))


def test_the_source_without_its_pieces_knows_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, b"")
    source = plan_text_files("*.txt")
    assert source.label == "read_text('*.txt')"
    assert source.bare().pieces() == ()
    assert source.bare().label == source.label


# -- paths -------------------------------------------------------------------------------------------------------------


def test_patterns_are_those_of_the_glob_module(tmp_path, monkeypatch):
    for name in ("a1.txt", "a2.txt", "a9.txt", "b.txt", ".hidden.txt", "sub/c.txt", "sub/deep/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path, name.encode(), name)
    monkeypatch.chdir(tmp_path)
    assert read("*.txt") == ["a1.txt", "a2.txt", "a9.txt", "b.txt"]
    assert read("a[0-3].txt") == ["a1.txt", "a2.txt"]
    assert read("?1.txt") == ["a1.txt"]
    assert read("**/*.txt") == ["a1.txt", "a2.txt", "a9.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]
    assert read("*") == read("*.txt")
    assert read(["b.txt", "a*.txt", Path("b.txt")]) == ["b.txt", "a1.txt", "a2.txt", "a9.txt", "b.txt"]
    assert read(Path("sub") / "*.txt") == ["sub/c.txt"]
    assert read(f"file://{tmp_path}/b.txt") == ["b.txt"]


@pytest.mark.parametrize("name", ["a b.txt", "a[1].txt", "100%.txt", "a\nb.txt", "é.txt", "a#b.txt", "x\udcff.txt"])
def test_odd_names_are_names(tmp_path, name):
    written(tmp_path, b"yes\n", name)
    assert read(tmp_path / name) == ["yes\n"]
    assert read(str(tmp_path / "*")) == ["yes\n"]


def test_a_name_that_looks_like_a_chain_of_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, b"yes\n", "std::vector.txt")
    assert read("std::vector.txt") == ["yes\n"]


def test_a_pattern_that_is_also_a_name(tmp_path):
    names = ["a[1].txt", "a1.txt", "b?.txt", "c[1]?.txt", "run[1]/d.txt", "run1/e.txt", "run2/f.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path, name.encode(), name)
    for name in [*names[:4], "run[1]/*", "run[12]/*"]:
        wanted = {"run[1]/*": ["run[1]/d.txt"], "run[12]/*": ["run1/e.txt", "run2/f.txt"]}.get(name, [name])
        assert read(tmp_path / name) == wanted, name
    for name, other in (("b?.txt", "b1.txt"), ("c[1]?.txt", "c12.txt")):
        written(tmp_path, other.encode(), other)
        with pytest.raises(bk.SourceError, match=r"there is a file of this name, and as a pattern.*glob\.escape"):
            bk.read_text(tmp_path / name)
        assert read(glob.escape(str(tmp_path / name))) == [name]
        every = sorted(glob.glob(str(tmp_path / f"{name[0]}*")))
        assert read(map(glob.escape, every)) == [Path(path).name for path in every]


def test_a_pattern_that_is_also_a_name_behind_a_url():
    memory = fsspec.filesystem("memory")
    names = ["a[1].txt", "a1.txt", "b?.txt", "c*.txt", "c1.txt"]
    for name in names:
        memory.pipe(f"/names/{name}", name.encode())
    for name in names[:3]:
        assert read(f"memory://names/{name}") == [name]
    assert read("memory://names/*") == sorted(names)
    with pytest.raises(bk.SourceError, match="there is a file of this name, and as a pattern"):
        bk.read_text("memory://names/c*.txt")
    with pytest.raises(bk.NoFilesError, match="matches no file"):
        bk.read_text("memory://names/a[2].txt")


def test_home_and_parents_are_followed(tmp_path, monkeypatch):
    (tmp_path / "real" / "inner").mkdir(parents=True)
    written(tmp_path / "real", b"real\n")
    written(tmp_path, b"lexical\n")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "inner")
    monkeypatch.setenv("HOME", str(tmp_path / "real"))
    assert read("~/a.txt") == ["real\n"]
    assert read(tmp_path / "link" / ".." / "a.txt") == ["real\n"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("10MB", 10_000_000),
        ("1 MiB", 1 << 20),
        ("64 kb", 64_000),
        ("1.5k", 1500),
        ("7", 7),
        (1e6, 1_000_000),
    ],
)
def test_sizes(size, expected):
    assert parse_bytes(size) == expected


def test_lines_that_do_not_decode_fail_at_their_turn(tmp_path):

    path = written(tmp_path, b"one\r\ntwo\n\xff\r\nfour\n")
    for options in ({}, {"include_path": True}):
        source = plan_text_files(path, **options)
        records = Reading(source.read(source.pieces()[0], Report()))
        assert len([next(records), next(records)]) == 2
        with pytest.raises(UnicodeDecodeError):
            next(records)
        assert next(records) in ("four\n", ("four\n", str(path)))


def test_files_are_closed_when_nobody_reads_on(tmp_path, monkeypatch):
    from bagkit.io.input import files

    opened = []
    monkeypatch.setattr(files, "_open_local", partial(_remember, opened, files._open_local))
    source = plan_text_files(written(tmp_path, b"a\n" * 300_000))
    blocks = source.read(source.pieces()[0], Report())
    next(blocks)
    file = opened[0]._file
    assert not file.closed
    blocks.close()
    assert file.closed


def _remember(opened, function, info):
    opened.append(function(info))
    return opened[-1]


class TestContract(FileSourceContract):
    suffix = ".txt"
    unit = "lines"

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_text(urlpath, **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return "".join(self.records("", numbers)).encode()

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [f"number {number} é{'x' * 60}\n" for number in numbers]


class TestContractInAnEncodingThatIsDecodedFirst(TestContract):
    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_text(urlpath, encoding="utf-16-le", **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return "".join(self.records("", numbers)).encode("utf-16-le")


class TestContractWithPaths(TestContract):
    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_text(urlpath, include_path=True, **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return "".join(record for record, _ in self.records("", numbers)).encode()

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [(record, path) for record in super().records(path, numbers)]
