"""lz4, as any compression. Left out where lz4 has no wheels, see tests/conftest.py."""

from __future__ import annotations

from pathlib import Path

import lz4.frame

from tests.io.input.test_archives import TEXT, check_codec, check_cut_off
from tests.io.input.test_avro import check_round_trip
from tests.io.input.test_damaged import DATA, check_whole_lines_stay


def test_text(tmp_path: Path) -> None:
    check_codec(tmp_path, "lz4", lz4.frame.compress)


def test_damage(tmp_path: Path) -> None:
    check_cut_off(tmp_path / "a.lz4", lz4.frame.compress(TEXT.encode(), content_checksum=True))
    check_whole_lines_stay(tmp_path, "lz4", lz4.frame.compress(DATA))


def test_a_codec_of_avro(tmp_path: Path) -> None:
    check_round_trip(tmp_path, "lz4")
