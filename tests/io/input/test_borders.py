"""A compressed file that is cut between members has the records, places and errors of one that is read in one piece."""

from __future__ import annotations

import bz2
import gzip
import importlib
import random
import zlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from bagkit.io.input import borders, file_source, inflating, lines, shares
from bagkit.io.input.text import plan_text_files
from tests.io.input.reading import read_pieces
from tests.io.input.test_places import places
from tests.io.input.test_shares import OPTIONS, _Shared, outcome
from tests.io.input.test_text import any_file, written, zstd_compress
from tests.wheels import ALL_HAVE_WHEELS

LINES = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"x", b"\xc3", b"\xa9", b"||", b"|x", b"0123456789" * 4, b"ab" * 9]),
    max_size=20,
).map(b"".join)
COMPRESS = {
    "gz": lambda data: gzip.compress(data, len(data) % 2, mtime=0),  # some of it stored as it is
    "bz2": bz2.compress,
    "zst": zstd_compress,
}
if ALL_HAVE_WHEELS:
    COMPRESS["lz4"] = importlib.import_module("lz4.frame").compress


def bgzip(data: bytes, size: int) -> bytes:
    """Return data as bgzip packs them: in members that say how long they are, and an empty one."""
    found = []
    for part in [*(data[at : at + size] for at in range(0, len(data), size)), b""]:
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = deflate.compress(part) + deflate.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + (len(packed) + 25).to_bytes(2, "little")
        found.append(head + packed + zlib.crc32(part).to_bytes(4, "little") + len(part).to_bytes(4, "little"))
    return b"".join(found)


@pytest.fixture
def small(monkeypatch):
    """Steps of a few bytes, so that small files have borders too."""
    monkeypatch.setattr(inflating, "STEP", 16)
    monkeypatch.setattr(shares, "BLOCK", 7)
    monkeypatch.setattr(file_source, "BLOCK", 7)
    monkeypatch.setattr(lines, "LONG", 32)
    monkeypatch.setattr(file_source, "LEAST_SHARE", 1)
    monkeypatch.setattr(borders, "LEAST_REACH", 64)
    monkeypatch.setattr(borders, "SEEN", 100)
    monkeypatch.setattr(borders, "_false", set())


def wanted(records, error):
    texts = (record[0] if isinstance(record, tuple) else record for record in records)
    return [text for text in texts if "x" in text or "9012" in text], error


@settings(any_file, max_examples=60)
@given(
    contents=st.lists(LINES, min_size=1, max_size=8),
    kind=st.sampled_from(sorted(COMPRESS)),
    padding=st.sampled_from([0, 0, 3, 40]),
    fault=st.sampled_from(["", "", "", "cut", "flip", "garbage"]),
    at=st.floats(0, 1, exclude_max=True),
    options=st.sampled_from([one for one in OPTIONS if "max_line" not in one]),
    count=st.integers(2, 6),
    searched=st.booleans(),
)
def test_parts_have_the_lines_of_the_file(
    tmp_path, small, contents, kind, padding, fault, at, options, count, searched
):
    data = bytearray(b"".join(COMPRESS[kind](part) + bytes(padding) for part in contents))
    if fault == "cut":
        del data[int(at * len(data)) :]
    elif fault == "flip":
        data[int(at * len(data))] ^= 1 << count
    elif fault == "garbage":
        data += b"garbage that is long"
    source = plan_text_files(written(tmp_path, bytes(data), f"a.txt.{kind}"), **{"errors": "replace", **options})
    source = (searched and source.having(("x", "9012"))) or source
    (piece,) = source.pieces()[0]
    assert piece.separable
    parts = piece.parts(count)
    found = outcome(source, [piece])
    if searched:  # which other lines are left out is up to the blocks
        assert [wanted(*outcome(source, some)) for some in ([piece], parts)] == [wanted(*found)] * 2
        return
    assert outcome(source, parts) == found
    if found[1] is None:
        assert [read_pieces(source, (part,)) for part in parts]  # which counts the bytes of each
        assert places(_Shared(source, parts)) == places(source)


@pytest.mark.parametrize("kind", ["bgzip", *sorted(COMPRESS)])
def test_nothing_before_a_border_is_read(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(file_source, "LEAST_SHARE", 1 << 12)
    data = b"".join(b"%d %x\r\n" % (n, random.Random(n).getrandbits(200)) for n in range(3000))
    parts = [data[at : at + 16_666] for at in range(0, len(data), 16_666)]
    packed = bgzip(data, 16_666) if kind == "bgzip" else b"".join(map(COMPRESS[kind], parts))
    path = written(tmp_path, packed, "a.txt.gz" if kind == "bgzip" else f"a.txt.{kind}")
    source = plan_text_files(path)
    (piece,) = source.pieces()[0]
    cut = piece.parts(4)
    assert len(cut) == 4
    assert all(one.stop == other.start for one, other in pairwise(cut))
    assert max(part.weight for part in cut) < len(packed) / 2
    whole = read_pieces(source, (piece,))
    assert [line for part in cut for line in read_pieces(source, (part,))] == whole
    good = [read_pieces(source, (part,)) for part in cut]
    path.write_bytes(bytes(cut[2].start) + packed[cut[2].start :])
    source = plan_text_files(path)  # of a file whose first half is no data
    (piece,) = source.pieces()[0]
    behind = [replace(part, info=piece.info) for part in cut[2:]]
    assert [read_pieces(source, (part,)) for part in behind] == good[2:]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.xz", {}), ("a.txt", {}), ("a.gz", {"encoding": "utf-16"}), ("a.gz", {"linedelimiter": "aa"}),
        ("a.gz", {"max_line": 100}), ("a.gz", {"damaged": "keep"}), ("a.gz", {"damaged": "skip_file"}),
    ],
)  # fmt: skip
def test_what_is_not_cut(tmp_path, small, name, options):
    path = written(tmp_path, gzip.compress(b"\n" * 100) * 9, name)
    source = plan_text_files(path, **options)
    assert source.pieces()[0][0].most_parts == 1


