"""Tables of what an organisation had: for each table of the inventory one with a row for each form that a thing had, from one
revision of the organisation until another, and the times of the revisions.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from meshtrail.control import tables
from meshtrail.control.tables import metadata

OPEN = 2**62
"""The revision until which a form is in force that still is. A number instead of null: one range of an index then finds what was
in force at a revision."""

revisions = Table(
    "revisions",
    metadata,
    Column("org_id", String(36), ForeignKey("organisations.id"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index("revisions_by_time", "org_id", "at", "revision"),
)
"""When a revision changed the inventory (microseconds). Times do not go back, whatever the clock does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table of the inventory whose past is kept."""

    live: Table
    past: Table
    key: tuple[str, ...]
    content: tuple[str, ...]
    """Columns whose change makes a new form."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What is copied."""
        return (*self.key, *self.content)


def _kept(live: Table, *content: str) -> Kept:
    key = tuple(column.name for column in live.primary_key.columns)
    copied: list[Column[object]] = []
    for name in (*key, *content):
        column = live.c[name]
        copied.append(Column(name, column.type, primary_key=name in key, nullable=column.nullable and name not in key))
    past = Table(
        f"past_{live.name}",
        metadata,
        *copied,
        Column("from_revision", BigInteger, primary_key=True),
        Column("until_revision", BigInteger, nullable=False),
        Index(f"past_{live.name}_by_revision", "org_id", "until_revision", *key[1:]),
    )
    return Kept(live, past, key, content)


KEPT = (
    _kept(tables.peers, "name", "facts", "enrolled_at", "claims"),
    _kept(tables.groups, "name", "built_in", "created_at"),
    _kept(tables.group_peers),
    _kept(tables.group_resources),
    _kept(tables.policies, "version"),
    _kept(tables.networks, "name", "description", "default_action", "created_at"),
    _kept(tables.resources, "network_id", "name", "description", "type", "address", "enabled", "created_at"),
    _kept(tables.routers, "network_id", "peer_id", "peer_groups", "metric", "masquerade", "enabled", "created_at"),
    _kept(tables.settings, "document"),
)
"""All that a snapshot is made of. Of a policy the version is enough: `policy_versions` has the rest."""

PAST = {kept.live.name: kept.past for kept in KEPT}
"""The table of the past by the name of the present one."""
