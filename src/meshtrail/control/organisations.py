"""Organisations: the tenants of a server."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from meshtrail.common.clock import Clock
from meshtrail.common.errors import NotFoundError
from meshtrail.control.actor import system
from meshtrail.control.audit import Target, record
from meshtrail.control.database import Database
from meshtrail.control.groups import add_built_in_groups
from meshtrail.control.owners import OWNER_NAME, add_owners
from meshtrail.control.tables import organisations
from meshtrail.model.activities import Activity


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant."""

    id: str
    name: str
    created_at: int
    """Microseconds."""


class Organisations:
    """Makes and finds organisations. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add_organisation(self, name: str) -> str:
        """Make an organisation with an owner; returns its id."""
        with self._database.write() as transaction:
            return self._insert(transaction, name)

    def first_organisation(self, name: str = "main") -> tuple[str, bool]:
        """Id of the oldest organisation, made when there is none; and whether it was made now."""
        with self._database.write() as transaction:
            found = transaction.execute(select(organisations.c.id).order_by(organisations.c.created_at)).scalar()
            if found is not None:
                return str(found), False
            return self._insert(transaction, name), True

    def organisation(self, org_id: str) -> Organisation:
        """The organisation with this id; `NotFoundError` without one."""
        with self._database.read() as transaction:
            row = transaction.execute(select(organisations).where(organisations.c.id == org_id)).first()
        if row is None:
            raise NotFoundError(f"There is no organisation {org_id}.")
        return Organisation(row.id, row.name, row.created_at)

    def _insert(self, transaction: Connection, name: str) -> str:
        identifier = str(uuid.uuid4())
        now = self._clock()
        transaction.execute(insert(organisations).values(id=identifier, name=name, created_at=now))
        add_built_in_groups(transaction, now)
        add_owners(transaction, now)
        after = {"name": name, "owner": OWNER_NAME}
        record(transaction, system(identifier), Activity.account_create, Target(identifier, name), after=after)
        return identifier
