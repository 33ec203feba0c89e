"""Remote files are read as local ones are: memory://, a web server with and without ranges, and S3, on loopback."""

from __future__ import annotations

import gc
import gzip
import http.server
import io
import socket
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Iterator

import fsspec
import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError, NoFilesError, PlanError, SourceError
from bagkit.flow.report import Report
from bagkit.io.input import file_source, files
from bagkit.io.input.text import plan_text_files
from tests.io.input.reading import Reading, read, read_partitions

# The lowest botocore that s3fs takes uses what Python 3.12 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")

LINES = [f"line {n} é\n" for n in range(30_000)]
DATA = "".join(LINES).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


FILES = {
    "a.txt": DATA,
    "b.txt": b"b\r\nb",
    "empty.txt": b"",
    "c.txt.gz": gzip.compress(DATA),
    "cut.gz": gzip.compress(DATA)[:-9],
    "one.zip": zipped({"a": DATA}),
    "two.zip": zipped({"a": b"1\n", "b": b"2\n"}),
    "cut.zip": zipped({"a": b"1\n"})[:-1],
}


# -- memory:// ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def file_systems_go() -> Iterator[None]:
    """Old versions of s3fs warn when the collector takes a file system, in whatever test that is."""
    yield
    collect()


def collect() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def memory() -> Iterator[str]:
    filesystem = fsspec.filesystem("memory")
    for name, data in FILES.items():
        filesystem.pipe(f"/bk/{name}", data)
    yield "memory://bk"
    filesystem.rm("/bk", recursive=True)


def test_memory(memory):
    assert read(f"{memory}/a.txt") == read(f"{memory}/a.txt", blocksize="50kB") == LINES
    assert read(f"{memory}/*.txt") == [*LINES, "b\n", "b"]
    assert read([f"{memory}/b.txt", f"{memory}/c.txt.gz"]) == ["b\n", "b", *LINES]
    assert read(f"{memory}/b.txt", include_path=True) == [("b\n", "/bk/b.txt"), ("b", "/bk/b.txt")]
    with pytest.raises(CorruptInputError, match=r"memory://bk/cut\.gz: .* cut off; before that, \d+ lines were good"):
        read(f"{memory}/cut.gz")


def test_readers_of_one_memory_file_do_not_disturb_each_other(memory):
    source = plan_text_files(f"{memory}/a.txt", blocksize="100kB")
    streams = [Reading(source.read(pieces, Report())) for pieces in source.pieces()]
    assert [next(stream) for stream in streams] == [partition[0] for partition in read_partitions(source)]
    assert [line for stream in streams for line in stream] == [
        line for partition in read_partitions(source) for line in partition[1:]
    ]


def test_memory_that_changed(memory):
    source = plan_text_files(f"{memory}/a.txt")
    fsspec.filesystem("memory").pipe("/bk/a.txt", DATA + b"more\n")
    with pytest.raises(InputChangedError, match=r"memory://bk/a.txt: changed"):
        read_partitions(source)
    fsspec.filesystem("memory").rm("/bk/a.txt")
    with pytest.raises(InputChangedError, match="is gone; hint: memory:// exists in one process only"):
        read_partitions(source)


def test_what_is_not_in_memory(memory):
    with pytest.raises(NoFilesError, match=r"memory://bk/none.txt: there is no such file"):
        plan_text_files([f"{memory}/a.txt", f"{memory}/none.txt"])
    with pytest.raises(NoFilesError, match="matches no file"):
        plan_text_files(f"{memory}/*.nope")
    with pytest.raises(SourceError, match=r"is a directory; .* hint: 'memory://bk/\*'"):
        plan_text_files(memory)


def test_places_in_remote_files(memory):
    source = plan_text_files(f"{memory}/a.txt", blocksize="100kB")
    stream = Reading(source.read(source.pieces()[1], Report()))
    first = next(stream)
    place = stream.place()
    assert (place.source, place.line, place.record) == (f"{memory}/a.txt", LINES.index(first) + 1, first[:-1])


