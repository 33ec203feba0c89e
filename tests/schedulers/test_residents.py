"""Records that `persist` leaves in worker processes: where they are, what changes them, when they go."""

from __future__ import annotations

import datetime
import gc
import json
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

import bagkit as bk
from bagkit.errors import NotPicklableError, PlanError, TaskError
from bagkit.lazy import background
from bagkit.schedulers import pool, worker_process
from tests.schedulers.resident_works import RECORDS_OF, Thing, kept_in_worker, operator_id
from tests.schedulers.works import wait_for

RECORDS = [{"id": n, "tags": [n % 3, {"name": f"n{n}"}], "text": "x" * (n % 7)} for n in range(3000)]


THIRDS = [(n, 1000) for n in range(3)]


@pytest.fixture(scope="module", autouse=True)
def end_workers() -> Iterator[None]:
    pool.end_workers()  # workers of earlier tests may still keep records
    yield
    pool.end_workers()


@pytest.fixture(autouse=True)
def two_workers(tmp_path: Path) -> Iterator[None]:
    with bk.options(workers=2, temporary_directory=str(tmp_path)):
        yield
    gc.collect()  # of what errors hold
    background.here.join(200)
    if len(pool.all_workers()) > 2:  # of a run beside one in the background
        pool.end_workers()


def made(npartitions: int = 6) -> bk.Bag[Any]:
    """Return a bag whose records were made in workers."""
    bag = bk.range(3000, npartitions=npartitions).map(lambda n: RECORDS_OF(n)).persist(scheduler="processes")
    background.here.join(200)  # so that no run has workers of its own meanwhile
    return bag


def kept_in_all() -> int:
    """Return how many partitions all warm workers keep."""
    background.here.join(200)
    found: dict[int, int] = {}
    while {worker.process.pid for worker in pool.all_workers()} - found.keys():
        pairs = bk.range(4, npartitions=4).map(lambda n: (os.getpid(), kept_in_worker(n)))
        found.update(pairs.compute(scheduler="processes"))
    return sum(found.values())


@pytest.fixture
def new_workers() -> None:
    """End the workers: earlier tests may have killed some, and others may still keep what an error held."""
    gc.collect()
    pool.end_workers()


def meeting(tmp_path: Path) -> Callable[[], bool]:
    """Return a function for tasks that waits until a second process has called it; it says whether one has."""
    directory = tmp_path.with_name(tmp_path.name + "-meeting")
    directory.mkdir()

    def both() -> bool:
        (directory / str(os.getpid())).touch()
        return wait_for(lambda: len(os.listdir(directory)) >= 2)

    return both


def kill_workers(number: int = 2) -> None:
    for worker in pool.all_workers()[:number]:
        os.kill(worker.process.pid, signal.SIGKILL)


