"""Fixtures of the fault tests: namespaces, agents in them, a server that misbehaves as it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import launch, namespaces, near_server, pair
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer
from tests.agent.netns import Pair
from tests.e2e.faults.real_server import RealServer

__all__ = ["launch", "maps", "namespaces", "near_server", "pair"]


@pytest.fixture
def maps(near_server: FakeServer, tmp_path: Path) -> MapServer:
    """A server of network maps; the machine of the near namespace is its peer r1."""
    made = MapServer(near_server)
    made.identity(tmp_path / "state")
    return made


@pytest.fixture
def real(pair: Pair, tmp_path: Path) -> Iterator[RealServer]:
    """The real server, in the near namespace."""
    made = RealServer(pair, tmp_path / "server")
    yield made
    made.server.stop()
