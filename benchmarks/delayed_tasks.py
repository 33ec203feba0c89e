"""What a delayed task costs: so many calls of a cheap function and the sum of what they return."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import Contender, Job, Setting


def increment(number: int) -> int:
    """Do next to nothing, so that only what is around it costs time."""
    return number + 1


def bagkit_total(tasks: int, first: int = 0) -> Any:
    """The sum by bagkit, not computed yet."""
    import bagkit as bk

    call = bk.delayed(increment)
    return bk.delayed(sum)([call(number) for number in range(first, tasks)])


def dask_total(tasks: int) -> Any:
    """The sum by dask, not computed yet."""
    from dask.delayed import delayed

    call = delayed(increment)
    return delayed(sum)([call(number) for number in range(tasks)])


def building(total: Callable[[int], Any]) -> Contender:
    """Return the contender that builds the sum; the answer is how many tasks there are."""

    def contender(setting: Setting, keep: ExitStack) -> Job:
        def job() -> object:
            total(setting.tasks)
            return setting.tasks

        return job

    return contender


def running(total: Callable[[int], Any], scheduler: str) -> Contender:
    """Return the contender that computes the sum, which is built before the clock starts."""

    def contender(setting: Setting, keep: ExitStack) -> Job:
        built = total(setting.tasks)
        return lambda: built.compute(scheduler=scheduler, num_workers=setting.workers)

    return contender


def at_once(total: Callable[[int], Any]) -> Contender:
    """Return the contender that builds and computes all tasks at once."""

    def contender(setting: Setting, keep: ExitStack) -> Job:
        return lambda: total(setting.tasks).compute(scheduler="threads", num_workers=setting.workers)

    return contender


def in_tenths(setting: Setting, keep: ExitStack) -> Job:
    """bagkit with as many tasks, of which each run has a tenth: what a task costs must not grow with their number."""

    def job() -> object:
        start, total = 0, 0
        for stop in [setting.tasks * tenth // 10 for tenth in range(1, 11)]:
            total += bagkit_total(stop, start).compute(scheduler="threads", num_workers=setting.workers)
            start = stop
        return total

    return job


def submitted(client: Callable[[Setting], Any]) -> Contender:
    """Return the contender that submits as many calls, and asks each future for its result."""

    def contender(setting: Setting, keep: ExitStack) -> Job:
        made = keep.enter_context(client(setting))

        def job() -> object:
            futures = [made.submit(increment, number) for number in range(setting.tasks)]
            return sum([future.result() for future in futures])

        return job

    return contender


def one_by_one(client: Callable[[Setting], Any]) -> Contender:
    """Return the contender that submits as many calls, each when it has the result of the one before."""

    def contender(setting: Setting, keep: ExitStack) -> Job:
        made = keep.enter_context(client(setting))
        return lambda: sum([made.submit(increment, number).result() for number in range(setting.tasks)])

    return contender


def bagkit_client(setting: Setting) -> Any:
    """bagkit's client, on worker processes."""
    import bagkit as bk

    return bk.Client(workers=setting.workers)


def dask_client(setting: Setting) -> Any:
    """dask's client, on a cluster of this machine."""
    import distributed

    client: Any = distributed.Client  # it has no types
    return client(n_workers=setting.workers, threads_per_worker=1, processes=True, dashboard_address=None)


BUILD: dict[str, Contender] = {"bagkit": building(bagkit_total), "dask": building(dask_total)}
THREADS: dict[str, Contender] = {
    "bagkit": running(bagkit_total, "threads"),
    "dask": running(dask_total, "threads"),
}
MANY: dict[str, Contender] = {"bagkit": at_once(bagkit_total), "in-tenths": in_tenths}
WAITING: dict[str, Contender] = {"bagkit": at_once(bagkit_total), "dask": at_once(dask_total)}
PROCESSES: dict[str, Contender] = {
    "bagkit": running(bagkit_total, "processes"),
    "dask": running(dask_total, "processes"),
}
SUBMIT: dict[str, Contender] = {"bagkit": submitted(bagkit_client), "dask": submitted(dask_client)}
ROUND_TRIPS: dict[str, Contender] = {"bagkit": one_by_one(bagkit_client), "dask": one_by_one(dask_client)}