class TestAnswers:
    @pytest.mark.parametrize("optimize", [True, False])
    def test_are_those_of_the_list(self, optimize: bool) -> None:
        with bk.options(optimize=optimize):
            bag = made()
            assert bag.npartitions == 6
            for scheduler in ("processes", "threads") if optimize else ("processes", "sync"):
                with bk.options(scheduler=scheduler):
                    assert bag.compute() == RECORDS
                    assert list(bag) == RECORDS
                    assert bag.take(3) == tuple(RECORDS[:3])
                    assert bag.pluck("id").sum().compute() == sum(range(3000))
                    assert bag.filter(lambda r: r["tags"][0] == 1).count().compute() == 1000
                    assert sorted(bag.map(lambda r: r["tags"][0]).frequencies().compute()) == THIRDS
                    assert bag.map_partitions(lambda part: [len(list(part))]).compute() == [500] * 6
                    assert bk.compute(bag.count(), bag.pluck("id").max()) == (3000, 2999)
                    grouped = bag.groupby(lambda r: r["tags"][0]).map(lambda pair: (pair[0], len(pair[1])))
                    assert sorted(grouped.compute()) == THIRDS
            assert bk.zip(bag, bag.pluck("id")).map(lambda pair: pair[0]["id"] == pair[1]).all().compute()
            assert bag.repartition(2).compute() == bag.repartition(12).compute() == RECORDS
            assert bk.concat([bag, bag]).compute() == RECORDS * 2

    def test_several_at_once(self) -> None:
        one, two, item = bk.persist(made(), bk.range(10, npartitions=2).map(str), made().count(), scheduler="processes")
        assert (one.compute(), two.compute(), item.compute()) == (RECORDS, [str(n) for n in range(10)], 3000)

    def test_one_bag_twice(self) -> None:
        bag = bk.range(3000, npartitions=3).map(RECORDS_OF)
        one, two = bk.persist(bag, bag, scheduler="processes")
        del one
        gc.collect()
        assert two.compute() == two.compute(scheduler="sync") == RECORDS

    @pytest.mark.parametrize("npartitions", [1, 7, 200])
    def test_of_any_number_of_partitions(self, npartitions: int) -> None:
        bag = made(npartitions)
        for _ in range(2):
            assert bag.map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))

    def test_of_empty_partitions(self) -> None:
        bag = bk.range(4, npartitions=4).filter(lambda n: n == 2).persist(scheduler="processes")
        assert bag.map(lambda n: n + 1).compute(scheduler="processes") == [3]
        assert bag.npartitions == 4

    def test_of_records_that_are_no_plain_data(self) -> None:
        day = datetime.date(2020, 1, 1)
        bag = bk.range(10, npartitions=2).map(lambda n: Thing(n, day)).persist(scheduler="processes")
        for _ in range(2):
            same = bag.map(lambda thing: (type(thing) is Thing, thing.n, thing.day.year))
            assert same.compute(scheduler="processes") == [(True, n, 2020) for n in range(10)]

    def test_on_other_engines(self) -> None:
        bag = made()
        with ProcessPoolExecutor(2) as executor:
            assert bag.map(operator_id).compute(scheduler=executor) == list(range(3000))

    def test_an_error_says_which_record(self) -> None:
        bag = made()
        for scheduler in ("processes", "sync"):
            with pytest.raises(ZeroDivisionError) as caught:
                bag.map(lambda r: 1 // (r["id"] - 2600)).compute(scheduler=scheduler)
            notes = " ".join(caught.value.__notes__)
            assert "persist" in notes
            assert "2600" in notes


class TestWhereTheyAre:
    def test_tasks_go_where_the_records_are(self) -> None:
        bag = bk.range(8, npartitions=8).map(lambda n: {"made by": os.getpid(), "n": n}).persist(scheduler="processes")
        background.here.join(200)  # so that no run has workers of its own meanwhile
        for _ in range(3):
            pids = bag.map(lambda r: (r["made by"], r["n"])).map(lambda p: (p[0], os.getpid())).compute()
            assert len({pid for pair in pids for pid in pair}) <= 2
        assert len(pids) == 8

    @pytest.mark.usefixtures("new_workers")
    def test_light_work_finds_them_as_objects(self) -> None:
        bag = made()
        assert kept_in_all() == 6
        assert bag.map(lambda r: r["id"]).sum().compute(scheduler="processes") == sum(range(3000))
        assert kept_in_all() == 6

    @pytest.mark.usefixtures("new_workers")
    def test_distinct_records_in_several_partitions_are_in_all_workers(self, tmp_path: Path) -> None:
        both = meeting(tmp_path)
        bag = bk.range(4000, npartitions=8).map(lambda n: n % 1000).distinct(npartitions=8)
        kept = bag.map_partitions(lambda part: [{"n": list(part), "both": both()}]).persist(scheduler="processes")
        background.here.join(200)
        assert sorted(n for part in kept.compute() for n in part["n"]) == list(range(1000))
        assert all(kept.pluck("both").compute()), "one worker made some while the other did"
        assert len([worker for worker in pool.all_workers() if worker.keeps]) == 2

    def test_slow_work_is_shared(self, tmp_path: Path) -> None:
        both = meeting(tmp_path)
        bag = bk.range(8, npartitions=8).map(lambda n: {"n": n}).persist(scheduler="processes", workers=1)
        assert all(bag.map(lambda record: both()).compute(scheduler="processes", workers=2))

    @pytest.mark.usefixtures("new_workers")
    def test_what_does_not_fit_is_read_from_files(self) -> None:
        bag = bk.range(3000, npartitions=6).map(RECORDS_OF).persist(scheduler="processes", memory_limit=100_000)
        assert kept_in_all() == 0
        assert bag.map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))

    def test_the_caller_has_not_read_them(self, tmp_path: Path) -> None:
        bag = bk.range(40, npartitions=4).map(lambda n: "x" * 1_000_000).persist(scheduler="processes")
        before = psutil.Process().memory_info().rss
        assert bag.map(len).sum().compute(scheduler="processes") == 40_000_000
        assert psutil.Process().memory_info().rss - before < 20_000_000

    @pytest.mark.usefixtures("new_workers")
    def test_what_the_caller_has_is_brought_once(self) -> None:
        records = [{"n": n, "text": "y" * 10} for n in range(20_000)]
        with bk.options(workers=None):
            bag = bk.from_sequence(records, npartitions=4).persist()
            assert bag.filter(lambda r: r["n"] % 2 == 0).count().compute() == 10_000
            assert bag.compute()[7] is records[7]
            assert bag.take(1)[0] is records[0]
        assert kept_in_all() == 4

    def test_objects_of_the_caller_stay_its_own(self) -> None:
        records = [Thing(n, datetime.date(2020, 1, 1)) for n in range(20_000)]
        with bk.options(workers=None):
            bag = bk.from_sequence(records, npartitions=2).persist()
        assert [one is other for one, other in zip(bag.compute(scheduler="sync"), records, strict=True)] == [
            True
        ] * 20_000

    @pytest.mark.parametrize("scheduler", ["threads", "sync"])
    def test_in_this_process_they_are_the_objects_themselves(self, scheduler: Any) -> None:
        record = {"a": 1}
        bag = bk.from_sequence([1, 2]).map(lambda n: record).persist(scheduler=scheduler)
        assert bag.compute(scheduler="sync")[0] is record
        assert bag.map(lambda r: r["a"]).compute(scheduler="processes") == [1, 1]


