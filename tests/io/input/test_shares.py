"""A compressed file that is read in shares has the records, places, sums of bytes and errors of one that is not."""

from __future__ import annotations

import gzip
import os
import random
import signal
import time
from dataclasses import replace
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError
from bagkit.flow.report import Report
from bagkit.io.input import file_source, inflating, lines, shares
from bagkit.io.input.text import plan_text_files
from bagkit.lower import resize
from tests.io.input.reading import Reading, read_pieces
from tests.io.input.test_places import places
from tests.io.input.test_text import BYTES, any_file, written, zstd_compress

LINES = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"x", b"\xc3\xa9", b"\xff", b"||", b"0123456789" * 4, b"ab" * 9]),
    max_size=60,
).map(b"".join)
OPTIONS = [
    {"errors": "replace"}, {"errors": "surrogateescape"}, {"errors": "ignore"}, {"encoding": "latin-1"},
    {"linedelimiter": "|x", "errors": "replace"}, {"linedelimiter": "\r\n", "errors": "replace"},
    {"encoding": "utf-8-sig", "errors": "replace"},
    {"include_path": True, "errors": "replace"}, {"max_line": 20, "errors": "replace"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Steps of a few bytes, so that small files have borders too."""
    monkeypatch.setattr(inflating, "STEP", 16)
    monkeypatch.setattr(shares, "BLOCK", 7)
    monkeypatch.setattr(file_source, "BLOCK", 7)
    monkeypatch.setattr(lines, "LONG", 32)
    monkeypatch.setattr(file_source, "LEAST_SHARE", 32)


def packed(data: bytes, compression: str, members: int, seed: int) -> bytes:
    """Return `data` compressed in some members, of levels and blocks that differ."""
    choose = random.Random(seed)
    edges = sorted([0, len(data), *(choose.randrange(len(data) + 1) for _ in range(members - 1))])
    parts = [data[a:b] for a, b in pairwise(edges)]
    if compression == "zst":
        return b"".join(map(zstd_compress, parts))
    return b"".join(gzip.compress(part, choose.choice([0, 1, 6])) for part in parts)


def cut(piece, edges):
    """Return the shares of a piece that begin and end at the multiples of STEP that `edges` are near."""
    found = sorted({edge // inflating.STEP * inflating.STEP for edge in edges} - {0})
    inside = [edge for edge in found if edge < piece.weight]
    return [replace(piece, start=a or 0, stop=b) for a, b in pairwise([0, *inside, None])]


def outcome(source, pieces, raw=False):
    """Return the records before the first error, and the error."""
    records = []
    try:
        for piece in pieces:
            for record in Reading(source.bare().read((piece,), Report(), raw)):
                records.append(record)  # one by one, for those before an error
    except Exception as error:
        return records, f"{type(error).__name__}: {error}"
    return records, None


class _Shared:
    def __init__(self, source, pieces):
        self._source, self._pieces = source, pieces

    def pieces(self):
        return [(piece,) for piece in self._pieces]

    def bare(self):
        return self._source.bare()


@any_file
@given(
    data=LINES,
    compression=st.sampled_from(["gz", "zst"]),
    members=st.integers(1, 4),
    seed=st.integers(0, 99),
    options=st.sampled_from(OPTIONS),
    edges=st.lists(st.integers(0, 400), max_size=5),
)
def test_shares_have_the_lines_of_the_file(tmp_path, data, compression, members, seed, options, edges):
    path = written(tmp_path, packed(data, compression, members, seed), f"a.txt.{compression}")
    source = plan_text_files(path, **options)
    (piece,) = source.pieces()[0]
    assert piece.shareable
    parts = cut(piece, edges)
    assert outcome(source, parts) == outcome(source, [piece])
    if outcome(source, [piece])[1] is None:
        assert [read_pieces(source, (part,)) for part in parts]  # which counts the bytes of each
    if "max_line" not in options:
        assert places(_Shared(source, parts)) == places(source)


@any_file
@given(data=BYTES, edges=st.lists(st.integers(0, 200), max_size=4))
def test_raw_lines_and_places_of_any_bytes(tmp_path, data, edges):
    path = written(tmp_path, gzip.compress(data * 5, 0), "a.txt.gz")
    source = plan_text_files(path)
    (piece,) = source.pieces()[0]
    parts = cut(piece, edges)
    assert list(chain.from_iterable(read_pieces(source, (part,), raw=True) for part in parts)) == (
        read_pieces(source, (piece,), raw=True)
    )
    for raw in (False, True):
        assert places(_Shared(source, parts), raw) == places(source, raw)


@any_file
@given(
    seed=st.integers(0, 10_000),
    compression=st.sampled_from(["gz", "zst"]),
    fault=st.sampled_from(["cut", "flip", "garbage", "padding"]),
    edges=st.lists(st.integers(0, 900), max_size=5),
)
def test_what_is_damaged_is_so_after_the_same_records_in_the_same_words(tmp_path, seed, compression, fault, edges):
    choose = random.Random(seed)
    data = b"".join(b"%d %d\n" % (n, choose.getrandbits(choose.choice([3, 60]))) for n in range(choose.randrange(90)))
    good = bytearray(packed(data, compression, choose.choice([1, 1, 3]), seed))
    if fault == "cut":
        del good[choose.randrange(len(good)) :]
    elif fault == "flip":
        good[choose.randrange(len(good))] ^= 1 << choose.randrange(8)
    else:
        good += b"garbage that is long" if fault == "garbage" else bytes(choose.randrange(60))
    path = written(tmp_path, bytes(good), f"a.txt.{compression}")
    source = plan_text_files(path, errors="replace")
    (piece,) = source.pieces()[0]
    parts = cut(piece, edges)
    records, error = outcome(source, [piece])
    assert outcome(source, parts) == (records, error)
    found = [outcome(source, [part])[1] for part in parts]
    assert set(found) <= {None, error}
    assert found == sorted(found, key=lambda one: one is not None)  # who comes after the damage finds it too


def test_a_damaged_file_tells_how_much_was_good_whoever_reads_it(tmp_path):
    data = b"".join(b"line %d\n" % n for n in range(1000))
    path = written(tmp_path, gzip.compress(data, 0)[:-4], "a.txt.gz")
    source = plan_text_files(path)
    (piece,) = source.pieces()[0]
    for part in piece.shares(3)[-1], piece:
        with pytest.raises(CorruptInputError, match=r"cut off; before that, 1000 lines were good \(8890 bytes"):
            read_pieces(source, (part,))


def test_shares_add_up_and_later_ones_are_shorter(tmp_path):
    path = written(tmp_path, gzip.compress(random.Random(1).randbytes(5000)), "a.txt.gz")
    (piece,) = plan_text_files(path).pieces()[0]
    for count in range(1, 8):
        parts = piece.shares(count)
        assert len(parts) == count
        assert sum(part.weight for part in parts) == piece.weight
        assert all(one.stop == other.start for one, other in pairwise(parts))
        weights = [part.weight for part in parts]
        assert weights[0] == max(weights)
        assert weights[-1] == min(weights)
    assert piece.shares(2)[0].weight > piece.shares(2, opaque=True)[0].weight >= piece.weight / 2
    assert piece.shares(2)[1].label == f"{path} compressed bytes {piece.shares(2)[1].start}-{piece.weight}"
    assert 8 < len(piece.shares(10_000)) <= piece.weight // 32


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.gz", {"encoding": "utf-16"}), ("a.gz", {"linedelimiter": "aa"}), ("a.bz2", {}), ("a.xz", {}), ("a.txt", {})],
)
def test_what_is_not_shared(tmp_path, name, options):
    path = written(tmp_path, b"\n" * 100, name)
    (piece,) = plan_text_files(path, **options).pieces()[0]
    assert piece.shares(4) == (piece,)


def test_rows_and_remote_files_are_not_shared(tmp_path):
    path = written(tmp_path, gzip.compress(b"a,b\n" * 1000, 0), "a.csv.gz")
    (piece,) = bk.read_csv(str(path)).plan.op.pieces()[0]
    assert piece.shares(4) == (piece,)
    import fsspec

    with fsspec.open("memory://shares/a.txt.gz", "wb") as file:
        file.write(path.read_bytes())
    (piece,) = plan_text_files("memory://shares/a.txt.gz").pieces()[0]
    assert piece.shares(4) == (piece,)


def test_a_file_that_changes_between_shares(tmp_path):
    path = written(tmp_path, gzip.compress(b"line\n" * 1000, 0), "a.txt.gz")
    source = plan_text_files(path)
    first, second = source.pieces()[0][0].shares(2)
    assert set(read_pieces(source, (first,))) == {"line\n"}
    path.write_bytes(gzip.compress(b"other\n" * 1000, 0))
    with pytest.raises(InputChangedError):
        read_pieces(source, (second,))


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A gz file of 200,000 bytes that two workers share, and its lines."""
    monkeypatch.undo()  # workers have steps as they are
    monkeypatch.setattr(file_source, "LEAST_SHARE", 1 << 17)
    monkeypatch.setattr(resize, "UNEVEN", 1.0)
    found = [f"{n} {random.Random(n).getrandbits(200):x}\n" for n in range(16_000)]
    return written(tmp_path, gzip.compress("".join(found).encode()), "a.txt.gz"), found


def test_a_run_on_shares_says_what_a_run_on_the_file_says(shared):
    path, found = shared
    bag = bk.read_text(str(path))
    assert bag.compute(scheduler="processes", workers=3) == found
    assert bag.take(3, scheduler="processes", workers=3) == tuple(found[:3])
    assert list(bag.map(len)) == list(map(len, found))
    assert bag.map(len).frequencies().compute(scheduler="processes", workers=3) == (
        bag.map(len).frequencies().compute(scheduler="sync")
    )
    assert bk.compute(bag.count(), bag.map(len).max(), scheduler="processes", workers=3) == (
        len(found), max(map(len, found)),
    )  # fmt: skip


def test_the_first_error_of_the_file_is_raised_whichever_share_is_faster(shared):
    path, _ = shared

    def fail(line: str) -> str:
        number = int(line.split()[0])
        if number == 3:
            time.sleep(0.3)  # when the others have failed long since
        if number % 4000 == 100:
            raise KeyError(number)
        return line

    bag = bk.read_text(str(path)).map(fail)
    for result in (bag.count(), bag):
        with pytest.raises(KeyError) as caught:
            result.compute(scheduler="processes", workers=3)
        assert caught.value.args == (100,)


def test_who_reads_what_is_before_an_error_runs_again_if_it_is_killed(shared, tmp_path):
    path, _ = shared
    mark = str(tmp_path / "mark")

    def fail(line: str) -> str:
        number = int(line.split()[0])
        if number == 3 and not os.path.exists(mark):
            open(mark, "w").close()
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        if number in (4000, 15_900):
            raise KeyError(number)
        return line

    with pytest.raises(KeyError) as caught:
        bk.read_text(str(path)).map(fail).count().compute(scheduler="processes", workers=3)
    assert caught.value.args == (4000,)
    assert os.path.exists(mark)


def test_damage_is_told_after_errors_before_it(shared, tmp_path):
    path, _ = shared
    data = path.read_bytes()
    cut_off = written(tmp_path, data[: len(data) * 3 // 4], "cut.txt.gz")
    bag = bk.read_text(str(cut_off))

    def fail(line: str) -> str:
        if line.startswith("7 "):
            time.sleep(0.3)
            raise KeyError(7)
        return line

    with pytest.raises(KeyError) as early:
        bag.map(fail).count().compute(scheduler="processes", workers=3)
    assert early.value.args == (7,)
    told = []
    for options in ({"scheduler": "sync"}, {"scheduler": "processes", "workers": 3}):
        with pytest.raises(CorruptInputError) as caught:
            bag.count().compute(**options)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_an_error_in_a_later_share_has_its_line_and_byte(shared):
    path, found = shared

    def fail(line: str) -> float:
        return 1 / (int(line.split()[0]) % 15_000 - 14_321)

    bag = bk.read_text(str(path)).map(fail)
    notes = []
    for options in ({"scheduler": "sync"}, {"scheduler": "processes", "workers": 3}):
        with pytest.raises(ZeroDivisionError) as caught:
            bag.compute(**options)
        notes.append(caught.value.__notes__[:3])
    assert notes[0] == notes[1]
    assert f"line 14322 (byte {len(''.join(found[:14_321]))})" in notes[1][1]
    got = bag.compute(scheduler="processes", workers=3, on_error="collect")
    assert [failure.place.line for failure in got.failures] == [14_322]
    assert len(got.result) == 15_999
