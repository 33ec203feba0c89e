"""Reads that fail for a reason that passes are tried again, and nothing is given twice: on files with faults."""

from __future__ import annotations

import errno
import gzip
import http.server
import io
import itertools
import pickle
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import dask
import fastavro
import fsspec
import pyarrow
import pytest
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from pyarrow import parquet

import bagkit as bk
from bagkit.errors import InputChangedError, NoFilesError, OptionError, SourceError
from bagkit.io.input import again, files

LINES = [f"line {n} é\n" for n in range(20_000)]
DATA = "".join(LINES).encode()


class StatusError(Exception):
    """As packages for the web raise it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def botocore_error(status: int) -> Exception:
    error: Any = Exception("from a store")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": status}}
    return error


def unreachable(cause: Exception) -> Exception:
    error = FileNotFoundError("as fsspec says of a web server that it can't reach")
    error.__cause__ = cause
    return error


PASSING: list[Callable[[], Exception]] = [
    ConnectionResetError, TimeoutError, BrokenPipeError, lambda: OSError(errno.EIO, "I/O"),
    lambda: StatusError(503), lambda: StatusError(429), lambda: botocore_error(500),
    lambda: unreachable(ConnectionRefusedError()),
]  # fmt: skip
LASTING: list[Callable[[], Exception]] = [
    lambda: PermissionError(errno.EACCES, "no"), lambda: StatusError(403), lambda: botocore_error(404),
    lambda: ValueError("odd"), lambda: OSError("it says nothing"),
]  # fmt: skip


class FaultyFileSystem(AbstractFileSystem):
    """Files in memory, where all that is asked for may fail."""

    protocol = "faulty"
    cachable = False
    content: ClassVar[dict[str, bytes]] = {}
    fail: ClassVar[Callable[[str], None]] = staticmethod(lambda what: None)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        type(self).fail("list")
        return [self.info(name) for name in self.content] if detail else list(self.content)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        name = self._strip_protocol(path)
        if name not in self.content:
            raise FileNotFoundError(path)
        type(self).fail("info")
        return {"name": name, "size": len(self.content[name]), "type": "file"}

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        type(self).fail("open")
        return FaultyFile(self, path, mode, size=len(self.content[path]), cache_type="none")


class FaultyFile(AbstractBufferedFile):
    def _fetch_range(self, start: int, end: int) -> bytes:
        type(self.fs).fail("read")
        return self.fs.content[self.path][start:end]


class Faults:
    """What fails: about a part of all that is asked for, or what a test says."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.count = 0
        self.raises: Callable[[str], Exception | None] = lambda what: None

    def __call__(self, what: str) -> None:
        error = self.raises(what)
        if error is not None:
            self.count += 1
            raise error

    def seldom(self, seed: int) -> None:
        """Have one of three calls fail, but never four in a row of the same."""
        choose, row = random.Random(seed), 0

        def raises(what: str) -> Exception | None:
            nonlocal row
            row = row + 1 if choose.random() < 0.4 and row < 3 else 0
            return choose.choice(PASSING)() if row else None

        self.raises = raises

    def always(self, make: Callable[[], Exception], what: str = "read") -> None:
        self.raises = lambda asked: make() if asked == what else None


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)
    found = Faults()
    monkeypatch.setattr(FaultyFileSystem, "content", {"a.txt": DATA, "b.txt.gz": gzip.compress(DATA), "c.txt": b""})
    monkeypatch.setattr(FaultyFileSystem, "fail", staticmethod(found))
    monkeypatch.setattr(again, "pause", found.waits.append)
    monkeypatch.setattr(files, "_FETCH", 1 << 14)
    return found


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
@pytest.mark.parametrize("name", ["a.txt", "b.txt.gz"])
def test_what_passes_is_tried_again_from_where_it_broke(faults: Faults, name: str, scheduler: str) -> None:
    bag = bk.read_text(f"faulty://{name}", blocksize=None if name.endswith("gz") else "100 kB")
    faults.seldom(3)
    with bk.Profile() as profile:
        assert bag.compute(scheduler=scheduler) == LINES
    told = sum(step.reads_again for steps in profile.figures().values() for step in steps)
    assert faults.count == told == len(faults.waits) > 2


def test_lists_and_patterns_are_tried_again(faults: Faults) -> None:
    faults.seldom(4)
    assert bk.read_text("faulty://*.txt").count().compute(scheduler="sync") == len(LINES)
    assert faults.count
    with pytest.raises(NoFilesError):
        bk.read_text("faulty://nothing.txt")