class TestChanges:
    """No compute sees what another has done to the records."""

    @pytest.mark.parametrize("optimize", [True, False])
    def test_functions_that_change_records(self, optimize: bool) -> None:
        def grow(record: dict[str, Any]) -> int:
            record["tags"].append("more")
            record["id"] = -1
            return len(record["tags"])

        with bk.options(optimize=optimize, scheduler="processes"):
            bag = made()
            for _ in range(3):
                assert bag.map(grow).frequencies().compute() == [(3, 3000)]
                assert bag.compute() == RECORDS
                assert bag.map(lambda r: r["id"]).compute() == list(range(3000))

    def test_two_tasks_of_one_run(self) -> None:
        def spoil(record: dict[str, Any]) -> int:
            return len([record.clear()])

        bag = made()
        assert bk.compute(bag.map(spoil).sum(), bag.map(lambda r: r["id"]).sum(), scheduler="processes") == (
            3000,
            sum(range(3000)),
        )

    def test_a_function_that_is_the_value_of_an_item(self) -> None:
        def spoil(record: dict[str, Any]) -> int:
            record["id"] = -1
            return 1

        bag, function = made(), bk.delayed(lambda: spoil)()
        for _ in range(2):
            assert bag.map(lambda r, f: f(r), function).sum().compute(scheduler="processes") == 3000
            assert bag.map(lambda r: r["id"]).sum().compute(scheduler="processes") == sum(range(3000))

    def test_a_task_that_is_tried_again(self, tmp_path: Path) -> None:
        def spoil(record: dict[str, Any], directory: str) -> int:
            mark = os.path.join(directory, f"mark-{record['id']}")
            if record["id"] == 2000 and not os.path.exists(mark):
                open(mark, "x").close()
                raise OSError("once")
            record["id"] += 1
            return record["id"] - 1

        bag, marks = made(), tmp_path.with_name(tmp_path.name + "-marks")
        marks.mkdir()
        got = bag.map(spoil, str(marks)).compute(scheduler="processes", retries=2)
        assert got == list(range(3000))

    def test_folds_that_change_the_first_record(self) -> None:
        def merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
            one.update(other)
            return one

        bag = made()
        for _ in range(2):
            assert bag.fold(merge).compute(scheduler="processes")["id"] == 2999
        assert bag.compute() == RECORDS


