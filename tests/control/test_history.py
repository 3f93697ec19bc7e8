"""What an organisation had stays known, revision by revision, on both databases."""

import random
from collections.abc import Callable
from dataclasses import fields

import pytest
from sqlalchemy import delete, func, select

from meshtrail.common.errors import MeshTrailError, UnusableError
from meshtrail.control import history
from meshtrail.control.history_tables import KEPT, OPEN, revisions
from meshtrail.control.inventory import Policy, Router, Snapshot
from meshtrail.control.service import Control
from meshtrail.enrich.directory import Peer
from meshtrail.model.network_map import Action
from tests.control.organisation import Clock, Organisation, rule

CHANGES = 60


def differing(one: Snapshot, other: Snapshot) -> list[tuple[str, object, object]]:
    """In what two snapshots differ."""
    pairs = ((field.name, getattr(one, field.name), getattr(other, field.name)) for field in fields(Snapshot))
    return [pair for pair in pairs if pair[1] != pair[2]]


class Random:
    """Changes something of an organisation."""

    def __init__(self, organisation: Organisation, chance: random.Random) -> None:
        self._organisation, self._chance = organisation, chance
        self._control, self._by = organisation.control, organisation.by
        self._count = 0

    def change(self) -> None:
        """Change one thing; what cannot be is left."""
        self._count += 1
        deeds: list[Callable[[], object]] = [
            self._peer, self._peer, self._address, self._rename, self._remove, self._group, self._members, self._members, self._network,
            self._resource, self._router, self._policy, self._policy, self._policy_change, self._policy_gone, self._settings, self._default,
        ]  # fmt: skip
        try:
            self._chance.choice(deeds)()
        except (MeshTrailError, IndexError):
            return

    def _some(self, kind: str, built_in: bool = False) -> str:
        known = getattr(self._organisation.snapshot, kind)
        if kind == "groups" and not built_in:
            known = [group.id for group in known.values() if not group.built_in]
        return self._chance.choice(sorted(known))

    def _peer(self) -> None:
        self._organisation.peer(f"peer {self._count}", f"100.64.0.{self._chance.randint(1, 20)}", groups=(self._some("groups"),))

    def _address(self) -> None:
        peer = self._some("peers")
        facts = Peer(peer, "said", addresses=(f"100.64.1.{self._count}",))
        self._control.peers.put_facts(self._organisation.agent(peer), facts)

    def _rename(self) -> None:
        self._control.peers.rename(self._by, self._some("peers"), f"renamed {self._count}")

    def _remove(self) -> None:
        self._control.peers.remove(self._by, self._some("peers"))

    def _group(self) -> None:
        self._organisation.group(f"group {self._count}")

    def _members(self) -> None:
        snapshot = self._organisation.snapshot
        peers = self._chance.sample(sorted(snapshot.peers), self._chance.randint(0, len(snapshot.peers)))
        things = self._chance.sample(sorted(snapshot.resources), self._chance.randint(0, len(snapshot.resources)))
        group = self._some("groups")
        self._control.groups.update(self._by, group, snapshot.groups[group].name, peers, things)

    def _network(self) -> None:
        self._control.networks.create(self._by, f"network {self._count}")

    def _resource(self) -> None:
        self._control.networks.create_resource(self._by, self._some("networks"), f"thing {self._count}", f"10.0.{self._count}.0/24", [])

    def _router(self) -> None:
        self._control.networks.create_router(self._by, Router(id="", network_id=self._some("networks"), peer=self._some("peers")))

    def _policy(self) -> None:
        self._organisation.policy(rule(self._some("groups"), self._some("groups", built_in=True), ports=(self._count,)))

    def _policy_change(self) -> None:
        old = self._organisation.snapshot.policies[self._some("policies")]
        self._control.policies.update(self._by, old.id, Policy(id="", name=f"policy {self._count}", rules=old.rules))

    def _policy_gone(self) -> None:
        self._control.policies.delete(self._by, self._some("policies"))

    def _settings(self) -> None:
        self._control.settings.update(self._by, {"progress_interval_s": self._count})

    def _default(self) -> None:
        self._control.settings.update(self._by, {}, {self._some("networks"): self._chance.choice([None, *Action])})


