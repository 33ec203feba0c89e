"""What a task costs: a sequence of as many partitions as elements, one cheap function, a count."""

from contextlib import ExitStack

from benchmarks.contenders import Contender, Job, Setting, dask_bag, process_pool


def increment(number: int) -> int:
    """Do next to nothing, so that only the way there and back costs time."""
    return number + 1


def bagkit(setting: Setting, keep: ExitStack) -> Job:
    """bagkit as users run it: it may decide that so little work needs no processes."""
    import bagkit as bk

    tasks = setting.tasks
    return lambda: bk.from_sequence(range(tasks), npartitions=tasks).map(increment).count().compute()


def bagkit_processes(setting: Setting, keep: ExitStack) -> Job:
    """bagkit, told to use its worker processes."""
    import bagkit as bk

    def job() -> object:
        numbers = bk.from_sequence(range(setting.tasks), npartitions=setting.tasks).map(increment)
        return numbers.count().compute(scheduler="processes", workers=setting.workers)

    return job


def dask(setting: Setting, keep: ExitStack, *, best: bool = False) -> Job:
    """dask.bag as users run it."""
    db = dask_bag(setting, keep, best=best)
    tasks = setting.tasks
    return lambda: db.from_sequence(range(tasks), npartitions=tasks).map(increment).count().compute()


def dask_best(setting: Setting, keep: ExitStack) -> Job:
    """dask.bag with one pool for all repetitions and no lumps of tasks."""
    return dask(setting, keep, best=True)


def pool(setting: Setting, keep: ExitStack) -> Job:
    """A multiprocessing.Pool that gets its tasks one by one."""
    workers = process_pool(setting, keep)
    return lambda: len(workers.map(increment, range(setting.tasks), chunksize=1))


CONTENDERS: dict[str, Contender] = {
    "bagkit": bagkit,
    "bagkit-processes": bagkit_processes,
    "dask": dask,
    "dask-best": dask_best,
    "pool": pool,
}
