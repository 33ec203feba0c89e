"""Runs tasks in worker processes that outlive one run and whose deaths a run survives.

    caller's thread         ┌─ socket ── worker 1 ─┐
      next() ──┐            │                      │
               ├─▶ Run ─────┼─ socket ── worker 2 ─┼─▶ files of large values
      pump ────┘            │                      │   (run directory)
     (while the             └─ socket ── worker 3 ─┘
      caller is away)

    Pump       whose turn it is to drive the run
    Dispatch   which task is next, what came of it, the first error; it owns the state and knows no worker
    Crew       the workers: started, listened to, replaced, given back
    Sending    what they are sent

A Run is driven by whoever has the turn: the caller while it waits in `next()`, and while it is busy with a value a
thread, the pump. A step waits for any worker, takes what it says and hands out tasks. A worker has one task at a time.

- Values stay as bytes or files, as they came, until the caller or another worker wants them.
- The end of a worker's process is an event like any other. Its task, and only that, is run again: alone, so that it
  has the memory of the machine for itself; after ATTEMPTS the run fails.
- The first error stops the handing out, and is raised as soon as the caller asks. Then `close` kills the busy workers
  and gives the idle ones back.
- Ahead of a caller that waits, work goes on as long as the values fit `limit`; of one that is busy, at most two
  tasks a worker.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import weakref
from collections.abc import Collection, Generator, Sequence
from typing import Any

from bagkit.crossing import transport
from bagkit.crossing.hearing import Hearing
from bagkit.diagnostics import events
from bagkit.diagnostics.observer import Observer
from bagkit.diagnostics.terminal import show_drawings
from bagkit.errors import TaskError
from bagkit.flow.kept import Kept
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers import pool
from bagkit.schedulers.cpu_count import cpu_count, usable_memory
from bagkit.schedulers.crew import Crew
from bagkit.schedulers.dispatch import Dispatch
from bagkit.schedulers.homes import home_of, move_in
from bagkit.schedulers.pump import Pump
from bagkit.schedulers.sending import NOTHING, Sending
from bagkit.schedulers.stopping import NOTICE_SECONDS, check_stopped
from bagkit.schedulers.value_store import ValueStore
from bagkit.schedulers.worker_process import WorkerProcess

HOME_SECONDS = 0.1
"""Where tasks take a worker that keeps records longer than this, those that wait for it go to others too."""


class ProcessScheduler:
    """Runs graphs in `workers` processes; large values are kept in `temporary_directory`."""

    name = "processes"
    keeps = True

    def __init__(
        self, *, workers: int | None = None, temporary_directory: str | None = None, memory_limit: int | None = None
    ) -> None:
        self.workers = workers or cpu_count()
        self.temporary_directory = temporary_directory
        self.memory_limit = memory_limit

    def room_to_keep(self) -> int:
        """Return how many bytes of records a worker may keep for later runs: a quarter of its share."""
        return (self.memory_limit or usable_memory()) // self.workers // 4

    def run(
        self, graph: Graph, targets: Sequence[Key], observer: Observer, keep: Collection[Key] = ()
    ) -> Generator[Any, None, None]:
        """Run what `targets` need, and yield their values in their order.

        Of those in `keep` the value stays where it was made: a Kept is yielded in its place. Functions are pickled now,
        as they are; workers are taken when the first value is asked for.
        """
        values = self._values(graph, targets, observer, keep)
        next(values)
        return values

    def _values(
        self, graph: Graph, targets: Sequence[Key], observer: Observer, keep: Collection[Key]
    ) -> Generator[Any, None, None]:
        run = Run(self, graph, targets, observer, keep)
        try:
            run.start()
            yield  # now it is ready
            while not run.is_done:
                yield run.next_value()
            run.ok = True
        except GeneratorExit:
            run.ok = True  # the caller has enough
            raise
        except KeyboardInterrupt as error:
            raise error.with_traceback(None) from None  # where in here it struck is nobody's concern
        except Exception:
            if _ending and run.is_closed:
                raise SystemExit from None  # ends a thread without a word: the program ends, and the workers have gone
            raise
        finally:
            run.close()


class Run:
    """One run; mutable, owned by the generator that made it and its pump, in turns."""

    def __init__(
        self,
        scheduler: ProcessScheduler,
        graph: Graph,
        targets: Sequence[Key],
        observer: Observer,
        keep: Collection[Key],
    ) -> None:
        self.ok = False
        self._scheduler = scheduler
        self._graph = graph
        self._pid = os.getpid()
        self._hearing = Hearing(observer)
        self._values = ValueStore(targets, scheduler.temporary_directory, scheduler.memory_limit)
        self._dispatch = Dispatch(graph, targets, self._values, self._hearing.emit, scheduler.workers)
        self._crew = Crew(scheduler.workers, self._hearing.take)
        self._has_crew = False
        self._pump = Pump()
        self._names = {key: os.urandom(16).hex() for key in keep}
        """The names of values that are kept."""
        self._kept: dict[Key, Kept] = {}
        """What the caller was given of these."""
        self._room = 0
        """How many bytes of records a worker may keep."""
        _open_runs.add(self)

    def start(self) -> None:
        """Pickle the works, before anybody changes what they refer to."""
        tasks, count = self._dispatch.state.tasks, self._scheduler.workers
        weight = sum(task.weight for task in tasks)
        self._hearing.emit(events.RunStarted(len(tasks), weight, self._scheduler.name, count))
        self._sending = Sending(tasks, self._values)
        if self._names or self._sending.has_kept:
            self._room = self._scheduler.room_to_keep()

    def _take_crew(self) -> None:
        """Take warm workers, rather those that keep what is needed, as far as that is made by now."""
        self._crew.gather(len(self._dispatch.state.tasks), self._sending.versions, self._sending.kept)
        self._has_crew = True

    @property
    def is_done(self) -> bool:
        """Whether the caller has all values."""
        return self._dispatch.state.done

    @property
    def is_closed(self) -> bool:
        """Whether it is over, also for a caller who has not asked for that."""
        return self._pump.is_closed

    def next_value(self) -> Any:
        """Wait for the value of the next target and return it."""
        if os.getpid() != self._pid:
            raise TaskError("run: this process was forked from the one that the run belongs to; start one here")
        check_stopped()
        if not self._has_crew:
            self._take_crew()
        state = self._dispatch.state
        self._pump.take_turn()
        try:
            self._hearing.say_all()
            if state.deliverable:
                self._step(0)
            while not state.deliverable and self._dispatch.error is None:
                self._dispatch.end_in_turn()
                if self._dispatch.error is not None:
                    break
                check_stopped()
                if self._pump.is_closed:
                    raise TaskError("run: it was closed by another thread, or by the end of the program")
                self._hand_out()
                if self._dispatch.error is None:
                    self._step(HOME_SECONDS if self._dispatch.has_parked else NOTICE_SECONDS)
                show_drawings()
            if self._dispatch.error is not None:
                raise self._dispatch.error
            key, last = state.deliver()
            self._values.take(key)
            self._hand_out()
        finally:
            self._pump.pass_turn()
        value = self._kept_value(key) if key in self._names else self._values.load(key, self._graph.maker[key])
        if last:
            self._values.release(key)
        self._hearing.say_all()
        self._pump.leave(None if state.exhausted else self._go_on, self._crew.watch)
        return value

    def _kept_value(self, key: Key) -> Kept:
        if key not in self._kept:
            name = self._names[key]
            home = home_of(name)
            nbytes = home.keeps.get(name, 0) if home is not None else 0
            self._kept[key] = self._values.keep(key, self._graph.maker[key], name, nbytes)
        return self._kept[key]

    def _go_on(self) -> bool:
        """Work while the caller is away; return whether there is more to do."""
        try:
            while self._pump.is_away and self._dispatch.can_go_on and not self._hearing.is_full:
                self._hand_out()
                self._step(HOME_SECONDS if self._dispatch.has_parked else None)
        except BaseException as error:
            self._dispatch.break_off(error)
        return self._dispatch.can_go_on

    def _step(self, timeout: float | None) -> None:
        """Wait for something to happen, for `timeout` seconds at most, and take note of it."""
        said, ended = self._crew.wait(timeout)
        for worker, kind, body in said:
            self._take(worker, kind, body)
        for worker in ended:
            self._part_from_ended(worker)
        if timeout is not None:
            self._hand_out()

    def _hand_out(self) -> None:
        """Give tasks to free workers, and start workers while there are more tasks."""
        if self._sending.has_kept:
            self._hand_out_on_kept()
            return
        while self._crew.has_free:
            task = self._dispatch.next_task(away=self._pump.is_away)
            if task is None:
                return
            self._give(task, None)

    def _hand_out_on_kept(self) -> None:
        """Do so with tasks for records that workers keep, each where they are if that worker is not slow."""
        if self._dispatch.has_parked:
            self._dispatch.unpark(self._crew.numbers)
            for worker in self._crew.free:
                self._give_parked(worker, worker)
        while self._crew.has_free:
            task = self._dispatch.next_task(away=self._pump.is_away)
            if task is None:
                break
            home = self._sending.home(task)
            if home is None or home in self._crew.free or not self._crew.has(home):
                self._give(task, home)
            else:
                self._dispatch.park(task, home.number)
        if self._dispatch.has_parked:
            for worker in self._crew.slower_than(HOME_SECONDS):
                while self._crew.has_free and self._give_parked(worker, None):
                    pass

    def _give_parked(self, home: WorkerProcess, worker: WorkerProcess | None) -> bool:
        """Give a task that waits for `home` to `worker`, None is any; return whether there was one."""
        task = self._dispatch.parked_for(home.number, away=self._pump.is_away)
        if task is not None:
            self._give(task, worker)
        return task is not None

    def _give(self, task: Task, wanted: WorkerProcess | None) -> None:
        worker = self._crew.take_free(wanted)
        keep = NOTHING
        if self._room:
            names = tuple([self._names.get(key, "") for key in task.keys])
            keep = names if any(names) else (), self._room - worker.kept_bytes
        number = self._dispatch.state.rank(task)
        self._sending.give(worker, task, number, self._dispatch.attempt(task), keep)
        self._hearing.emit(events.TaskStarted(task.keys[0], task.label, worker.number))
        self._crew.flush(worker)

    def _take(self, worker: WorkerProcess, kind: int, body: bytes) -> None:
        task: Task | None = worker.task
        if task is None:
            return  # a thread that a task left behind
        if kind == transport.DONE:
            self._crew.set_free(worker)
            done: transport.DoneMessage = marshal.loads(body)
            if done[-1]:
                self._note_kept(task, worker, done[-1])
            self._dispatch.finish(task, worker.number, done)
        elif kind == transport.PROGRESS:
            self._dispatch.progress(task, *marshal.loads(body))
        elif kind == transport.FAILING:
            self._dispatch.expect_error(worker.number)
        elif kind == transport.FAILED:
            for name in filter(None, map(self._names.get, task.keys)):
                worker.let_go(name)  # it may have kept some of what it made
            self._crew.set_free(worker)
            self._dispatch.fail(task, worker.number, body)
        elif self._sending.answer(worker, kind, body):
            self._crew.flush(worker)

    def _note_kept(self, task: Task, worker: WorkerProcess, kept: tuple[int, ...]) -> None:
        for key, nbytes in zip(task.keys, kept, strict=True):
            if nbytes:
                move_in(self._names[key], worker, nbytes)

    def _part_from_ended(self, worker: WorkerProcess) -> None:
        """Let go of a worker that has ended, and see to the task that it had."""
        task: Task | None = worker.task
        code, report = self._crew.part_from(worker) if task is None else self._crew.bury(worker)
        if task is not None:
            self._dispatch.lose(task, worker.number, code, report)
        elif code != 0 and not worker.stale():  # else it left after an idle minute
            self._hearing.emit(events.WorkerLost(worker.number, None, code, 0))

    def close(self) -> None:
        """End the run: kill the busy workers, keep the idle ones warm, remove what was stored."""
        if os.getpid() != self._pid or self._pump.is_closed:
            return  # a forked process has a copy of the run, and none of what belongs to it
        _open_runs.discard(self)
        try:
            with self._pump.closing():
                self._crew.end()
        finally:
            self._values.end()
            for key in self._names.keys() - self._kept.keys():
                pool.let_go(self._names[key])
            self._kept.clear()
            self._dispatch.break_off(None)  # whose traceback holds this run
            with contextlib.suppress(Exception):  # of what is said: the run is over
                self._hearing.say_all()
            self._hearing.emit(events.RunFinished(self.ok))


_ending = False
_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


def _close_runs() -> None:
    """Close runs at exit whose caller keeps them, while their pumps can still let go of them."""
    global _ending
    _ending = True
    for run in tuple(_open_runs):
        run.close()


atexit.register(_close_runs)
