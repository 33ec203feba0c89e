from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest

import bagkit as bk
from bagkit.diagnostics.observer import Observers
from bagkit.errors import TaskError
from bagkit.exchange import spill
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.protocol import Scheduler
from bagkit.schedulers.sync import PROGRESS_SECONDS, SyncScheduler
from tests.schedulers import works
from tests.schedulers.contract import InProcessContract, Recorder, one, values, wide


class TestSync(InProcessContract):
    ahead = 1

    @pytest.fixture
    def scheduler(self) -> Scheduler:
        return SyncScheduler()


def test_each_value_costs_its_own_work_only(tmp_path: Path) -> None:
    run = SyncScheduler().run(wide(tmp_path, 5), [4, 2, 3], Observers())
    assert (next(run), works.marks(tmp_path)) == (4, ["4"])
    assert (next(run), works.marks(tmp_path)) == (2, ["2", "4"])


def test_ctrl_c_in_a_task_is_the_caller_s() -> None:
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt):
        list(SyncScheduler().run(one(works.interrupt), ["only"], recorder))
    assert type(recorder.events[-1]).__name__ == "RunFinished"


def test_the_cause_of_a_task_error_is_what_was_raised() -> None:
    with pytest.raises(TaskError) as caught:
        values(SyncScheduler(), one(works.leave), ["only"])
    assert isinstance(caught.value.__cause__, SystemExit)
    assert str(caught.value) == (
        "some work, partition 0: a function raised SystemExit('so long'); "
        "expected it to return, or to raise a subclass of Exception"
    )


def test_a_wrong_number_of_values_is_told() -> None:
    graph = Graph(
        [Task(keys=("a", "b"), work=works.split, part=3, needs=("n",)), Task(keys=("n",), work=works.give, part=[])]
    )
    with pytest.raises(TaskError, match="task: the work gave 3 values, expected 2, one for each key"):
        values(SyncScheduler(), graph, ["a"])


def test_progress_is_told_now_and_then() -> None:
    from bagkit.diagnostics.events import TaskProgressed

    recorder, began = Recorder(), time.monotonic()
    list(SyncScheduler().run(one(works.read_slowly, 12), ["only"], recorder))
    told = [event.bytes_read for event in recorder.of(TaskProgressed)]
    assert 1 <= len(told) <= (time.monotonic() - began) / PROGRESS_SECONDS, "however long the naps were"
    assert told == sorted(told)


@pytest.mark.usefixtures("nothing_frozen")
def test_the_collector_leaves_records_alone_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "HELD_SECONDS", 0)
    numbers = bk.from_sequence(range(5000), npartitions=1)
    frozen = numbers.map(lambda n: [n, n in (0, 4999) and gc.get_freeze_count()])
    records = frozen.compute(scheduler="sync")
    assert [n for n, _ in records] == list(range(5000))
    assert records[0][1] == 0 < records[-1][1]
    assert not gc.get_freeze_count()
