"""Bags, items and delayed values as dask's collections: with the real dask, and a Client."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.base
import pytest

import bagkit as bk
from bagkit.errors import PlanError

SCHEDULERS = ["sync", "threads", None]  # None: what __dask_scheduler__ does


def double(x: Any) -> Any:
    return 2 * x


def lazies() -> dict[str, tuple[Any, Any]]:
    """What is lazy, and what it computes to."""
    b = bk.range(10, npartitions=3).map(double)
    x = bk.delayed(divmod, nout=2)(b.sum(), 7)
    doubled = [2 * n for n in range(10)]
    return {
        "bag": (b, doubled),
        "item": (b.sum(), 90),
        "reduction": (b.map(str).map(len).frequencies(), [(1, 5), (2, 5)]),
        "split": (b.repartition(7), doubled),
        "joined": (b.repartition(2), doubled),
        "groupby": (b.groupby(lambda n: n % 3).map(lambda kv: (kv[0], sorted(kv[1]))), None),
        "text": (bk.concat([b, bk.from_sequence("ab")]), [*doubled, "a", "b"]),
        "delayed": (x, (12, 6)),
        "part": (x[1] + 1, 7),
        "of bags": (bk.delayed(len)(b), 10),
        "from delayed": (bk.from_delayed([bk.delayed(range)(2), bk.delayed(range)(1)]), [0, 1, 0]),
        "function": (bk.delayed(double), double),
    }


class TestCompute:
    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    @pytest.mark.parametrize("name", list(lazies()))
    def test_each_kind(self, name: str, scheduler: str | None) -> None:
        lazy, expected = lazies()[name]
        if expected is None:
            expected = lazy.compute(scheduler="sync")
        assert dask.is_dask_collection(lazy)
        assert dask.compute(lazy, {"a": [lazy]}, scheduler=scheduler) == (expected, {"a": [expected]})

    def test_shared_delayed_values_run_once(self) -> None:
        seen: list[int] = []
        shared = bk.delayed(lambda x: seen.append(x) or x)(1)
        assert dask.compute(shared + 1, [shared * 3], shared, scheduler="threads") == (2, [3], 1)
        assert seen == [1]

    @pytest.mark.parametrize("scheduler", ["sync", "threads"])
    def test_beside_those_of_dask(self, scheduler: str) -> None:
        b = bk.range(4, npartitions=2)
        theirs = dask.delayed(double)(b.sum())
        assert dask.compute(theirs, dask.delayed(len)(b), b.max(), scheduler=scheduler) == (12, 4, 3)

    def test_our_scheduler_runs_graphs_of_others(self) -> None:
        theirs = dask.delayed(sum)([dask.delayed(double)(n) for n in range(4)])
        ours = bk.delayed(double)(3)
        keys = [theirs.key, [ours.key]]
        graph = {**theirs.dask, **ours.dask}
        assert ours.__dask_scheduler__(graph, keys, num_workers=2) == [12, [6]]

    def test_tokens_tell_plans_apart(self) -> None:
        one, other = bk.range(4, 2), bk.range(4, 2)
        tokenize = dask.base.tokenize
        assert tokenize(one) == tokenize(one)
        assert tokenize(one) != tokenize(other)
        assert one.__dask_keys__() == one.__dask_keys__()
        assert set(one.__dask_keys__()) <= set(one.dask)

    def test_errors_keep_their_notes(self) -> None:
        failing = bk.delayed(divmod)(1, 0)
        with pytest.raises(ZeroDivisionError) as caught:
            dask.compute(failing, scheduler="sync")
        assert any("in the task 'divmod-" in note for note in caught.value.__notes__)

    def test_what_writes_files_is_not_run(self, tmp_path: Any) -> None:
        item = bk.from_sequence(["a"]).to_textfiles(tmp_path / "*.txt", compute=False)
        with pytest.raises(PlanError, match=r"to_textfiles.*: dask can't run what writes files; hint: its own compute"):
            dask.compute(item, scheduler="sync")


class TestOurScheduler:
    """What `dask.compute` of our collections alone runs on."""

    def spilled(self, tmp_path: Path, run: Callable[[Any], Any]) -> set[bool]:
        """Return whether `run` of a groupby saw files of records that wait on disk."""
        grouped = bk.range(20_000, npartitions=4).map(lambda n: (n % 500, "x" * 40)).groupby(0, npartitions=3)
        seen = grouped.map(lambda pair: (len(pair[1]), any(tmp_path.glob("bagkit-*/spill-*"))))
        with bk.options(scheduler="sync", memory_limit=200_000, temporary_directory=str(tmp_path)):
            counts = run(seen)
        assert [count for count, _ in counts] == [40] * 500
        assert list(tmp_path.iterdir()) == []
        return {there for _, there in counts}

    def test_exchanges_keep_to_the_memory_limit(self, tmp_path: Path) -> None:
        assert self.spilled(tmp_path, lambda bag: dask.compute(bag)[0]) == {True}

    def test_also_those_in_graphs_of_tuples(self, tmp_path: Path) -> None:
        def run(bag: Any) -> Any:
            function, extra = bag.__dask_postcompute__()
            return function(bag.__dask_scheduler__(bag.dask, bag.__dask_keys__()), *extra)

        assert self.spilled(tmp_path, run) == {True}

    def test_those_on_schedulers_of_dask_stay_in_memory(self, tmp_path: Path) -> None:
        assert self.spilled(tmp_path, lambda bag: dask.compute(bag, scheduler="threads")[0]) == {False}

    @pytest.mark.parametrize("scheduler", ["threads", None])
    def test_skipped_records_are_told(self, scheduler: str | None) -> None:
        bag = bk.from_sequence(["1", "two", "3"], npartitions=1).map(int).on_error("skip")
        with bk.options(scheduler="sync"), pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped(.|\n)*'two'"):
            assert dask.compute(bag, scheduler=scheduler) == ([1, 3],)


class TestPersist:
    @pytest.mark.parametrize("name", ["bag", "item", "reduction", "delayed", "from delayed"])
    def test_each_kind(self, name: str) -> None:
        lazy, expected = lazies()[name]
        (kept,) = dask.persist(lazy, scheduler="threads")
        assert type(kept) is type(lazy)
        assert kept.compute(scheduler="sync") == expected
        assert kept.plan.npartitions == lazy.plan.npartitions
        assert kept.plan.inputs == ()


class TestClient:
    @pytest.fixture
    def client(self) -> Iterator[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # distributed's own, while it starts and stops
            from distributed import Client

            with Client(
                n_workers=1,
                threads_per_worker=2,
                processes=False,
                protocol="tcp",
                host="127.0.0.1",
                dashboard_address=None,
            ) as client:
                yield client

    def test_it_computes_and_persists(self, client: Any) -> None:
        for name, (lazy, expected) in lazies().items():
            if expected is not None:
                assert client.compute(lazy).result() == expected, name
        b = lazies()["bag"][0]
        assert dask.compute(b, b.max()) == ([2 * n for n in range(10)], 18)
        kept = client.persist(b)
        assert (kept.npartitions, kept.compute(scheduler="sync")) == (3, [2 * n for n in range(10)])


def test_dask_is_not_imported() -> None:
    code = (
        "import bagkit as bk, sys; b = bk.range(3, 1); b.__dask_graph__(), b.sum().__dask_keys__()\n"
        "bk.delayed(abs)(1).__dask_postcompute__(); print('dask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