def test_a_chain_of_filesystems(memory):
    fsspec.filesystem("memory").pipe("/bk/x.zip", zipped({"one.txt": b"1\n", "two.txt": b"2\n", "three.csv": b"3\n"}))
    assert read(f"zip://*.txt::{memory}/x.zip") == ["1\n", "2\n"]
    assert read(f"zip://two.txt::{memory}/x.zip") == ["2\n"]
    (piece,) = plan_text_files(f"simplecache::{memory}/b.*").pieces()[0]
    assert piece.path == "simplecache::memory:///bk/b.txt"
    assert read(f"simplecache::{memory}/b.*") == ["b\n", "b"]


# -- the web -----------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    ranges = True
    asked: list[tuple[str, str | None]]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        data = FILES.get(self.path.partition("?")[0].rpartition("/")[2])
        if data is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        if body:
            self.asked.append((self.path, asked))
        if asked and self.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        else:
            part = data
            self.send_response(200)
        if self.ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            self.wfile.write(part)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web(request) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    handler = type("Handler", (Handler,), {"ranges": request.param, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


with_ranges = pytest.mark.parametrize("web", [True], indirect=True)
without_ranges = pytest.mark.parametrize("web", [False], indirect=True)
both = pytest.mark.parametrize("web", [True, False], indirect=True)


@both
def test_web(web):
    url, _ = web
    assert read(f"{url}/a.txt") == LINES
    assert read([f"{url}/b.txt", f"{url}/empty.txt", f"{url}/c.txt.gz"]) == ["b\n", "b", *LINES]
    assert read(f"{url}/b.txt?version=[2]", include_path=True) == [
        (line, f"{url}/b.txt?version=[2]") for line in ("b\n", "b")
    ]
    with pytest.raises(CorruptInputError, match="cut off"):
        read(f"{url}/cut.gz")
    with pytest.raises(NoFilesError, match=r"none\.txt: there is no such file"):
        plan_text_files(f"{url}/none.txt")


@with_ranges
def test_a_range_reads_its_range(web, monkeypatch):
    monkeypatch.setattr(file_source, "_TAIL", 100)
    url, asked = web
    source = plan_text_files(f"{url}/a.txt", blocksize="100kB")
    asked.clear()
    assert [line for partition in read_partitions(source) for line in partition] == LINES
    count = len(source.pieces())
    assert count == 5
    sizes = [int(last) - int(first) + 1 for first, last in (one.removeprefix("bytes=").split("-") for _, one in asked)]
    assert sum(sizes) < len(DATA) + count * 200


@without_ranges
def test_a_server_without_ranges_is_read_from_the_beginning(web, monkeypatch):
    url, asked = web
    source = plan_text_files(f"{url}/a.txt")
    (piece,) = source.pieces()[0]
    assert piece.cut(1000) == (piece,)
    asked.clear()
    assert read_partitions(source) == [LINES]
    assert len(asked) == 1
    assert read(f"{url}/a.txt", blocksize="150kB") == LINES
    monkeypatch.setattr(files, "_FETCH", 100_000)
    asked.clear()
    assert read_partitions(source) == [LINES]
    assert [asked_range is None for _, asked_range in asked] == [False, False, True]


@both
def test_archives(web):
    """Without ranges the list at the end can't be had first: the last file was taken for cut off."""
    url, _ = web
    assert read(f"{url}/one.zip") == LINES
    with pytest.raises(CorruptInputError, match="cut off"):
        read(f"{url}/cut.zip")


@with_ranges
def test_an_archive_of_several_files(web):
    assert read(f"{web[0]}/two.zip") == ["1\n", "2\n"]


@without_ranges
def test_an_archive_of_several_files_without_ranges(web):
    with pytest.raises(CorruptInputError, match=r"archive of several files: 'a', 'b'.* hint: save it on this machine"):
        read(f"{web[0]}/two.zip")


def test_a_server_that_refuses_ranges(monkeypatch, memory):
    info = files.FileInfo(f"{memory}/a.txt", len(DATA), ranges=False)
    monkeypatch.setattr(file_source, "find_files", lambda *args: [info])
    with pytest.raises(PlanError, match="can't be read from the middle, as far as its server says"):
        plan_text_files(info.path, blocksize="100kB")


@both
def test_web_files_that_changed(web, monkeypatch):
    url, _ = web
    source = plan_text_files(f"{url}/a.txt")
    monkeypatch.setitem(FILES, "a.txt", DATA[:-3])
    with pytest.raises(InputChangedError, match=r"a\.txt: changed since the plan was made"):
        read_partitions(source)
    monkeypatch.delitem(FILES, "a.txt")
    with pytest.raises(InputChangedError, match="is gone"):
        read_partitions(source)


@both
def test_dropping_a_web_file_early(web):
    url, _ = web
    source = plan_text_files(f"{url}/a.txt")
    blocks = source.read(source.pieces()[0], Report())
    next(blocks)
    blocks.close()


def test_a_server_that_is_not_there():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(SourceError, match=rf"127.0.0.1:{port}/a.txt: can't be read: Client") as caught:
            plan_text_files(f"http://127.0.0.1:{port}/a.txt")
        assert not isinstance(caught.value, NoFilesError)


# -- S3 ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, dict[str, object]]]:
    import moto.server as server_module
    import s3fs

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    server = server_module.ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    options: dict[str, object] = {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{port}"}
    filesystem = s3fs.S3FileSystem(**options)
    filesystem.mkdir("bucket")
    for name, data in FILES.items():
        filesystem.pipe(f"bucket/logs/{name}", data)
    yield "s3://bucket/logs", options
    server.stop()
    del filesystem
    s3fs.S3FileSystem.clear_instance_cache()
    collect()


def test_s3(s3):
    url, options = s3
    assert read(f"{url}/a.txt", storage_options=options) == LINES
    assert read(f"{url}/a.txt", storage_options=options, blocksize="70kB") == LINES
    assert read(f"{url}/*.txt", storage_options=options) == [*LINES, "b\n", "b"]
    packed = read(f"{url}/c.*.gz", storage_options=options, include_path=True)
    assert packed == [(line, "bucket/logs/c.txt.gz") for line in LINES]
    with pytest.raises(NoFilesError, match="s3://bucket/logs/none: there is no such file"):
        plan_text_files(f"{url}/none", storage_options=options)
    with pytest.raises(NoFilesError, match="matches no file"):
        plan_text_files(f"{url}/*.none", storage_options=options)
    with pytest.raises(SourceError, match="is a directory"):
        plan_text_files(url, storage_options=options)


def test_s3_sees_an_object_of_the_same_size_that_is_another(s3):
    import s3fs

    url, options = s3
    filesystem = s3fs.S3FileSystem(**options, skip_instance_cache=True)
    filesystem.pipe("bucket/logs/new", b"a\n")
    source = plan_text_files(f"{url}/new", storage_options=options)
    assert read_partitions(source) == [["a\n"]]
    filesystem.pipe("bucket/logs/new", b"b\n")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputChangedError, match=r"s3://bucket/logs/new: changed.* ETag"):
        read_partitions(source)


def test_writing_to_s3(s3):
    import s3fs

    url, options = s3[0].replace("logs", "out"), s3[1]
    bag = bk.range(9, npartitions=3)
    manifest = bag.to_jsonl(f"{url}/*.jsonl.gz", storage_options=options, scheduler="processes", workers=2)
    assert manifest.paths == [f"{url}/{n}.jsonl.gz" for n in range(3)]
    read_back = bk.read_json(f"{url}/*", storage_options=options)
    assert read_back.npartitions == 3  # the manifest is beside them
    assert read_back.compute(scheduler="sync") == list(range(9))
    with pytest.raises(bk.OutputExistsError, match="3 of 3 files exist already"):
        bag.to_jsonl(f"{url}/*.jsonl.gz", storage_options=options)
    with pytest.raises(ZeroDivisionError):
        bag.map(lambda n: 1 // (n - 8)).to_jsonl(
            f"{url}/*.jsonl.gz", storage_options=options, exist="overwrite", scheduler="threads", workers=1
        )
    bk.range(2, npartitions=1).map(str).to_textfiles(
        f"{url}/*.jsonl.gz", storage_options=options, scheduler="processes", workers=1
    )
    names = [name.rpartition("/")[2] for name in s3fs.S3FileSystem(**options).find("bucket/out", refresh=True)]
    assert [name for name in names if not name.endswith(".manifest.json")] == ["0.jsonl.gz"]
    assert len(names) == 2
    assert bk.read_text(f"{url}/*", storage_options=options).compute(scheduler="sync") == ["0\n", "1"]


def test_going_on_in_s3(s3):
    import s3fs

    url, options = s3[0].replace("logs", "resume"), s3[1]
    filesystem = s3fs.S3FileSystem(**options, skip_instance_cache=True)

    def write(bad: int, **more: object) -> bk.Item:
        bag = bk.read_text(f"{url}-in/*", storage_options=options).map(lambda line: 6 // (int(line) - bad))
        return bag.to_jsonl(f"{url}/*", storage_options=options, exist="resume", scheduler="sync", **more)

    for n in range(4):
        filesystem.pipe(f"bucket/resume-in/{n}", b"%d" % n)
    with pytest.raises(ZeroDivisionError):
        write(2)
    with pytest.raises(bk.ResumeMismatchError, match="its function, what that refers to, or its data has changed"):
        write(5)
    before = [filesystem.info(f"bucket/resume/{n}")["LastModified"] for n in (0, 1)]
    with pytest.warns(bk.SkippedRecordsWarning):
        manifest = write(2, on_error="skip")
    assert [filesystem.info(f"bucket/resume/{n}", refresh=True)["LastModified"] for n in (0, 1)] == before
    assert bk.read_json(manifest.paths, storage_options=options).compute(scheduler="sync") == [-3, -6, 6]
    filesystem.pipe("bucket/resume-in/3", b"7")  # as large as before
    with pytest.raises(bk.ResumeMismatchError, match="s3://bucket/resume-in/3 has changed"):
        write(2, on_error="skip")


def test_going_on_with_other_keys_to_the_store(s3, tmp_path):
    """Keys that last for a night made a resumed job begin anew, and a cache compute all."""
    calls = tmp_path / "calls"
    calls.mkdir()

    def number(line: str, folder: str = str(calls)) -> int:
        tempfile.mkstemp(dir=folder)
        return int(line)

    url, options = s3[0].replace("logs", "keys"), s3[1]
    fsspec.filesystem("s3", **options).pipe("bucket/keys/a.gz", gzip.compress(b"1\n2\n"))
    for each in (options, {**options, "key": "another", "token": "of today"}):
        bag = bk.read_text(f"{url}/*", storage_options=each).map(number)
        assert bag.cache(tmp_path / "cache").compute(scheduler="sync") == [1, 2]
        bag.to_jsonl(tmp_path / "resumed", exist="resume", scheduler="sync")
        bag.to_jsonl(tmp_path / "updated", exist="update", scheduler="sync")
    assert len(list(calls.iterdir())) == 6


def test_a_store_that_can_not_be_written_to():
    with pytest.raises(bk.OutputError, match=r"https://127.0.0.1:9/out: can't be written: "):
        bk.range(2, npartitions=1).to_jsonl("https://127.0.0.1:9/out/*")
