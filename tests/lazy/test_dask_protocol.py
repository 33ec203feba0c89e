"""Bags, items and delayed values as dask's collections: with the real dask, and a Client."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.base
import dask.multiprocessing
import dask.threaded
import pytest

import bagkit as bk
from bagkit.errors import PlanError
from tests.each_case import each_case

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
        "many": (bk.range(40, npartitions=20).map(double), [2 * n for n in range(40)]),
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
    @each_case("scheduler", SCHEDULERS)
    @each_case("name", list(lazies()))
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

    def test_what_works_on_files_to_be_written_is_not_run(self, tmp_path: Path) -> None:
        item = bk.from_sequence(["a"]).to_textfiles(tmp_path / "*.txt", compute=False).apply(len)
        with pytest.raises(PlanError, match=r"^to_textfiles: dask can't run what works on files that are yet to be wr"):
            dask.compute(item, scheduler="sync")

    def test_partitions_are_lists_of_records(self) -> None:
        b = bk.range(5, npartitions=2).map(double)
        assert dask.get(b.dask, b.__dask_keys__()) == ([0, 2], [4, 6, 8])


class TestOptimize:
    @pytest.mark.parametrize("name", list(lazies()))
    def test_each_kind(self, name: str) -> None:
        lazy, expected = lazies()[name]
        (made,) = dask.optimize(lazy)
        assert type(made) is type(lazy)
        assert expected is None or made.compute(scheduler="sync") == expected

    def test_beside_those_of_dask(self) -> None:
        b, theirs = bk.range(4, npartitions=2), dask.delayed(double)(4)
        ours, other = dask.optimize(b.sum(), theirs)
        assert (ours.compute(), other.compute(scheduler="sync")) == (6, 8)

    def test_graphs_are_manipulated(self) -> None:
        from dask.graph_manipulation import bind, checkpoint, clone, wait_on

        seen: list[int] = []
        b = bk.range(4, npartitions=2).map(lambda n: seen.append(n) or n)
        assert checkpoint(b).compute(scheduler="sync") is None
        assert (wait_on(b).compute(scheduler="sync"), clone(b).compute(scheduler="sync")) == ([0, 1, 2, 3],) * 2
        seen.clear()
        assert bind(b.sum(), dask.delayed(seen.append)(9)).compute(scheduler="sync") == 6
        assert seen[0] == 9


class TestInputs:
    """Lazy values of dask's own where ours can stand."""

    @pytest.fixture(params=["sync", "threads", "processes"], autouse=True)
    def scheduler(self, request: Any) -> Iterator[None]:
        with bk.options(scheduler=request.param):
            yield

    def test_from_delayed(self) -> None:
        lists = [dask.delayed(list)(text) for text in ("ab", "c")]
        assert bk.from_delayed(lists).compute() == ["a", "b", "c"]
        assert bk.from_delayed(lists[0]).map(str.upper).compute() == ["A", "B"]
        assert bk.Item.from_delayed(lists[1]).apply(len).compute() == 1
        for several in (dict(enumerate(lists)).values(), iter(lists), (part for part in lists)):
            assert bk.from_delayed(several).compute() == ["a", "b", "c"]

    def test_arguments(self) -> None:
        b, three = bk.range(3, npartitions=2), dask.delayed(double)(1.5)
        total = their_bag([1, 2]).sum()
        assert b.map(pow, total).compute() == [0, 1, 8]
        assert b.map(lambda x, y: x + y["a"][0], y={"a": [three]}).compute() == [3, 4, 5]
        assert b.map_partitions(lambda part, more: [sum(part) + more], three).compute() == [3, 6]
        assert bk.delayed(divmod)(three, total).compute() == (1, 0)
        assert bk.delayed(len)(their_bag("abc")).compute() == 3

    def test_bags_beside_ours(self) -> None:
        b, theirs = bk.range(4, npartitions=2), their_bag([3, 2, 1, 0])
        assert bk.zip(b, theirs).compute() == [(0, 3), (1, 2), (2, 1), (3, 0)]
        assert bk.map(max, theirs, b).compute() == b.map(max, theirs).compute() == [3, 2, 2, 3]
        assert bk.concat([theirs, b]).compute() == [3, 2, 1, 0, 0, 1, 2, 3]
        assert sorted(b.join(theirs, lambda n: n).compute()) == [(n, n) for n in range(4)]
        assert sorted(bk.random.sample(theirs, 4).compute()) == [0, 1, 2, 3]

    def test_compute_persist_optimize(self) -> None:
        b, theirs, value = bk.range(2, 1), their_bag([5, 6]), dask.delayed(double)(2)
        assert bk.compute(b, [theirs, value], theirs.max()) == ([0, 1], [[5, 6], 4], 6)
        kept, four = bk.persist(theirs, value)
        assert (kept.npartitions, kept.map(double).compute(), four.compute()) == (2, [10, 12], 4)
        assert [made.compute() for made in bk.optimize(theirs, value)] == [[5, 6], 4]

    def test_arrays(self) -> None:
        import dask.array

        ones = dask.array.ones(4, chunks=2)
        assert bk.delayed(float)(ones.sum()).compute() == 4.0
        assert bk.from_delayed(list(ones.to_delayed())).map(int).compute() == [1, 1, 1, 1]


