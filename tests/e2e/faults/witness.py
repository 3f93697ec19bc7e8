"""How a fault test sees that the agent lives on: what happens after the fault arrives at the server."""

import contextlib
import socket
from collections.abc import Callable

from meshtrail.agent.service import Agent
from tests.agent.fake_server import FakeServer, Row
from tests.agent.netns import Namespace, Pair, until

FAR = "10.77.0.2"
NEAR = "10.77.0.1"


def turns(agent: Agent, condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Let an agent of this process work until the condition holds."""

    def turned() -> bool:
        agent.turn(0.01)
        return condition()

    until(turned, what, timeout_s)


def connect(pair: Pair) -> int:
    """A TCP connection from the near to the far namespace, opened and closed; its port at the far end."""
    with pair.far.listen(FAR) as listener, pair.near.open() as client:
        client.connect(listener.getsockname())
        listener.accept()[0].close()
        return int(listener.getsockname()[1])


def survives(pair: Pair, server: FakeServer, timeout_s: float = 20.0) -> None:
    """A connection made now is reported with its start and its end."""
    port = connect(pair)
    server.wait_for(destination_port=port, state="closed", timeout_s=timeout_s)


def reaches(pair: Pair, listener: socket.socket, wait_s: float = 0.3) -> bool:
    """Whether the far side can connect to a port of the near one."""
    with pair.far.open() as client:
        client.settimeout(wait_s)
        with contextlib.suppress(OSError):
            client.connect(listener.getsockname())
            listener.accept()[0].close()
            return True
    return False


def rules(space: Namespace) -> str:
    """All rules of a namespace."""
    return space.run("nft", "list", "ruleset")


def in_force(space: Namespace, *texts: str, timeout_s: float = 10.0) -> None:
    """Wait until the rules of a namespace have all of these texts."""
    until(lambda: all(text in rules(space) for text in texts), f"{texts} in the rules", timeout_s)


def burst(space: Namespace, count: int, address: str = FAR, first_port: int = 10_000) -> None:
    """Send one datagram to each of so many ports: each is a connection of its own to the kernel."""
    with space.open(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"x", (address, first_port + number))


def gaps(server: FakeServer, cause: str) -> list[Row]:
    """The gaps with this cause, one row each: a repeated report is the same gap."""
    return list({row["flow_id"]: row for row in server.find(state="gap", gap_cause=cause)}.values())