def parquet_bytes(records: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(records), file, row_group_size=500)
    return file.getvalue()


def archive_bytes(count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", DATA)
    return file.getvalue()


def test_files_that_are_read_from_their_middle_are_tried_again_too(faults: Faults) -> None:
    """A fault says nothing about what is in a file: archives were taken for damaged ones, Parquet was not read on."""
    records = [{"n": n, "text": str(random.Random(n).random())} for n in range(3_000)]
    FaultyFileSystem.content |= {"a.parquet": parquet_bytes(records), "a.zip": archive_bytes(3), "a[1].txt": DATA}
    wanted: list[tuple[Callable[[], bk.Bag[Any]], list[Any]]] = [
        (lambda: bk.read_parquet("faulty://a.parquet"), records),
        (lambda: bk.read_text("faulty://a.zip"), LINES * 3),
        (lambda: bk.read_text("faulty://a[1].txt"), LINES),
    ]
    for make, expected in wanted:
        faults.count = 0
        for seed in range(4):
            faults.seldom(seed)
            with bk.options(read_retries=50):  # one that fails opens the file again, which can fail, and so on
                assert make().compute(scheduler="sync") == expected
        assert faults.count


@pytest.mark.parametrize("name", ["a.parquet", "a.zip"])
def test_a_fault_that_stays_is_no_damage(faults: Faults, name: str) -> None:
    FaultyFileSystem.content |= {"a.parquet": parquet_bytes([{"n": 1}]), "a.zip": archive_bytes(2)}
    read = bk.read_parquet if name == "a.parquet" else bk.read_text
    faults.always(lambda: StatusError(503))
    with pytest.raises(SourceError, match=rf"{name}: reading failed at byte \d+: StatusError: status 503") as caught:
        read(f"faulty://{name}").compute(scheduler="sync")
    assert not isinstance(caught.value, bk.CorruptInputError)
    assert len(faults.waits) == 3


def test_a_file_that_is_opened_again_in_its_middle_is_the_same(faults: Faults) -> None:
    FaultyFileSystem.content["a.parquet"] = parquet_bytes([{"n": n} for n in range(3_000)])
    bag = bk.read_parquet("faulty://a.parquet")

    def changes(what: str) -> Exception | None:
        if what != "read" or faults.count:
            return None
        FaultyFileSystem.content["a.parquet"] += b"more"
        return TimeoutError()

    faults.raises = changes
    with pytest.raises(InputChangedError, match=r"a\.parquet: changed since the plan was made"):
        bag.compute(scheduler="sync")


@pytest.mark.parametrize("make", LASTING)
@pytest.mark.parametrize("what", ["read", "open", "info"])
def test_what_lasts_is_raised_at_once(faults: Faults, make: Callable[[], Exception], what: str) -> None:
    bag = bk.read_text("faulty://a.txt")
    faults.always(make, what)
    with pytest.raises(SourceError):
        bk.read_text("faulty://a.txt") if what == "info" else bag.compute(scheduler="sync")
    assert faults.waits == []


@pytest.mark.parametrize("retries", [0, 3, 7])
def test_so_often_in_a_row_and_each_time_longer(faults: Faults, retries: int) -> None:
    bag = bk.read_text("faulty://a.txt")
    faults.always(ConnectionResetError)
    with pytest.raises(SourceError, match="reading failed after byte 0: ConnectionResetError"):
        bag.compute(scheduler="sync", read_retries=retries)
    assert len(faults.waits) == retries
    assert all(0.5 <= wait / min(10, 0.1 * 2**n) <= 1.5 for n, wait in enumerate(faults.waits))


@pytest.mark.parametrize("retries", [0, 5])
def test_graphs_for_dask_read_as_often(faults: Faults, retries: int) -> None:
    bag = bk.read_text("faulty://a.txt")
    bag.__dask_graph__()  # which has the option as it is now
    faults.always(ConnectionResetError)
    with bk.options(read_retries=retries), pytest.raises(SourceError, match="reading failed after byte 0"):
        dask.compute(bag, scheduler="sync")
    assert len(faults.waits) == retries


@pytest.mark.parametrize("retries", [0, 5])
def test_files_that_graphs_for_dask_write_are_read_as_often(faults: Faults, tmp_path: Path, retries: int) -> None:
    """Where the task runs nobody has said anything: the graph has what its program said."""
    (written,) = bk.read_text("faulty://a.txt").to_textfiles(tmp_path, compute=False)
    with bk.options(read_retries=retries):
        graph, sent = written.__dask_graph__(), pickle.loads(pickle.dumps(dict(written.__dask_graph__())))
    faults.always(ConnectionResetError)
    for each in (graph, sent):
        faults.waits.clear()
        with pytest.raises(SourceError, match="reading failed after byte 0"):
            dask.get(each, written.__dask_keys__())
        assert len(faults.waits) == retries


def test_what_is_read_beside_the_records_is_read_as_often(faults: Faults) -> None:
    """The lines before a part, the header of an Avro file, the place of a document: they were tried three times."""
    written = io.BytesIO()
    schema = {"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}
    fastavro.writer(written, schema, [{"n": n} for n in range(9_000)], sync_interval=1_000)
    FaultyFileSystem.content |= {"a.avro": written.getvalue(), "a.json": b"[\n 1,\n 0]" * 100}
    reads = itertools.count(1)

    def five_of_six(what: str) -> Exception | None:
        return TimeoutError() if what == "read" and next(reads) % 6 else None

    lines = bk.read_text("faulty://a.txt", blocksize="100 kB").map(lambda line: 1 // (line != LINES[9_000]))
    numbers = bk.read_json("faulty://a.json", lines=False).map((1).__floordiv__)
    avro = bk.read_avro("faulty://a.avro", blocksize=9_000)
    faults.raises = five_of_six
    with bk.options(scheduler="sync", read_retries=5):
        for failing, place in ((lines, "line 9001 "), (numbers, "line 3 ")):
            with pytest.raises(ZeroDivisionError) as caught:
                failing.compute()
            assert any(place in note for note in caught.value.__notes__), caught.value.__notes__
        assert avro.count().compute() == 9_000


def test_another_file_of_the_same_name_is_no_sequel(faults: Faults) -> None:
    bag = bk.read_text("faulty://a.txt")

    def changes(what: str) -> Exception | None:
        if what != "read" or faults.count:
            return None
        FaultyFileSystem.content["a.txt"] = DATA + b"more\n"
        return TimeoutError()

    faults.raises = changes
    with pytest.raises(InputChangedError, match=r"a\.txt: changed since the plan was made"):
        bag.compute(scheduler="sync")


def test_ctrl_c_ends_the_wait(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(again, "pause", pressed)
    bag = bk.read_text("faulty://a.txt")
    faults.always(ConnectionResetError)
    with pytest.raises(KeyboardInterrupt):
        bag.compute(scheduler="sync")


def test_the_option_is_checked() -> None:
    with pytest.raises(OptionError, match="option 'read_retries': wrong value: got -1, expected a whole number from 0"):
        bk.set_options(read_retries=-1)
    assert bk.get_options().read_retries == 3


# -- a server that breaks off ------------------------------------------------------------------------------------------


class BreakingHandler(http.server.BaseHTTPRequestHandler):
    """Gives every answer in the third request for it: refuses the first, and breaks off in the second."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[dict[Any, int]] = {}
    later: ClassVar[bytes] = DATA
    """What it has from the third request on."""
    refuses: ClassVar[bool] = True

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        number = self.asked[wanted] = self.asked.get(wanted, 0) + 1
        if number == 1 and self.refuses:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, stop = 0, len(DATA)
        if wanted:
            start, stop = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
            stop += 1
        body = (DATA if number < 3 else self.later)[start:stop]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(DATA)}")
        self.end_headers()
        if number < 3:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(BreakingHandler, "asked", {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreakingHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/a.txt"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_breaks_off_is_read_in_processes(breaking: str) -> None:
    with bk.Profile() as profile:
        assert bk.read_text(breaking, blocksize="100 kB").compute(scheduler="processes", workers=2) == LINES
    assert sum(step.reads_again for steps in profile.figures().values() for step in steps) >= 2


def test_from_url_goes_on_behind_what_it_has_given(breaking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bk.from_url(breaking).compute(scheduler="sync") == [line.encode() for line in LINES]
    assert BreakingHandler.asked == {None: 3}
    BreakingHandler.asked.clear()
    with pytest.raises(SourceError, match="can't be opened"):
        bk.from_url(breaking).compute(scheduler="sync", read_retries=0)
    monkeypatch.setattr(BreakingHandler, "later", DATA.replace(b"line 9 ", b"line X "))
    with pytest.raises(SourceError, match=r"broke off, and the \d+ lines before that are other ones now"):
        bk.from_url(breaking).compute(scheduler="sync")
