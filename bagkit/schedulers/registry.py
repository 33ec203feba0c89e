"""From what users write for a scheduler to the object that runs graphs.

`option_values.SCHEDULERS` has a row for each that has a name; its module is imported when it is asked for. All are made
with the same keywords: workers, temporary_directory, memory_limit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from bagkit.flow.inside import inside_task
from bagkit.option_values import ENGINES, SCHEDULERS, checked_scheduler
from bagkit.schedulers.cpu_count import cpu_count, usable_memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from bagkit.options import Options
    from bagkit.schedulers.protocol import Scheduler

DEFAULT = "processes"


def get_scheduler(
    spec: str | Executor | Scheduler | None,
    *,
    workers: int | None = None,
    temporary_directory: str | None = None,
    memory_limit: int | None = None,
    shared_directory: str | None = None,
    read_retries: int = 3,
) -> Scheduler:
    """Return the scheduler for `spec`: a name, an executor of concurrent.futures, an object with `run`, or None.

    Inside of a task, names, executors and None stand for "sync": a pool in each worker of a pool would swamp the
    machine, and a pool that waits for itself would wait for ever. Raises OptionError for anything else.

    >>> get_scheduler("synchronous").name
    'sync'
    """
    meant = _meant(spec)
    if not isinstance(meant, str) and not _is_pool(meant):
        return cast("Scheduler", meant)
    if inside_task():
        meant = "sync"
    if not isinstance(meant, str):
        from bagkit.schedulers.executors import ExecutorScheduler

        return ExecutorScheduler(
            meant,
            workers=workers,
            temporary_directory=temporary_directory,
            shared_directory=shared_directory,
            read_retries=read_retries,
        )
    module, _, name = SCHEDULERS[meant].partition(":")
    scheduler = getattr(import_module(module), name)(
        workers=workers, temporary_directory=temporary_directory, memory_limit=memory_limit
    )
    return cast("Scheduler", scheduler)


def tasks_at_a_time(spec: str | Executor | Scheduler | None, workers: int | None) -> int:
    """Return how many tasks a run with `spec` works at on as many cores; 1 where that is not known."""
    return (workers or cpu_count()) if _is_of_processes(spec) else 1


def sends_records(spec: str | Executor | Scheduler | None) -> bool:
    """Return whether tasks of a run with `spec` pickle what they leave for others: not where they share objects."""
    if inside_task():
        return False
    meant = DEFAULT if spec is None else checked_scheduler(spec)
    if isinstance(meant, str):
        return meant not in ("sync", "threads")
    if not callable(getattr(meant, "submit", None)):
        return True
    from bagkit.schedulers.executor_facts import facts_of

    return not facts_of(meant).near


def memory_of_task(options: Options) -> int:
    """Return how many bytes a task may hold: a worker's share of the limit."""
    room = _room_of(options.scheduler, options.workers, options.memory_limit)
    if room is not None:
        return room
    limit = options.memory_limit or usable_memory()
    return limit // (1 if options.scheduler == "sync" else options.workers or cpu_count())


def _room_of(spec: str | Executor | Scheduler | None, workers: int | None, limit: int | None) -> int | None:
    """Return how many bytes one task may hold on an executor, of a run that may hold `limit`.

    None for other schedulers, and where nothing is known: for an executor that says nothing of its machines.
    """
    meant = _meant(spec)
    if isinstance(meant, str) or not _is_pool(meant) or inside_task():
        return None
    from bagkit.schedulers.executor_facts import facts_of

    facts = facts_of(meant, workers)
    total = limit or (usable_memory() if facts.here or facts.near else None)
    rooms = [facts.memory, None if total is None else total // facts.workers]
    return min([room for room in rooms if room is not None], default=None)


def _is_of_processes(spec: Any) -> bool:
    return not inside_task() and (DEFAULT if spec is None else checked_scheduler(spec)) == "processes"


def _is_pool(meant: Any) -> bool:
    return callable(getattr(meant, "submit", None)) or callable(getattr(meant, "get_executor", None))


def _meant(spec: Any) -> Any:
    """Return what `spec` means: where no task runs, the executor of a client and the one that a name stands for."""
    meant = DEFAULT if spec is None else checked_scheduler(spec)
    if inside_task():
        return meant
    if isinstance(meant, str) and meant in ENGINES:
        module, _, name = ENGINES[meant].partition(":")
        return getattr(import_module(module), name)()
    return executor_of(meant) if callable(getattr(meant, "get_executor", None)) else meant


def executor_of(client: Any) -> Any:
    """Return what runs tasks for a client, of dask.distributed or ours: an executor."""
    if type(client).__module__.startswith("bagkit."):
        executor = client.get_executor()
        return executor if executor.scheduler is None else executor_of(executor.scheduler)
    from bagkit.schedulers.cluster import ClusterExecutor

    return ClusterExecutor(client)


def start_ahead(spec: str | Executor | Scheduler | None, workers: int | None, ops: Sequence[Any]) -> None:
    """Start the processes that a run of `ops` will want, so that they boot while the run is being prepared."""
    if _is_of_processes(spec):
        from bagkit.schedulers.pool import start_workers

        start_workers(workers or cpu_count(), _modules_of_tasks(ops))


def _modules_of_tasks(ops: Sequence[Any]) -> list[str]:
    """Return the modules that tasks with `ops` need, in the order in which they need them; cloudpickle if they may."""
    modules = dict.fromkeys(["bagkit.flow.batches", *(type(op).__module__ for op in ops), "bagkit.work.chain"])
    return [*modules, *(["cloudpickle"] if any(op.opaque for op in ops) else [])]
