"""Creates that may be sent again: a key of the sender's choice stands for what was made, so that nothing is made twice."""

import hashlib
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from meshtrail.common.clock import Clock
from meshtrail.common.errors import BusyError, UnusableError
from meshtrail.control.actor import Actor
from meshtrail.control.database import Database
from meshtrail.control.limits import IDEMPOTENCY_KEY_S, IDEMPOTENCY_KEYS_MAX
from meshtrail.control.tables import idempotency_keys as keys


class Idempotency:
    """Remembers keys with what was made. Thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def once(self, by: Actor, key: str, request: bytes, make: Callable[[], str]) -> str:
        """The id of what `make` makes, or of what the same actor made with the same key before: then nothing is made. The key is
        remembered in the transaction of the change. `UnusableError` when the request was another then."""
        mine = _mine(by, key)
        digest = hashlib.sha256(request).hexdigest()
        with self._database.read() as transaction:
            found = _known(transaction, mine, digest)
        if found is not None:
            return found
        with self._database.together(by.org_id) as transaction:
            now = self._clock()
            begin = now - IDEMPOTENCY_KEY_S * 1_000_000
            transaction.execute(delete(keys).where(keys.c.org_id == by.org_id, keys.c.created_at < begin))
            found = _known(transaction, mine, digest)
            if found is not None:
                return found
            count = transaction.execute(select(func.count()).select_from(keys).where(keys.c.org_id == by.org_id)).scalar() or 0
            if count >= IDEMPOTENCY_KEYS_MAX:
                raise BusyError(f"{count} idempotency keys were used of late.", "Send without one, or wait.")
            made = make()
            values = {"actor_id": by.id, "key": _hashed(key), "digest": digest, "made": made, "created_at": now}
            transaction.execute(insert(keys).values(org_id=by.org_id, **values))
        return made


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _mine(by: Actor, key: str) -> ColumnElement[bool]:
    return (keys.c.org_id == by.org_id) & (keys.c.actor_id == by.id) & (keys.c.key == _hashed(key))


def _known(transaction: Connection, mine: ColumnElement[bool], digest: str) -> str | None:
    row = transaction.execute(select(keys).where(mine)).first()
    if row is None:
        return None
    if row.digest != digest:
        raise UnusableError("Idempotency-Key: it was used for another request.", "Choose a new key for each thing.")
    return str(row.made)
