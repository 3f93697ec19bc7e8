"""Gives each peer its network map when it has news: with a serial that only grows, signed."""

import hashlib
import logging
import threading
from typing import NamedTuple

import msgspec
from sqlalchemy import delete, insert, select

from meshtrail.common.clock import Clock
from meshtrail.common.errors import PeerRemovedError
from meshtrail.control.database import Database
from meshtrail.control.inventory import Snapshot
from meshtrail.control.limits import SNAPSHOTS_MAX
from meshtrail.control.network_maps import Plan
from meshtrail.control.signing import ServerKey
from meshtrail.control.snapshots import Snapshots
from meshtrail.control.tables import network_map_serials as serials
from meshtrail.model.network_map import RULES_MAX, Envelope

_LOG = logging.getLogger(__name__)


class _Issued(NamedTuple):
    serial: int
    digest: str


class Issuer:
    """Issues maps. Thread-safe."""

    def __init__(self, database: Database, snapshots: Snapshots, key: ServerKey, clock: Clock) -> None:
        self._database, self._snapshots, self._key, self._clock = database, snapshots, key, clock
        self._lock = threading.Lock()
        self._plans: dict[str, tuple[Snapshot, Plan]] = {}

    def news(self, org_id: str, peer_id: str, known: int) -> Envelope | None:
        """The peer's map unless its serial is `known`; `PeerRemovedError` when there is no such peer any more. A peer that knows
        a larger serial than we do (we were restored from a backup) gets a larger one still."""
        snapshot = self._snapshots.get(org_id)
        if peer_id not in snapshot.peers:
            raise PeerRemovedError(peer_id)
        content = self._plan(snapshot).network_map(peer_id)
        if len(content.rules) >= RULES_MAX:
            _LOG.error("the network map of a peer is full: what it allows last is left out", extra={"peer_id": peer_id, "rules": RULES_MAX})
        digest = hashlib.sha256(msgspec.json.encode(content)).hexdigest()
        serial = self._serial(org_id, peer_id, digest, known)
        if serial == known:
            return None
        return self._key.seal(msgspec.structs.replace(content, serial=serial, issued_at=self._clock()))

    def _plan(self, snapshot: Snapshot) -> Plan:
        found = self._plans.get(snapshot.org_id)
        if found is not None and found[0] is snapshot:
            return found[1]
        plan = Plan(snapshot)
        if len(self._plans) >= SNAPSHOTS_MAX:
            self._plans.clear()
        self._plans[snapshot.org_id] = snapshot, plan
        return plan

    def _serial(self, org_id: str, peer_id: str, digest: str, known: int) -> int:
        """The serial of this content: the one it has had, or a larger one."""
        mine = (serials.c.org_id == org_id) & (serials.c.peer_id == peer_id)
        with self._lock:
            with self._database.read() as transaction:
                row = transaction.execute(select(serials.c.serial, serials.c.digest).where(mine)).first()
            before = _Issued(row.serial, row.digest) if row is not None else _Issued(0, "")
            if before.digest == digest and known <= before.serial:
                return before.serial
            serial = max(self._clock(), before.serial + 1, known + 1)
            with self._database.note() as transaction:
                transaction.execute(delete(serials).where(mine))
                transaction.execute(insert(serials).values(org_id=org_id, peer_id=peer_id, serial=serial, digest=digest))
            return serial
