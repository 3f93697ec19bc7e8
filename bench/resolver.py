"""`resolver`: the pipe's rate with the resolver and without, for the same events of a large and of a small organisation.

The organisations observe, so that several rules may be candidates: that is the dearer case.
"""

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa

from bench import data
from bench.line import Figure, apart, at_least
from meshtrail.common.clock import wall_clock
from meshtrail.control.directories import directory_of
from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, PolicyRule, Resource, Router, Settings, Snapshot
from meshtrail.control.material import material_of
from meshtrail.enrich.directory import Directory, Peer
from meshtrail.enrich.geo import NullAtlas
from meshtrail.enrich.resolver.book import Book
from meshtrail.enrich.resolver.resolve import resolve
from meshtrail.enrich.service import Enricher
from meshtrail.ingest import arrow_ipc, ndjson
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import TRAFFIC
from meshtrail.model.network_map import Action, Mode, Protocol, ResourceType
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.migrations import migrate
from meshtrail.store.positions import Positions
from meshtrail.store.writer import Writer
from tests.enrich.resolver.fixed import Fixed

ROWS = {"Arrow": 400_000, "NDJSON": 100_000}
ROUNDS = 8
"""Each way is measured so often, in pairs one right after the other; what both ways of a pair share, such as a busy machine, falls out
of their quotient. Of the quotients the median counts."""

DECODE = {"Arrow": arrow_ipc.decode, "NDJSON": ndjson.decode}
SENDERS = 3
USUAL = 30
"""Connections that a peer usually makes: so many services a person and their programs use."""

