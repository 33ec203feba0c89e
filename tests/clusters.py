"""Clusters of others that several test modules use; for a `yield from` in their fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
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

    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1, **LATE, **LIGHT}),
        make_cluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):
        yield client


def ray_session() -> Iterator[None]:
    """Begin a session of Ray whose workers find the tests, and end it."""
    import ray

    module: Any = ray
    environment: Any = {"env_vars": {"PYTHONPATH": os.getcwd()}}
    module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    module.shutdown()
