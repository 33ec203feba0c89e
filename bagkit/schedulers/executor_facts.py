"""What is known of an executor, or a client, of somebody else's: how many tasks it runs, where, and in what memory."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
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
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(executor).__mro__}
    client = next((getattr(executor, _OF_DASK[name], None) for name in names if name in _OF_DASK), None)
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


def _facts_of_dask(client: Any, workers: int | None) -> Facts:
    """Return what is known of a client of dask.distributed, which asks its scheduler."""
    threads: dict[str, int] = client.nthreads()
    count = workers or sum(threads.values()) or cpu_count()

    def put(data: bytes) -> Any:
        # A value that was scattered is lost with the worker that has it; one that a task makes is made again.
        return client.submit(bytes, data, pure=False)

    here = bool(threads) and all(map(_is_loopback, threads))
    return Facts(count, here=here, memory=_memory_of_dask(client, threads), mends=True, put=put)


def _facts_of_ray(ray: Any, workers: int | None) -> Facts:
    """Return what is known of the session of Ray that the program has."""
    nodes = [node for node in ray.nodes() if node.get("Alive", True)]
    own = ray.util.get_node_ip_address()
    here = len(nodes) == 1 and nodes[0].get("NodeManagerAddress") in (own, "127.0.0.1")
    count = workers or int(ray.cluster_resources().get("CPU", 0)) or cpu_count()
    return Facts(count, here=here, mends=True, put=ray.put)


def _is_loopback(address: str) -> bool:
    scheme, host = urlsplit(address).scheme, urlsplit(address).hostname or ""
    return scheme == "inproc" or host == "localhost" or host.startswith("127.") or host == "::1"


def _memory_of_dask(client: Any, threads: dict[str, int]) -> int | None:
    """Return what a task may hold on the smallest worker, before that begins to write its values to disk."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    limits = [known[name].get("memory_limit", 0) // max(1, count) for name, count in threads.items() if name in known]
    least = min(filter(None, limits), default=0)
    return max(least * 6 // 10 - _OWN_BYTES, least // 4) if least else None
