"""What a client does, on Ray. `.ci/run ray` runs it: see tests/schedulers/on_ray.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import ray

import bagkit as bk
from tests.client.contract import ClientContract, MakeClient


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    module: Any = ray
    environment: Any = {"env_vars": {"PYTHONPATH": os.getcwd()}}
    module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    module.shutdown()


class TestOnRay(ClientContract):
    @pytest.fixture
    def make(self) -> MakeClient:
        return lambda: bk.Client(engine="ray")


def test_a_cluster_of_ray_is_not_ours_to_scale() -> None:
    with bk.Client(engine="ray") as client, pytest.raises(bk.OptionError, match="scales itself"):
        client.scale(3)
