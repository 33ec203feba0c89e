from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.live.pages import HOSTILE, Page


def fail(x: int) -> int:
    if x == 7:
        raise ValueError(HOSTILE)
    return x


def test_it_is_one_file_that_asks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("old")
    with bk.report(path):
        bk.range(100, npartitions=4).map(abs).sum().compute(scheduler="sync")
        with bk.Client(workers=1) as client:
            assert client.compute(bk.range(9, npartitions=3).sum()).result() == 36
    text = path.read_text()
    seen = Page(text)
    assert "Run 1 done" in seen.text
    assert "Run 2 done" in seen.text
    assert ["map(abs)", "100", "100"] in [row[1:4] for row in seen.cells]
    assert not {"script", "link", "iframe"} & (set(seen.tags) - {"link"})
    assert [value for name, value in seen.attributes if name in ("src", "href")] == ["data:,"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_a_block_that_fails_leaves_one_that_says_so(tmp_path: Path, error: BaseException | None) -> None:
    path = tmp_path / "run.html"
    total = bk.range(10, npartitions=1).map(fail).sum()

    def work() -> None:
        with bk.report(path):
            if error is not None:
                raise error
            total.compute(scheduler="sync")

    with pytest.raises(ValueError if error is None else KeyboardInterrupt):
        work()
    seen = Page(path.read_text())
    assert f"It ended with {'ValueError: ' + HOSTILE if error is None else 'KeyboardInterrupt'}" in seen.text
    assert ("Run 1 failed" in seen.text) == (error is None)
    assert "script" not in seen.tags
    assert "img" not in seen.tags


def test_a_place_that_can_not_be_written_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    wrong: list[Any] = ["s3://bucket/run.html", tmp_path, tmp_path / "a file" / "run.html", tmp_path / "*.html", 3]
    for path in wrong:
        with pytest.raises(bk.PlanError, match="report: "):
            bk.report(path)


def test_the_directory_of_a_report_is_made(tmp_path: Path) -> None:
    with bk.report(tmp_path / "new" / "run.html"):
        bk.range(3, 1).compute(scheduler="sync")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["run.html"]


def test_a_place_that_has_gone_does_not_hide_the_error_of_the_block(tmp_path: Path) -> None:
    place = tmp_path / "place"
    for error in (None, ValueError("the block's")):
        place.mkdir()
        if error is None:
            with pytest.raises(bk.OutputError), bk.report(place / "run.html"):
                place.rename(tmp_path / "moved").with_name("place").touch()
        else:
            report = bk.report(place / "run.html")
            report.__enter__()
            place.rmdir()
            place.touch()
            with pytest.warns(UserWarning, match=r"run.html was not written: .*Error"):
                assert report.__exit__(type(error), error, None) is None
        place.unlink()
        shutil.rmtree(tmp_path / "moved", ignore_errors=True)
