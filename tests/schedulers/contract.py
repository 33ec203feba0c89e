"""What every scheduler must do. A subclass gives a `scheduler` with two workers, and says what kind it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bagkit.diagnostics import events
from bagkit.errors import StoppedEarlyError, TaskError
from bagkit.flow.batches import Batches
from bagkit.flow.buckets import Buckets, Dealing
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.protocol import Scheduler
from tests.schedulers import works

Key = Hashable


class Recorder:
    """An observer that remembers, and which threads told it."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self.threads: set[int] = set()

    def emit(self, event: events.Event) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def one(work: Callable[..., Any], part: Any = None, key: Key = "only") -> Graph:
    return Graph([Task(keys=(key,), work=work, part=part, label="some work", place="partition 0")])


def wide(directory: Path, number: int) -> Graph:
    return Graph([Task(keys=(n,), work=works.add_marked, part=(str(directory), str(n), n)) for n in range(number)])


def dealing(left: Sequence[Sequence[Any]], count: int | None = None) -> tuple[Graph, list[Key]]:
    """Return tasks that leave these buckets, and the keys of tasks that give what one partition gets."""
    count = len(left[0]) if count is None else count
    leave = [Task((("leave", n),), works.give, Buckets(each)) for n, each in enumerate(left)]
    dealt = tuple(("dealt", n) for n in range(count))
    deal = Task(dealt, Dealing(count), None, tuple(task.keys[0] for task in leave))
    collect = [Task((("collect", n),), works.inputs_as_they_are, None, (key,)) for n, key in enumerate(dealt)]
    return Graph([*leave, deal, *collect]), [task.keys[0] for task in collect]


def values(scheduler: Scheduler, graph: Graph, targets: Sequence[Key]) -> list[Any]:
    return list(scheduler.run(graph, targets, Recorder()))


