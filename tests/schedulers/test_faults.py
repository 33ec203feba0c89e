"""What must hold when something breaks: the exact result or a typed error, soon, and nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.transport import loads
from bagkit.diagnostics import events
from bagkit.errors import NotPicklableError, TaskError, WorkerDiedError
from bagkit.flow.batches import Batches
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers import dispatch, pool
from bagkit.schedulers.processes import ProcessScheduler
from tests.schedulers import faulty_works as faulty
from tests.schedulers import works
from tests.schedulers.contract import Recorder, one, values

pytestmark = pytest.mark.usefixtures("workers_end")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    directory = tmp_path / "values"
    directory.mkdir()
    return directory


@pytest.fixture
def scheduler(kept: Path) -> Iterator[ProcessScheduler]:
    """Two workers; after the test nothing is left of its values, and the workers still work."""
    scheduler = ProcessScheduler(workers=2, temporary_directory=str(kept))
    yield scheduler
    assert values(scheduler, one(works.give, 1), ["only"]) == [1]
    assert os.listdir(kept) == []


def beside(bad: Task, number: int = 12) -> Graph:
    """A graph of the task `bad` and good ones."""
    return Graph([*(Task((n,), works.give, n) for n in range(number)), bad])


# Deaths


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_whose_worker_was_killed_is_run_again(scheduler: ProcessScheduler, tmp_path: Path, workers: int) -> None:
    scheduler.workers = workers
    recorder = Recorder()
    graph = beside(Task(("bad",), faulty.killed_once, (str(tmp_path / "flag"), 5)))
    assert list(scheduler.run(graph, [*range(12), "bad"], recorder)) == [*range(12), (5, 2)]
    (lost,) = recorder.of(events.WorkerLost)
    assert (lost.key, lost.exit_code, lost.attempt) == ("bad", -9, 1)
    assert len(recorder.of(events.TaskStarted)) == 12 + 2
    assert len(recorder.of(events.TaskFinished)) == 13


def test_the_second_attempt_runs_alone(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    tasks = [Task((n,), faulty.sleep, 0.02) for n in range(20)]
    tasks.append(Task(("bad",), faulty.killed_once, (str(tmp_path / "flag"), 5)))
    recorder = Recorder()
    assert list(scheduler.run(Graph(tasks), ["bad", *range(20)], recorder)) == [(5, 2), *[0.02] * 20]
    spans = {event.key: (event.start, event.stop) for event in recorder.of(events.TaskFinished)}
    start, stop = spans.pop("bad")
    assert not [span for span in spans.values() if span[0] < stop and start < span[1]]


@pytest.mark.parametrize(
    ("work", "part", "code", "words"),
    [
        (faulty.killed, None, -9, "was killed by SIGKILL: probably the machine ran out of memory"),
        (faulty.segfault, None, -11, "was killed by SIGSEGV"),
        (faulty.abort, None, -6, "was killed by SIGABRT"),
        (faulty.close_all, None, None, "lost its connection: a function closed descriptors that were not its own"),
        (faulty.close_all, 5, None, "lost its connection"),
        (faulty.leave_with, 0, 0, "ended with exit code 0"),
        (faulty.leave_with, 77, 77, "ended with exit code 77"),
    ],
)
def test_a_task_that_always_ends_its_worker(
    scheduler: ProcessScheduler, work: Any, part: Any, code: int | None, words: str
) -> None:
    recorder = Recorder()
    graph = Graph([Task(("bad",), work, part, label="map(f)", place="partition 3 (a.json)"), Task(("ok",), works.give)])
    with pytest.raises(WorkerDiedError) as caught:
        list(scheduler.run(graph, ["ok", "bad"], recorder))
    message = str(caught.value)
    assert message.startswith(f"map(f), partition 3 (a.json): the worker process that ran it {words}")
    assert "tried 3 times" in message
    assert (caught.value.attempts, caught.value.exit_code) == (3, code)
    assert [event.attempt for event in recorder.of(events.WorkerLost)] == [1, 2, 3]
    assert recorder.events[-1] == events.RunFinished(ok=False)


def test_a_crash_leaves_the_traceback(scheduler: ProcessScheduler) -> None:
    with pytest.raises(WorkerDiedError) as caught:
        values(scheduler, one(faulty.segfault), ["only"])
    assert "in segfault" in caught.value.__notes__[0]


def test_values_before_the_death_are_delivered(scheduler: ProcessScheduler) -> None:
    graph = Graph([*(Task((n,), works.give, n) for n in range(5)), Task(("bad",), faulty.killed)])
    run = scheduler.run(graph, [*range(5), "bad"], Recorder())
    assert [next(run) for _ in range(5)] == list(range(5))
    with pytest.raises(WorkerDiedError):
        next(run)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (faulty.killed_half_stored, [bytes(30_000_000), 7, bytes(1000)]),
        (faulty.killed_half_sent, bytes(900_000)),
        (faulty.killed_between_batches, [[bytes([n]) * 100_000] for n in range(40)]),
    ],
)
def test_killed_with_half_of_the_result_written(
    scheduler: ProcessScheduler, tmp_path: Path, work: Any, expected: Any
) -> None:
    (got,) = values(scheduler, one(work, str(tmp_path / "flag")), ["only"])
    assert (list(got) if isinstance(got, Batches) else got) == expected
    assert (tmp_path / "flag").exists()


def test_killed_from_outside_while_it_writes(scheduler: ProcessScheduler, kept: Path) -> None:
    killed = []

    def kill() -> None:
        def written() -> int:
            return sum(file.stat().st_size for file in kept.glob("*/[0-9]*"))

        works.wait_for(lambda: written() > 20_000_000)
        busy = [worker for worker in pool.all_workers() if worker.task is not None]
        for worker in busy:
            killed.append(worker.number)
            worker.process.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    (got,) = values(scheduler, one(faulty.large_slowly, (60, "")), ["only"])
    killer.join()
    assert [len(batch[0]) for batch in got] == [1_000_000] * 60
    assert len(killed) == 1


def test_killed_while_it_receives(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    part = [bytes(50_000_000), faulty.KillsWhenUnpickled(str(tmp_path / "flag"))]
    (got,) = values(scheduler, one(lambda part, inputs, report: len(part[0]), part), ["only"])
    assert got == 50_000_000


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_idle_workers_killed_between_runs(scheduler: ProcessScheduler, stop: signal.Signals) -> None:
    graph = Graph([Task((n,), works.give, n) for n in range(20)])
    assert values(scheduler, graph, range(20)) == list(range(20))
    for worker in tuple(pool._idle):
        worker.process.send_signal(stop)
    recorder = Recorder()
    assert list(scheduler.run(graph, range(20), recorder)) == list(range(20))
    assert all(event.attempt <= 1 for event in recorder.of(events.WorkerLost))


def test_an_idle_worker_killed_during_a_run(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    tasks = [Task(("slow",), works.hold, (str(tmp_path), "slow")), Task(("fast",), works.give, 1)]
    tasks += [Task((n,), works.inputs_as_they_are, needs=("slow",)) for n in range(4)]
    recorder = Recorder()

    def kill() -> None:
        works.wait_for(lambda: len(recorder.of(events.TaskFinished)) == 1)
        works.wait_for(lambda: any(worker.task is None for worker in pool.all_workers()))
        idle = {worker for worker in pool.all_workers() if worker.task is None}
        for worker in idle:
            worker.process.kill()
        works.wait_for(lambda: not idle & set(pool.all_workers()))
        (tmp_path / "release").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    assert list(scheduler.run(Graph(tasks), ["slow", "fast", *range(4)], recorder)) == ["slow", 1, *[["slow"]] * 4]
    killer.join()
    assert {event.key for event in recorder.of(events.WorkerLost)} <= {None}


def test_a_worker_that_closed_its_files(scheduler: ProcessScheduler) -> None:
    with pytest.raises(WorkerDiedError):
        values(scheduler, one(faulty.close_files), ["only"])


def test_a_death_is_noticed_while_others_are_busy(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    graph = Graph([Task((n,), works.hold, (str(tmp_path), str(n))) for n in range(2)])
    recorder = Recorder()
    noticed = []

    def kill() -> None:
        works.wait_for(lambda: len(works.marks(tmp_path)) == 2)
        next(worker for worker in pool.all_workers() if worker.task is not None).process.kill()
        noticed.append(works.wait_for(lambda: recorder.of(events.WorkerLost), seconds=40))
        (tmp_path / "release").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    assert list(scheduler.run(graph, [0, 1], recorder)) == ["0", "1"]
    killer.join()
    assert noticed == [True], "before the other task ended"


def make_graph(choose: random.Random, number: int) -> Graph:
    """Tasks of all kinds that need some of those before them."""
    tasks: list[Task] = []
    for index in range(number):
        kind = choose.choice(["value", "several", "batches"])
        keys = tuple((index, each) for each in range(5)) if kind == "several" else (index,)
        needs = tuple(choose.choice(choose.choice(tasks).keys) for _ in range(choose.randint(0, 3)) if tasks)
        tasks.append(Task(keys, faulty.make_some, (kind, index), needs))
    return Graph(tasks)


def summary(value: Any) -> Any:
    return [list(map(bytes, batch)) for batch in value] if isinstance(value, Batches) else value


@pytest.mark.parametrize("seed", range(2))
def test_workers_killed_at_random_change_nothing(
    scheduler: ProcessScheduler, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "ATTEMPTS", 1000)
    choose = random.Random(seed)
    graph = make_graph(choose, 200)
    targets = choose.sample(list(graph.maker), 60)
    expected = [summary(value) for value in scheduler.run(graph, targets, Recorder())]
    done = threading.Event()

    def kill() -> None:
        killing = random.Random(seed)
        for _ in range(40):  # and then no more, for where workers start slowly no task would ever end
            if done.wait(killing.expovariate(20)):
                return
            for worker in killing.sample(pool.all_workers(), min(1, len(pool.all_workers()))):
                worker.process.send_signal(killing.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))

    killer = threading.Thread(target=kill)
    killer.start()
    recorder = Recorder()
    try:
        got = []
        for value in scheduler.run(graph, targets, recorder):
            got.append(summary(value))
            time.sleep(choose.choice([0, 0, 0, 0.02]))
        del value
    finally:
        done.set()
        killer.join()
    assert got == expected
    assert recorder.of(events.WorkerLost)


# What tasks leave behind


def test_a_thread_that_reports_for_a_task_that_is_over(scheduler: ProcessScheduler) -> None:
    scheduler.workers = 1
    recorder = Recorder()
    tasks = [Task(("early",), faulty.report_later), Task(("late",), faulty.sleep, 0.3)]
    assert list(scheduler.run(Graph(tasks), ["early", "late"], recorder)) == [1, 0.3]
    assert recorder.of(events.TaskProgressed) == []


@pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork:DeprecationWarning")  # from Python 3.15 on it is
@pytest.mark.parametrize("work", [faulty.fork_and_return, faulty.fork_and_raise])
def test_a_task_that_forks_gives_one_result(scheduler: ProcessScheduler, work: Any) -> None:
    graph = Graph([Task((n,), work, n) for n in range(8)])
    recorder = Recorder()
    assert list(scheduler.run(graph, range(8), recorder)) == list(range(8))
    assert len(recorder.of(events.TaskFinished)) == 8


@pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork:DeprecationWarning")  # from Python 3.15 on it is
def test_batches_that_fork(scheduler: ProcessScheduler) -> None:
    (got,) = values(scheduler, one(faulty.fork_in_batches), ["only"])
    assert list(got) == [[1], [2]]


def test_threads_and_processes_left_behind_end_with_the_worker(scheduler: ProcessScheduler) -> None:
    worker, child = values(
        scheduler, Graph([Task((0,), faulty.leave_thread), Task((1,), faulty.leave_process)]), [0, 1]
    )
    pool.end_workers()
    assert works.wait_for(lambda: not faulty.running(worker) and not faulty.running(child))


def test_a_task_s_directory_is_its_own(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    scheduler.workers = 1
    graph = Graph([Task((n,), faulty.change_directory, str(tmp_path)) for n in range(3)])
    assert values(scheduler, graph, range(3)) == [os.getcwd()] * 3


def test_prints_and_stdin(scheduler: ProcessScheduler, capfd: pytest.CaptureFixture[str]) -> None:
    pool.end_workers()
    assert values(scheduler, one(faulty.print_much, 200_000), ["only"]) == [True]
    assert capfd.readouterr().out == "x" * 200_000 + "\n"
    pool.end_workers()


# Errors


def test_an_error_is_raised_while_others_are_busy(scheduler: ProcessScheduler) -> None:
    tasks: list[Task] = [Task((n,), faulty.sleep, 20) for n in range(3)]
    tasks.append(Task(("bad",), works.fail, 3))
    recorder = Recorder()
    with pytest.raises(works.CodedError):
        list(scheduler.run(Graph(tasks), [0, "bad", 1, 2], recorder))
    assert recorder.of(events.TaskFinished) == [], "the others were not waited for"


@pytest.mark.parametrize(
    ("kind", "expected", "attributes"),
    [
        ("two", faulty.TwoArgumentsError, {"record": 3, "reason": "bad"}),
        ("keyword", faulty.KeywordError, {"code": 5}),
        ("unicode", UnicodeDecodeError, {"start": 0, "object": b"\xff"}),
        ("os", FileNotFoundError, {"errno": 2, "filename": "a.json"}),
        ("group", ExceptionGroup, {"message": "some"}),
    ],
)
def test_errors_keep_type_and_attributes(
    scheduler: ProcessScheduler, kind: str, expected: type[Exception], attributes: dict[str, Any]
) -> None:
    with pytest.raises(expected) as caught:
        values(scheduler, one(faulty.raise_kind, kind), ["only"])
    assert {name: getattr(caught.value, name) for name in attributes} == attributes


def test_an_error_of_a_class_that_exists_in_the_worker_only(scheduler: ProcessScheduler) -> None:
    with pytest.raises(Exception, match="of the function") as caught:
        values(scheduler, one(faulty.raise_kind, "local"), ["only"])
    assert type(caught.value).__name__ == "LocalError"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rude", "some work, partition 0: a function raised RudeError('out')"),
        ("interrupt", "some work, partition 0: a function raised KeyboardInterrupt()"),
        ("exit", "some work, partition 0: a function raised SystemExit(3)"),
    ],
)
def test_errors_that_can_not_come_as_they_are(scheduler: ProcessScheduler, kind: str, words: str) -> None:
    with pytest.raises(TaskError) as caught:
        values(scheduler, one(faulty.raise_kind, kind), ["only"])
    assert words in str(caught.value)
    assert type(caught.value) is TaskError
    if kind in ("rude", "interrupt", "exit"):
        assert type(caught.value.__cause__).__name__.lower().startswith(("rude", "keyboard", "system"))


@pytest.mark.parametrize(
    ("kind", "expected", "note"),
    [
        ("locked", faulty.LockedError, "left behind in the worker: attribute `lock` (_thread.lock)"),
        ("str", faulty.BrokenStrError, None),
        ("long", ValueError, "left behind in the worker: 49,990,001 characters of argument 1"),
    ],
)
def test_errors_keep_their_type_where_something_is_left_behind(
    scheduler: ProcessScheduler, kind: str, expected: type[Exception], note: str | None
) -> None:
    with pytest.raises(expected) as caught:
        values(scheduler, one(faulty.raise_kind, kind), ["only"])
    assert type(caught.value) is expected
    assert note is None or note in caught.value.__notes__
    if kind == "locked":
        assert caught.value.args == ("holds a lock",)
    if kind == "long":
        assert len(str(caught.value)) == 10_000


def test_cause_notes_and_traceback_come_along(scheduler: ProcessScheduler) -> None:
    with pytest.raises(ValueError, match="a bad record") as caught:
        values(scheduler, one(faulty.raise_with_cause), ["only"])
    error = caught.value
    assert error.__notes__[0] == "record 17"
    assert "some work, partition 0" in error.__notes__[1]
    assert "in raise_with_cause" in error.__notes__[1]
    assert "worker.py" not in error.__notes__[1]
    assert type(error.__cause__) is KeyError
    assert error.__cause__.args == ("name",)


def test_a_long_traceback_is_cut(scheduler: ProcessScheduler) -> None:
    with pytest.raises(ValueError, match="at the bottom") as caught:
        values(scheduler, one(faulty.call_deeply, 200), ["only"])
    assert len(caught.value.__notes__[0].splitlines()) <= 25


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (faulty.unpicklable, "`[1]['lock']` of the result is a _thread.lock, which can't be pickled"),
        (faulty.unpicklable_batch, "`[1]` of the result's batch 1 is a _thread.lock, which can't be pickled"),
        (faulty.generator, "the result is a generator, which can't be pickled"),
        (faulty.fails_to_unpickle, "can't be unpickled here: ValueError: invalid literal"),
        (faulty.exits_when_unpickled, "can't be unpickled here: SystemExit"),
    ],
)
def test_results_that_can_not_come_back(scheduler: ProcessScheduler, work: Any, words: str) -> None:
    with pytest.raises(NotPicklableError) as caught:
        values(scheduler, one(work), ["only"])
    assert str(caught.value).startswith("some work, partition 0: ")
    assert words in str(caught.value)


def test_values_nested_as_deep_as_json_loads_makes_them(scheduler: ProcessScheduler) -> None:
    (value,) = values(scheduler, one(faulty.nested_list, 900), ["only"])
    depth = 0
    while value:
        (value,) = value
        depth += 1
    assert depth == 900


def test_values_nested_too_deeply(scheduler: ProcessScheduler) -> None:
    with pytest.raises(NotPicklableError, match="nested too deeply"):
        values(scheduler, one(faulty.nested_list, 100_000), ["only"])


# Large values, and files that break


def test_large_values_come_whole(scheduler: ProcessScheduler) -> None:
    graph = Graph([Task((n,), faulty.large, n) for n in (30_000_000, 1_048_000, 1_049_000)])
    assert [len(value) for value in scheduler.run(graph, [*graph.maker], Recorder())] == [*graph.maker]


@pytest.mark.parametrize("order", "CF")
def test_large_arrays_come_as_they_were(scheduler: ProcessScheduler, order: str) -> None:
    (array,) = values(scheduler, one(faulty.large_array, order), ["only"])
    expected = faulty.large_array(order, (), Report())
    assert (array == expected).all()
    assert (loads(dumps_records([expected]))[0] == expected).all()


def test_large_values_for_other_tasks_stay_out_of_here(
    scheduler: ProcessScheduler, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [Task(("big",), faulty.large, 20_000_000), Task(("length",), faulty.measure, needs=("big", "big"))]
    tasks += [Task(("many",), faulty.large_slowly, (5, "")), Task(("sum",), faulty.measure_batches, needs=("many",))]
    from bagkit.crossing import values as stored

    loaded: list[Key] = []
    monkeypatch.setattr(stored, "load", lambda value, load=stored.load: loaded.append(value) or load(value))
    run = scheduler.run(Graph(tasks), ["length", "sum"], Recorder())
    assert next(run) == 40_000_000
    assert next(run) == 5_000_000
    assert len(loaded) == 2
    assert not list(kept.glob("*/[0-9]*")), "released as soon as they were used"
    run.close()


def test_batches_outlive_the_run(scheduler: ProcessScheduler, kept: Path) -> None:
    graph = Graph([Task((n,), faulty.large_slowly, (4, "")) for n in range(2)])
    first, second = values(scheduler, graph, [0, 1])
    assert len(os.listdir(kept)) == 1
    assert [len(batch[0]) for batch in first] == [1_000_000] * 4
    del first
    assert [len(batch[0]) for batch in second] == [1_000_000] * 4
    del second
    assert os.listdir(kept) == []


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 5_000_000)])
def test_a_stored_value_that_was_damaged(
    scheduler: ProcessScheduler, kept: Path, damage: Callable[[Path], None]
) -> None:
    (batches,) = values(scheduler, one(faulty.large_slowly, (4, "")), ["only"])
    (path,) = kept.glob("*/[0-9]*")
    damage(path)
    with pytest.raises(TaskError, match=r"a value that was stored here (can't be read|was changed)"):
        list(batches)


def test_no_space_for_a_value(scheduler: ProcessScheduler) -> None:
    with pytest.raises(TaskError, match=r"the result can't be stored: .*File too large; hint: give another temp"):
        values(scheduler, one(faulty.fill_the_disk, 1_000_000), ["only"])
    pool.end_workers()


def test_a_temporary_directory_that_does_not_exist(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    scheduler.temporary_directory = str(tmp_path / "nowhere")
    with pytest.raises(TaskError, match="hint: give another temporary_directory"):
        values(scheduler, one(faulty.large, 5_000_000), ["only"])
