"""Files behind a URL that tasks share, where a store fails now and then: tried again as the option says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import dask
import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

import bagkit as bk
from bagkit.exchange import remote
from tests.schedulers.test_executors import Inline


class Flaky(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files of this machine behind a URL; each is read, and written whole, when it was tried often enough."""

    protocol = ("flaky",)
    cachable = False
    failing = 0
    what_fails = frozenset({"cat", "pipe", "makedirs"})
    failed: ClassVar[Counter[tuple[str, str]]] = Counter()

    def _try(self, what: str, path: str) -> None:
        if what in self.what_fails and self.failed[what, path] < self.failing:
            self.failed[what, path] += 1
            raise TimeoutError(f"{what}: busy")
        self.failed[what, path] = 0

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> Any:
        self._try("cat", path)
        return super().cat_file(path, *args, **kwargs)

    def pipe_file(self, path: str, *args: Any, **kwargs: Any) -> Any:
        self._try("pipe", path)
        return super().pipe_file(path, *args, **kwargs)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._try("makedirs", path)
        super().makedirs(path, exist_ok=exist_ok)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Flaky]]:
    monkeypatch.setattr(remote, "FIRST_SECONDS", 0.0)
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    Flaky.failed.clear()
    yield Flaky
    Flaky.failing = 0


def grouped(tmp_path: Path, **options: Any) -> list[tuple[int, int]]:
    bag = bk.range(300, npartitions=4).map(lambda n: (n % 5, f"{n}" * 1000))
    groups = bag.groupby(0, npartitions=2).map(lambda group: (group[0], len(group[1])))
    where = {"scheduler": Inline(), "shared_directory": f"flaky://{tmp_path}", "memory_limit": "1 MB"}
    return sorted(groups.compute(**where, **options))


EXPECTED = [(n, 60) for n in range(5)]


@pytest.mark.parametrize(("failing", "retries"), [(3, None), (7, 7), (0, 0)])
def test_what_fails_is_tried_again_as_often_as_the_option_says(
    failing: int, retries: int | None, flaky: type[Flaky], tmp_path: Path
) -> None:
    flaky.failing = failing
    assert grouped(tmp_path, **({} if retries is None else {"read_retries": retries})) == EXPECTED
    assert bool(flaky.failed) is bool(failing or not retries)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("failing", "retries"), [(4, None), (1, 0), (8, 7)])
def test_and_no_more_often(failing: int, retries: int | None, flaky: type[Flaky], tmp_path: Path) -> None:
    flaky.failing = failing
    with pytest.raises(bk.TaskError, match="busy"):
        grouped(tmp_path, **({} if retries is None else {"read_retries": retries}))


@pytest.mark.parametrize("retries", [0, 2])
def test_tasks_know_it_too(retries: int, flaky: type[Flaky], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flaky, "what_fails", {"cat"})
    flaky.failing = retries
    assert grouped(tmp_path, read_retries=retries) == EXPECTED
    flaky.failing = retries + 1
    with pytest.raises(OSError, match="busy"):
        grouped(tmp_path, read_retries=retries)


def test_graphs_for_dask_know_it_too(flaky: type[Flaky], tmp_path: Path) -> None:
    bag = bk.range(300, npartitions=4).map(lambda n: (n % 5, f"{n}" * 1000))
    groups = bag.groupby(0, npartitions=2).map(lambda group: (group[0], len(group[1])))
    flaky.failing = 5
    with bk.options(shared_directory=f"flaky://{tmp_path}", read_retries=5):
        (found,) = dask.compute(groups, scheduler="sync")
    assert sorted(found) == EXPECTED
