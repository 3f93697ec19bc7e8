"""Machines that report, and among them the peers: what they say of themselves, their names, their removal."""

import ipaddress

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.common.errors import ForbiddenError, PeerRemovedError
from meshtrail.control import checks
from meshtrail.control.database import Database
from meshtrail.control.limits import PEER_ADDRESSES_MAX, PEERS_MAX, SEEN_STEP_S
from meshtrail.control.tables import group_peers, peers, routers
from meshtrail.enrich.directory import Peer as Facts


def cleaned(facts: Facts) -> Facts:
    """Facts with addresses that are some, each once and in its usual form. What is none is left out."""
    found: dict[str, None] = {}
    for text in facts.addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            continue
        found[str(address)] = None
    return Facts(facts.id, facts.name, facts.os, facts.dns_label, tuple(found)[:PEER_ADDRESSES_MAX], facts.users)


def claims(facts: Facts, before: dict[str, int], now: int) -> str:
    """JSON: since when the machine says that it has which address."""
    return msgspec.json.encode({address: before.get(address, now) for address in facts.addresses}).decode()


def check_room(transaction: Connection, org_id: str) -> None:
    """One more machine may report."""
    query = select(func.count()).select_from(peers).where(peers.c.org_id == org_id, peers.c.removed_at.is_(None))
    if (transaction.execute(query).scalar() or 0) >= PEERS_MAX:
        raise ForbiddenError(f"The organisation has {PEERS_MAX} peers, more are not possible.", "Remove some.")


class Peers:
    """Changes peers. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put_facts(self, org_id: str, facts: Facts) -> None:
        """Remember what a machine says of itself."""
        said = cleaned(facts)
        now = self._clock()
        with self._database.change(org_id) as transaction:
            this = (peers.c.org_id == org_id) & (peers.c.id == said.id)
            row = transaction.execute(select(peers).where(this)).first()
            values = {"facts": msgspec.json.encode(said).decode(), "seen_at": now}
            if row is None:
                check_room(transaction, org_id)
                transaction.execute(insert(peers).values(org_id=org_id, id=said.id, claims=claims(said, {}, now), **values))
                return
            if row.removed_at is not None:
                raise PeerRemovedError(said.id)
            before = msgspec.json.decode(row.claims or "{}", type=dict[str, int])
            transaction.execute(update(peers).where(this).values(claims=claims(said, before, now), **values))

    def touch(self, org_id: str, identifier: str) -> None:
        """Note a sign of life; nothing is written when there was one a moment ago."""
        now = self._clock()
        late = peers.c.seen_at < now - SEEN_STEP_S * 1_000_000
        this = (peers.c.org_id == org_id) & (peers.c.id == identifier) & late
        with self._database.read() as transaction:
            if transaction.execute(select(peers.c.id).where(this)).first() is None:
                return
        with self._database.note() as transaction:
            transaction.execute(update(peers).where(this).values(seen_at=now))

    def last_seen(self, org_id: str) -> dict[str, int]:
        """The last sign of life of each machine, in microseconds."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(peers.c.id, peers.c.seen_at).where(peers.c.org_id == org_id))
            return {row.id: row.seen_at for row in rows}

    def rename(self, org_id: str, identifier: str, name: str) -> None:
        """Give a peer another name: events carry it from now on."""
        with self._database.change(org_id) as transaction:
            done = transaction.execute(update(peers).where(_enrolled(org_id, identifier)).values(name=checks.name(name)))
            checks.there(done.rowcount, "peer", identifier)

    def remove(self, org_id: str, identifier: str) -> None:
        """Take a peer out of the network: its tokens and its key are refused, it leaves its groups, it routes nothing. That it
        was there stays known."""
        with self._database.change(org_id) as transaction:
            done = transaction.execute(update(peers).where(_enrolled(org_id, identifier)).values(removed_at=self._clock()))
            checks.there(done.rowcount, "peer", identifier)
            for table in (group_peers, routers):
                transaction.execute(delete(table).where(table.c.org_id == org_id, table.c.peer_id == identifier))


def _enrolled(org_id: str, identifier: str) -> ColumnElement[bool]:
    return (peers.c.org_id == org_id) & (peers.c.id == identifier) & peers.c.public_key.is_not(None) & peers.c.removed_at.is_(None)
