"""What a client does, on Ray. `.ci/run ray` runs it: see tests/schedulers/on_ray.py."""

from __future__ import annotations

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
