"""What is shown of text that others wrote: no characters that act on a terminal, no lines of its own, no passwords."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.visible import visible, without_secrets, without_secrets_of

SCHEDULERS = ("sync", "threads", "processes")
SECRET = "S3CRET"
EVIL = "q\x1b[31mx\u202e\r\nfake: line"
SAFE = r"q\x1b[31mx\u202e\r\nfake: line"


def fail(record: Any) -> Any:
    raise ValueError(EVIL)


def leave(record: Any) -> Any:
    raise SystemExit(EVIL)


def make_type_lost(record: Any) -> Any:
    class LostError(Exception):
        def __reduce__(self) -> Any:
            raise RuntimeError("not by mail")

    LostError.lock = threading.Lock()  # type: ignore[attr-defined]
    raise LostError(EVIL)


def evil_label(record: Any) -> Any:
    return 1 / 0


evil_label.__name__ = evil_label.__qualname__ = EVIL


def assert_safe(text: str) -> None:
    assert not re.search("[\x1b\u202e\r\x07]", text)
    assert "\nfake: line" not in text
    assert SECRET not in text


def own_text(error: BaseException) -> str:
    """Return what bagkit wrote of `error`: all of an error of its own, the notes of another."""
    own = str(error) if isinstance(error, bk.BagkitError) else ""
    return "\n".join([own, *getattr(error, "__notes__", [])])


def shown_of(bag: Any) -> Iterator[str]:
    """Yield what is shown of a bag before it is computed."""
    yield repr(bag)
    with redirect_stdout(io.StringIO()) as printed:
        bag.explain()
    yield printed.getvalue()
    picture = bk.visualize(bag)
    yield from (picture.svg, picture.dot, picture.mermaid, repr(picture))


def shown_of_failures(bag: Any, scheduler: str) -> Iterator[str]:
    """Yield what is shown of a bag with a record that fails."""
    with pytest.raises(Exception) as caught:
        bag.compute(scheduler=scheduler)
    yield own_text(caught.value)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bag.compute(scheduler=scheduler, on_error="skip")
    yield from (str(each.message) for each in warned)
    got = bag.compute(scheduler=scheduler, on_error="collect")
    yield repr(got)
    for failure in got.failures:
        yield from (str(failure), repr(failure), repr(failure.place), failure.where)
    with redirect_stderr(io.StringIO()) as drawn, bk.Profile() as profile:
        bag.compute(scheduler=scheduler, on_error="collect", progress=True)
    yield drawn.getvalue().replace("\r", "")
    yield repr(profile)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_names_of_files(tmp_path: Path, scheduler: str) -> None:
    path = tmp_path / f"{EVIL}.json"
    path.write_text('{"a": 1}\n{bad\n')
    bag = bk.read_text(str(path)).map(json.loads)
    texts = [*shown_of(bag), *shown_of_failures(bag, scheduler), repr(bk.read_text(str(path)).partitions)]
    for text in texts:
        assert_safe(text)
    assert sum(SAFE in text for text in texts) >= 5
    with pytest.raises(bk.NoFilesError) as caught:
        bk.read_text(str(path) + "x")
    assert_safe(own_text(caught.value))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_texts_of_exceptions(scheduler: str) -> None:
    bag = bk.from_sequence([1], npartitions=1)
    for function in (fail, make_type_lost):
        for text in shown_of_failures(bag.map(function), scheduler):
            assert_safe(text)
    with pytest.raises(ValueError) as caught:
        bag.map(fail).compute(scheduler=scheduler)
    assert str(caught.value) == EVIL, "the text of the user's own exception is theirs"
    with pytest.raises(bk.TaskError) as ended:
        bag.map(leave).compute(scheduler=scheduler)
    assert_safe(own_text(ended.value))
    assert SAFE in str(ended.value)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_names_of_functions(scheduler: str) -> None:
    bag = bk.from_sequence([1], npartitions=1).map(evil_label)
    for text in (*shown_of(bag), repr(bag.sum()), *shown_of_failures(bag, scheduler)):
        assert_safe(text)
    assert SAFE in repr(bag)
    value = bk.delayed(evil_label, name=EVIL)(1)
    with pytest.raises(ZeroDivisionError) as caught:
        value.compute(scheduler=scheduler)
    for text in (repr(value), own_text(caught.value), bk.visualize(value).svg):
        assert_safe(text)


def test_keys(tmp_path: Path) -> None:
    kind = type(f"Key\x1b{EVIL}", (), {"__repr__": lambda self: EVIL, "__module__": __name__})
    with pytest.raises(bk.UnstableKeyError) as caught:
        bk.from_sequence([1, 2], npartitions=2).groupby(lambda x: kind()).compute(scheduler="sync")
    assert_safe("".join(traceback.format_exception(caught.value)))
    with pytest.raises(bk.ColumnTypeError) as columns:
        bk.from_sequence([{EVIL: 1}, {EVIL: "x"}]).to_dataframe()
    assert_safe(own_text(columns.value))
    with pytest.raises(bk.PlanError) as missing:
        bk.get({"a": 1}, EVIL)
    assert_safe(own_text(missing.value))


def test_what_a_program_wrote_to_standard_error() -> None:
    with pytest.raises(Exception, match="status 3") as caught:
        bk.from_sequence(["a"]).pipe("printf '\\033[31m' >&2; exit 3").compute(scheduler="sync")
    assert_safe(own_text(caught.value))


def test_a_resume_that_does_not_match(tmp_path: Path) -> None:
    paths = [tmp_path / f"{EVIL}{number}.txt" for number in range(2)]
    for path in paths:
        path.write_text("a\n")
    out = str(tmp_path / "out" / "*.txt")
    bk.read_text(str(paths[0])).to_textfiles(out)
    with pytest.raises(bk.ResumeMismatchError) as caught:
        bk.read_text(str(paths[1])).to_textfiles(out, exist="resume")
    assert SAFE in str(caught.value)
    assert_safe(own_text(caught.value))


# -- passwords ---------------------------------------------------------------------------------------------------------


class Guarded(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        right = "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()
        ok = self.headers.get("Authorization") == right or f"token={SECRET}" in self.path
        body = b'{"a": 1}\n{bad\n' if ok else b""
        self.send_response(401 if not ok else 404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


FORMS = ["http://user:{secret}@{host}/a.json", "http://{host}/a.json?token={secret}",
         "simplecache::http://user:{secret}@{host}/a.json"]  # fmt: skip


@pytest.mark.parametrize("form", [*FORMS, "from_url"])
def test_passwords_in_urls(tmp_path: Path, host: str, form: str) -> None:
    url = (FORMS[0] if form == "from_url" else form).format(secret=SECRET, host=host)
    lines = bk.from_url(url) if form == "from_url" else bk.read_text(url)
    bag = lines.map(json.loads)
    texts = [*shown_of(bag), *shown_of_failures(bag, "processes")]
    texts.append(repr(lines.map_partitions_with_info(lambda records, info: [info]).compute(scheduler="sync")))
    assert bag.compute(on_error="collect", scheduler="sync").result == [{"a": 1}], "read with the password"
    (kind,) = bag.split_errors()[1].summary().compute(scheduler="sync")
    assert kind["places"][0].endswith(":2")
    texts += [str(kind), str(lines.profile()), lines.profile()._repr_html_()]
    lines.map(str).to_textfiles(str(tmp_path / "*.txt"))
    texts += [path.read_text() for path in tmp_path.iterdir() if path.is_file()]
    for text in texts:
        assert_safe(text)
    assert "***" in texts[0]


def test_another_password_is_another_input(tmp_path: Path, host: str) -> None:
    out = str(tmp_path / "*.txt")
    bk.read_text(f"http://{host}/a.json?token={SECRET}").to_textfiles(out)
    bk.read_text(f"http://{host}/a.json?token={SECRET}").to_textfiles(out, exist="resume")
    with pytest.raises(bk.ResumeMismatchError) as caught:
        bk.read_text(f"http://{host}/a.json?token={SECRET}2").to_textfiles(out, exist="resume")
    assert_safe(own_text(caught.value))


@pytest.mark.parametrize("url", [
    "http://user:{secret}@{host}/missing", "simplecache::http://user:{secret}@{host}/missing",
    "http://user:{secret}@127.0.0.1:1/a", "nowhere://user:{secret}@host/a", "http://{secret}@{host}/a",
    "https://user:{secret}/x@127.0.0.1:1/a",
])  # fmt: skip
def test_passwords_in_errors(host: str, url: str) -> None:
    with pytest.raises(Exception) as caught:
        bk.read_text(url.format(secret=SECRET, host=host))
    assert_safe("".join(traceback.format_exception(caught.value)).replace(__file__, ""))


def test_passwords_in_errors_of_from_url() -> None:
    with pytest.raises(bk.SourceError) as caught:
        bk.from_url(f"http://user:{SECRET}@127.0.0.1:1/a").compute(scheduler="sync")
    assert_safe("".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize(("text", "shown"), [
    ("http://user:pw@host/a", "http://user:***@host/a"),
    ("http://user:p@w@host/a", "http://user:***@host/a"),
    ("http://user:p/w@host/a", "http://user:***@host/a"),
    ("http://token@host/a", "http://***@host/a"),
    ("sftp://user@host/a", "sftp://user@host/a"),
    ("redis://:pw@host/0", "redis://:***@host/0"),
    ("http://user:pw@[::1]:80/a", "http://user:***@[::1]:80/a"),
    ("a::http://u:p@h/1 http://u:p@h/2", "a::http://u:***@h/1 http://u:***@h/2"),
    ("s3://b/k?X-Amz-Signature=ab&versionId=3", "s3://b/k?X-Amz-Signature=***&versionId=3"),
    ("https://h/c?sv=1&sig=ab%3D&se=2", "https://h/c?sv=1&sig=***&se=2"),
    ("https://h/c?key=AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "https://h/c?key=***"),
    ("https://h/c?key=a/b.json&design=1&author=2", "https://h/c?key=a/b.json&design=1&author=2"),
    ("http://host:8080/a@b.json", "http://host:8080/a@b.json"),
    ("http://[::1]:80/a@b.json", "http://[::1]:80/a@b.json"),
    ('{"url": "http://h:80","mail":"a@b.c"}', '{"url": "http://h:80","mail":"a@b.c"}'),
    ("a@b.c: no URL", "a@b.c: no URL"),
    ("zip://a.json::http://u:p@h/x", "zip://a.json::http://u:***@h/x"),
    ("zip://a::simplecache::ftp://u:p/w@h/x", "zip://a::simplecache::ftp://u:***@h/x"),
    ("ftp://u::p@h/x", "ftp://u:***@h/x"),
])  # fmt: skip
def test_what_counts_as_a_secret(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(("url", "text", "shown"), [
    ("s3://id:pw@b/k", 'no bucket "id:pw@b"', 'no bucket "id:***@b"'),
    ("s3://id:se/cret@b/k", "se/cret", "***"),
    ("s3://id:se/cret@b/k", "no bucket id:se", "no bucket id:***"),
    ("a::ftp://id:s%40cret@h/k", "login of id with s@cret", "login of id with ***"),
    ("http://token@h/k", "token@h", "***@h"),
    ("http://h:80/a@b", "h:80/a@b", "h:80/a@b"),
    ("s3://id:pw@b/k", "pw is short", "pw is short"),
    ("/a", "id:pw@b", "id:pw@b"),
])  # fmt: skip
def test_passwords_of_a_url_without_the_url(url: str, text: str, shown: str) -> None:
    assert without_secrets_of(url, text) == shown


def test_text_that_can_be_seen_stays() -> None:
    assert visible("größe 数据.json") == "größe 数据.json"
    assert visible(EVIL) == SAFE
    assert visible("a\nb", lines=True) == "a\nb"