def test_a_task_of_theirs_runs_once_for_all() -> None:
    seen: list[int] = []
    shared = dask.delayed(lambda x: seen.append(x) or x)(1)
    one, other = bk.delayed(double)(shared), bk.from_delayed([dask.delayed(lambda x: [x])(shared)])
    assert bk.compute(one, other, shared, scheduler="threads") == (2, [1], 1)
    assert seen == [1]


def their_bag(records: Any) -> Any:
    import dask.bag

    return dask.bag.from_sequence(records, npartitions=2)


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

    def test_with_a_shared_directory_keys_are_not_tasks_times_partitions(self, tmp_path: Path) -> None:
        keyed = bk.range(20_000, npartitions=30).map(lambda n: (n % 500, "x" * 40))
        bag = keyed.groupby(0, npartitions=20).map(lambda pair: (pair[0], len(pair[1])))
        with bk.options(memory_limit=200_000, shared_directory=tmp_path):
            assert len(bag.__dask_graph__()) < 3 * (30 + 20)
            (counts,) = dask.compute(bag, scheduler="threads", num_workers=2)
            assert dict(counts) == dict.fromkeys(range(500), 40)
            assert any(tmp_path.glob("bagkit-*/*"))
        assert len(bag.__dask_graph__()) > 30 * 20

    @pytest.mark.parametrize("exchange", ["groupby", "sort_by", "join"])
    def test_what_is_exchanged_elsewhere_is_bytes_and_dask_knows_how_many(self, exchange: str) -> None:
        from dask.sizeof import sizeof

        bag = bk.range(3_000, npartitions=5).map(lambda n: {"key": n * 7 % 100, "text": f"{n:0200}"})
        made = {
            "groupby": bag.groupby("key", npartitions=3),
            "sort_by": bag.sort_by("key", npartitions=3),
            "join": bag.join(bk.range(100, npartitions=2).map(lambda n: {"key": n}), "key", npartitions=3),
        }[exchange]
        graph, keys = pickle.loads(pickle.dumps((dict(made.__dask_graph__()), made.__dask_keys__())))
        values = dict(zip(graph, dask.get(graph, list(graph)), strict=True))
        assert [record for key in keys for record in values[key]] == made.compute(scheduler="sync")
        left = [value for value in values.values() if type(value).__name__.startswith("Left")]
        assert sum(map(sizeof, left)) > 3_000 * 100

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
                dashboard_address="127.0.0.1:0",
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

    def test_its_futures_stand_for_their_values(self, client: Any) -> None:
        two, letters = client.submit(len, "ab"), client.submit(list, "ab")
        numbers = client.scatter([[1], [2]])  # once: to have the same again while the first ones go is a race in dask
        for scheduler in ("sync", "processes", client):
            with bk.options(scheduler=scheduler):
                assert bk.from_delayed(letters).map(str.upper).compute() == ["A", "B"]
                assert bk.from_delayed([letters, *numbers]).compute() == ["a", "b", 1, 2]
                assert bk.range(2, 1).map(pow, two).compute() == [0, 1]
                assert bk.delayed(lambda value, values: [value, *values])(two, [two]).compute() == [2, 2]
                assert bk.compute({"a": [two]}) == ({"a": [2]},)
        assert dask.compute(bk.from_delayed(letters)) == (["a", "b"],)
        with pytest.raises(ZeroDivisionError):
            bk.from_delayed(client.submit(divmod, 1, 0)).compute()
        with bk.Client(workers=1) as ours:
            assert bk.from_delayed([ours.submit(list, "ab"), letters]).compute() == ["a", "b", "a", "b"]
            assert ours.submit(len, letters).result() == 2

    @pytest.mark.parametrize("kind", ["its future", "our future", "persisted", "its graph"])
    def test_what_it_pickles_may_wait_for_it(self, client: Any, kind: str) -> None:
        """It pickles under a lock that its loop takes when a future goes."""
        goes = LetsGo(client.submit(len, "abc"))
        if kind == "its graph":
            bag = bk.from_delayed([bk.delayed(letters_of)(goes, "a"), client.submit(list, "b")])
            assert client.compute(bag).result() == ["a", "b"]
            return
        with bk.Client(client) as ours:
            value = {
                "its future": lambda: bk.from_delayed(client.submit(list, "ab")),
                "our future": lambda: ours.submit(list, "ab"),
                "persisted": lambda: bk.from_sequence("ab").persist(scheduler=client),
            }[kind]()
            there = client.submit(letters_of, goes, value, pure=False)
            assert there.result() == ["a", "b"]


