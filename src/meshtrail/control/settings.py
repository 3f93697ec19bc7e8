"""What an organisation has set for its agents."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.control import checks
from meshtrail.control.database import Database
from meshtrail.control.inventory import Settings
from meshtrail.control.limits import REFERENCES_MAX
from meshtrail.control.tables import groups, networks, settings
from meshtrail.model.network_map import Action

PROGRESS_INTERVAL_S_MAX = 86_400
"""A day between two reports of an open connection; 0 is none at all."""


def read_settings(transaction: Connection, org_id: str) -> Settings:
    """The settings as they are."""
    document = transaction.execute(select(settings.c.document).where(settings.c.org_id == org_id)).scalar()
    return Settings() if document is None else msgspec.json.decode(document, type=Settings)


class SettingsStore:
    """Changes settings. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def update(self, org_id: str, changed: Mapping[str, object], defaults: Mapping[str, Action | None] | None = None) -> None:
        """Replace the named settings and leave the others; `defaults`: what becomes of connections into a network that no
        rule matches, by the network's id (None: what the overlay's default says)."""
        with self._database.change(org_id) as transaction:
            given = {name: tuple(value) if isinstance(value, list) else value for name, value in changed.items()}
            wanted = _checked(transaction, org_id, msgspec.structs.replace(read_settings(transaction, org_id), **given))
            document, now = msgspec.json.encode(wanted).decode(), self._clock()
            mine = settings.c.org_id == org_id
            if not transaction.execute(update(settings).where(mine).values(document=document, updated_at=now)).rowcount:
                transaction.execute(insert(settings).values(org_id=org_id, document=document, updated_at=now))
            if defaults:
                checks.known(transaction, networks, org_id, defaults, "network_defaults")
            for identifier, action in (defaults or {}).items():
                this = (networks.c.org_id == org_id) & (networks.c.id == identifier)
                transaction.execute(update(networks).where(this).values(default_action=action))


def _checked(transaction: Connection, org_id: str, wanted: Settings) -> Settings:
    reporting = checks.few(wanted.network_traffic_logs_groups, REFERENCES_MAX, "network_traffic_logs_groups")
    checks.known(transaction, groups, org_id, reporting, "network_traffic_logs_groups")
    return msgspec.structs.replace(
        wanted,
        network_range=checks.network(wanted.network_range, 4, "network_range"),
        network_range_v6=checks.network(wanted.network_range_v6, 6, "network_range_v6"),
        network_traffic_logs_groups=reporting,
        progress_interval_s=checks.number(wanted.progress_interval_s, 0, PROGRESS_INTERVAL_S_MAX, "progress_interval_s"),
    )
