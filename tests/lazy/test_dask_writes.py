"""Files that are to be written, in graphs of dask's and among its tasks."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import pprint
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pytest

import bagkit as bk

SCHEDULERS = ["sync", "threads", None]  # None: what __dask_scheduler__ does


class TestWriting:
    """What `compute=False` leaves for dask to do."""

    def writes(self, folder: Path) -> Any:
        return bk.from_sequence("abc", npartitions=3).to_textfiles(folder / "*.txt", compute=False)

    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_all_files_in_one_run(self, tmp_path: Path, scheduler: str | None) -> None:
        paths = [str(tmp_path / f"{n}.txt") for n in range(3)]
        assert dask.compute(*self.writes(tmp_path), scheduler=scheduler) == tuple(paths)
        assert dask.compute(self.writes(tmp_path), scheduler=scheduler) == (paths,)
        assert dask.compute(list(self.writes(tmp_path)), scheduler=scheduler) == (paths,)
        assert dask.delayed(list)(list(self.writes(tmp_path))).compute(scheduler="sync") == paths
        assert [Path(path).read_text() for path in paths] == ["a", "b", "c"]

    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_only_the_files_that_are_asked_for(self, tmp_path: Path, scheduler: str | None) -> None:
        first, _, last = self.writes(tmp_path)
        dask.compute({"a": first, "z": [last]}, scheduler=scheduler)
        assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["0.txt", "2.txt"]


def written(folder: Path, method: str = "to_textfiles", npartitions: int = 4) -> Any:
    """Return files of letters that are to be written, one each."""
    letters = bk.from_sequence("abcd", npartitions=npartitions).map(str.upper)
    return getattr(letters, method)(folder / "*", compute=False)


@pytest.mark.parametrize("method", ["to_textfiles", "to_jsonl"])
class TestFilesAmongTasksOfDask:
    """Values of `compute=False` as arguments of dask's own functions, and computed one by one at the same time."""

    def test_the_list_is_an_argument(self, method: str, tmp_path: Path) -> None:
        assert dask.delayed(len)(written(tmp_path / "a", method)).compute() == 4
        assert dask.delayed(len)(list(written(tmp_path / "b", method))).compute() == 4
        assert len(dask.delayed({"a": [written(tmp_path / "c", method)]}).compute()["a"][0]) == 4
        (kept,) = dask.persist(written(tmp_path / "d", method))
        assert len(kept) == len(list((tmp_path / "d").glob("[0-9]"))) == 4

    @pytest.mark.parametrize("scheduler", ["sync", "threads"])
    def test_the_values_are_arguments(self, method: str, tmp_path: Path, scheduler: str) -> None:
        several = dask.delayed(lambda *values: len(values))(*written(tmp_path / "a", method))
        assert several.compute(scheduler=scheduler) == 4
        one_by_one = dask.delayed(len)([dask.delayed(str)(value) for value in written(tmp_path / "b", method)])
        assert one_by_one.compute(scheduler=scheduler) == 4
        for folder in (tmp_path / "a", tmp_path / "b"):
            assert [path.read_text().strip('"\n') for path in sorted(folder.glob("[0-9]"))] == ["A", "B", "C", "D"]
            assert [path.suffixes for path in folder.glob(".bagkit-*")] == [[".manifest", ".json"]]

    def test_threads_compute_them(self, method: str, tmp_path: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            paths = list(pool.map(lambda value: value.compute(), written(tmp_path, method)))
        assert len(paths) == len(list(tmp_path.glob("[0-9]"))) == 4
        assert len(list(tmp_path.glob(".bagkit-*.manifest.json"))) == len(list(tmp_path.glob(".bagkit-*"))) == 1

    def test_a_pool_of_fewer_threads_than_files(self, method: str, tmp_path: Path) -> None:
        with ThreadPoolExecutor(2) as pool, dask.config.set(pool=pool):
            assert dask.delayed(lambda *values: len(values))(*written(tmp_path, method)).compute() == 4

    def test_copies_of_them_write_the_same_file(self, method: str, tmp_path: Path) -> None:
        for copied in (False, True):
            files = written(tmp_path / str(copied), method)
            part = pickle.loads(pickle.dumps(files[1])) if copied else files[1]
            assert "/1" in str(part.compute())
            if method == "to_jsonl":  # exist="error": a file that is there is not replaced, whoever wrote it
                with pytest.raises(bk.OutputExistsError, match="1 of 4 files exist already"):
                    bk.compute(*files)
                assert len(bk.compute(files[0], *files[2:])) == 3
            else:
                assert len(bk.compute(*files)) == 4
            assert len(list((tmp_path / str(copied)).glob("[0-9]"))) == 4


def test_the_list_is_shown_compared_and_copied_as_a_list(tmp_path: Path) -> None:
    files = written(tmp_path)
    assert pprint.pformat(files, width=10) == repr(files)
    assert files == list(files) == files.files
    for same in (copy.copy(files), pickle.loads(pickle.dumps(files))):
        assert (type(same), len(same), len(same.files)) == (type(files), 4, 4)
        assert same.compute(scheduler="sync") == files.compute(scheduler="sync")
    assert dataclasses.replace(files, files=["a"]) == ["a"]


def test_values_of_two_outputs_do_not_wait_in_a_circle(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    pairs = [(one[0], other[0]), (other[1], one[1]), (one[2], other[2]), (other[3], one[3])]
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda pair: bk.compute(*pair), pairs))) == 4


