"""What is known of an executor, or a client, of somebody else's: how many tasks it runs, where, and in what memory."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from bagkit.light_classes import dataclass
from bagkit.schedulers.cpu_count import cpu_count

_OF_THIS_MACHINE = frozenset(
    {
        "concurrent.futures.process.ProcessPoolExecutor",
        "concurrent.futures.interpreter.InterpreterPoolExecutor",
        "loky.process_executor.ProcessPoolExecutor",
        "joblib.externals.loky.process_executor.ProcessPoolExecutor",
        "bagkit.client.executor.ClientExecutor",
    }
)
"""Executors whose processes see the files that this one writes."""

_OF_DASK = {"distributed.cfexecutor.ClientExecutor": "_client", "bagkit.schedulers.cluster.ClusterExecutor": "client"}
"""Executors on a client of dask.distributed, with the name of the attribute that has it."""
_OWN_BYTES = 120 << 20
"""What a worker of dask.distributed takes before it has any data."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an executor."""

    workers: int
    """How many tasks it works at."""
    near: bool = False
    """Whether its tasks see the objects of this interpreter."""
    here: bool = False
    """Whether its tasks see the files of this machine."""
    memory: int | None = None
    """How many bytes one task may hold; None where that is not known."""
    mends: bool = False
    """Whether a process that dies is replaced, and its calls run again."""
    put: Callable[[bytes], Any] | None = None
    """Brings bytes to where tasks run, for many tasks; what it returns stands for them among the arguments of a call.
    None where the executor has no such thing."""


def facts_of(executor: Executor, workers: int | None = None) -> Facts:
    """Return what is known of `executor`; `workers` is what the user says of it."""
    names = _names(executor)
    client = client_of(executor)
    if client is not None and not getattr(client, "asynchronous", False):
        return _facts_of_dask(client, workers)
    if "bagkit.schedulers.ray_executor.RayExecutor" in names:
        return _facts_of_ray(getattr(executor, "ray", None), workers)
    own = getattr(executor, "_max_workers", None)
    count = workers or (own if isinstance(own, int) and own > 0 else cpu_count())
    # Its threads belong to interpreters of their own, though it is a ThreadPoolExecutor (Python 3.14 and later).
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())
    near = isinstance(executor, ThreadPoolExecutor) and not isinstance(executor, interpreters)
    return Facts(count, near, here=not names.isdisjoint(_OF_THIS_MACHINE))


def client_of(executor: Executor) -> Any:
    """Return the client of dask.distributed that `executor` stands on; None for others."""
    names = _names(executor)
    return next((getattr(executor, attribute, None) for name, attribute in _OF_DASK.items() if name in names), None)


def _names(executor: Executor) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(executor).__mro__}


def _facts_of_dask(client: Any, workers: int | None) -> Facts:
    """Return what is known of a client of dask.distributed, which asks its scheduler."""
    known = known_workers(client)
    count = workers or sum(worker["nthreads"] for worker in known.values()) or cpu_count()

    def put(data: bytes) -> Any:
        # A value that was scattered is lost with the worker that has it; one that a task makes is made again.
        return client.submit(bytes, data, pure=False)

    return Facts(count, here=on_this_machine(known), memory=memory_of_dask(known), mends=True, put=put)


def known_workers(client: Any) -> dict[str, Any]:
    """Return what the scheduler of a client of dask.distributed says of each worker, by its address.

    A client for programs that await things can't be asked: it tells what it has last heard, of some workers. Raises
    TaskError where the scheduler has gone: a client that is closed would tell of what there was.
    """
    from bagkit.schedulers.cluster import check_open

    check_open(client)
    return dict(client.scheduler_info(n_workers=-1).get("workers") or {})


def why_it_waits(client: Any) -> str:
    """Return why no task may be run on a cluster of dask.distributed; nothing if all its workers take tasks."""
    known = known_workers(client)
    paused = sum(worker.get("status") == "paused" for worker in known.values())
    if not known:
        return "the cluster of dask.distributed has no worker; tasks wait for one"
    if not paused:
        return ""
    return (
        f"{paused} of {len(known)} workers of dask.distributed {'is' if paused == 1 else 'are'} paused, and begin no "
        "task: their memory is above `distributed.worker.memory.pause`; hint: workers with more memory, or "
        "client.restart(), which empties them"
    )


def _facts_of_ray(ray: Any, workers: int | None) -> Facts:
    """Return what is known of the session of Ray that the program has."""
    nodes = [node for node in ray.nodes() if node.get("Alive", True)]
    own = ray.util.get_node_ip_address()
    here = len(nodes) == 1 and nodes[0].get("NodeManagerAddress") in (own, "127.0.0.1")
    count = workers or int(ray.cluster_resources().get("CPU", 0)) or cpu_count()
    return Facts(count, here=here, mends=True, put=ray.put)


def on_this_machine(known: Mapping[str, Any]) -> bool:
    """Return whether there are workers of dask.distributed, and all of them see the files of this machine.

    An address alone does not tell: all that is behind a tunnel may call itself 127.0.0.1 too.
    """
    folders = [worker.get("local_directory") for worker in known.values()]
    # One that is just being replaced has none.
    return all(map(_is_loopback, known)) and any(folder and os.path.isdir(folder) for folder in folders)


def _is_loopback(address: str) -> bool:
    """Return whether only processes of this machine can be at `address`."""
    scheme, host = urlsplit(address).scheme, urlsplit(address).hostname or ""
    return scheme == "inproc" or host == "localhost" or host.startswith("127.") or host == "::1"


def memory_of_dask(known: Mapping[str, Any]) -> int | None:
    """Return what a task may hold on the smallest worker, before that begins to write its values to disk."""
    limits = [worker.get("memory_limit", 0) // max(1, worker["nthreads"]) for worker in known.values()]
    least = min(filter(None, limits), default=0)
    return max(least * 6 // 10 - _OWN_BYTES, least // 4) if least else None
