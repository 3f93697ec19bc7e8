"""Fixtures of the agent's tests: a scripted server, namespaces, agents inside them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.netns import AgentProcess, Pair, forbidden

Launch = Callable[..., AgentProcess]


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    """A server in this namespace."""
    made = FakeServer()
    yield made
    made.close()


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip where namespaces are forbidden."""
    reason = forbidden()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def pair(namespaces: None) -> Iterator[Pair]:
    """Two namespaces joined by a veth."""
    made = Pair()
    yield made
    made.close()


@pytest.fixture
def near_server(pair: Pair) -> Iterator[FakeServer]:
    """A server on the loopback of the near namespace."""
    made = FakeServer(pair.near.listen("127.0.0.1"))
    yield made
    made.close()


@pytest.fixture
def launch(pair: Pair, near_server: FakeServer, tmp_path: Path) -> Iterator[Launch]:
    """Starts agents in the near namespace, and ends them."""
    started: list[AgentProcess] = []

    def start(*options: str, server: str | None = None, prefix: tuple[str, ...] = ()) -> AgentProcess:
        agent = AgentProcess(pair.near, server or near_server.url, tmp_path, *options, prefix=prefix)
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.stop(9)