def test_strangers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    part, copy = written(tmp_path)[0], written(tmp_path)[0]
    with pytest.raises(bk.OutputBusyError, match="this program writes to these files already"):
        bk.compute(part, copy, scheduler="sync")
    again = pickle.loads(pickle.dumps(part))
    with pytest.raises(bk.OutputBusyError):  # and none for itself
        bk.compute(part, again, scheduler="sync")


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_a_run_does_not_wait_for_the_one_that_it_is_part_of(tmp_path: Path, scheduler: str) -> None:
    inner = written(tmp_path)
    outer = bk.from_sequence("ab", npartitions=2).map(lambda letter: letter + inner[1].compute())
    files = outer.to_textfiles(tmp_path / "*", compute=False)
    object.__setattr__(files.plan.op, "token", inner.plan.op.token)
    with pytest.raises(bk.OutputBusyError):
        files[0].compute(scheduler=scheduler)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_tasks_of_ours_that_each_write_a_file_take_turns(tmp_path: Path, scheduler: str) -> None:
    parts = [dask.delayed(str)(file) for file in written(tmp_path)]
    assert bk.compute(*parts, scheduler=scheduler) == tuple(str(tmp_path / str(n)) for n in range(4))


def test_values_in_a_store_without_locks_take_turns() -> None:
    import fsspec

    url = "memory://values-take-turns"
    files = bk.from_sequence("abcd", npartitions=4).to_textfiles(f"{url}/*", compute=False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda value: value.compute(scheduler="sync"), files))
    names = fsspec.filesystem("memory").ls("/values-take-turns", detail=False)
    assert sum(name.rpartition("/")[2] in "0123" for name in names) == 4
    assert [name for name in names if name.endswith("manifest.json")]


def test_a_client_writes_them(tmp_path: Path) -> None:
    from distributed import Client

    paths = [str(tmp_path / str(n)) for n in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # distributed's own, while it starts and stops
        with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0") as client:
            files = written(tmp_path)
            assert client.gather([client.compute(file) for file in files]) == paths
            assert [client.compute(files[n]).result() for n in (1, 2)] == paths[1:3]
            assert client.gather(client.compute(written(tmp_path))) == paths
            assert dask.delayed(len)(written(tmp_path)).compute() == 4
            assert dask.delayed(lambda *found: len(found))(*written(tmp_path)).compute() == 4
            assert dask.delayed(len)([dask.delayed(str)(file) for file in written(tmp_path)]).compute() == 4
