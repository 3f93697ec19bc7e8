"""Machines that report, and among them the peers: what they say of themselves, their names, their removal."""

import ipaddress

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from meshtrail.common.clock import Clock, rfc3339
from meshtrail.common.errors import ForbiddenError, PeerRemovedError
from meshtrail.control import checks, members
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import AnyRow, Database
from meshtrail.control.groups import leave_groups
from meshtrail.control.limits import PEER_ADDRESSES_MAX, PEERS_MAX, SEEN_STEP_S
from meshtrail.control.networks import remove_routers_of
from meshtrail.control.tables import peers
from meshtrail.enrich.directory import Peer as Facts
from meshtrail.model.activities import Activity


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

    def put_facts(self, by: Actor, facts: Facts) -> None:
        """Remember what a machine says of itself."""
        said = cleaned(facts)
        now = self._clock()
        with self._database.change(by.org_id) as transaction:
            this = (peers.c.org_id == by.org_id) & (peers.c.id == said.id)
            row = transaction.execute(select(peers).where(this)).first()
            values = {"facts": msgspec.json.encode(said).decode(), "seen_at": now}
            if row is None:
                check_room(transaction, by.org_id)
                transaction.execute(insert(peers).values(org_id=by.org_id, id=said.id, claims=claims(said, {}, now), **values))
                _tell_facts(transaction, by, None, said, said.name)
                return
            if row.removed_at is not None:
                raise PeerRemovedError(said.id)
            before = msgspec.json.decode(row.claims or "{}", type=dict[str, int])
            transaction.execute(update(peers).where(this).values(claims=claims(said, before, now), **values))
            _tell_facts(transaction, by, msgspec.json.decode(row.facts, type=Facts), said, row.name or said.name)

    def touch(self, org_id: str, identifier: str) -> None:
        """Note a sign of life; nothing is written when there was one a moment ago."""
        now = self._clock()
        late = peers.c.seen_at < now - SEEN_STEP_S * 1_000_000
        this = (peers.c.org_id == org_id) & (peers.c.id == identifier) & late
        with self._database.read() as transaction:
            if transaction.execute(select(peers.c.id).where(this)).first() is None:
                return
        self._database.note_aside(update(peers).where(this).values(seen_at=now))

    def last_seen(self, org_id: str) -> dict[str, int]:
        """The last sign of life of each machine, in microseconds."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(peers.c.id, peers.c.seen_at).where(peers.c.org_id == org_id))
            return {row.id: row.seen_at for row in rows}

    def rename(self, by: Actor, identifier: str, name: str) -> None:
        """Give a peer another name: events carry it from now on."""
        with self._database.change(by.org_id) as transaction:
            this = _enrolled(by.org_id, identifier)
            old = checks.there(transaction.execute(select(peers).where(this)).first(), "peer", identifier)
            named = checks.name(name)
            if named == old.name:
                return
            transaction.execute(update(peers).where(this).values(name=named))
            before, after = difference({"name": old.name}, {"name": named})
            meta = {**told(old), "name": named}
            record(transaction, by, Activity.peer_rename, Target(identifier, named), before=before, after=after, meta=meta)

    def remove(self, by: Actor, identifier: str) -> None:
        """Take a peer out of the network: its tokens and its key are refused, it leaves its groups, it routes nothing. That it
        was there stays known."""
        with self._database.change(by.org_id) as transaction:
            this = _enrolled(by.org_id, identifier)
            old = checks.there(transaction.execute(select(peers).where(this)).first(), "peer", identifier)
            leave_groups(transaction, by, members.PEERS, identifier)
            remove_routers_of(transaction, by, identifier)
            transaction.execute(update(peers).where(this).values(removed_at=self._clock()))
            before = {"name": old.name, "enrolled_at": rfc3339(old.enrolled_at), "enrolment_key_id": old.enrolment_key_id}
            record(transaction, by, Activity.user_peer_delete, Target(identifier, old.name), before=before, meta=told(old))


def told(row: AnyRow) -> dict[str, str]:
    """What an event tells of a peer besides what it is about."""
    facts = msgspec.json.decode(row.facts, type=Facts)
    found = {
        "name": row.name or facts.name, "fqdn": facts.dns_label or "", "ip": facts.addresses[0] if facts.addresses else "",
        "os": facts.os or "", "created_at": rfc3339(row.enrolled_at) if row.enrolled_at is not None else "",
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _tell_facts(transaction: Connection, by: Actor, old: Facts | None, new: Facts, name: str) -> None:
    """Other addresses are an event of their own: they give a peer its place in the network."""
    before, after = difference(old, new)
    target = Target(new.id, name)
    if old is not None and old.addresses != new.addresses:
        sides = [{"addresses": side.pop("addresses")} for side in (before, after)]
        meta = {"name": name, "old_ip": old.addresses[0] if old.addresses else "", "ip": new.addresses[0] if new.addresses else ""}
        record(transaction, by, Activity.peer_ip_update, target, before=sides[0], after=sides[1], meta=meta)
    if before or after:
        record(transaction, by, Activity.peer_facts_update, target, before=before, after=after, meta={"name": name})


def _enrolled(org_id: str, identifier: str) -> ColumnElement[bool]:
    return (peers.c.org_id == org_id) & (peers.c.id == identifier) & peers.c.public_key.is_not(None) & peers.c.removed_at.is_(None)