class TestEnds:
    def test_killed_workers_lose_nothing(self) -> None:
        bag = made()
        for number in (1, 2):
            kill_workers(number)
            assert bag.map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))
        kill_workers()
        assert bag.compute() == RECORDS

    def test_killed_in_the_middle(self) -> None:
        bag = made(12)
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.3):
                kill_workers(1)

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            for _ in range(2):
                got = bag.map(lambda r: (time.sleep(0.0005), r["id"])[1]).compute(scheduler="processes", retries=20)
                assert got == list(range(3000))
        except bk.WorkerDiedError:
            pass  # three times the same task: that is what the error is for
        finally:
            stop.set()
            thread.join()
        assert bag.compute() == RECORDS

    def test_a_task_that_kills_its_worker_finds_them_again(self, tmp_path: Path) -> None:
        bag = made()
        mark = tmp_path.with_name(tmp_path.name + "-mark")

        def die_once(record: dict[str, Any]) -> Any:
            if record["id"] == 1700 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return record["id"]

        assert bag.map(die_once).compute(scheduler="processes") == list(range(3000))

    def test_fewer_and_more_workers(self) -> None:
        bag = made()
        for workers in (1, 3, 2, 1):
            got = bag.map(lambda r: r["id"]).compute(scheduler="processes", workers=workers)
            assert got == list(range(3000))

    def test_idle_workers_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bag = made()
        before = {worker.process.pid for worker in pool.all_workers() if worker.keeps}
        monkeypatch.setattr(worker_process, "STALE_SECONDS", -1)
        assert bag.map(lambda r: r["id"]).count().compute(scheduler="processes") == 3000
        assert {worker.process.pid for worker in pool.all_workers()} >= before

    def test_another_version_of_a_module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = tmp_path.with_name(tmp_path.name + "-modules")
        source.mkdir()
        monkeypatch.syspath_prepend(str(source))
        (source / "resident_module.py").write_text("def f(r):\n    return r['id'] + 1\n")
        import importlib

        module: Any = importlib.import_module("resident_module")
        bag = made()
        assert bag.map(module.f).compute(scheduler="processes")[0] == 1
        (source / "resident_module.py").write_text("def f(r):\n    return r['id'] + 200\n")
        module = importlib.reload(module)
        assert bag.map(module.f).compute(scheduler="processes") == [n + 200 for n in range(3000)]

    @pytest.mark.usefixtures("new_workers")
    def test_dropping_the_bag_frees_them(self, tmp_path: Path) -> None:
        big = bk.range(3000, npartitions=6).map(lambda n: {**RECORDS_OF(n), "more": f"{n}" * 200})
        bag = big.persist(scheduler="processes")
        derived = bag.map(lambda r: r["id"])
        del bag
        gc.collect()
        assert derived.compute(scheduler="processes") == list(range(3000))
        assert kept_in_all() == 6
        assert list(tmp_path.glob("*/*"))
        del derived
        gc.collect()
        assert not list(tmp_path.iterdir())
        assert wait_for(lambda: kept_in_all() == 0)

    @pytest.mark.usefixtures("new_workers")
    def test_unpersist(self, tmp_path: Path) -> None:
        for scheduler in ("processes", "threads", "sync"):
            bag = bk.range(3000, npartitions=6).map(RECORDS_OF).persist(scheduler=scheduler)
            more = bag.map(len)
            bag.unpersist()
            bag.unpersist()
            background.here.join(200)
            for each in (bag, more):
                with pytest.raises(TaskError, match="unpersist"):
                    each.compute(scheduler="processes")
        assert kept_in_all() == 0
        assert not list(tmp_path.iterdir())
        with pytest.raises(PlanError, match="unpersist"):
            bk.range(3, npartitions=1).unpersist()

    @pytest.mark.parametrize("scheduler", ["processes", "threads"])
    def test_unpersist_of_what_a_waiting_run_needs(self, scheduler: Any) -> None:
        gate = threading.Event()
        background.here.add(gate.wait)
        bag = bk.range(3000, npartitions=6).map(RECORDS_OF).persist(scheduler=scheduler)
        more = bag.map(len).persist(scheduler=scheduler)
        bag.unpersist()
        gate.set()
        with pytest.raises(TaskError, match="unpersist"):
            more.compute()

    def test_a_persist_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        bag = bk.range(600, npartitions=6).map(lambda n: 1 // (n - 550)).persist(scheduler="processes")
        with pytest.raises(ZeroDivisionError):
            bag.compute()
        del bag
        gc.collect()
        assert wait_for(lambda: kept_in_all() == 0)
        assert not list(tmp_path.iterdir())

    @pytest.mark.usefixtures("new_workers")
    def test_tasks_that_fail_leave_nothing(self) -> None:
        def spoil(record: dict[str, Any]) -> int:
            record["id"] += 1
            return 1 // (record["id"] - 100)

        def no_pickle_for(number: int) -> Any:
            return (each for each in ()) if number == 9 else number

        bag, numbers = made(), bk.range(10, npartitions=1)
        with pytest.raises(ZeroDivisionError):  # in the first of three partitions that the task has taken
            bag.repartition(2).map(spoil).compute(scheduler="processes")
        texts, failing = bk.persist(numbers.map(str), numbers.map(no_pickle_for), scheduler="processes")
        with pytest.raises(NotPicklableError):
            failing.compute()
        for each in (bag, texts, failing):
            each.unpersist()
        assert kept_in_all() == 0

    @pytest.mark.parametrize("scheduler", ["processes", "threads", "sync"])
    def test_they_need_no_garbage_collector_to_go(self, scheduler: Any, tmp_path: Path) -> None:
        uses: list[Any] = [
            lambda bag: bag.map(len).sum().compute(),
            lambda bag: bag.map(len).accumulate(max).compute(),
            lambda bag: bk.concat([bag, bag]).map(len).compute(),
            lambda bag: bag.take(1),
        ]
        gc.collect()
        gc.disable()
        try:
            with bk.options(scheduler=scheduler):
                for number, use in enumerate(uses):
                    bag = bk.range(2, npartitions=2).map(lambda n: "x" * 100_000).persist(scheduler="processes")
                    use(bag)
                    background.here.join(200)
                    assert list(tmp_path.iterdir())
                    del bag
                    for _ in range(500):  # a thread that has just taken part may be the last to let go
                        if not list(tmp_path.iterdir()):
                            break
                        time.sleep(0.01)
                    assert not list(tmp_path.iterdir()), number
        finally:
            gc.enable()

    def test_at_the_end_of_the_pool(self) -> None:
        bag = made()
        pool.end_workers()
        assert bag.map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))


