"""What an organisation has set for its agents."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, insert, select, update

from meshtrail.common.clock import Clock
from meshtrail.control import checks
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.database import Database
from meshtrail.control.inventory import Settings
from meshtrail.control.limits import REFERENCES_MAX
from meshtrail.control.tables import groups, networks, organisations, settings
from meshtrail.model.activities import Activity, TargetType
from meshtrail.model.network_map import Action

PROGRESS_INTERVAL_S_MAX = 86_400
"""A day between two reports of an open connection; 0 is none at all."""

_ACTIVITIES = {
    "mode": Activity.settings_mode_update,
    "overlay_default": Activity.settings_default_action_update,
    "network_range": Activity.account_network_range_update,
    "network_range_v6": Activity.account_network_range_update,
    "network_traffic_logs_groups": Activity.settings_traffic_log_update,
    "network_traffic_packet_counter_enabled": Activity.settings_traffic_log_update,
    "collect_dns": Activity.settings_traffic_log_update,
    "collect_exit_node": Activity.settings_traffic_log_update,
    "progress_interval_s": Activity.settings_traffic_log_update,
}
"""What the change of a setting is called; of the others it is `settings.update`."""


def read_settings(transaction: Connection, org_id: str) -> Settings:
    """The settings as they are."""
    document = transaction.execute(select(settings.c.document).where(settings.c.org_id == org_id)).scalar()
    return Settings() if document is None else msgspec.json.decode(document, type=Settings)


class SettingsStore:
    """Changes settings. Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def update(self, by: Actor, changed: Mapping[str, object], defaults: Mapping[str, Action | None] | None = None) -> None:
        """Replace the named settings and leave the others; `defaults`: what becomes of connections into a network that no
        rule matches, by the network's id (None: what the overlay's default says)."""
        with self._database.change(by.org_id) as transaction:
            given = {name: tuple(value) if isinstance(value, list) else value for name, value in changed.items()}
            old = read_settings(transaction, by.org_id)
            wanted = _checked(transaction, by.org_id, msgspec.structs.replace(old, **given))
            if wanted != old:
                _write(transaction, by.org_id, wanted, self._clock())
                _tell(transaction, by, old, wanted)
            if defaults:
                checks.known(transaction, networks, by.org_id, defaults, "network_defaults")
            for identifier, action in (defaults or {}).items():
                _set_default(transaction, by, identifier, action)


def _write(transaction: Connection, org_id: str, wanted: Settings, now: int) -> None:
    document = msgspec.json.encode(wanted).decode()
    mine = settings.c.org_id == org_id
    if not transaction.execute(update(settings).where(mine).values(document=document, updated_at=now)).rowcount:
        transaction.execute(insert(settings).values(org_id=org_id, document=document, updated_at=now))


def _set_default(transaction: Connection, by: Actor, identifier: str, action: Action | None) -> None:
    this = (networks.c.org_id == by.org_id) & (networks.c.id == identifier)
    old = transaction.execute(select(networks.c.name, networks.c.default_action).where(this)).one()
    before, after = difference({"default_action": old.default_action}, {"default_action": action})
    if after:
        transaction.execute(update(networks).where(this).values(default_action=action))
        target = Target(identifier, old.name, TargetType.network)
        record(transaction, by, Activity.settings_default_action_update, target, before=before, after=after)


def _tell(transaction: Connection, by: Actor, old: Settings, new: Settings) -> None:
    """One event for the settings that go by one name."""
    before, after = difference(old, new)
    by_activity: dict[Activity, list[str]] = {}
    for name, value in after.items():
        activity = _ACTIVITIES.get(name, Activity.settings_update)
        if name == "network_traffic_logs_enabled":
            activity = Activity.settings_traffic_log_enable if value else Activity.settings_traffic_log_disable
        by_activity.setdefault(activity, []).append(name)
    target = Target(by.org_id, transaction.execute(select(organisations.c.name).where(organisations.c.id == by.org_id)).scalar())
    for activity, names in by_activity.items():
        was, became = ({each: side[each] for each in names} for side in (before, after))
        record(transaction, by, activity, target, before=was, after=became, meta=_meta(activity, was, became))


def _meta(activity: Activity, was: Mapping[str, object], became: Mapping[str, object]) -> dict[str, object]:
    """NetBird names the ranges so."""
    if activity is not Activity.account_network_range_update:
        return {}
    return {f"{age}_{name}": value for age, side in (("old", was), ("new", became)) for name, value in side.items()}


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
