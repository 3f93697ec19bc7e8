"""The agent as a process against the real kernel, in network namespaces."""

import socket

import pytest

from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.netns import Pair

pytestmark = pytest.mark.netns


def _exchange(client: socket.socket, listener: socket.socket, sent: int, received: int) -> socket.socket:
    client.connect(listener.getsockname()[:2])
    accepted, _ = listener.accept()
    client.sendall(b"x" * sent)
    _read(accepted, sent)
    accepted.sendall(b"y" * received)
    _read(client, received)
    return accepted


def _read(source: socket.socket, size: int) -> None:
    while size:
        size -= len(source.recv(size))


def test_tcp(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A TCP connection is reported when it opens and when it ends, with volumes both ways and who opened it."""
    launch().ready()
    listener = pair.far.listen("10.77.0.2")
    client = pair.near.open()
    accepted = _exchange(client, listener, 1_000, 5_000)
    port = listener.getsockname()[1]
    opened = near_server.wait_for(destination_port=port, state="open")[0]
    client.close()
    accepted.close()
    closed = near_server.wait_for(destination_port=port, state="closed")[0]
    print(opened, closed)
