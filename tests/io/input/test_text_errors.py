"""What can't be read is an error that says which file and what to do: while planning wherever it can be seen."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import socket
import sys
from pathlib import Path

import pytest

import bagkit as bk
import bagkit.io.input.codecs
from bagkit.errors import (
    CorruptInputError,
    InputChangedError,
    MissingExtraError,
    NoFilesError,
    PlanError,
    SourceError,
)
from bagkit.flow.report import Report
from bagkit.io.input.listing import find_files
from bagkit.io.input.text import plan_text_files
from tests.io.input.reading import Reading, read, read_partitions
from tests.io.input.test_text import COMPRESS, written

GOOD = b"".join(b"line %d\n" % n for n in range(20_000))


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"blocksize": 10, "files_per_partition": 2}, "both blocksize and files_per_partition"),
        ({"blocksize": 10, "compression": "gzip"}, "is compressed (gzip)"),
        ({"blocksize": 10, "encoding": "utf-16"}, "can't be found from the middle"),
        ({"blocksize": 10, "encoding": "utf-7"}, "can't be found from the middle"),
        ({"blocksize": 0}, "blocksize: not a size: got 0"),
        ({"blocksize": "10 parsecs"}, "'64 MiB'"),
        ({"blocksize": True}, "blocksize: not a size: got True"),
        ({"files_per_partition": 0}, "files_per_partition: got 0"),
        ({"files_per_partition": 1.5}, "files_per_partition: got 1.5"),
        ({"compression": "rar"}, "expected 'infer', None, or one of 'gzip'"),
        ({"compression": ["gzip"]}, "compression: got ['gzip']"),
        ({"encoding": "utf-9"}, "encoding: got 'utf-9'"),
        ({"encoding": "rot13"}, "expected an encoding of text"),
        ({"encoding": None}, "encoding: got None"),
        ({"errors": "hope"}, "errors: got 'hope'"),
        ({"errors": "xmlcharrefreplace"}, "which is for writing only"),
        ({"linedelimiter": ""}, "linedelimiter: got ''"),
        ({"storage_options": 5}, "storage_options: got 5; expected a dict for fsspec"),
        ({"storage_options": [("anon", True)]}, "storage_options: got [('anon', True)]; expected a dict"),
        ({"linedelimiter": b"\n"}, "linedelimiter: got b'\\n'"),
    ],
)
def test_arguments_that_cannot_be(tmp_path, options, words):
    path = written(tmp_path, b"a\n")
    with pytest.raises(PlanError, match=re.escape(words)):
        plan_text_files(path, **options)


@pytest.mark.parametrize("urlpath", [None, 3, b"a.txt", [b"a.txt"], [""], {"a": 1}, [None]])
def test_paths_that_are_none(urlpath):
    with pytest.raises(PlanError, match="urlpath: got"):
        plan_text_files(urlpath)


def test_compressed_files_are_not_cut_by_suffix_either(tmp_path):
    with pytest.raises(PlanError, match=r"a\.gz is compressed \(gzip\)"):
        plan_text_files(written(tmp_path, b"", "a.gz"), blocksize=10)


def test_archives_are_refused(tmp_path):
    with pytest.raises(PlanError, match=r"files of type \.7z are not read; .* compression=None"):
        plan_text_files(written(tmp_path, b"", "a.7z"))
    assert read(tmp_path / "a.7z", compression=None) == []


def test_zstd_needs_its_package(tmp_path, monkeypatch):
    if "backports" in sys.modules:
        monkeypatch.delattr(sys.modules["backports"], "zstd", raising=False)
    for name in ("compression", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"bagkit\[zstd\]"):
        plan_text_files(written(tmp_path, b"", "a.zst"))


def test_unknown_protocols():
    with pytest.raises(PlanError, match="nosuch"):
        plan_text_files("nosuch://bucket/a")


@pytest.mark.parametrize(("url", "extra"), [("s3://bucket/a", "s3"), ("http://host/a", "http")])
def test_protocols_whose_package_is_missing(monkeypatch, url, extra):
    import fsspec.core

    def url_to_fs(url, **options):
        raise ImportError("Install it")

    monkeypatch.setattr(fsspec.core, "url_to_fs", url_to_fs)
    with pytest.raises(MissingExtraError, match=rf"bagkit\[{extra}\]"):
        plan_text_files(url)
    with pytest.raises(MissingExtraError, match="Install it"):
        plan_text_files("sftp://host/a")


# -- no such file ------------------------------------------------------------------------------------------------------


def test_what_is_not_there_says_what_is(tmp_path):
    for name in ("log-1.json.gz", "log-2.json.gz", "notes.md"):
        written(tmp_path, b"", name)
    with pytest.raises(NoFilesError, match=r"log-1.json: there is no such file; .* has 3 entries.*'log-1.json.gz'"):
        plan_text_files(tmp_path / "log-1.json")
    with pytest.raises(NoFilesError, match=r"matches no file; .* has 3 entries, 2 of them \*\.json\.gz"):
        plan_text_files(tmp_path / "lgo*.json.gz")
    with pytest.raises(NoFilesError, match="did you mean"):
        plan_text_files(tmp_path.parent / (tmp_path.name + "x") / "a.txt")
    with pytest.raises(NoFilesError, match=r"matches no file$"):
        plan_text_files(tmp_path / "*" / "*.txt")
    with pytest.raises(NoFilesError, match="the list of paths is empty"):
        plan_text_files([])
    with pytest.raises(FileNotFoundError, match="no such file"):
        plan_text_files([tmp_path / "notes.md", tmp_path / "more.md"])
    with pytest.raises(NoFilesError, match="no such file"):
        plan_text_files(tmp_path / "notes.md" / "inside.txt")


def test_names_in_messages_can_be_printed(tmp_path):
    with pytest.raises(NoFilesError) as caught:
        plan_text_files(tmp_path / "a\x1b[31m\n\udcff")
    assert str(caught.value).isprintable()


def test_directories_and_links(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SourceError, match=r"is a directory; .* hint: '.*sub/\*'"):
        plan_text_files(tmp_path / "sub")
    with pytest.raises(NoFilesError, match="only 1 directories"):
        plan_text_files(tmp_path / "s*")
    with pytest.raises(NoFilesError, match="a link to a file that does not exist"):
        plan_text_files(tmp_path / "d*")
    with pytest.raises(SourceError, match="symbolic links"):
        plan_text_files(tmp_path / "loop")
    with pytest.raises(SourceError, match="null"):
        plan_text_files("a\0b")


def test_folders_inside_of_themselves_are_gone_through_once(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a.txt").write_text("a")
    (below / "b.txt").write_text("b")
    (below / ".c").mkdir()
    (below / ".c" / "hidden.txt").write_text("c")
    for name in ("one", "two", "three"):  # glob would go through them in all orders, forty levels deep
        (below / name).symlink_to("../..")
    (tmp_path / "elsewhere").symlink_to("a/b")
    names = [str(Path(file.path).relative_to(tmp_path)) for file in find_files(tmp_path / "**" / "*.txt", {})]
    assert names == ["a.txt", "a/b/b.txt", "elsewhere/b.txt"]
    for pattern, count in {"**": 3, "a/**": 1, "a/**/b/**/*.txt": 1, "**/.c/*": 2, "*/**/b.txt": 2}.items():
        assert len(find_files(tmp_path / pattern, {})) == count


def test_links_that_lead_nowhere_hide_no_file_beside_them(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "itself").symlink_to("itself")
        (folder / "gone").symlink_to("nowhere")
        (folder / "below a file").symlink_to(tmp_path / "a" / "x.txt" / "y")
    assert [file.path for file in find_files(tmp_path / "**" / "*.txt", {})] == [str(tmp_path / "a" / "x.txt")]


def test_a_near_name_is_another_one(tmp_path):
    (tmp_path / "link.json").symlink_to("gone.json")
    with pytest.raises(NoFilesError) as caught:
        find_files(tmp_path / "link.json", {})
    assert "did you mean" not in str(caught.value)


def test_files_that_a_process_has_open(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\nb\n")
    with path.open() as opened:
        for name in (f"/dev/fd/{opened.fileno()}", f"/proc/self/fd/{opened.fileno()}"):
            if os.path.exists(name):  # macOS has no /proc
                assert bk.read_text(name).compute(workers=1) == ["a\n", "b\n"]
        path.unlink()
        with pytest.raises(SourceError, match=r"is a file that has no name any more; .*; hint: bagkit.from_sequence"):
            bk.read_text(f"/dev/fd/{opened.fileno()}")


def test_what_the_system_makes_when_it_is_read():
    if os.path.exists("/proc/self/status"):
        with pytest.raises(SourceError, match="status: is made by the system when it is read"):
            bk.read_text("/proc/self/status")


def test_what_is_no_regular_file(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="is a FIFO; expected a regular file"):
        plan_text_files(tmp_path / "*")
    with pytest.raises(SourceError, match="is a device"):
        plan_text_files("/dev/null")
    with socket.socket(socket.AF_UNIX) as sock:
        monkeypatch.chdir(tmp_path)  # the name of a socket can't be as long as a file's
        sock.bind("s")
        with pytest.raises(SourceError, match="is a socket"):
            plan_text_files(tmp_path / "s")


def test_no_permission_is_seen_while_planning(tmp_path, monkeypatch):
    path = written(tmp_path, b"a")
    path.chmod(0)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SourceError, match=r"no permission to read it \(mode ----------\)"):
        plan_text_files(path)


def test_directories_that_cannot_be_listed(tmp_path, monkeypatch):
    def listdir(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(NoFilesError, match="can't be listed: Permission denied"):
        plan_text_files(tmp_path / "a.txt")


def test_no_permission_while_reading(tmp_path, monkeypatch):
    source = plan_text_files(written(tmp_path, b"a"))

    def refuse(info):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bagkit.io.input.files._open_local", refuse)
    with pytest.raises(SourceError, match=r"a\.txt: can't be opened: PermissionError"):
        read_partitions(source)


# -- changed files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"a\nb\nc\n", b"a\n", b""])
def test_another_size_than_planned(tmp_path, data):
    path = written(tmp_path, b"a\nb\n")
    source = plan_text_files(path)
    path.write_bytes(data)
    with pytest.raises(InputChangedError, match=rf"got {len(data)} bytes; expected 4 bytes"):
        read_partitions(source)


def test_another_time_than_planned(tmp_path):
    path = written(tmp_path, b"a\nb\n")
    source = plan_text_files(path, blocksize=2)
    os.utime(path, (1, 1))
    with pytest.raises(InputChangedError, match=r"got modified 1970-.* expected modified 20"):
        read_partitions(source)


def test_gone(tmp_path):
    path = written(tmp_path, b"a\nb\n")
    source = plan_text_files(path)
    path.unlink()
    with pytest.raises(InputChangedError, match="is gone"):
        read_partitions(source)


@pytest.mark.parametrize("keep", [100, len(GOOD) + 7])
def test_changed_while_it_is_read(tmp_path, keep):
    path = written(tmp_path, GOOD * 4)
    source = plan_text_files(path)
    records = Reading(source.read(source.pieces()[0], Report()))
    next(records)
    os.truncate(path, keep)
    with pytest.raises(InputChangedError):
        list(records)


def test_a_compressed_file_that_is_cut_off_meanwhile_has_changed(tmp_path):
    path = written(tmp_path, gzip.compress(os.urandom(1 << 20).replace(b"\n", b"a")), "a.gz")
    source = plan_text_files(path, encoding="latin-1", linedelimiter="a")
    records = Reading(source.read(source.pieces()[0], Report()))
    next(records)
    os.truncate(path, 300_000)
    with pytest.raises(InputChangedError):
        list(records)


# -- damaged files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", list(COMPRESS))
@pytest.mark.parametrize("cut", [1, 5, 300])
def test_a_file_that_is_cut_off_gives_its_good_lines_first(tmp_path, suffix, cut):
    path = written(tmp_path, COMPRESS[suffix](GOOD)[:-cut], f"a.{suffix}")
    source = plan_text_files(path)
    found = []
    stream = Reading(source.read(source.pieces()[0], Report()))
    with pytest.raises(CorruptInputError) as caught:
        found.extend(stream)
    assert found == GOOD.decode().splitlines(keepends=True)[: len(found)]
    assert str(path) in str(caught.value)
    assert f"{len(found)} lines were good ({len(''.join(found))} bytes" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_where_lines_are_found_in_text_no_number_of_bytes_is_claimed(tmp_path):
    path = written(tmp_path, gzip.compress(GOOD.decode().encode("utf-16"))[:-9], "a.gz")
    with pytest.raises(CorruptInputError, match=r"before that, \d+ lines were good; hint: damaged='keep'"):
        read(path, encoding="utf-16")


@pytest.mark.parametrize("suffix", list(COMPRESS))
@pytest.mark.parametrize("garbage", [b"x", b"garbage after the end", b"\x1f\x8b"])
def test_garbage_after_the_end(tmp_path, suffix, garbage):
    path = written(tmp_path, COMPRESS[suffix](b"a\n") + garbage, f"a.{suffix}")
    with pytest.raises(CorruptInputError, match=r"a\.\w+: .*"):
        read(path)


@pytest.mark.parametrize("suffix", list(COMPRESS))
def test_a_flipped_bit(tmp_path, suffix):
    data = bytearray(COMPRESS[suffix](os.urandom(5000).hex().encode()))
    data[len(data) // 2] ^= 4
    with pytest.raises(CorruptInputError):
        read(written(tmp_path, bytes(data), f"a.{suffix}"))


@pytest.mark.parametrize("at", [-8, -4])
def test_checksum_and_length_of_gzip_are_checked(tmp_path, at):
    data = bytearray(gzip.compress(b"a\n"))
    data[at] ^= 1
    with pytest.raises(CorruptInputError, match="damaged") as caught:
        read(written(tmp_path, bytes(data), "a.gz"))
    assert type(caught.value.__cause__).__name__ == "IsalError"


@pytest.mark.parametrize("suffix", list(COMPRESS))
def test_members_one_after_the_other(tmp_path, suffix):
    pack = COMPRESS[suffix]
    path = written(tmp_path, pack(b"a\nb") + pack(b"") + pack(b"c\n"), f"a.{suffix}")
    assert read(path) == ["a\n", "bc\n"]
    padded = written(tmp_path, pack(b"a\n") + bytes(1024) + pack(b"b\n") + bytes(4), f"b.{suffix}")
    assert read(padded) == ["a\n", "b\n"]
    assert read(written(tmp_path, b"", f"c.{suffix}")) == []


def test_many_members(tmp_path):
    path = written(tmp_path, b"".join(gzip.compress(b"%d\n" % n) for n in range(20_000)), "a.gz")
    assert read(path) == [f"{n}\n" for n in range(20_000)]


def test_gzip_headers_with_everything_in_them(tmp_path):
    plain = gzip.compress(b"a\n", mtime=0)
    header = b"\x1f\x8b\x08\x1c" + plain[4:10] + b"\x03\0xyz" + b"name\0" + b"comment\0"
    assert read(written(tmp_path, header + plain[10:], "a.gz")) == ["a\n"]


def test_lzma_alone(tmp_path):
    path = written(tmp_path, lzma.compress(b"a\n", lzma.FORMAT_ALONE), "a.lzma")
    assert read(path) == ["a\n"]


def test_zstd_skippable_frames(tmp_path):
    frame = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    path = written(tmp_path, frame + COMPRESS["zst"](b"a\n") + frame + COMPRESS["zst"](b"b\n"), "a.zst")
    assert read(path) == ["a\n", "b\n"]


# -- the wrong suffix --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_plain_text_with_the_suffix_of_a_compression(tmp_path, suffix):
    with pytest.raises(CorruptInputError, match=r"begins with b'plain text.*hint: compression=None"):
        read(written(tmp_path, b"plain text, and quite some of it\n", f"a.{suffix}"))


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_data_without_the_suffix(tmp_path, name, pack):
    path = written(tmp_path, pack(b"a\n"))
    with pytest.raises(SourceError, match=rf"begins as {name} data.* hint: compression='{name}'"):
        read(path)
    assert read(path, compression=name) == ["a\n"]
    assert "".join(read(path, compression=None, encoding="latin-1", linedelimiter="\n")).encode("latin-1") == pack(
        b"a\n"
    )


def test_one_compression_with_the_suffix_of_another(tmp_path):
    with pytest.raises(CorruptInputError, match="begins as bz2 data; hint: compression='bz2'"):
        read(written(tmp_path, bz2.compress(b"a\n"), "a.gz"))


def test_every_codec_is_known_by_its_beginning():
    for suffix, pack in COMPRESS.items():
        name = bagkit.io.input.codecs.compression_of(f"a.{suffix}", "infer")
        assert bagkit.io.input.codecs.recognise(pack(b"a\n")) == name
    assert bagkit.io.input.codecs.recognise(b"PK is plain text") is None


# -- text that does not decode -----------------------------------------------------------------------------------------


def test_utf16_that_breaks_off(tmp_path):
    path = written(tmp_path, "one\ntwo\nthr".encode("utf-16") + b"\x00\xdc\x00\x00", "a.txt")
    source = plan_text_files(path, encoding="utf-16")
    stream = Reading(source.read(source.pieces()[0], Report()))
    records = stream
    assert [next(records), next(records)] == ["one\n", "two\n"]
    with pytest.raises(UnicodeDecodeError):
        next(records)
    assert (stream.place().line, stream.place().record) == (3, "thr")
    with pytest.raises(SourceError, match="line 3 does not decode as utf-16"):
        next(records)


def test_utf16_without_a_bom(tmp_path):
    with pytest.raises(SourceError, match=r"does not decode as utf-16: .*BOM"):
        read(written(tmp_path, "one\n".encode("utf-16-le")), encoding="utf-16")
