"""URLs that can't be read: the error names the URL, its password hidden, at the user's line and in one traceback."""

from __future__ import annotations

import re
import tarfile
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.io.input.paths import reason, unreadable
from tests.each_case import each_case

ROOT = str(Path(bk.__file__).parent)
NOBODY = "127.0.0.1:1"
"""A server that nobody is."""


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with bk.options(read_retries=0):
        yield


def text_of_all(error: BaseException) -> str:
    """Return what Python shows of `error`, which is one traceback with frames of this file only."""
    text = "".join(traceback.format_exception(error))
    assert text.count("Traceback (most recent call last)") == 1, text
    assert {frame.filename for frame in traceback.extract_tb(error.__traceback__)} == {__file__}
    assert ROOT not in text, text
    return text.rpartition(f'File "{__file__}"')[2].partition("\n")[2]


UNREACHABLE = {
    "ftp://{host}/x": "ftp://{host}/x",
    "ftp://me:hidden@{host}/x": "ftp://me:***@{host}/x",
    "zip://a::ftp://me:hidden@{host}/x.zip": "zip://a::ftp://me:***@{host}/x.zip",
    "zip://a.json::http://{host}/x.zip": "zip://a.json::http://{host}/x.zip",
    "zip://a::http://me:hidden@{host}/x.zip": "zip://a::http://me:***@{host}/x.zip",
    "simplecache::ftp://me:hidden@{host}/x": "simplecache::ftp://me:***@{host}/x",
}


@pytest.mark.parametrize("read", [bk.read_text, bk.read_parquet])
@each_case("url", UNREACHABLE)
def test_a_server_that_cannot_be_reached(read: Any, url: str) -> None:
    with pytest.raises(OSError) as caught:
        read(url.format(host=NOBODY))
    assert isinstance(caught.value, bk.SourceError)
    assert not isinstance(caught.value, FileNotFoundError)
    shown = re.escape(UNREACHABLE[url].format(host=NOBODY))
    assert re.match(rf"{shown}: can't be read: (ConnectionRefused|ClientConnector)Error: ", str(caught.value))
    assert "hidden" not in text_of_all(caught.value)


def test_a_server_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("bagkit.io.input.again.pause", waited.append)
    with bk.options(read_retries=2), pytest.raises(bk.SourceError):
        bk.read_text(f"ftp://{NOBODY}/x")
    assert len(waited) == 2


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(bk.NoFilesError, match=r"x\.zip: there is no such file") as caught:
        bk.read_text(f"zip://a::{tmp_path}/x.zip")
    text_of_all(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_is_no_archive(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.txt").write_text("a\nb\n")
    said = rf"{kind}://a::.*a.txt: can't be read: (BadZipFile|ReadError): "
    with pytest.raises(bk.CorruptInputError, match=said) as caught:
        bk.read_text(f"{kind}://a::{tmp_path}/a.txt")
    text_of_all(caught.value)


def test_archives_are_still_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\nb\n")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "a.txt", "in/a.txt")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "a.txt", "in/a.txt")
    for url in f"zip://in/a.txt::{tmp_path}/x.zip", f"zip://in/*::{tmp_path}/x.zip", f"tar://in/*::{tmp_path}/x.tar":
        assert bk.read_text(url).compute(scheduler="sync") == ["a\n", "b\n"]
    with pytest.raises(bk.NoFilesError):
        bk.read_text(f"zip://in/b.txt::{tmp_path}/x.zip")
    with pytest.raises(bk.NoFilesError, match="matches no file"):
        bk.read_text(f"zip://out/*::{tmp_path}/x.zip")


def test_an_archive_that_is_gone_when_its_paths_are_asked_for(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a\n")
    lines = bk.read_text(f"zip://a.txt::{tmp_path}/x.zip", include_path=True)
    assert lines.compute(scheduler="sync") == [("a\n", "a.txt")]
    (tmp_path / "x.zip").unlink()
    with pytest.raises(OSError) as caught:
        lines.compute(scheduler="sync")
    assert isinstance(caught.value, bk.SourceError)
    text_of_all(caught.value)


@pytest.mark.parametrize("url", ["http://me:hidden@127.0.0.1:1/x", "file:///nope/hi"])
@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_from_url(scheduler: str, url: str) -> None:
    with pytest.raises(bk.SourceError, match="can't be opened") as caught:
        bk.from_url(url).compute(scheduler=scheduler)
    assert "hidden" not in text_of_all(caught.value)


@each_case("url", ["s3://me:hidden@bucket/x*", "s3://me:hid/den@bucket/x"])
def test_what_a_store_says_has_no_password(url: str) -> None:
    with pytest.raises((bk.SourceError, bk.PlanError)) as caught:  # the lowest s3fs takes a slash for the URL's end
        bk.read_text(url)
    text = text_of_all(caught.value)
    assert text.count("me:***") == (2 if caught.type is bk.SourceError else 1)
    assert "me:hid" not in text
    with pytest.raises((bk.OutputError, bk.PlanError)) as written:
        bk.from_sequence(["a"]).to_textfiles(url.rstrip("*"), scheduler="sync")
    assert "me:hid" not in text_of_all(written.value)


def test_manifests_that_cannot_be_read() -> None:
    for url in f"ftp://me:hidden@{NOBODY}/x", f"ftp://me:hidden@{NOBODY}/x.manifest.json":
        said = r"ftp://me:\*\*\*@.*: can't be read: ConnectionRefusedError"
        with pytest.raises(bk.SourceError, match=said) as caught:
            bk.merge_manifests(url)
        assert "hidden" not in text_of_all(caught.value)


def test_options_that_a_filesystem_does_not_have() -> None:
    with pytest.raises(bk.PlanError, match="ftp://host/x: "):
        bk.read_text("ftp://host/x", storage_options={"port": "nothing_such"})


def test_a_reason_without_a_text() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert reason(Odd(), "ftp://host/x") == "Odd: <its str() raises ValueError>"
    error = unreadable("/a.zip", zipfile.BadZipFile("no zip"), "can't be read")
    assert str(error) == "/a.zip: can't be read: BadZipFile: no zip"
