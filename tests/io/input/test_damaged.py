"""What `damaged=` does about files that are cut off or damaged: what stays, what goes, and that both are told."""

from __future__ import annotations

import gzip
import random
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, PlanError
from bagkit.flow.report import Report
from bagkit.io.input.text import plan_text_files
from tests.io.input import test_shares
from tests.io.input.contract import COMPRESS
from tests.io.input.reading import Reading
from tests.io.input.test_shares import cut, packed
from tests.io.input.test_text import zstd_compress

SYNC: dict[str, Any] = {"scheduler": "sync"}
PACK: dict[str, Callable[[bytes], bytes]] = {**COMPRESS, "zst": zstd_compress}
NOISE = random.Random(0)
DATA = b"".join(b'{"n": %d, "x": "%x"}\n' % (n, NOISE.getrandbits(200)) for n in range(9000))
LINES = DATA.decode().splitlines(keepends=True)

small_steps = test_shares.small_steps


@pytest.fixture
def delivery(tmp_path: Path) -> list[str]:
    """A file that is whole, one that is cut off, and one that is none."""
    contents = (PACK["gz"](b"".join(DATA.splitlines(keepends=True)[:9])), PACK["gz"](DATA)[:100_000], b"no gzip")
    for name, content in zip("abc", contents, strict=True):
        (tmp_path / f"{name}.json.gz").write_bytes(content)
    return [str(tmp_path / f"{name}.json.gz") for name in "abc"]


def readable(content: bytes) -> list[str]:
    """Return the whole lines of what zlib makes of gzip data, however they end."""
    found, inflate = b"", zlib.decompressobj(31)
    found += inflate.decompress(content)
    return found[: found.rfind(b"\n") + 1].decode().splitlines(keepends=True)


