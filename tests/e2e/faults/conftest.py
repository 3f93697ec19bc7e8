"""Fixtures of the fault tests: namespaces, agents in them, a server that misbehaves as it is told."""

from pathlib import Path

import pytest

from tests.agent.conftest import launch, namespaces, near_server, pair
from tests.agent.fake_server import FakeServer
from tests.agent.maps import MapServer

__all__ = ["launch", "maps", "namespaces", "near_server", "pair"]


@pytest.fixture
def maps(near_server: FakeServer, tmp_path: Path) -> MapServer:
    """A server of network maps; the machine of the near namespace is its peer r1."""
    made = MapServer(near_server)
    made.identity(tmp_path / "state")
    return made
