"""Who was told not to report, and when: from the settings that were in force, and the members of the groups that they name."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from meshtrail.control.database import AnyRow, Database
from meshtrail.control.history import revision_at
from meshtrail.control.history_tables import PAST, revisions
from meshtrail.control.inventory import Settings

MOMENTS_MAX = 256
"""Changes of settings and of memberships that are told apart; what was before them counts as the oldest of these."""

NEWS_US = 60 * 1_000_000
"""How long it may take until a peer has heard that it is to report: it asks again at least once a minute."""

FOREVER_US = 2**62
"""The end of what goes on."""


class Pause(NamedTuple):
    """A time in which a peer was told not to report (microseconds)."""

    peer_id: str
    since_us: int
    until_us: int


class _Rule(NamedTuple):
    """Whom the settings let report, from one revision until another."""

    since: int
    until: int
    enabled: bool
    groups: frozenset[str]


class _Member(NamedTuple):
    since: int
    until: int
    group_id: str
    peer_id: str


def pauses(database: Database, org_id: str, peers: Iterable[str], first_us: int, last_us: int) -> list[Pause]:
    """When these of the organisation's peers, removed ones too, were told not to report, as far as it concerns a stretch of time.
    Machines that were never enrolled have no settings and are left out."""
    with database.read() as transaction:
        until = revision_at(transaction, org_id, last_us)
        if until is None:
            return []
        since = revision_at(transaction, org_id, first_us)
        lowest = since.number if since is not None else 0
        rules = [_rule(row) for row in _past(transaction, "settings", org_id, lowest, until.number)]
        groups = frozenset[str]().union(*(rule.groups for rule in rules))
        if not groups and all(rule.enabled for rule in rules):
            return []
        everybody = {row.id for row in _past(transaction, "groups", org_id, lowest, until.number) if row.id in groups and row.built_in}
        members = [
            _Member(row.from_revision, row.until_revision, row.group_id, row.peer_id)
            for row in _past(transaction, "group_peers", org_id, lowest, until.number)
            if row.group_id in groups
        ]
        moments = _moments(transaction, org_id, lowest, until.number, [*rules, *members])
        concerned = _enrolled(transaction, org_id) & frozenset(peers)
    silent = [(at, _silent(number, rules, members, everybody, concerned)) for number, at in moments]
    return list(_merged(silent))


def _past(transaction: Connection, table: str, org_id: str, lowest: int, highest: int) -> list[AnyRow]:
    """Rows that were in force at some revision of these."""
    past = PAST[table]
    wanted = (past.c.org_id == org_id) & (past.c.until_revision > lowest) & (past.c.from_revision <= highest)
    return list(transaction.execute(select(past).where(wanted)).all())


def _rule(row: AnyRow) -> _Rule:
    settings = msgspec.json.decode(row.document, type=Settings)
    groups = frozenset(settings.network_traffic_logs_groups)
    return _Rule(row.from_revision, row.until_revision, settings.network_traffic_logs_enabled, groups)


def _moments(
    transaction: Connection, org_id: str, lowest: int, highest: int, forms: Iterable[_Rule | _Member]
) -> list[tuple[int, int]]:  # fmt: skip
    """Revisions at which something began or ended, and their times; the first one stands for all that was before."""
    numbers = {number for form in forms for number in (form.since, form.until) if lowest < number <= highest}
    chosen = [lowest, *sorted(numbers)][-MOMENTS_MAX:]
    query = select(revisions.c.revision, revisions.c.at).where(revisions.c.org_id == org_id, revisions.c.revision.in_(chosen))
    times = {row.revision: row.at for row in transaction.execute(query)}
    return [(number, times.get(number, 0) if place else 0) for place, number in enumerate(chosen)]


def _enrolled(transaction: Connection, org_id: str) -> frozenset[str]:
    past = PAST["peers"]
    query = select(past.c.id).where(past.c.org_id == org_id, past.c.enrolled_at.is_not(None)).distinct()
    return frozenset(transaction.execute(query).scalars())


def _silent(number: int, rules: list[_Rule], members: list[_Member], everybody: set[str], peers: frozenset[str]) -> frozenset[str]:
    """Who was not to report at a revision. Without settings of their own all are to."""
    rule = next((rule for rule in rules if rule.since <= number < rule.until), None)
    if rule is None or (rule.enabled and (not rule.groups or rule.groups & everybody)):
        return frozenset()
    if not rule.enabled:
        return peers
    return peers - {each.peer_id for each in members if each.since <= number < each.until and each.group_id in rule.groups}


def _merged(silent: list[tuple[int, frozenset[str]]]) -> Iterator[Pause]:
    """Times of each peer, joined where one follows another."""
    begun: dict[str, int] = {}
    for (at, names), (until, following) in pairwise([*silent, (FOREVER_US, frozenset[str]())]):
        for name in names:
            since = begun.setdefault(name, at)
            if name not in following:
                yield Pause(name, since, min(until + NEWS_US, FOREVER_US))
                del begun[name]