def test_one_member_is_no_two(tmp_path, small):
    path = written(tmp_path, gzip.compress(random.Random(1).randbytes(2000)), "a.gz")
    source = plan_text_files(path)
    (piece,) = source.pieces()[0]
    assert piece.parts(4) == (piece,)


def test_a_remote_file(monkeypatch):
    import fsspec

    monkeypatch.setattr(file_source, "LEAST_FETCHED", 1)
    with fsspec.open("memory://borders/a.txt.gz", "wb") as file:
        file.write(gzip.compress(b"one is a long line\ntwo") + gzip.compress(b" is\nthree\n"))
    source = plan_text_files("memory://borders/a.txt.gz")
    (piece,) = source.pieces()[0]
    monkeypatch.setattr(file_source, "LEAST_FETCHED", 1 << 24)
    assert piece.most_parts == 1
    monkeypatch.setattr(file_source, "LEAST_FETCHED", 1)
    parts = piece.parts(2)
    assert [read_pieces(source, (part,)) for part in parts] == [["one is a long line\n", "two is\n"], ["three\n"]]


# -- what only looks like a border -------------------------------------------------------------------------------------


@pytest.fixture
def deceiving(tmp_path, monkeypatch):
    """A gz file in whose middle other gz data are stored as they are, and its lines."""
    monkeypatch.setattr(file_source, "LEAST_SHARE", 1 << 10)
    monkeypatch.setattr(borders, "SEEN", 1 << 8)
    monkeypatch.setattr(borders, "_false", set())
    before, behind = (b"".join(b"%d\n" % n for n in some) for some in (range(2000), range(2000, 3800)))
    inside = b"".join(gzip.compress(b"false %d\n" % n, mtime=0) for n in range(30))
    path = written(tmp_path, gzip.compress(before + inside + b"\n" + behind, 0), "a.txt.gz")
    with gzip.open(path, "rt", errors="replace") as file:
        found = list(file)
    assert "false 7\n" not in found
    return path, found


def test_a_false_border_is_found_out(deceiving):
    path, found = deceiving
    source = plan_text_files(path, errors="replace")
    (piece,) = source.pieces()[0]
    parts = piece.parts(2)
    assert "false 27\n" in outcome(source, parts[1:])[0]
    with pytest.raises(
        borders.FalseBorderError, match=f"no gzip member begins at byte {parts[1].start}, though"
    ) as told:
        read_pieces(source, (parts[0],))
    told.value.learn()
    assert piece.parts(2) == (piece,)
    assert read_pieces(source, (piece,)) == found


def test_runs_on_false_borders_give_what_is_in_the_file(deceiving, monkeypatch):
    path, found = deceiving

    def value(line: str) -> str:
        if line.startswith("false"):
            raise KeyError(line)
        return line

    runs = {"scheduler": "processes", "workers": 2}
    bag = bk.read_text(str(path), errors="replace").map(value)
    learned = []
    for run in (
        lambda: bag.compute(**runs),
        lambda: list(iterated(bag, runs)),
        lambda: bag.compute(**runs, on_error="collect").result,
        lambda: bag.persist(**runs).compute(),
    ):
        borders._false.clear()
        assert run() == found
        learned.append(str(path) in borders._false)
    assert learned == [True] * 3 + [False]  # to persist has nothing to cut


def test_an_attempt_on_false_borders_counts_nothing(deceiving):
    """Some of its tasks have ended well when it is found out, and are done once more."""
    path, found = deceiving
    numbers = bk.range(40, npartitions=4).map(str)
    bag = numbers.union(bk.read_text(str(path), errors="replace").map(str))
    counted = bag.filter(lambda line: "7" in line, reason="no 7")
    given = [*map(str, range(40)), *found]
    kept = [line for line in given if "7" in line]
    with bk.Tallies() as counts, bk.Profile() as profile:
        got = counted.compute(scheduler="processes", workers=2, on_error="collect")
        assert borders._false == {str(path)}
        first = list(iterated(counted, {"scheduler": "sync"}))
    assert got.result == first == kept
    assert got.tallies == {"no 7": len(given) - len(kept)}
    assert counts == profile.tallies() == {"no 7": 2 * (len(given) - len(kept))}


def iterated(bag, runs):
    with bk.options(**runs):
        yield from bag
