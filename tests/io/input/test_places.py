"""A record's place is its path, line and byte, however the file was cut; asked only when something went wrong."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.flow.blocks import Place
from bagkit.flow.report import Report
from bagkit.io.input.text import plan_text_files
from tests.io.input.reading import Reading
from tests.io.input.test_text import BYTES, any_file, small_blocks, written

__all__ = ["small_blocks"]


def places(source, raw=False):
    found = []
    for pieces in source.pieces():
        stream = Reading(source.bare().read(pieces, Report(), raw))
        records = stream
        while True:
            try:
                next(records)
            except StopIteration:
                break
            except UnicodeDecodeError:
                pass
            found.append(stream.place())
    return found


def expected_places(path, data, encoding="utf-8"):
    offset = 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        text = line.rstrip(b"\r\n")
        try:
            record = text.decode(encoding)
        except UnicodeDecodeError:
            record = text
        yield str(path), number, offset, record
        offset += len(line)


@any_file
@given(
    data=BYTES,
    blocksize=st.none() | st.integers(1, 30),
    errors=st.sampled_from(["strict", "replace", "surrogateescape"]),
)
def test_places_of_any_bytes(tmp_path, small_blocks, data, blocksize, errors):
    path = written(tmp_path, data)
    found = places(plan_text_files(path, blocksize=blocksize, errors=errors))
    if errors == "strict":
        shown = [(place.source, place.line, place.offset, place.record) for place in found]
        assert shown == list(expected_places(path, data))
    else:
        shown = [(place.source, place.line, place.offset) for place in found]
        assert shown == [one[:3] for one in expected_places(path, data)]


@pytest.mark.parametrize("options", [{}, {"raw": True}, {"include_path": True}])
def test_places_in_every_form(tmp_path, options):
    path = written(tmp_path, gzip.compress(b"one\r\ntwo\n\nfour"), "a.gz")
    raw = options.pop("raw", False)
    found = places(plan_text_files([path, path], **options), raw)
    assert found[5] == Place(str(path), partition=1, line=2, offset=5, record="two")
    assert [place.record for place in found] == ["one", "two", "", "four"] * 2
    assert [place.line for place in found] == [1, 2, 3, 4] * 2


def test_places_by_delimiter(tmp_path):
    path = written(tmp_path, b"a|||b||\nc")
    found = places(plan_text_files(path, linedelimiter="||", blocksize=3))
    assert [(place.line, place.offset, place.record) for place in found] == [(1, 0, "a"), (2, 3, "|b"), (3, 7, "\nc")]


def test_places_in_text_that_is_decoded_first_have_no_bytes(tmp_path):
    path = written(tmp_path, "a\r\nb\n".encode("utf-16"))
    found = places(plan_text_files(path, encoding="utf-16", include_path=True))
    assert [(place.line, place.offset, place.record) for place in found] == [(1, None, "a"), (2, None, "b")]


def test_where_lines_and_bytes_differ_no_byte_is_named(tmp_path):
    path = written(tmp_path, b"a\r\xff\nb\n")
    found = places(plan_text_files(path, errors="ignore"))
    assert [(place.line, place.offset) for place in found] == [(1, None), (2, None)]


def test_bom_is_part_of_the_first_line_only_in_utf8(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbfa\nb\n")
    assert [place.record for place in places(plan_text_files(path, encoding="utf-8-sig"))] == ["a", "b"]
    assert [place.offset for place in places(plan_text_files(path, encoding="utf-8-sig"))] == [0, 5]


def test_line_is_unknown_once_the_file_is_gone(tmp_path):
    path = written(tmp_path, b"aaa\nbbb\n")
    source = plan_text_files(path, blocksize=4)
    stream = Reading(source.read(source.pieces()[1], Report()))
    assert next(stream) == "bbb\n"
    path.unlink()
    assert stream.place() == Place(str(path), partition=1, line=None, offset=4, record="bbb")