class SchedulerContract:
    """What holds for every scheduler."""

    in_process: ClassVar[bool] = True
    """Values stay objects of this process."""
    in_flight: ClassVar[int] = 2
    """How many tasks go on when a run is closed: those that run, and those that an executor does not give back."""
    ahead: ClassVar[int] = 16
    """How many tasks may have been started, of those that nobody needs yet, while the consumer holds a value."""

    many: ClassVar[int] = 2000
    """How many tasks a deep or a wide graph has; fewer where each takes long."""

    @pytest.fixture
    def scheduler(self) -> Scheduler | Iterator[Scheduler]:
        raise NotImplementedError

    # Values

    def test_it_has_a_name(self, scheduler: Scheduler) -> None:
        assert isinstance(scheduler.name, str)

    def test_nothing_asked_nothing_done(self, scheduler: Scheduler, tmp_path: Path) -> None:
        assert values(scheduler, Graph([]), []) == []
        assert values(scheduler, wide(tmp_path, 3), []) == []
        assert works.marks(tmp_path) == []

    def test_targets_come_in_the_order_asked(self, scheduler: Scheduler) -> None:
        graph = Graph([Task(keys=(n,), work=works.give, part=n) for n in range(40)])
        order = [*range(39, -1, -2), *range(0, 40, 2)]
        assert values(scheduler, graph, order) == order

    def test_a_target_asked_twice_comes_twice_and_runs_once(self, scheduler: Scheduler, tmp_path: Path) -> None:
        assert values(scheduler, wide(tmp_path, 2), [1, 0, 1, 1]) == [1, 0, 1, 1]
        assert works.marks(tmp_path) == ["0", "1"]

    def test_only_what_is_needed_runs(self, scheduler: Scheduler, tmp_path: Path) -> None:
        assert values(scheduler, wide(tmp_path, 5), [3]) == [3]
        assert works.marks(tmp_path) == ["3"]

    @pytest.mark.parametrize("value", [None, False, 0, "", [], ValueError("a value"), StopIteration])
    def test_any_value_is_a_value(self, scheduler: Scheduler, value: Any) -> None:
        (got,) = values(scheduler, one(works.give, value), ["only"])
        assert type(got) is type(value)
        assert repr(got) == repr(value)

    def test_several_values_of_one_task(self, scheduler: Scheduler) -> None:
        tasks = [
            Task(keys=("numbers",), work=works.give, part=list(range(9))),
            Task(keys=("a", "b", "c"), work=works.split, part=3, needs=("numbers",)),
            Task(keys=("sum b",), work=lambda part, inputs, report: sum(inputs[0]), needs=("b",)),
        ]
        assert values(scheduler, Graph(tasks), ["c", "sum b", "a"]) == [[2, 5, 8], 12, [0, 3, 6]]

    def test_each_task_of_a_diamond_runs_once(self, scheduler: Scheduler, tmp_path: Path) -> None:
        def task(name: str, number: int, *needs: str) -> Task:
            return Task(keys=(name,), work=works.add_marked, part=(str(tmp_path), name, number), needs=needs)

        tasks = [task("end", 0, "left", "right", "left"), task("left", 10, "top"), task("right", 100, "top")]
        graph = Graph([*tasks, task("top", 1)])
        assert values(scheduler, graph, ["end", "top"]) == [11 + 101 + 11, 1]
        assert works.marks(tmp_path) == ["end", "left", "right", "top"]

    def test_a_value_that_is_a_target_and_a_need(self, scheduler: Scheduler) -> None:
        tasks = [Task(keys=(n,), work=works.add, part=1, needs=(n - 1,) if n else ()) for n in range(5)]
        assert values(scheduler, Graph(tasks), [4, 0, 2, 1, 3]) == [5, 1, 3, 2, 4]

    def test_closures_cross(self, scheduler: Scheduler) -> None:
        offset = 5
        assert values(scheduler, one(lambda part, inputs, report: part + offset, 2), ["only"]) == [7]

    def test_batches_can_be_read_by_several_tasks_and_the_caller(self, scheduler: Scheduler) -> None:
        tasks = [
            Task(keys=("up",), work=works.count_up, part=25),
            Task(keys=("sum",), work=works.sum_batches, needs=("up",)),
            Task(keys=("twice",), work=works.sum_batches, needs=("up", "up")),
        ]
        up, total, twice = values(scheduler, Graph(tasks), ["up", "sum", "twice"])
        assert isinstance(up, Batches)
        assert [list(batch) for batch in up] == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
        assert (total, twice) == (300, 600)

    def test_batches_of_a_target(self, scheduler: Scheduler) -> None:
        (up,) = values(scheduler, one(works.count_up, 12), ["only"])
        assert [number for batch in up for number in batch] == list(range(12))

    @pytest.mark.parametrize("large", [(), (1,), (0, 1, 2, 3)])
    def test_buckets_are_dealt(self, scheduler: Scheduler, large: tuple[int, ...]) -> None:
        """Those of a task may be in the message or in a file; what is empty comes nowhere."""
        left = [
            [["", "x" * 70_000][task in large] + f"{task} {n}" if (task + n) % 3 else "" for n in range(5)]
            for task in range(4)
        ]
        graph, keys = dealing(left)
        expected = [[[each[n] for each in left if each[n]]] for n in range(5)]
        assert values(scheduler, graph, keys) == expected
        assert values(scheduler, graph, [keys[3], keys[1], keys[3]]) == [expected[3], expected[1], expected[3]]

    def test_buckets_for_nobody(self, scheduler: Scheduler) -> None:
        graph, keys = dealing([[[], []], [[], []]])
        assert values(scheduler, graph, keys) == [[[]], [[]]]
        graph, keys = dealing([["a"], ["b"]])
        assert values(scheduler, graph, keys) == [[["a", "b"]]]
        graph, keys = dealing([], 2)
        assert values(scheduler, graph, keys) == [[[]], [[]]]

    def test_buckets_of_one_task_can_be_read_whole(self, scheduler: Scheduler) -> None:
        for size in (1, 70_000):
            buckets = Buckets(["x" * size, "", "y"])
            read = Task(("read",), works.filled, None, (0,))
            graph = Graph([Task((0,), works.give, buckets), read])
            assert values(scheduler, graph, ["read"]) == [(3, {0: "x" * size, 2: "y"})]

    def test_a_deep_chain(self, scheduler: Scheduler) -> None:
        tasks = [Task(keys=(n,), work=works.add, part=1, needs=(n - 1,) if n else ()) for n in range(self.many)]
        assert values(scheduler, Graph(tasks), [self.many - 1]) == [self.many]

    def test_a_wide_graph(self, scheduler: Scheduler) -> None:
        numbers = range(self.many)
        tasks = [Task(keys=(n,), work=works.give, part=n) for n in numbers]
        tasks.append(Task(keys=("sum",), work=works.add, part=0, needs=tuple(numbers)))
        assert values(scheduler, Graph(tasks), ["sum", *numbers]) == [sum(numbers), *numbers]

    # Errors

    @pytest.mark.parametrize("work", [works.fail, works.fail_in_batches])
    def test_an_error_is_the_user_s_own(self, scheduler: Scheduler, work: Any) -> None:
        with pytest.raises(works.CodedError, match="code 7") as caught:
            values(scheduler, one(work, 7), ["only"])
        assert caught.value.code == 7
        assert any("works.py" in str(entry.path) for entry in caught.traceback) or not self.in_process

    def test_notes_are_kept(self, scheduler: Scheduler) -> None:
        with pytest.raises(works.CodedError) as caught:
            values(scheduler, one(works.fail, 7), ["only"])
        assert caught.value.__notes__[0] == "a note of the user's"

    def test_an_error_ends_the_run(self, scheduler: Scheduler, tmp_path: Path) -> None:
        rest = [Task(keys=(n,), work=works.add_marked, part=(str(tmp_path), str(n), n)) for n in range(200)]
        graph = Graph([Task(keys=("bad",), work=works.fail, part=1), *rest])
        with pytest.raises(works.CodedError):
            values(scheduler, graph, ["bad", *range(200)])
        assert len(works.marks(tmp_path)) <= self.ahead
        assert values(scheduler, wide(tmp_path, 3), [0, 1, 2]) == [0, 1, 2], "the next run is not disturbed"

    def test_stop_iteration_is_not_the_end_of_the_values(self, scheduler: Scheduler) -> None:
        graph = Graph([Task(keys=(0,), work=works.give, part=0), Task(keys=(1,), work=works.stop_iteration)])
        with pytest.raises(StoppedEarlyError, match="StopIteration"):
            values(scheduler, graph, [0, 1])

    @pytest.mark.parametrize(("work", "name"), [(works.leave, "SystemExit"), (works.exit_generator, "GeneratorExit")])
    def test_leaving_work_does_not_end_the_caller(self, scheduler: Scheduler, work: Any, name: str) -> None:
        with pytest.raises(TaskError, match=name) as caught:
            values(scheduler, one(work), ["only"])
        assert "some work" in str(caught.value)
        assert values(scheduler, one(works.give, 1), ["only"]) == [1]

    # Laziness

    def test_no_work_before_the_first_value_is_asked_for(self, scheduler: Scheduler, tmp_path: Path) -> None:
        run = scheduler.run(wide(tmp_path, 3), [0, 1, 2], Recorder())
        assert works.marks(tmp_path) == []
        assert next(run) == 0
        run.close()

    def test_it_runs_ahead_of_the_consumer_only_so_far(self, scheduler: Scheduler, tmp_path: Path) -> None:
        run = scheduler.run(wide(tmp_path, 200), range(200), Recorder())
        assert next(run) == 0
        time.sleep(0.2)
        assert len(works.marks(tmp_path)) <= self.ahead
        assert list(run) == list(range(1, 200))

    def test_closing_ends_the_run(self, scheduler: Scheduler, tmp_path: Path) -> None:
        recorder = Recorder()
        run = scheduler.run(wide(tmp_path, 200), range(200), recorder)
        assert next(run) == 0
        run.close()
        started = len(works.marks(tmp_path))
        assert started <= self.ahead
        time.sleep(0.1)
        assert len(works.marks(tmp_path)) <= started + self.in_flight, "those that were running"
        assert recorder.events[-1] == events.RunFinished(ok=True), "the caller has enough"
        assert values(scheduler, one(works.give, 1), ["only"]) == [1]

    # Events

    def test_events_tell_the_run(self, scheduler: Scheduler) -> None:
        tasks = [Task(keys=(n,), work=works.report_all, part=n, label=f"task {n}", weight=10) for n in (3, 4)]
        tasks.append(Task(keys=("sum", "other"), work=works.split, part=2, needs=("numbers",), label="split"))
        tasks.append(Task(keys=("numbers",), work=works.give, part=[1, 2]))
        tasks.append(Task(keys=("unwanted",), work=works.give, weight=1000))
        recorder = Recorder()
        assert list(scheduler.run(Graph(tasks), [3, "other", 4], recorder)) == [3, [1], 4]
        first, *_, last = recorder.events
        assert isinstance(first, events.RunStarted)
        assert (first.tasks, first.weight, first.scheduler) == (4, 20, scheduler.name)
        assert first.workers >= 1
        assert last == events.RunFinished(ok=True)
        finished = {event.key: event for event in recorder.of(events.TaskFinished)}
        assert finished.keys() == {3, 4, "sum", "numbers"}
        assert (finished[3].label, finished[3].bytes_read, finished[3].skipped) == ("task 3", 3, 2)
        assert tuple(finished[4].failures) == ("failure 4",)
        assert all(0 < event.start <= event.stop < time.time() + 1 for event in finished.values())
        assert sorted(map(str, (event.key for event in recorder.of(events.TaskStarted)))) == sorted(map(str, finished))

    def test_what_tasks_count_comes_back(self, scheduler: Scheduler) -> None:
        tasks = [Task(keys=(n,), work=works.tally_twice, part=n, label="counting", steps=("step",)) for n in (3, 4)]
        recorder = Recorder()
        assert list(scheduler.run(Graph(tasks), [3, 4], recorder)) == [3, 4]
        found = {event.key: dict(event.tallies) for event in recorder.of(events.TaskFinished)}
        assert found == {n: {"counted": n, "also": 1} for n in (3, 4)}

    def test_events_tell_of_a_failure(self, scheduler: Scheduler) -> None:
        recorder = Recorder()
        with pytest.raises(works.CodedError):
            list(scheduler.run(one(works.fail, 7), ["only"], recorder))
        (failed,) = recorder.of(events.TaskFailed)
        assert (failed.key, failed.label) == ("only", "some work")
        assert "CodedError" in failed.error
        assert recorder.events[-1] == events.RunFinished(ok=False)

    def test_observers_are_told_in_the_thread_of_the_run(self, scheduler: Scheduler) -> None:
        recorder = Recorder()
        list(
            scheduler.run(Graph([Task(keys=(n,), work=works.read_slowly, part=1) for n in range(4)]), [3, 1], recorder)
        )
        assert recorder.threads == {threading.get_ident()}

    # Other runs

    def test_a_run_inside_of_a_task_stays_there(self, scheduler: Scheduler) -> None:
        assert values(scheduler, one(works.nested, 3), ["only"]) == [([0, 1, 2], "sync")]

    def test_two_threads_run_at_once(self, scheduler: Scheduler) -> None:
        got: dict[int, list[int]] = {}

        def run(number: int) -> None:
            graph = Graph([Task(keys=(n,), work=works.add, part=number * n) for n in range(100)])
            got[number] = values(scheduler, graph, range(100))

        threads = [threading.Thread(target=run, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == {number: [number * n for n in range(100)] for number in (1, 2)}

    def test_two_runs_in_turns(self, scheduler: Scheduler) -> None:
        graph = Graph([Task(keys=(n,), work=works.give, part=n) for n in range(30)])
        runs = [scheduler.run(graph, range(30), Recorder()) for _ in range(2)]
        assert list(zip(*runs, strict=True)) == [(n, n) for n in range(30)]


class ConcurrentContract(SchedulerContract):
    """What holds where several tasks run at a time."""

    def test_an_error_does_not_wait_for_others(self, scheduler: Scheduler, tmp_path: Path) -> None:
        tasks = [
            Task(keys=("slow",), work=works.hold, part=(str(tmp_path), "slow")),
            Task(keys=("bad",), work=works.wait_then_fail, part=(str(tmp_path), "slow")),
        ]
        recorder = Recorder()
        try:
            with pytest.raises(works.CodedError):
                list(scheduler.run(Graph(tasks), ["slow", "bad"], recorder))
            assert "slow" not in {event.key for event in recorder.of(events.TaskFinished)}, "it was not waited for"
        finally:
            (tmp_path / "release").touch()

    def test_tasks_run_beside_each_other(self, scheduler: Scheduler, tmp_path: Path) -> None:
        tasks = [Task(keys=(n,), work=works.hold, part=(str(tmp_path), n)) for n in "ab"]

        def release_when_both_run() -> None:
            if works.wait_for(lambda: len(works.marks(tmp_path)) == 2, seconds=40):
                (tmp_path / "release").touch()

        release = threading.Thread(target=release_when_both_run)
        release.start()
        assert values(scheduler, Graph(tasks), ["a", "b"]) == ["a", "b"]
        release.join()
        assert (tmp_path / "release").exists(), "both ran before one of them went on"


class InProcessContract(SchedulerContract):
    """What holds where values stay in the process."""

    def test_values_that_are_done_with_are_released(self, scheduler: Scheduler) -> None:
        works.Counted.most = works.Counted.alive = 0
        needs: list[tuple[int, ...]] = [(n - 1,) if n else () for n in range(50)]
        tasks = [Task(keys=(n,), work=works.make_counted, needs=needs[n]) for n in range(50)]
        assert len(values(scheduler, Graph(tasks), [49])) == 1
        assert works.Counted.most <= 4

    def test_values_that_were_handed_out_are_released(self, scheduler: Scheduler) -> None:
        works.Counted.most = works.Counted.alive = 0
        graph = Graph([Task(keys=(n,), work=works.make_counted) for n in range(100)])
        for value in scheduler.run(graph, range(100), Recorder()):
            assert isinstance(value, works.Counted)
        del value
        assert works.Counted.most <= self.ahead + 2
        assert works.wait_for(lambda: works.Counted.alive == 0)
