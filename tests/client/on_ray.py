"""What a client does, on Ray. `.ci/run ray` runs it: see tests/schedulers/on_ray.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

import bagkit as bk
from tests import clusters
from tests.client.contract import ClientContract, MakeClient


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    yield from clusters.ray_session()


class TestOnRay(ClientContract):
    @pytest.fixture
    def make(self) -> MakeClient:
        return lambda: bk.Client(engine="ray")


def test_a_cluster_of_ray_is_not_ours_to_scale() -> None:
    with bk.Client(engine="ray") as client, pytest.raises(bk.OptionError, match="scales itself"):
        client.scale(3)


def test_calls_go_where_most_of_their_arguments_are() -> None:
    """On two nodes, which need a session of their own."""
    program = [sys.executable, "-W", "ignore", "-c", TWO_NODES]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 6, done.stdout


TWO_NODES = """
import ray
from ray.cluster_utils import Cluster

import bagkit as bk

def node():
    return ray.get_runtime_context().get_node_id()

def made(number):
    return node(), bytes(5_000_000)

def nodes(large, *small):
    return large[0], node()

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=2, resources={"other": 1})
ray.init(address=cluster.address, log_to_driver=False)
other = ray.get(ray.remote(resources={"other": 0.1})(node).remote())
with bk.Client(engine="ray") as client:
    found = []
    while len(found) < 6:
        values = client.map(made, range(3))
        bk.wait(values)
        for value in values:
            maker, user = client.submit(nodes, value, 1).result()
            if maker == other:
                found.append(user == other)
print(*found[:6])
ray.shutdown()
cluster.shutdown()
"""
