"""Signed network maps for tests, as a server would send them, and the identity of the peer that trusts them."""

import threading
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.agent import identity
from meshtrail.agent.identity import Identity
from meshtrail.model.network_map import (
    SIGNED_PREFIX,
    Action,
    AgentSettings,
    Chain,
    Envelope,
    Governed,
    Mode,
    NetworkMap,
    PortRange,
    Protocol,
    Renewed,
    Rule,
)
from tests.agent.fake_server import FakeServer, Request, Scripted

OVERLAY = ("10.77.0.0/24", "fd77::/64")
NEVER_US = 4_000_000_000_000_000


def rule(port: int, policy_id: str = "p1", version: int = 1, action: Action = Action.accept, chain: Chain = Chain.input) -> Rule:
    """A TCP port from the overlay."""
    ports = (PortRange(port, port),)
    return Rule(policy_id, f"Policy {policy_id}", version, f"r-{policy_id}", chain, action, Protocol.tcp, OVERLAY, OVERLAY, ports=ports)


def network_map(serial: int, *rules: Rule, settings: AgentSettings | None = None, mode: Mode = Mode.enforce) -> NetworkMap:
    """A map for the peer r1: what comes from the overlay and matches no rule is denied."""
    governed = (Governed("", Chain.input, OVERLAY, Action.drop), Governed("", Chain.output, OVERLAY, Action.accept))
    return NetworkMap("o1", "r1", serial, 1, mode, settings or AgentSettings(), governed, rules)


class MapServer:
    """Adds to a scripted server the routes of peers."""

    def __init__(self, server: FakeServer) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._changed = threading.Condition()
        self._body = b""
        self._serial = 0
        self.asked: list[int] = []
        """Serials that the peer said to know."""
        self.status = 0
        """Answer the question for maps with this status instead."""
        self.renewals = 0
        self.serve(server)

    def serve(self, server: FakeServer) -> None:
        """Answer on this server too."""
        server.others["/api/v1/agent/network-map"] = self._network_map
        server.others["/api/v1/agent/token"] = self._token
        server.others["/healthz"] = lambda _request: Scripted(200, b"{}")

    def identity(self, folder: Path, token_expires_at: int = NEVER_US) -> Identity:
        """Makes the machine with this state folder the peer r1."""
        made = Identity(
            "o1", "r1", Ed25519PrivateKey.generate().private_bytes_raw(), "secret", token_expires_at, 0,
            "k1", self._key.public_key().public_bytes_raw(),
        )  # fmt: skip
        identity.save(folder, made)
        return made

    def offer(self, made: NetworkMap, *, forged: bool = False) -> None:
        """Send this map from now on."""
        payload = msgspec.json.encode(made)
        key = Ed25519PrivateKey.generate() if forged else self._key
        with self._changed:
            self._body = msgspec.json.encode(Envelope(payload, "k1", key.sign(SIGNED_PREFIX + payload)))
            self._serial = made.serial
            self._changed.notify_all()

    def _network_map(self, request: Request) -> Scripted:
        known = int(request.path.split("serial=")[1].split("&")[0])
        self.asked.append(known)
        if self.status:
            return Scripted(self.status, b'{"error":{"code":"peer_removed","message":"removed"}}')
        return Scripted(200, self._body) if self._serial != known else Scripted(204)

    def _token(self, _request: Request) -> Scripted:
        self.renewals += 1
        return Scripted(200, msgspec.json.encode(Renewed("secret", NEVER_US)))
