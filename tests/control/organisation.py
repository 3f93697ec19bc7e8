"""An organisation to fill, in the words of a test."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.control.actor import Actor
from meshtrail.control.enrolment import Admission
from meshtrail.control.inventory import Policy, PolicyRule, Reference, Snapshot
from meshtrail.control.service import Control
from meshtrail.model.enums import InitiatorType
from meshtrail.model.network_map import ENROL_PREFIX, TOKEN_PREFIX, Action, Enrol, PortRange, Protocol, Renew


class Clock:
    """Time that the test moves, in microseconds."""

    now = 1_790_000_000_000_000

    def __call__(self) -> int:
        """Now."""
        return self.now

    def pass_s(self, seconds: float) -> None:
        """Time passes."""
        self.now += int(seconds * 1_000_000)


class Machine:
    """A machine with a key pair that asks to be enrolled."""

    def __init__(self, name: str, *addresses: str) -> None:
        self.name = name
        self.addresses = addresses
        self._private = Ed25519PrivateKey.generate()

    def asks(self, key: str, at: int, signature: bytes | None = None) -> Enrol:
        """The body of its request."""
        signed = self._private.sign(ENROL_PREFIX + f"{key}\n{at}".encode())
        return Enrol(
            key, self._private.public_key().public_bytes_raw(), self.name, "Debian 12", self.addresses, at, signature or signed
        )  # fmt: skip

    def renews(self, peer_id: str, at: int) -> Renew:
        """The body of its request of a new token."""
        return Renew(peer_id, at, self._private.sign(TOKEN_PREFIX + f"{peer_id}\n{at}".encode()))


class Organisation:
    """Shortcuts over a control store."""

    def __init__(self, control: Control, org_id: str, clock: Clock) -> None:
        self.control = control
        self.id = org_id
        self.clock = clock
        self.by = Actor(org_id, "ana", InitiatorType.user, "Ana Lima", "ana@example.com", "192.0.2.7", "Firefox", request_id="r1")
        """Who changes it."""

    def agent(self, peer: str) -> Actor:
        """The agent of one of its peers."""
        return Actor(self.id, peer, InitiatorType.agent)

    @property
    def snapshot(self) -> Snapshot:
        """What it has now."""
        return self.control.snapshot(self.id)

    def key(self, *groups: str, reusable: bool = True, uses: int = 0, lifetime_s: int = 0) -> str:
        """A new enrolment key."""
        return self.control.enrolment_keys.create(
            self.by, "key", reusable=reusable, usage_limit=uses, lifetime_s=lifetime_s, auto_groups=groups
        )[1]  # fmt: skip

    def enrol(self, machine: Machine, *groups: str) -> Admission:
        """Make the machine a peer of these groups (ids)."""
        self.clock.now += 1
        return self.control.enrolment.enrol(machine.asks(self.key(*groups), self.clock.now))

    def peer(self, name: str, *addresses: str, groups: tuple[str, ...] = ()) -> str:
        """A new peer; its id."""
        return self.enrol(Machine(name, *addresses), *groups).peer_id

    def group(self, name: str, *peers: str, resources: tuple[str, ...] = ()) -> str:
        """A new group; its id."""
        return self.control.groups.create(self.by, name, peers, resources)

    def policy(self, *rules: PolicyRule, name: str = "policy", enabled: bool = True) -> str:
        """A new policy; its id."""
        self.clock.now += 1
        return self.control.policies.create(self.by, Policy(id="", name=name, enabled=enabled, rules=rules))


def rule(
    source: str, destination: str, *, protocol: Protocol = Protocol.tcp, ports: tuple[int, ...] = (), ranges: tuple[PortRange, ...] = (),
    action: Action = Action.accept, bidirectional: bool = False, enabled: bool = True,
) -> PolicyRule:  # fmt: skip
    """A rule from one group to another."""
    return PolicyRule(
        id="", name="rule", sources=(source,), destinations=(destination,), protocol=protocol, ports=ports, port_ranges=ranges,
        action=action, bidirectional=bidirectional, enabled=enabled,
    )  # fmt: skip


def rule_between(source: str | Reference, destination: str | Reference, protocol: Protocol = Protocol.all) -> PolicyRule:
    """A rule whose ends are groups (ids), or one resource or peer."""
    return PolicyRule(
        id="", name="rule", protocol=protocol,
        sources=(source,) if isinstance(source, str) else (), source_resource=source if isinstance(source, Reference) else None,
        destinations=(destination,) if isinstance(destination, str) else (),
        destination_resource=destination if isinstance(destination, Reference) else None,
    )  # fmt: skip