@pytest.mark.parametrize("seed", range(3))
def test_every_moment_of_the_past(organisation: Organisation, clock: Clock, seed: int) -> None:
    """After random changes every one of the snapshots of before is read again as it was, by its moment."""
    chance = random.Random(seed)
    changes = Random(organisation, chance)
    organisation.group("first")
    seen: list[tuple[int, Snapshot]] = []
    for _ in range(CHANGES):
        clock.now += chance.choice([0, 1, 1_000_000])
        changes.change()
        seen.append((clock.now, organisation.snapshot))
    last = dict(seen)
    assert len(last) > CHANGES // 2
    snapshots = organisation.control.snapshots
    for moment, snapshot in last.items():
        revision = snapshots.revision(organisation.id, moment)
        assert revision is not None
        found = snapshots.at(organisation.id, revision.number)
        assert differing(found, snapshot) == []
    assert snapshots.revision(organisation.id, seen[0][0] - 10_000_000_000) is None


def test_other_changes_are_no_revisions(organisation: Organisation) -> None:
    """What a snapshot does not hold leaves no row; neither does a change that changes nothing."""
    group = organisation.group("Staff")
    before = organisation.snapshot.revision
    organisation.key()
    organisation.control.groups.update(organisation.by, group, "Staff", [])
    assert organisation.snapshot.revision == before


def test_forms_are_closed_once(control: Control, organisation: Organisation) -> None:
    """Each thing has one open form at most, and its forms do not overlap; a removed peer has none."""
    peer = organisation.peer("laptop", "100.64.0.1")
    for name in ("a", "b", "b", "a"):
        control.peers.rename(organisation.by, peer, name)
    past = next(kept.past for kept in KEPT if kept.live.name == "peers")
    query = select(past.c.name, past.c.from_revision, past.c.until_revision).where(past.c.org_id == organisation.id)
    with control.database.read() as transaction:
        rows = transaction.execute(query.order_by(past.c.from_revision)).all()
    assert [row.name for row in rows] == ["laptop", "a", "b", "a"]
    assert [row.until_revision for row in rows[:-1]] == [row.from_revision for row in rows[1:]]
    assert rows[-1].until_revision == OPEN
    control.peers.remove(organisation.by, peer)
    with control.database.read() as transaction:
        open_ones = select(func.count()).select_from(past).where(past.c.org_id == organisation.id, past.c.until_revision == OPEN)
        assert transaction.execute(open_ones).scalar() == 0


def test_a_clock_that_goes_back(organisation: Organisation, clock: Clock) -> None:
    """Revisions do not: what was changed later is in force later."""
    organisation.group("one")
    clock.now -= 3_600_000_000
    organisation.group("two")
    moment = organisation.clock.now + 3_600_000_000
    snapshots = organisation.control.snapshots
    found = snapshots.revision(organisation.id, moment)
    assert found is not None
    assert {group.name for group in snapshots.at(organisation.id, found.number).groups.values()} == {"All", "one", "two"}
    assert snapshots.revision(organisation.id, clock.now) is None


def test_revisions_of_a_stretch(organisation: Organisation, clock: Clock) -> None:
    """The one in force at its beginning and those after; the newest ones when they are too many."""
    moments = []
    for number in range(5):
        clock.now += 10
        organisation.group(f"group {number}")
        moments.append(clock.now)
    between = organisation.control.snapshots.revisions
    assert [each.at for each in between(organisation.id, moments[1] + 1, moments[3], 10)] == moments[1:4]
    assert [each.at for each in between(organisation.id, moments[0], moments[4], 2)] == moments[3:]
    assert [each.at for each in between(organisation.id, moments[0] - 5, moments[0], 10)] == moments[:1]
    assert between(organisation.id, 0, 1, 10) == []


def test_a_failed_change_leaves_nothing(control: Control, organisation: Organisation) -> None:
    """The past is written in the change's own transaction."""
    organisation.group("Staff")
    before = organisation.snapshot.revision
    with pytest.raises(UnusableError):
        control.groups.create(organisation.by, "", [])

    def failing() -> None:
        with control.database.change(organisation.id) as transaction:
            transaction.execute(delete(KEPT[1].live).where(KEPT[1].live.c.org_id == organisation.id))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert organisation.snapshot.revision == before


def test_stores_without_a_past_begin_one(control: Control, organisation: Organisation, clock: Clock) -> None:
    """When they are opened; and not once more."""
    organisation.group("Staff")
    with control.database.write() as transaction:
        for table in (*(kept.past for kept in KEPT), revisions):
            transaction.execute(delete(table))
    clock.now += 5
    for _ in range(2):
        with control.database.write() as transaction:
            history.begin(transaction)
    with control.database.read() as transaction:
        found = history.last_revision(transaction, organisation.id)
    assert found is not None
    assert found.at == clock.now
    assert {group.name for group in control.snapshots.at(organisation.id, found.number).groups.values()} == {"All", "Staff"}
