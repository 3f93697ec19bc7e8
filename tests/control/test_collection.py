"""Who was told not to report, and when, on both databases."""

import pytest

from meshtrail.control import collection
from meshtrail.control.collection import FOREVER_US, NEWS_US, Pause, pauses
from meshtrail.control.service import Control
from tests.control.organisation import Clock, Organisation

SECOND = 1_000_000
HOUR_S = 3_600


def told(organisation: Organisation, *peers: str, since: int = 0, until: int = FOREVER_US) -> list[Pause]:
    """The pauses of these peers, oldest first, their times counted from the start in seconds."""
    found = pauses(organisation.control.database, organisation.id, peers, since, until)
    return sorted(
        (Pause(each.peer_id, _second(each.since_us), each.until_us if each.until_us == FOREVER_US else _second(each.until_us - NEWS_US)))
        for each in found
    )  # fmt: skip


def _second(at_us: int) -> int:
    return round((at_us - Clock.now) / SECOND) if at_us else at_us


def change(organisation: Organisation, **settings: object) -> None:
    """Settings of the organisation, an hour after what was before."""
    organisation.clock.pass_s(HOUR_S)
    organisation.control.settings.update(organisation.by, settings)


def test_all_are_to_report_unless_told_otherwise(organisation: Organisation) -> None:
    """Without settings, and with settings that leave nobody out."""
    laptop = organisation.peer("laptop")
    assert told(organisation, laptop) == []
    change(organisation, collect_dns=False)
    assert told(organisation, laptop) == []
    assert pauses(organisation.control.database, "nobody", [laptop], 0, FOREVER_US) == []


def test_collection_that_is_switched_off_and_on(organisation: Organisation) -> None:
    """From one change until the other, and a little longer until the peers have heard of it."""
    laptop = organisation.peer("laptop")
    change(organisation, network_traffic_logs_enabled=False)
    assert told(organisation, laptop, "firewall") == [(laptop, HOUR_S, FOREVER_US)]
    change(organisation, network_traffic_logs_enabled=True)
    assert told(organisation, laptop) == [(laptop, HOUR_S, 2 * HOUR_S)]
    (pause,) = pauses(organisation.control.database, organisation.id, [laptop], 0, FOREVER_US)
    assert pause.until_us == organisation.clock.now + NEWS_US


def test_a_stretch_of_time_is_asked_for(organisation: Organisation) -> None:
    """What was before and after it does not matter; what was at its beginning stands for all before."""
    laptop = organisation.peer("laptop")
    for enabled in (False, True, False):
        change(organisation, network_traffic_logs_enabled=enabled)
    start = Clock.now
    assert told(organisation, laptop, until=start + HOUR_S * SECOND // 2) == []
    assert told(organisation, laptop, since=start + 3 * HOUR_S * SECOND // 2, until=start + 2 * HOUR_S * SECOND - 1) == [
        (laptop, 0, FOREVER_US)
    ]
    assert told(organisation, laptop, since=start + 5 * HOUR_S * SECOND // 2, until=start + 4 * HOUR_S * SECOND) == [
        (laptop, 3 * HOUR_S, FOREVER_US)
    ]


def test_groups_that_are_to_report(organisation: Organisation) -> None:
    """Whoever is in one of them reports; others from the time at which they join it."""
    laptop, phone, crm = (organisation.peer(name) for name in ("laptop", "phone", "crm"))
    staff, servers = organisation.group("Staff", laptop, phone), organisation.group("Servers", crm)
    change(organisation, network_traffic_logs_groups=[staff, servers])
    assert told(organisation, laptop, phone, crm) == []
    change(organisation, network_traffic_logs_groups=[servers])
    organisation.clock.pass_s(HOUR_S)
    organisation.control.groups.update(organisation.by, servers, "Servers", [crm, phone], [])
    assert told(organisation, laptop, phone, crm) == sorted([(laptop, 2 * HOUR_S, FOREVER_US), (phone, 2 * HOUR_S, 3 * HOUR_S)])
    assert told(organisation, crm, "firewall") == []


def test_the_group_of_all_leaves_nobody_out(organisation: Organisation) -> None:
    """It has no members of its own in the store."""
    laptop = organisation.peer("laptop")
    (everybody,) = (group.id for group in organisation.snapshot.groups.values() if group.built_in)
    change(organisation, network_traffic_logs_groups=[everybody])
    assert told(organisation, laptop) == []


def test_a_peer_that_was_removed(organisation: Organisation) -> None:
    """It was told too, as long as it was one."""
    laptop = organisation.peer("laptop")
    change(organisation, network_traffic_logs_enabled=False)
    organisation.control.peers.remove(organisation.by, laptop)
    assert told(organisation, laptop) == [(laptop, HOUR_S, FOREVER_US)]


def test_organisations_do_not_meet(control: Control, organisation: Organisation, clock: Clock) -> None:
    """Another's settings are another's."""
    laptop = organisation.peer("laptop")
    other = Organisation(control, control.add_organisation("other"), clock)
    change(other, network_traffic_logs_enabled=False)
    assert told(organisation, laptop) == []


def test_many_changes_are_bounded(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones are told apart; the oldest of these stands for what was before."""
    laptop = organisation.peer("laptop")
    for number in range(9):
        change(organisation, network_traffic_logs_enabled=bool(number % 2))
    assert len(told(organisation, laptop)) == 5
    monkeypatch.setattr(collection, "MOMENTS_MAX", 3)
    assert told(organisation, laptop) == [(laptop, 0, 8 * HOUR_S), (laptop, 9 * HOUR_S, FOREVER_US)]