PORTS = (
    22,
    53,
    80,
    123,
    389,
    443,
    445,
    636,
    1433,
    3000,
    3306,
    3389,
    5000,
    5432,
    5672,
    6379,
    6443,
    8000,
    8080,
    8443,
    9000,
    9090,
    9092,
    9200,
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large an organisation is."""

    name: str
    peers: int
    groups: int
    policies: int
    resources: int


LARGE = Size("1,000 policies", 1_000, 100, 1_000, 100)
SMALL = Size("10 policies", 20, 5, 10, 3)


def organisation(size: Size, seed: int = 1) -> Snapshot:
    """Teams that may reach services: a peer is in one team and a few groups more."""
    chance = random.Random(seed)
    machines = {f"peer{number:04d}": _machine(number) for number in range(size.peers)}
    members: list[list[str]] = [[] for _ in range(size.groups)]
    for peer in machines:
        for group in {chance.randrange(size.groups), *(chance.randrange(size.groups) for _ in range(chance.randrange(4)))}:
            members[group].append(peer)
    networks = {f"net{number}": Network(f"net{number}", f"site {number}") for number in range(max(1, size.resources // 5))}
    resources = {f"res{number}": _resource(number, len(networks)) for number in range(size.resources)}
    groups = {
        f"group{number}": Group(f"group{number}", f"Group {number}", False, tuple(peers), tuple(chance.sample(sorted(resources), 1)))
        for number, peers in enumerate(members)
    }
    routers = {
        f"router{number}": Router(id=f"router{number}", network_id=network, peer=f"peer{number:04d}")
        for number, network in enumerate(networks)
    }
    policies = {f"policy{number}": _policy(chance, number, sorted(groups)) for number in range(size.policies)}
    settings = Settings(mode=Mode.observe)
    return Snapshot("bench", settings, machines, groups, policies, networks, resources, routers)


def _machine(number: int) -> PeerRecord:
    address = f"100.64.{(number + 1) >> 8}.{(number + 1) & 255}"
    return PeerRecord(f"peer{number:04d}", f"laptop-{number:04d}", Peer(f"peer{number:04d}", f"laptop-{number:04d}"), 1, {address: 1})


def _resource(number: int, networks: int) -> Resource:
    network = number % networks
    return Resource(
        id=f"res{number}", network_id=f"net{network}", name=f"res {number}", type=ResourceType.subnet, address=f"10.{network}.{number}.0/24"
    )


def _policy(chance: random.Random, number: int, groups: list[str]) -> Policy:
    rule = PolicyRule(
        id=f"rule{number}", name=f"rule {number}", sources=tuple(chance.sample(groups, chance.randint(1, 2))),
        destinations=tuple(chance.sample(groups, chance.randint(1, 2))), protocol=chance.choice([Protocol.tcp, Protocol.tcp, Protocol.udp]),
        ports=tuple(chance.sample(PORTS, chance.randint(1, 3))), bidirectional=chance.random() < 0.3,
        action=Action.drop if chance.random() < 0.03 else Action.accept,
    )  # fmt: skip
    return Policy(id=f"policy{number}", name=f"Policy {number}", created_at=number, rules=(rule,))


def bodies(snapshot: Snapshot, form: str) -> list[bytes]:
    """Events as a sender without rules of its own tells them. Each peer has its usual connections, some of them much more than
    others, which the rules let in for the most part."""
    chance, rows = np.random.default_rng(1), ROWS[form]
    peers, rules = list(snapshot.machines), [policy.rules[0] for policy in snapshot.policies.values()]
    addresses = [next(iter(machine.claims)) for machine in snapshot.machines.values()]
    sites = [resource.address.removesuffix("0/24") + str(host) for resource in snapshot.resources.values() for host in range(1, 6)]
    usual = [_usual(chance, snapshot, rules, peer, peers, len(sites)) for peer in peers]
    picked = np.minimum(chance.pareto(0.8, rows) * 2, USUAL - 1).astype(int)
    found = np.array([each for of_peer in usual for each in of_peer])[chance.integers(0, len(peers), rows) * USUAL + picked]
    tables = []
    for number, batch in enumerate(data.tables(rows)):
        part = found[number * data.BATCH_ROWS :][: batch.num_rows]
        bare = batch.drop_columns(["policy_id", "policy_name", "attribution", "connection_type"])
        for at, name in enumerate(("source_address", "destination_address")):
            column = pa.DictionaryArray.from_arrays(pa.array(part[:, at], pa.int32()), pa.array(addresses + sites))
            bare = bare.set_column(bare.column_names.index(name), name, column)
        for at, name, kind in ((2, "destination_port", pa.uint16()), (3, "protocol", pa.uint8())):
            bare = bare.set_column(bare.column_names.index(name), name, pa.array(part[:, at], kind))
        tables.append(bare)
    return data.arrow_bodies(tables) if form == "Arrow" else data.ndjson_bodies(tables)


def _usual(
    chance: np.random.Generator, snapshot: Snapshot, rules: list[PolicyRule], peer: str, peers: list[str], sites: int
) -> list[tuple[int, int, int, int]]:
    """Source, destination, port and protocol of a peer's connections."""
    mine = [rule for rule in rules if any(peer in snapshot.groups[group].peers for group in rule.sources)] or rules
    found = []
    for rule in chance.choice(np.array(mine, dtype=object), USUAL):
        ends = [peers.index(each) for group in rule.destinations for each in snapshot.groups[group].peers] or [0]
        target = int(chance.choice(ends)) if chance.random() < 0.85 else len(peers) + int(chance.integers(0, sites))
        found.append((peers.index(peer), target, int(chance.choice(rule.ports)), 17 if rule.protocol is Protocol.udp else 6))
    return found


def run() -> list[Figure]:
    """Rates of both organisations, and of the large one for both forms of events."""
    figures = []
    for size, form in ((LARGE, "Arrow"), (LARGE, "NDJSON"), (SMALL, "Arrow")):
        with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
            pairs, alone, made = apart(measure, Path(folder), size, form)
        name = f"resolver: {size.name}, {form}"
        figures += [
            Figure(f"{name}, pipe without", median(without.rate for without, _ in pairs), "events/s"),
            Figure(f"{name}, pipe with", median(with_it.rate for _, with_it in pairs), "events/s"),
            at_least(f"{name}, with against without", median(with_it.rate / without.rate for without, with_it in pairs), "×", 0.9),
            Figure(f"{name}, processor time on top", median(with_it.core_us - without.core_us for without, with_it in pairs), "µs"),
            Figure(f"{name}, alone, one core", alone, "events/s"),
            Figure(f"{name}, rules compiled in", made * 1_000, "ms"),
        ]
    return figures


@dataclass(frozen=True, slots=True)
class Pace:
    """Events a second, and microseconds of processor time for each."""

    rate: float
    core_us: float


def measure(folder: Path, size: Size, form: str) -> tuple[list[tuple[Pace, Pace]], float, float]:
    """Pairs of the pipe without and with the resolver, the rate of the resolver alone, and the seconds in which a book is made."""
    snapshot = organisation(size)
    Book(material_of(organisation(SMALL)))  # whatever is only loaded once
    begun = time.thread_time()
    book = Book(material_of(snapshot))
    made = time.thread_time() - begun
    sent = bodies(snapshot, form)
    plain = directory_of(snapshot)
    knowing = replace(plain, books=Fixed(book))
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    engine.execute("SYSTEM STOP MERGES")  # those of one turn would be counted in the next
    pairs = []
    for number in range(ROUNDS):
        found = {
            knows: asyncio.run(through_pipe(engine, f"bench{number}{knows}", sent, form, knowing if knows else plain))
            for knows in ((False, True) if number % 2 else (True, False))
        }
        pairs.append((found[False], found[True]))
    engine.close()
    return pairs, _alone(sent, form, knowing), made


def _alone(sent: list[bytes], form: str, directory: Directory) -> float:
    """Events a second of the resolver by itself."""
    tables = []
    for body in sent:
        batch = DECODE[form](body, TRAFFIC)
        validate(batch, TRAFFIC, wall_clock())
        tables.append(Enricher(NullAtlas()).enrich(batch.table, replace(directory, books=Directory({}, {}).books)))
    begun = time.thread_time()
    for table in tables:
        resolve(table, directory.books)
    return ROWS[form] / (time.thread_time() - begun)


async def through_pipe(engine: EmbeddedEngine, org_id: str, sent: list[bytes], form: str, directory: Directory) -> Pace:
    """From the first body to the last durable commit."""
    pipe = Pipeline(
        TRAFFIC, Writer(engine, TRAFFIC, Positions(wall_clock)), Duplicates(engine, TRAFFIC, wall_clock), Enricher(NullAtlas()),
        lambda _: directory, wall_clock, 0,
    )  # fmt: skip
    await pipe.start()
    waiting = list(reversed(sent))

    async def send() -> None:
        while waiting:
            await pipe.submit(org_id, form.lower(), waiting.pop(), DECODE[form])

    begun, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send() for _ in range(SENDERS)))
    pace = Pace(ROWS[form] / (time.perf_counter() - begun), (time.process_time() - used) / ROWS[form] * 1e6)
    await pipe.stop()
    return pace
