"""Cutting into lines gives the same lines however the data comes, and wherever a range begins and ends."""

from __future__ import annotations

import codecs
import encodings.aliases
import io
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bagkit.io.input import lines
from bagkit.io.input.lines import DelimiterEnds, UniversalEnds, byte_ends
from bagkit.io.input.long_lines import LongLine
from tests.each_case import each_case

CONTENT = st.lists(
    st.sampled_from([b"a", b"|", b"||", b"\n", b"\r", b"\r\n", b"\xc3\xa9", b"\xff", b"\xe2\x80\xa8", b"\x0b\x0c"]),
    max_size=30,
).map(b"".join)
ENDS = st.sampled_from(
    [UniversalEnds(), UniversalEnds(True), *map(DelimiterEnds, [b"\n", b"\r", b"\r\n", b"|", b"||", b"|a|", b"aab"])]
)


def chunks_of(data: bytes, size: int, begin: int = 0) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(begin, len(data), size))


def naive_lines(data: bytes, ends: UniversalEnds | DelimiterEnds[bytes]) -> list[bytes]:
    if isinstance(ends, UniversalEnds):
        return [line.encode("latin-1") for line in io.StringIO(data.decode("latin-1"), newline="")]
    found, at = [], 0
    while at < len(data):
        end = data.find(ends.delimiter, at)
        end = len(data) if end < 0 else end + len(ends.delimiter)
        found.append(data[at:end])
        at = end
    return found


@pytest.fixture(autouse=True, params=[1 << 20, 2, 12], ids=["short", "long", "both"])
def long(request, monkeypatch):
    """How long a line is before it is gathered piece by piece."""
    monkeypatch.setattr(lines, "LONG", request.param)


of_no_length = pytest.mark.parametrize("long", [1 << 20], indirect=True, ids=["any"])
"""For tests in which no line is gathered."""

same_for_all = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@same_for_all
@given(CONTENT, ENDS, st.integers(1, 9))
def test_chunks_of_any_size_give_the_same_lines(data, ends, size):
    blocks = list(lines.whole_lines(chunks_of(data, size), ends))
    assert b"".join(blocks) == data
    assert [line for block in blocks for line in ends.split(block)] == naive_lines(data, ends)
    assert lines.count_lines(chunks_of(data, size), ends) == len(naive_lines(data, ends))


@same_for_all
@given(CONTENT, ENDS, st.integers(1, 9), st.lists(st.integers(0, 60), max_size=4))
def test_ranges_give_each_line_once_and_in_order(data, ends, size, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = []
    for start, stop in pairwise(edges):
        begin = lines.first_byte(ends, start)
        for offset, block in lines.lines_within(chunks_of(data, size, begin), ends, begin, start, stop):
            block = block.content if isinstance(block, LongLine) else block
            assert data[offset : offset + len(block)] == block
            if ends != UniversalEnds(True):
                assert start <= offset < stop
            found += ends.split(block)
    assert found == naive_lines(data, ends)


@same_for_all
@given(st.text(alphabet="ab|\n\r", max_size=30), st.sampled_from(["\n", "||", "|a|", "\r\n"]), st.integers(1, 9))
def test_text_is_cut_as_bytes_are(text, delimiter, size):
    ends = DelimiterEnds(delimiter)
    chunks = (text[at : at + size] for at in range(0, len(text), size))
    found = [line for block in lines.whole_lines(chunks, ends) for line in ends.split(block)]
    expected = naive_lines(text.encode(), DelimiterEnds(delimiter.encode()))
    assert found == [line.decode() for line in expected]


def test_a_line_of_many_chunks_is_joined_once():
    chunk = b"x" * 1000
    blocks = list(lines.whole_lines([chunk] * 5000 + [b"\n"], DelimiterEnds(b"\n")))
    assert blocks == [chunk * 5000 + b"\n"]


@pytest.mark.parametrize(
    ("line", "ends", "stripped"),
    [
        (b"a\r\n", UniversalEnds(), b"a"),
        (b"a\n", UniversalEnds(), b"a"),
        (b"a\r", UniversalEnds(), b"a"),
        (b"a", UniversalEnds(), b"a"),
        (b"a\r\n", DelimiterEnds(b"\n"), b"a\r"),
        (b"a||", DelimiterEnds(b"||"), b"a"),
    ],
)
def test_strip_end(line, ends, stripped):
    assert lines.strip_end(line, ends) == stripped


# -- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "errors", "delimiter", "safe"),
    [
        ("utf-8", "strict", None, True),
        ("utf-8", "ignore", None, True),
        ("utf-8-sig", "replace", "é", True),
        ("utf-8", "strict", "||", True),
        ("utf-8", "ignore", "||", False),
        ("utf-8", "strict", "\udc80", False),
        ("iso8859-1", "strict", "\x85", True),
        ("cp1252", "replace", "\ufffd", False),
        ("cp037", "strict", None, False),
        ("ascii", "strict", "é", False),
        ("utf-16", "strict", None, False),
        ("utf-32-le", "strict", None, False),
        ("utf-7", "strict", None, False),
        ("iso2022_jp", "strict", None, False),
        ("hz", "strict", None, False),
        ("unicode-escape", "strict", None, False),
        ("shift_jis", "strict", None, True),
        ("shift_jis", "strict", "||", False),
        ("gb18030", "strict", None, True),
        ("gb18030", "replace", None, False),
        ("utf-8", "some handler of the user's", None, False),
    ],
)
@of_no_length
def test_byte_ends_knows_where_bytes_tell(encoding, errors, delimiter, safe):
    assert (byte_ends(encoding, errors, delimiter) is not None) == safe