class LetsGo:
    """Lets go of a future while it is pickled, and gives the client's loop the time to see to that."""

    def __init__(self, future: Any) -> None:
        self._held = [future]

    def __reduce__(self) -> tuple[Any, ...]:
        self._held.clear()
        time.sleep(0.2)
        return LetsGo, (None,)


def letters_of(_: object, value: Any) -> list[str]:
    return list(value)


def test_a_future_that_a_run_can_not_wait_for_is_an_error() -> None:
    import asyncio

    async def main() -> None:
        from distributed import Client

        options: dict[str, Any] = {"processes": False, "n_workers": 1, "dashboard_address": "127.0.0.1:0"}
        async with Client(asynchronous=True, **options) as client:
            future = client.submit(list, "ab")
            with pytest.raises(PlanError, match="of an asynchronous client, so a run can't wait for it; hint: `await`"):
                bk.from_delayed(future)
            assert bk.from_delayed([bk.delayed(list)(await future)]).compute(scheduler="sync") == ["a", "b"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(main())


def test_futures_of_a_client_that_was_closed_say_so() -> None:
    import distributed

    make_client: Any = distributed.Client
    options: dict[str, Any] = {"processes": False, "n_workers": 1, "dashboard_address": "127.0.0.1:0"}
    with make_client(set_as_default=False, **options) as client:
        future, there = client.submit(list, "ab"), client.scatter([7, 8])
        bag, theirs = bk.from_delayed([future]), dask.delayed(sum)(there)
        assert bag.compute(scheduler="sync") == ["a", "b"]
        assert bk.delayed(abs)(theirs).compute(scheduler="sync") == 15  # dask's graph has only the name of it
        known = bk.delayed(abs)(theirs)
    gone = r"^the future '.*': the cluster has gone: dask's client is .*; hint: make another client"
    lazy = [bag, known, bk.range(2, 1).map(double, future), bk.delayed(len)(there), bag.count()]
    for one in lazy:
        with pytest.raises(bk.TaskError, match=gone):
            one.compute(scheduler="sync")
    with pytest.raises(bk.TaskError, match=gone):
        bag.persist(scheduler="sync")
    with bk.Client(workers=1) as ours, pytest.raises(bk.TaskError, match=gone):
        ours.submit(len, future).result()
    with pytest.raises(PlanError, match=r"needs '.*', which is not in it, and which no open client of dask"):
        bk.delayed(abs)(theirs)


def test_tasks_are_bytes_to_a_scheduler_that_can_not_import_what_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_tasks_import.py").write_text("def double(x): return 2 * x")
    monkeypatch.syspath_prepend(tmp_path)
    double = importlib.import_module("only_tasks_import").double
    bag = bk.from_sequence([1, 2, 3], npartitions=2).map(double)
    graph, keys = bag.__dask_graph__(), bag.__dask_keys__()
    writes = bag.map(str).to_textfiles(tmp_path / "*.txt", compute=False)[1].__dask_graph__()
    sent = pickle.dumps([*(graph[key][0] for key in keys), *(node[0] for node in writes.values() if len(node) == 1)])
    with monkeypatch.context() as scheduler:
        scheduler.delitem(sys.modules, "only_tasks_import")
        scheduler.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
        sent_on = pickle.dumps(pickle.loads(sent))
        with pytest.raises(ModuleNotFoundError, match="only_tasks_import"):
            pickle.loads(sent_on)[0]()
    *tasks, write = pickle.loads(sent_on)
    assert [list(task()) for task in tasks] == [[2, 4], [6]]
    assert write() == {1: str(tmp_path / "1.txt")}
    assert (tmp_path / "1.txt").read_text() == "6"


def test_a_graph_of_many_partitions_is_small_and_its_work_stands_in_it_once() -> None:
    from distributed.protocol.pickle import dumps

    bag = bk.range(10_000, npartitions=10_000).map(double).map(str)
    assert len(bag.__dask_graph__()) == 10_000 + 1
    assert len(dumps([bag.__dask_graph__(), bag.__dask_keys__()])) < 1_300_000
    table = os.urandom(100_000)
    graph = bk.range(40, npartitions=40).map(lambda n: table[n]).__dask_graph__()
    sent = sorted(len(dumps(task)) for task in graph.values())
    assert sent[-1] > 100_000
    assert sent[-2] < 1000


def test_dask_is_not_imported() -> None:
    code = (
        "import bagkit as bk, sys; b = bk.range(3, 1); b.__dask_graph__(), b.sum().__dask_keys__()\n"
        "bk.delayed(abs)(1).__dask_postcompute__(); print('dask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


class TestSession:
    """What a program has set up for dask counts for bagkit where its own options say nothing."""

    @pytest.mark.parametrize(("said", "here"), [
        ("sync", True), ("single-threaded", True), ("threads", True), ("processes", False),
        (dask.get, True), (dask.threaded.get, True),
    ])  # fmt: skip
    def test_scheduler(self, said: Any, here: bool) -> None:
        b = bk.range(4, npartitions=2).map(lambda _: os.getpid())
        with dask.config.set(scheduler=said):
            assert (set(b.compute()) == {os.getpid()}) is here
            assert (bk.get({"x": (os.getpid,)}, "x") == os.getpid()) is here
            assert set(b.compute(scheduler="sync")) == {os.getpid()}
        with dask.config.set(scheduler="sync"), bk.options(scheduler="processes"):
            assert os.getpid() not in b.compute()

    @pytest.mark.parametrize(("said", "here"), [
        (dask.get, True), (dask.threaded.get, True), (dask.multiprocessing.get, False), ("Threads", True),
        ("Single-Threaded", True), ("PROCESSES", False),
    ])  # fmt: skip
    def test_scheduler_in_words_of_dask(self, said: Any, here: bool) -> None:
        b = bk.range(4, npartitions=2).map(lambda _: os.getpid())
        assert (set(b.compute(scheduler=said)) == {os.getpid()}) is here
        with bk.options(scheduler=said):
            assert (set(b.compute()) == {os.getpid()}) is here

    def test_what_only_dask_has_is_an_error_that_says_what_to_write(self) -> None:
        b = bk.range(4, npartitions=2)
        with pytest.raises(bk.OptionError, match=r"'distributed', expected a client .* to be there; hint: make one"):
            b.compute(scheduler="distributed")

    def test_pool(self) -> None:
        names = bk.range(4, npartitions=2).map(lambda _: threading.current_thread().name)
        with ThreadPoolExecutor(1, thread_name_prefix="theirs") as pool:
            with dask.config.set(pool=pool):
                found = names.compute()
            found += names.compute(scheduler=pool) + names.compute(pool=pool)
            with pytest.raises(bk.OptionError, match="option 'scheduler': given twice, also as 'pool'"):
                names.compute(scheduler="threads", pool=pool)
        assert len(found) == 12
        assert all(name.startswith("theirs") for name in found)

    def test_what_is_not_followed_is_told_once(self) -> None:
        def other(graph: Any, keys: Any, **_: Any) -> Any:
            raise AssertionError

        b = bk.range(4, npartitions=2)
        with dask.config.set(scheduler=other), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default")
            assert b.compute() == b.compute() == [0, 1, 2, 3]
        assert [str(each.message)[:30] for each in told] == ["dask.config says scheduler=<fu"]

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_progress_bar(self, scheduler: str) -> None:
        from dask.diagnostics import ProgressBar

        out = io.StringIO()
        with ProgressBar(out=out, dt=0.01) as bar:
            assert bk.range(4, npartitions=2).map(double).compute(scheduler=scheduler) == [0, 2, 4, 6]
        assert "100% Completed" in out.getvalue()
        assert bar.last_duration > 0

    def test_callbacks(self) -> None:
        from dask.callbacks import Callback
        from dask.diagnostics import Profiler

        heard: list[str] = []

        class Hearing(Callback):  # type: ignore[misc]
            def _start(self, dsk: Any) -> None:
                heard.append("start")

            def _pretask(self, key: Any, dsk: Any, state: Any) -> None:
                heard.append(f"{dsk[key]} of {sum(len(state[kind]) for kind in ('ready', 'running', 'finished'))}")

            def _finish(self, dsk: Any, state: Any, errored: bool) -> None:
                heard.append(f"finish {errored}")

        with Hearing(), Profiler() as profiler:
            bk.range(4, npartitions=2).map(double).compute(scheduler="sync")
        assert heard == ["start", *["range → map(test_dask_protocol.double) of 2"] * 2, "finish False"]
        assert len(profiler.results) == 2
        heard.clear()
        with Hearing(), pytest.raises(ZeroDivisionError):
            bk.delayed(divmod)(1, 0).compute(scheduler="sync")
        assert heard[-1] == "finish True"

    def test_the_client_of_the_session_is_used(self) -> None:
        from distributed import Client

        b = bk.range(4, npartitions=2)
        here = b.map_partitions(lambda records: [(os.getpid(), *records)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
                # Its workers are threads of this process.
                said = (None, client, client.get, "distributed", "dask.distributed", "Distributed")
                for found in [here.compute(scheduler=each) for each in said]:
                    assert found == [(os.getpid(), 0, 1), (os.getpid(), 2, 3)]
                assert here.compute(scheduler="processes")[0][0] != os.getpid()
                with dask.config.set(scheduler="sync"):
                    assert b.compute() == [0, 1, 2, 3]
                assert b.compute(scheduler=client.get_executor()) == [0, 1, 2, 3]