class TestElsewhere:
    def test_pickled_it_is_its_records(self) -> None:
        bag = made()
        data = pickle.dumps(bag)
        bag.unpersist()
        assert pickle.loads(data).compute(scheduler="sync") == RECORDS
        assert pickle.loads(data).map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    @pytest.mark.parametrize("scheduler", ["sync", "processes"])
    @pytest.mark.usefixtures("new_workers")
    def test_in_a_forked_process(self, scheduler: Any, tmp_path: Path) -> None:
        bag = made()
        answer = tmp_path.with_name(tmp_path.name + "-answer")
        pid = os.fork()
        if not pid:
            try:
                answer.write_text(json.dumps(bag.map(lambda r: r["id"]).sum().compute(scheduler=scheduler)))
                del bag
                pool.end_workers()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert json.loads(answer.read_text()) == sum(range(3000))
        assert bag.map(lambda r: r["id"]).compute(scheduler="processes") == list(range(3000))
        assert kept_in_all() == 6

    def test_from_several_threads(self) -> None:
        bag = made()
        results: list[Any] = []

        def compute() -> None:
            for _ in range(2):
                results.append(bag.map(lambda r: r["id"]).sum().compute(scheduler="processes"))
                made(2).unpersist()

        threads = [threading.Thread(target=compute) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [sum(range(3000))] * 6