def text_encodings() -> list[str]:
    names = {codecs.lookup(name).name for name in set(encodings.aliases.aliases.values()) - {"mbcs", "oem"}}
    return sorted(name for name in names if codecs.lookup(name)._is_text_encoding)


ERRORS = ["strict", "replace", "ignore", "surrogateescape", "backslashreplace"]
SAFE = [
    (encoding, errors)
    for encoding in text_encodings()
    for errors in ERRORS
    if byte_ends(encoding, errors, None) is not None
]


def test_most_encodings_are_safe():
    assert len({encoding for encoding, _ in SAFE}) > 60


@of_no_length
@each_case(("encoding", "errors"), SAFE)
def test_a_safe_encoding_has_newlines_just_where_their_bytes_are(encoding, errors):
    heads = [bytes([one]) for one in range(256) if one not in b"\r\n"]
    if encoding in lines._MULTIBYTE:
        heads += [bytes([one, two]) for one in range(128, 256) for two in range(48, 256, 3)]
    for head in heads:
        try:
            before = head.decode(encoding, errors)
        except UnicodeDecodeError:
            # With "strict" the line that has these bytes fails; then it must fail with its end too.
            with pytest.raises(UnicodeDecodeError):
                (head + b"\n").decode(encoding, errors)
            continue
        assert "\n" not in before
        assert "\r" not in before
        assert (head + b"\na").decode(encoding, errors) == before + "\na"


def test_all_that_decodes_comes_before_the_error():
    data = "one\ntwo\nthr".encode("utf-16") + b"\x00\xdc" + "ee\n".encode("utf-16-le")
    found = []
    texts = lines.decode_text([data[:5], data[5:]], "utf-16", "strict", translate=True)
    with pytest.raises(UnicodeDecodeError):
        found.extend(texts)
    assert "".join(found) == "one\ntwo\nthr"


@given(
    st.text(alphabet="aé\n\r\u2028", max_size=20), st.sampled_from(["utf-16", "utf-7", "utf-32-be"]), st.integers(1, 7)
)
def test_decoding_by_chunks_is_python_text_mode(text, encoding, size):
    data = text.encode(encoding)
    found = "".join(lines.decode_text(chunks_of(data, size), encoding, "strict", translate=True))
    assert found == io.TextIOWrapper(io.BytesIO(data), encoding).read()
