"""Clusters of others that several test modules use; for a `yield from` in their fixtures."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

LIGHT = {
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""Settings of dask with which clusters take little: workers are forked from a process that has imported distributed
once, which takes each of them a second, and nobody looks a hundred times a second what they do."""
LATE = {"distributed.deploy.lost-worker-timeout": "10 minutes"}
"""A worker that is killed is back late on a busy machine: the cluster is not to give it up after 15 seconds."""


def dask_client() -> Iterator[Any]:
    """Yield the client of a cluster of two workers, which ask no third time for a task that kills them."""
    import dask
    import distributed

    local: Any = distributed.LocalCluster

    class Cluster(local):
        def _update_worker_status(self, op: str, message: Any) -> None:
            with suppress(KeyError):  # of a worker that has died before the cluster had heard of it: raised at the end
                super()._update_worker_status(op, message)

    make_cluster: Any = Cluster
    make_client: Any = distributed.Client
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1, **LATE, **LIGHT}),
        make_cluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):
        yield client


def worker_pids(client: Any) -> list[int]:
    """Return the processes of both workers of `dask_client`, once both are there.

    A scheduler may count one that was just killed among its workers: it is one that does not answer.
    """
    while True:
        client.wait_for_workers(2)
        pids: dict[str, int] = client.run(os.getpid, on_error="ignore")
        if len(pids) == 2:
            return list(pids.values())


def end_workers(client: Any) -> None:
    """Kill both workers of `dask_client`; others take their places."""
    for pid in worker_pids(client):
        os.kill(pid, signal.SIGKILL)


def separate_client(modules: Path) -> Iterator[Any]:
    """Yield the client of a scheduler and two workers that are processes of their own, begun as on other machines.

    Workers find what is in the directory `modules`, and the scheduler does not.
    """
    import distributed

    make_client: Any = distributed.Client
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, ExitStack() as stack:
        where = ["--scheduler-file", f"{folder}/scheduler.json", "--host", "127.0.0.1", "--no-dashboard"]
        worker = ["distributed.cli.dask_worker", "--nthreads=1", "--no-nanny", f"--local-directory={folder}"]
        stack.enter_context(_begun(["distributed.cli.dask_scheduler", "--port=0"], where, folder, []))
        for _ in range(2):
            stack.enter_context(_begun(worker, where, folder, [str(modules), os.getcwd()]))
        client = stack.enter_context(
            make_client(scheduler_file=f"{folder}/scheduler.json", set_as_default=False, timeout="120s")
        )
        client.wait_for_workers(2)
        yield client


@contextmanager
def _begun(module: list[str], arguments: list[str], folder: str, found: list[str]) -> Iterator[None]:
    """Have a module run in a process, which imports what is in the directories `found`, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", *module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(found)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def ray_session() -> Iterator[None]:
    """Begin a session of Ray whose workers find the tests, and end it."""
    import ray

    module: Any = ray
    environment: Any = {"env_vars": {"PYTHONPATH": os.getcwd()}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of Ray leave files to the collector, or give tips
        module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # and waits for none of its processes
        module.shutdown()
        gc.collect()
