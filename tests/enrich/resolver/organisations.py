"""Random organisations, and batches of their traffic."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa

from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, PolicyRule, Reference, Resource, Router, Settings, Snapshot
from meshtrail.control.material import material_of
from meshtrail.enrich.directory import Peer
from meshtrail.enrich.resolver.book import Book
from meshtrail.enrich.resolver.resolve import resolve
from meshtrail.ingest import ndjson
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import TRAFFIC
from meshtrail.model.enums import Attribution
from meshtrail.model.network_map import Action, Mode, PortRange, Protocol, ResourceType
from tests.enrich.resolver.fixed import Fixed
from tests.rows import NOON_US, report

PORTS = (22, 53, 80, 81, 443, 8_080)
PREFIXES = ("10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.2.0.0/16", "10.2.9.9/32", "fd01::/64", "fd01::5/128")
OUTSIDE = ("10.1.2.3", "10.1.2.4", "10.1.9.9", "10.2.9.9", "10.9.9.9", "192.0.2.1", "fd01::5", "fd01::6")


def organisation(chance: random.Random, mode: Mode | None = None, domains: bool = False) -> Snapshot:
    """A dozen of everything, with every kind of end, protocol and port."""
    machines = {f"p{number}": _machine(number) for number in range(chance.randint(2, 9))}
    kinds = [ResourceType.subnet] * 4 + ([ResourceType.domain] if domains else [])
    networks = {f"n{number}": Network(f"n{number}", f"network {number}", default=chance.choice([None, *Action])) for number in range(3)}
    resources = {f"r{number}": _resource(chance, number, chance.choice(kinds)) for number in range(chance.randint(0, 6))}
    groups = {"g0": Group("g0", "All", True)}
    for number in range(1, chance.randint(2, 6)):
        members = tuple(chance.sample(sorted(machines), chance.randint(0, len(machines))))
        things = tuple(chance.sample(sorted(resources), chance.randint(0, min(2, len(resources)))))
        groups[f"g{number}"] = Group(f"g{number}", f"group {number}", False, members, things)
    policies = {f"o{number}": _policy(chance, number, sorted(groups), sorted(machines), sorted(resources)) for number in range(8)}
    routers = {f"t{number}": _router(chance, number, sorted(machines), sorted(groups)) for number in range(chance.randint(0, 4))}
    settings = Settings(mode=mode or chance.choice(list(Mode)), overlay_default=chance.choice(list(Action)))
    settings = msgspec.structs.replace(settings, network_range_v6=chance.choice(["", "fd00::/64"]))
    return Snapshot("org", settings, machines, groups, policies, networks, resources, routers)


def _machine(number: int) -> PeerRecord:
    claims = {f"100.64.0.{number + 1}": 1, f"fd00::{number + 1}": 1, f"192.168.7.{number + 1}": 1}
    return PeerRecord(f"p{number}", f"peer {number}", Peer(f"p{number}", f"peer {number}"), 1, claims)


def _resource(chance: random.Random, number: int, kind: ResourceType) -> Resource:
    address = f"r{number}.test" if kind is ResourceType.domain else chance.choice(PREFIXES)
    network = f"n{chance.randint(0, 2)}"
    return Resource(
        id=f"r{number}", network_id=network, name=f"resource {number}", type=kind, address=address, enabled=chance.random() < 0.9
    )


def _router(chance: random.Random, number: int, machines: list[str], groups: list[str]) -> Router:
    alone = chance.random() < 0.7
    return Router(
        id=f"t{number}", network_id=f"n{chance.randint(0, 2)}", enabled=chance.random() < 0.9,
        peer=chance.choice(machines) if alone else None, peer_groups=() if alone else (chance.choice(groups),),
    )  # fmt: skip


def _policy(chance: random.Random, number: int, groups: list[str], machines: list[str], resources: list[str]) -> Policy:
    rules = tuple(_rule(chance, f"u{number}-{at}", groups, machines, resources) for at in range(chance.randint(1, 2)))
    return Policy(
        id=f"o{number}", name=f"policy {number}", version=chance.randint(1, 9), created_at=number // 2, rules=rules,
        enabled=chance.random() < 0.9,
    )  # fmt: skip


def _rule(chance: random.Random, identifier: str, groups: list[str], machines: list[str], resources: list[str]) -> PolicyRule:
    protocol = chance.choice(list(Protocol))
    ports = chance.sample(PORTS, chance.randint(0, 2)) if protocol is not Protocol.icmp else []
    ranges = tuple(PortRange(port, port + chance.randint(0, 400)) for port in ports) if chance.random() < 0.5 else ()
    some = tuple(chance.sample(groups, min(len(groups), chance.randint(1, 2))))
    others = tuple(chance.sample(groups, min(len(groups), chance.randint(1, 2))))
    single = Reference(chance.choice(machines), "peer") if chance.random() < 0.1 else None
    target = chance.choice(
        [None, None, None, Reference(chance.choice(machines), "peer"), *(Reference(each, "subnet") for each in resources[:1])]
    )
    return PolicyRule(
        id=identifier, name=identifier, enabled=chance.random() < 0.9, action=chance.choice([Action.accept, Action.accept, Action.drop]),
        bidirectional=chance.random() < 0.5, protocol=protocol, ports=() if ranges else tuple(ports), port_ranges=ranges,
        sources=() if single else some, source_resource=single, destinations=() if target else others, destination_resource=target,
    )  # fmt: skip


def tuples(chance: random.Random, snapshot: Snapshot, count: int) -> list[dict[str, Any]]:
    """Reports of connections from anywhere to anywhere, as any of the peers may make them."""
    near = [f"100.64.0.{number}" for number in range(1, 12)] + [f"fd00::{number}" for number in range(1, 12)]
    return [_tuple(chance, snapshot, number, near) for number in range(count)]


def _tuple(chance: random.Random, snapshot: Snapshot, number: int, near: list[str]) -> dict[str, Any]:
    source = chance.choice([*near, *near, *near, "192.0.2.9", "192.168.7.1"])
    same = [each for each in (*near, *OUTSIDE, *OUTSIDE) if (":" in each) == (":" in source)]
    protocol = chance.choice([6, 6, 17, 1, 58, 132])
    extra = chance.choice([
        {"connection_type": "routed", "direction": "ingress"}, {"connection_type": "p2p", "direction": "ingress"},
        {"connection_type": "p2p", "direction": "egress"}, {},
    ])  # fmt: skip
    return report(
        NOON_US + number, reporter_id=chance.choice([*snapshot.machines, "stranger"]), source_address=source,
        destination_address=chance.choice(same), protocol=protocol,
        destination_port=chance.choice([*PORTS, 444, 9_999]) if protocol in {6, 17} else None, source_port=None,
        icmp_type=chance.choice([8, 128, 135]) if protocol in {1, 58} else None, verdict=None, state="attempted", starts=None, **extra,
    )  # fmt: skip


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as the pipe hands them to the resolver."""
    batch = ndjson.decode(b"\n".join(msgspec.json.encode(row) for row in rows), TRAFFIC)
    validate(batch, TRAFFIC, NOON_US + 10**9)
    assert batch.table.num_rows == len(rows), batch.refusals
    return batch.table


def resolved(snapshot: Snapshot | Book, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the resolver adds to each row."""
    book = snapshot if isinstance(snapshot, Book) else Book(material_of(snapshot))
    return told(resolve(table_of(rows), Fixed(book)))


def told(table: pa.Table) -> list[dict[str, Any]]:
    """The columns of a table that say who decided, unknown ones left out."""
    names = [
        name
        for name in ("attribution", "policy_id", "policy_name", "rule_id", "policy_version", "rule_candidates")
        if name in table.column_names
    ]
    return [_known(row) for row in table.select(names).to_pylist()] if names else [{} for _ in range(table.num_rows)]


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if value not in (None, [])}
    if "attribution" in found:
        found["attribution"] = Attribution(found["attribution"]).name
    return found
