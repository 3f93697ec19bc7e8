"""A server with an inventory of everything, with names that are long or deceive, and one with nothing; people who may different things."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from meshtrail.control.actor import Actor
from meshtrail.control.inventory import Policy, PolicyRule, PolicyVersion, Reference, Router, Settings
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.service import Control
from meshtrail.control.settings import read_settings
from meshtrail.control.users import UserChange
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.enums import InitiatorType
from meshtrail.model.network_map import Action, Protocol
from tests.api.client import opened
from tests.control.organisation import Machine
from tests.servers import ServerProcess

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "a-very-long-name-" + "x" * 180,
    "{{ 7 * 7 }} & \u4e2d\u6587",
)
PASSWORD = "four words of ana"
EVENTS_S = 20
"""Time in which audit events get from the outbox to the store."""


@dataclass
class World:
    """Organisations, and sessions in them by the role of who is signed in."""

    server: ServerProcess
    control: Control
    org_id: str = ""
    by: Actor | None = None
    sessions: dict[Role, str] = field(default_factory=dict)
    users: dict[Role, str] = field(default_factory=dict)
    empty: str = ""
    """Session of the owner of the other, empty organisation."""
    policy: str = ""
    deleted: str = ""
    peer: str = ""
    group: str = ""
    network: str = ""
    other: str = ""
    """A user whom nobody else needs."""

    @property
    def settings(self) -> Settings:
        """As they are in the database: another process changes them."""
        with self.control.database.read() as transaction:
            return read_settings(transaction, self.org_id)

    def versions(self, policy: str) -> list[PolicyVersion]:
        """What a policy was."""
        return self.control.policies.versions(self.org_id, policy)


def _people(world: World) -> None:
    control, org_id = world.control, world.org_id
    first = Actor(org_id, "sys", InitiatorType.system)
    for role in Role:
        name = "Ana Lima" if role is Role.owner else f"{role} person"
        made, _ = control.users.create(first, ALL_PERMISSIONS, name=name, email=f"{role}@example.org", role=role, password=PASSWORD)
        world.users[role] = made
        world.sessions[role] = control.sessions.start(control.users.get(org_id, made), "test").secret
    world.by = Actor(org_id, world.users[Role.owner], InitiatorType.user, "Ana Lima", "owner@example.org", "192.0.2.7")
    world.other, _ = control.users.create(world.by, ALL_PERMISSIONS, name="Otto", email="otto@example.org", password=PASSWORD)
    blocked, _ = control.users.create(world.by, ALL_PERMISSIONS, name=HOSTILE[0], email="b@example.org", password=PASSWORD)
    control.users.update(world.by, ALL_PERMISSIONS, blocked, UserChange(blocked=True))
    control.users.create(world.by, ALL_PERMISSIONS, name=HOSTILE[2], service=True, role=Role.auditor)


def _things(world: World) -> None:
    control, by = world.control, world.by
    assert by is not None
    staff, servers, gone = (control.groups.create(by, name) for name in ("Staff", "Servers", "Contractors"))
    strange = [control.groups.create(by, name) for name in HOSTILE]
    _, key = control.enrolment_keys.create(by, "laptops", reusable=True, lifetime_s=86_400, auto_groups=[staff])
    for index, name in enumerate(("ana-laptop", "otto-laptop", "crm-1", *HOSTILE)):
        world.peer = control.enrolment.enrol(Machine(name, f"100.64.0.{index + 1}").asks(key, _now())).peer_id
        facts = Facts(world.peer, name, "Debian GNU/Linux 12", None, (f"100.64.0.{index + 1}",), {"1000": "ana", "1001": "root"})
        control.peers.put_facts(Actor(by.org_id, world.peer, InitiatorType.agent), facts)
        if index:
            control.groups.update(by, strange[index % 4], HOSTILE[index % 4], peers=[world.peer])
    for name in HOSTILE:
        identifier, _ = control.enrolment_keys.create(by, name)
        control.enrolment_keys.update(by, identifier, revoked=True)
    world.network = control.networks.create(by, "Office", HOSTILE[1])
    crm = control.networks.create_resource(by, world.network, "CRM", "10.7.7.7/32", [servers])
    for name in HOSTILE:
        control.networks.create_resource(by, world.network, name, "files.example.org", strange, enabled=False)
    control.networks.create_router(by, Router(id="", network_id=world.network, peer=world.peer))
    control.networks.create(by, HOSTILE[2])
    world.group = staff
    _policies(world, staff, servers, gone, crm, strange)


def _policies(world: World, staff: str, servers: str, gone: str, crm: str, strange: list[str]) -> None:
    policies, by = world.control.policies, world.by
    assert by is not None
    web = PolicyRule(id="", name="web", protocol=Protocol.tcp, ports=(443,), sources=(staff, gone), destinations=(servers,))
    telnet = PolicyRule(id="", name="telnet", action=Action.drop, protocol=Protocol.tcp, ports=(23,), sources=(staff,),
                        destination_resource=Reference(crm, "host"))  # fmt: skip
    world.policy = policies.create(by, Policy(id="", name="Staff to servers", rules=(web,)))
    first = world.versions(world.policy)[-1].policy.rules[0]
    wider = msgspec.structs.replace(first, ports=(443, 8443), sources=(staff,))
    policies.update(by, world.policy, Policy(id="", name="Staff to servers", rules=(wider, telnet)))
    policies.update(by, world.policy, Policy(id="", name="Staff to CRM", description="Since the move.",
                                             rules=(world.versions(world.policy)[-1].policy.rules[0],)))  # fmt: skip
    world.control.groups.delete(by, gone)
    for name in HOSTILE:
        rule = PolicyRule(id="", name=name, sources=tuple(strange), destinations=tuple(strange), enabled=False)
        policies.create(by, Policy(id="", name=name, description=name, enabled=False, rules=(rule,)))
    world.deleted = policies.create(by, Policy(id="", name="Old", rules=(web_of(staff, servers),)))
    policies.delete(by, world.deleted)


def web_of(source: str, destination: str) -> PolicyRule:
    """A rule between two groups."""
    return PolicyRule(id="", name="any", sources=(source,), destinations=(destination,))


def _now() -> int:
    return time.time_ns() // 1_000


def made(server: ServerProcess) -> World:
    """Both organisations; returns when the audit events are there."""
    control = opened(server)
    world = World(server, control, control.add_organisation("full"))
    _people(world)
    _things(world)
    other = control.add_organisation("empty")
    owner, _ = control.users.create(Actor(other, "sys", InitiatorType.system), ALL_PERMISSIONS, name="Eva", email="eva@example.org",
                                    role=Role.owner, password=PASSWORD)  # fmt: skip
    world.empty = control.sessions.start(control.users.get(other, owner), "test").secret
    _, token = control.tokens.create_for(world.by or Actor(other, "", InitiatorType.system), ALL_PERMISSIONS, world.users[Role.owner], "t")
    until(lambda: len(server.call("GET", f"/api/v1/audit?target_id={world.deleted}", token=token)[1]["data"]) == 2)
    return world


def until(reached: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    deadline = time.monotonic() + EVENTS_S
    while not reached():
        assert time.monotonic() < deadline, "it did not come so far"
        time.sleep(0.05)
