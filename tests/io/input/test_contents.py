"""Whole files as records, and the lines of URLs."""

from __future__ import annotations

import bz2
import gzip
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError, NoFilesError, PlanError, SourceError
from tests.io.input.contract import FileSourceContract

SYNC: dict[str, Any] = {"scheduler": "sync"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes("é\r\nb\rc\n".encode())
    (tmp_path / "b.txt").write_bytes(b"")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"one\ntwo"))
    (tmp_path / "d.txt.bz2").write_bytes(bz2.compress(b"three"))
    return tmp_path


def test_each_file_is_one_record(folder: Path) -> None:
    bag = bk.read_files(str(folder / "*"))
    assert bag.npartitions == 4
    expected = [("a.txt", "é\nb\nc\n"), ("b.txt", ""), ("c.txt.gz", "one\ntwo"), ("d.txt.bz2", "three")]
    assert bag.compute(**SYNC) == [(str(folder / name), text) for name, text in expected]
    assert bag.values().compute(scheduler="processes", workers=2) == [text for _, text in expected]


def test_contents_alone_and_as_bytes(folder: Path) -> None:
    paths = [folder / "a.txt", folder / "c.txt.gz"]
    assert bk.read_files(paths, include_path=False).compute(**SYNC) == ["é\nb\nc\n", "one\ntwo"]
    binary = bk.read_files(paths, binary=True, include_path=False, files_per_partition=2)
    assert binary.npartitions == 1
    assert binary.compute(**SYNC) == ["é\r\nb\rc\n".encode(), b"one\ntwo"]
    raw = bk.read_files(paths[1], binary=True, compression=None)
    assert raw.compute(**SYNC) == [(str(paths[1]), paths[1].read_bytes())]


def test_it_is_what_open_reads(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    for encoding in ("utf-8", "utf-16", "utf-8-sig", "latin-1"):
        path.write_bytes("a\r\n\r\rb\n\x85é".encode(encoding))
        assert bk.read_files(path, encoding=encoding).compute(**SYNC) == [(str(path), path.read_text(encoding))]


def test_a_large_file_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"0123456789abcde\n" * (40 << 16))  # more than one task reads of lines
    assert bk.read_files(path).map(lambda pair: len(pair[1])).compute(**SYNC) == [40 << 20]


def test_info_and_errors_name_the_file(folder: Path) -> None:
    (folder / "b.txt").write_bytes(b"\xff\xfe\xfa")
    bag = bk.read_files([folder / "a.txt", folder / "b.txt"])
    infos = bag.map_partitions_with_info(lambda _, info: [info.paths]).on_error("skip")
    with pytest.raises(UnicodeDecodeError) as caught:
        bag.compute(**SYNC)
    assert "in read_files" in caught.value.__notes__[0]
    assert f"at {folder / 'b.txt'}, partition 1" in caught.value.__notes__
    with pytest.warns(bk.SkippedRecordsWarning):
        assert infos.compute(**SYNC) == [(str(folder / "a.txt"),), (str(folder / "b.txt"),)]
    with pytest.warns(bk.SkippedRecordsWarning):
        assert bag.values().compute(on_error="skip", **SYNC) == ["é\nb\nc\n"]
    assert bk.read_files(folder / "b.txt", errors="replace").values().compute(**SYNC) == ["\ufffd" * 3]


def test_files_that_are_damaged_or_changed_are_errors(folder: Path) -> None:
    (folder / "c.txt.gz").write_bytes(gzip.compress(b"one\ntwo" * 99)[:-5])
    with pytest.raises(CorruptInputError, match=r"c.txt.gz: .*before that, 0 files were good"):
        bk.read_files(folder / "c.txt.gz").compute(**SYNC)
    bag = bk.read_files(folder / "a.txt")
    (folder / "a.txt").write_bytes(b"more than there was")
    with pytest.raises(InputChangedError):
        bag.compute(**SYNC)


def test_text_that_is_compressed_is_not_taken_for_text(folder: Path) -> None:
    (folder / "c.txt.gz").rename(folder / "c.txt")
    with pytest.raises(SourceError, match="begins as gzip data"):
        bk.read_files(folder / "c.txt").compute(**SYNC)
    assert bk.read_files(folder / "c.txt", binary=True).values().map(gzip.decompress).compute(**SYNC) == [b"one\ntwo"]


def test_wrong_arguments_are_errors_of_the_call(folder: Path) -> None:
    wrong: Any = 1
    with pytest.raises(NoFilesError):
        bk.read_files(folder / "*.xml")
    with pytest.raises(PlanError, match="read_files: binary is 1; expected True or False"):
        bk.read_files(folder / "a.txt", binary=wrong)
    with pytest.raises(PlanError, match="read_files: include_path is 1; expected True or False"):
        bk.read_files(folder / "a.txt", include_path=wrong)


class TestContract(FileSourceContract):
    suffix = ".txt"
    unit = "files"

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_files(urlpath, **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return "\n".join(f"{number} {'x' * 60}" for number in numbers).encode()

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [(path, self.content(numbers).decode())]


# URLs -----------------------------------------------------------------------------------------------------------------


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nwhole\n\r\nff\r\nno more")
            return
        body = b"".join(b"%s %d\n" % (self.path.encode(), n) for n in range(3000))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + 10 * (self.path == "/short")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_lines_of_urls(site: str, folder: Path) -> None:
    bag = bk.from_url([f"{site}/a", f"{site}/b", (folder / "a.txt").as_uri()])
    assert bag.npartitions == 3
    expected = [b"/%s %d\n" % (name, n) for name in (b"a", b"b") for n in range(3000)]
    assert bag.compute(**SYNC) == [*expected, "é\r\n".encode(), b"b\rc\n"]
    assert bag.partitions[:2].map(bytes.decode).count().compute(scheduler="processes", workers=2) == 6000


def test_errors_in_lines_of_urls_say_where(site: str) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        bk.from_url(f"{site}/a").map(lambda line: int(line) if line.endswith(b" 2000\n") else 0).compute(**SYNC)
    assert f"at {site}/a, line 2001, partition 0" in caught.value.__notes__


def test_urls_that_can_not_be_read_are_errors(site: str) -> None:
    with pytest.raises(SourceError, match=r"missing.*: can't be opened: HTTP Error 404") as caught:
        bk.from_url(f"{site}/missing").compute(**SYNC)
    response = caught.value.__context__
    assert isinstance(response, HTTPError)
    assert response.fp.closed, "the connection is let go of"
    with pytest.raises(SourceError, match=r"short.*: reading it broke off: 10 bytes are missing"):
        bk.from_url(f"{site}/short").count().compute(**SYNC)
    with pytest.raises(SourceError, match=r"chunked.*: reading it broke off: IncompleteRead"):
        bk.from_url(f"{site}/chunked").count().compute(**SYNC)
    with pytest.raises(SourceError, match=r"can't be opened: .*unknown url type"):
        bk.from_url("gopher://example.org").compute(**SYNC)


@pytest.mark.parametrize("urls", [[], "", "no scheme", ["http://a", 3], 5])
def test_what_is_no_url_is_an_error_of_the_call(urls: Any) -> None:
    with pytest.raises(PlanError, match=r"from_url: got .*; expected a URL such as"):
        bk.from_url(urls)