def caught(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what `run` does, and the warnings that it gives."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        value = run()
    assert {warning.category for warning in given} <= {bk.DamagedInputWarning}
    return value, [str(warning.message) for warning in given]


@pytest.mark.parametrize("options", [SYNC, {"scheduler": "threads"}, {"scheduler": "processes", "workers": 2}])
def test_what_stays_of_a_delivery(delivery: list[str], options: dict[str, Any]) -> None:
    good = readable(Path(delivery[1]).read_bytes())
    assert 1000 < len(good) < 8000
    for damaged, expected, done in (("keep", LINES[:9] + good, "they are kept"), ("skip_file", LINES[:9], "left out")):
        bag = bk.read_text(delivery, damaged=damaged)
        found, told = caught(lambda bag=bag: bag.compute(**options))
        assert found == expected
        assert len(told) == 1
        assert told[0].startswith("data of 2 damaged files are missing, as damaged= asked; hint: ")
        assert told[0].count(done) == 2
        got = bag.map(len).compute(on_error="collect", **options)
        assert got.result == list(map(len, expected))
        assert [failure.place.source for failure in got.failures] == delivery[1:]
        assert got.failures[0].place.line == len(good) + 1
        assert got.failures[0].place.offset == sum(map(len, good))
        assert {(type(each.error), each.is_damage) for each in got.failures} == {(CorruptInputError, True)}
    assert caught(lambda: bk.read_json(delivery, damaged="keep").pluck("n").sum().compute(**options))[0] == (
        sum(range(9)) + sum(range(len(good)))
    )


def check_whole_lines_stay(folder: Path, suffix: str, whole: bytes) -> None:
    for seed in range(3):
        choose, path = random.Random(seed), folder / f"{seed}.json.{suffix}"
        content = bytearray(whole[: choose.randrange(len(whole))]) if seed else bytearray(whole + b"garbage")
        path.write_bytes(content)
        found, told = caught(lambda path=path: bk.read_text(path, damaged="keep").compute(**SYNC))
        assert found == LINES[: len(found)]
        assert len(told) == 1
        assert seed or found == LINES
        assert caught(lambda path=path: bk.read_text(path, damaged="skip_file").compute(**SYNC)) == (
            [], [told[0].replace("they are kept", "the file is left out")],
        )  # fmt: skip


@pytest.mark.parametrize("suffix", PACK)
def test_all_whole_lines_stay_whatever_the_compression(tmp_path: Path, suffix: str) -> None:
    check_whole_lines_stay(tmp_path, suffix, PACK[suffix](DATA))


def test_a_decompressor_gives_what_comes_before_a_wrong_byte(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(DATA[:100_000]))
    content[len(content) // 2] ^= 255
    (tmp_path / "a.gz").write_bytes(content)
    found, _ = caught(lambda: bk.read_text(tmp_path / "a.gz", errors="replace", damaged="keep").compute(**SYNC))
    assert len(found) > 500
    assert found[:500] == LINES[:500]


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("seed", range(30))
def test_shares_keep_the_same_and_one_of_them_tells(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    data = b"".join(b"%d %d\n" % (n, choose.getrandbits(choose.choice([3, 60]))) for n in range(choose.randrange(90)))
    content = bytearray(packed(data, choose.choice(["gz", "zst"]), choose.choice([1, 3]), seed))
    if seed % 3:
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
    else:
        del content[choose.randrange(len(content)) :]
    path = tmp_path / ("a.gz" if content[:1] == b"\x1f" else "a.zst")
    path.write_bytes(content)
    source = plan_text_files(path, errors="replace", damaged="keep")
    (piece,) = source.pieces()[0]

    def outcome(pieces: list[Any]) -> tuple[list[Any], list[str]]:
        report = Report()
        found = [record for piece in pieces for record in Reading(source.bare().read((piece,), report))]
        return found, [f"{place} {error}" for place, error in report.damage]

    assert outcome(cut(piece, [choose.randrange(900) for _ in range(4)])) == outcome([piece])


def test_other_formats(tmp_path: Path) -> None:
    documents = tmp_path / "a.json"
    documents.write_text('[{"n": 1}, {"n": 2}, {"n"')
    for damaged, expected in (("keep", [{"n": 1}, {"n": 2}]), ("skip_file", [])):
        found, told = caught(
            lambda damaged=damaged: bk.read_json(documents, lines=False, damaged=damaged).compute(**SYNC)
        )
        assert found == expected
        assert "it is not JSON" in told[0]
    table = tmp_path / "a.csv.gz"
    table.write_bytes(gzip.compress("n,é\n1,é\n2,é\n".encode(), 0)[:-10])
    assert caught(lambda: bk.read_csv(table, damaged="keep").compute(**SYNC))[0] == [{"n": "1", "é": "é"}]
    assert caught(lambda: bk.read_csv(table, damaged="skip_file").compute(**SYNC))[0] == []
    (tmp_path / "b.gz").write_bytes(b"nothing")
    whole = bk.read_files([table, tmp_path / "b.gz"], damaged="keep").values()
    assert caught(lambda: whole.compute(**SYNC))[0] == ["n,é\n1,é\n2,"]  # and no half of a character
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress("one\ntwo\nthree".encode("utf-16"), 0)[:-10])
    wide = bk.read_text(tmp_path / "c.txt.gz", encoding="utf-16", damaged="keep")
    assert caught(lambda: wide.compute(**SYNC))[0] == ["one\n", "two\n"]


def test_remote_files_and_outputs(tmp_path: Path) -> None:
    folder = f"/{uuid4()}"
    fsspec.filesystem("memory").pipe(f"{folder}/a.gz", gzip.compress(DATA)[:100_000])
    bag = bk.read_text(f"memory:/{folder}/a.gz", damaged="keep")
    good = readable(gzip.compress(DATA)[:100_000])
    found, told = caught(lambda: bag.to_jsonl(tmp_path / "out", **SYNC).records)
    assert (found, len(told)) == (len(good), 1)
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record was left out .*, as on_error, or damaged=, asked"):
        bag.to_jsonl(tmp_path / "out", exist="resume", **SYNC)
    assert caught(lambda: bag.take(3, **SYNC)) == (tuple(good[:3]), [])  # what is behind them is not read
    assert len(caught(lambda: list(bag))[1]) == 1


def test_records_that_fail_are_told_apart_from_files(delivery: list[str]) -> None:
    bag = bk.read_json(delivery, damaged="keep").map(lambda record: 1 // (record["n"] - 3))
    with pytest.warns() as told:
        bag.count().compute(on_error="skip", **SYNC)
    assert [warning.category for warning in told] == [bk.DamagedInputWarning, bk.SkippedRecordsWarning]
    assert "2 records skipped" in str(told[1].message)
    with pytest.raises(PlanError, match="damaged: got 'ignore'; expected one of 'raise', 'skip_file', 'keep'"):
        bk.read_text(delivery, damaged="ignore")  # type: ignore[call-overload]  # wrong on purpose
