"""Reports of one connection are joined, and what they say of each other is named."""

import uuid
from typing import Any

import msgspec
import pytest

from meshtrail.common.clock import rfc3339
from meshtrail.store.connection_join import MARGIN_S, START_TOLERANCE_S
from meshtrail.store.connection_view import BYTES_DIFFER_MIN, SETTLED_S
from meshtrail.store.connections import Connections, Expected, Expecting, Wanted, stretches
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.query import Query, condition
from meshtrail.store.reader import Reader
from tests.pipes import store
from tests.rows import NOON_US, closing, report

LATER_US = NOON_US + 3_600_000_000
KNOWN = {"laptop": 0, "crm": 0, "router": 0}
LAPTOP, CRM, ROUTER, DATABASE = "100.64.0.1", "100.64.0.2", "10.9.0.1", "10.9.0.20"
PEERS = {"source_id": "laptop", "source_type": "peer", "destination_id": "crm", "destination_type": "peer"}
ROUTED = {"source_id": "laptop", "source_type": "peer", "destination_id": "db", "destination_type": "resource"}
Row = dict[str, Any]


def expecting(
    known: dict[str, int], routers: dict[str, dict[str, str]] | None = None, pauses: tuple[tuple[str, int, int], ...] = ()
) -> Expecting:  # fmt: skip
    """The same at all times."""
    return lambda _first_us, _last_us: Expected(known, routers or {}, pauses)


ALL = expecting(KNOWN)


def said(role: str, reporter: str, at_us: int = 0, **fields: Any) -> Row:
    """An opening as somebody in a role reports it."""
    shape = {"initiator": ("p2p", "egress"), "target": ("p2p", "ingress"), "router": ("routed", "unknown")}[role]
    given: Row = {"source_address": LAPTOP, "destination_address": CRM, "direction": shape[1], **PEERS, **fields}
    return report(NOON_US + at_us, reporter_id=reporter, connection_type=shape[0], **given)


def ended(row: Row, to_destination: int = 1_000, to_source: int = 5_000, **fields: Any) -> Row:
    """Its closing, with what went each way."""
    rx, tx = (to_destination, to_source) if row.get("direction") == "ingress" else (to_source, to_destination)
    kept = {name: row[name] for name in row if name.startswith("nat_")}
    return closing(row, rx_bytes=rx, tx_bytes=tx, **kept, **fields)


def connections(engine: EmbeddedEngine, org_id: str, *, limit: int = 100, conditions: tuple[Any, ...] = (), **wanted: Any) -> list[Row]:
    """All connections that the store gives."""
    asked = Wanted(**{"now_us": LATER_US, "expecting": ALL, **wanted})
    return [msgspec.json.decode(row) for row in Connections(engine, Reader(engine)).page(Query(org_id, conditions), asked, limit).rows]


def roles(connection: Row) -> list[str]:
    """Who reported, best place first."""
    return [each["role"] for each in connection["reports"]]


def test_both_ends_agree(engine: EmbeddedEngine, org_id: str) -> None:
    """Peer to peer, reported at both ends: one connection with both reports, the initiator's id and start, and what it sent."""
    here, there = said("initiator", "laptop", policy_name="Sales to CRM"), said("target", "crm", 1_200, policy_name="Sales to CRM")
    store(engine, org_id, [here, there], [ended(here), ended(there)])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"], found["missing"], roles(found)) == ("both", False, [], ["initiator", "target"])
    assert (found["started_at"], found["state"], found["verdict"]) == (rfc3339(NOON_US), "closed", "allowed")
    assert (found["bytes_to_destination"], found["bytes_to_source"], found["policy_name"]) == (1_000, 5_000, "Sales to CRM")
    assert [(each["bytes_to_destination"], each["bytes_to_source"]) for each in found["reports"]] == [(1_000, 5_000)] * 2
    assert found["id"] == found["reports"][0]["id"]


@pytest.mark.parametrize(("known", "finding"), [(KNOWN, True), ({"laptop": 0}, False), ({**KNOWN, "crm": NOON_US + 1}, False)])
def test_one_side_only(engine: EmbeddedEngine, org_id: str, known: dict[str, int], finding: bool) -> None:
    """The target says nothing: a finding when it reported at that time, none when nobody reports there or began later."""
    here = said("initiator", "laptop")
    store(engine, org_id, [here], [ended(here)])
    (found,) = connections(engine, org_id, expecting=expecting(known))
    assert (found["agreement"], found["finding"]) == ("one_side", finding)
    assert found["missing"] == ([{"side": "destination", "reporter_id": "crm", "reporter_name": None}] if finding else [])


def test_what_may_still_come_is_no_finding(engine: EmbeddedEngine, org_id: str) -> None:
    """A young connection's other report may be under way; a start that nobody saw cannot be matched; no answer, no other side."""
    young = said("initiator", "laptop")
    store(engine, org_id, [young])
    assert not connections(engine, org_id, now_us=NOON_US + SETTLED_S * 1_000_000 - 1)[0]["finding"]
    assert connections(engine, org_id, now_us=NOON_US + SETTLED_S * 1_000_000)[0]["finding"]
    unmatched: list[Row] = [{"starts": 0}, {"state": "attempted"}]
    for fields in unmatched:
        other = org_id + str(fields)
        store(engine, other, [said("initiator", "laptop", **fields)])
        (found,) = connections(engine, other)
        assert (found["agreement"], found["finding"], len(found["missing"])) == ("one_side", False, 1)


def test_a_machine_that_talks_to_itself_has_one_reporter(engine: EmbeddedEngine, org_id: str) -> None:
    """Both ends are the reporter: nobody else could say anything."""
    store(
        engine, org_id, [said("initiator", "laptop", destination_id="laptop", destination_address="127.0.0.1", source_address="127.0.0.1")]
    )
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"]) == ("both", False)


def test_routed_and_translated_at_the_router(engine: EmbeddedEngine, org_id: str) -> None:
    """Initiator and router see the same tuple before translation; the target behind it never reports. With a target that
    does, the router's translated side joins it too."""
    fields: Row = {**ROUTED, "destination_address": DATABASE, "destination_port": 5432}
    here = said("initiator", "laptop", **fields)
    between = said("router", "router", 900, nat_source_address=ROUTER, nat_source_port=40_000, **fields)
    store(engine, org_id, [here, between], [ended(here), ended(between)])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"], roles(found), found["connection_type"]) == (
        "both",
        False,
        ["initiator", "router"],
        "routed",
    )
    there = said("target", "db-host", 1_500, source_address=ROUTER, **{**fields, "source_id": "router"})
    store(engine, org_id, [there], [ended(there)])
    (found,) = connections(engine, org_id)
    assert roles(found) == ["initiator", "router", "target"]
    assert (found["source_address"], found["source_id"]) == (LAPTOP, "laptop")
    assert found["reports"][1]["nat_source_address"] == ROUTER


@pytest.mark.parametrize("direction", ["ingress", "egress", "unknown"])
@pytest.mark.parametrize("nat", [{}, {"nat_source_address": ROUTER, "nat_source_port": 40_000}])
def test_a_router_counts_both_ways(engine: EmbeddedEngine, org_id: str, direction: str, nat: Row) -> None:
    """What it received of a connection that came to it, and sent of one that left through it, went to the destination;
    translation changes nothing of that."""
    fields: Row = {**ROUTED, "destination_address": DATABASE, "destination_port": 5432}
    here, between = said("initiator", "laptop", **fields), said("router", "router", 900, **{**fields, **nat, "direction": direction})
    last = ended(between, 20_000, 1_500_000, rx_packets=30 if direction == "ingress" else 1_100,
                 tx_packets=1_100 if direction == "ingress" else 30)  # fmt: skip
    store(engine, org_id, [here, between], [ended(here, 20_000, 1_500_000, rx_packets=1_100, tx_packets=30), last])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"], roles(found)) == ("both", False, ["initiator", "router"])
    for each in (found, *found["reports"]):
        assert (each["bytes_to_destination"], each["bytes_to_source"]) == (20_000, 1_500_000)
        assert (each["packets_to_destination"], each["packets_to_source"]) == (30, 1_100)


def test_a_router_that_lost_packets_differs(engine: EmbeddedEngine, org_id: str) -> None:
    """What the initiator sent and the router did not receive is a finding."""
    fields: Row = {**ROUTED, "destination_address": DATABASE, "destination_port": 5432}
    here = said("initiator", "laptop", **fields)
    between = said("router", "router", 900, nat_source_address=ROUTER, nat_source_port=40_000, **{**fields, "direction": "ingress"})
    store(engine, org_id, [here, between], [ended(here, 900_000, 1_000), ended(between, 880_000, 1_000)])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"]) == ("bytes_differ", True)
    assert [each["bytes_to_destination"] for each in found["reports"]] == [900_000, 880_000]


BEHIND: Row = {**ROUTED, "destination_address": DATABASE, "destination_port": 5432, "destination_resource_id": "db"}


@pytest.mark.parametrize(
    ("routers", "known", "missing"),
    [
        ({"router": "edge"}, KNOWN, [("router", "edge")]),
        ({"router": "edge", "gateway": "other"}, {**KNOWN, "gateway": 0}, [("router", "edge"), ("gateway", "other")]),
        ({"router": "edge", "gateway": "other"}, KNOWN, []),
        ({"router": "edge"}, {**KNOWN, "router": NOON_US + 1}, []),
        ({"router": "edge", "laptop": "itself"}, KNOWN, []),
        ({}, KNOWN, []),
    ],
)
def test_a_router_that_says_nothing(
    engine: EmbeddedEngine, org_id: str, routers: dict[str, str], known: dict[str, int], missing: list[tuple[str, str]]
) -> None:
    """It is missing when every router of the resource was known as a reporter, and none says anything; not when one of them may have
    routed without reporting, or is the initiator itself."""
    here = said("initiator", "laptop", **BEHIND)
    store(engine, org_id, [here], [ended(here)])
    (found,) = connections(engine, org_id, expecting=expecting(known, {"db": routers, "another": {"crm": "crm"}}))
    assert (found["agreement"], found["finding"]) == ("one_side", bool(missing))
    assert [(each["side"], each["reporter_id"], each["reporter_name"]) for each in found["missing"]] == [
        ("router", identifier, name) for identifier, name in missing
    ]


@pytest.mark.parametrize(("since", "until", "missed"), [(-1, 1, 0), (0, 1, 0), (1, 2, 1), (-5, 0, 1)])
def test_whoever_was_told_to_be_silent_is_not_missed(engine: EmbeddedEngine, org_id: str, since: int, until: int, missed: int) -> None:
    """Neither an end nor a router, while it lasted; its silence before and after is a finding."""
    paused = tuple((who, NOON_US + since, NOON_US + until) for who in ("crm", "router"))
    store(engine, org_id, [said("initiator", "laptop")])
    store(engine, org_id + "x", [said("initiator", "laptop", **BEHIND)])
    for org, routers in ((org_id, {}), (org_id + "x", {"db": {"router": "edge"}})):
        (found,) = connections(engine, org, expecting=expecting(KNOWN, routers, paused))
        assert (len(found["missing"]), found["finding"], found["agreement"]) == (missed, bool(missed), "one_side")


def test_who_is_expected_is_asked_for_the_time_of_the_connections(engine: EmbeddedEngine, org_id: str) -> None:
    """From the first start to the last."""
    asked: list[tuple[int, int]] = []

    def note(first_us: int, last_us: int) -> Expected:
        asked.append((first_us, last_us))
        return Expected(KNOWN)

    store(engine, org_id, [said("initiator", "laptop", number * 1_000_000) for number in (0, 60, 90)])
    assert len(connections(engine, org_id, expecting=note)) == 3
    assert asked == [(NOON_US, NOON_US + 90_000_000)]


def test_a_router_that_reports_is_not_missed(engine: EmbeddedEngine, org_id: str) -> None:
    """One of two routers is enough; an attempt that nobody answered is no finding."""
    here, between = said("initiator", "laptop", **BEHIND), said("router", "router", 900, **BEHIND)
    asked = expecting({**KNOWN, "gateway": 0}, {"db": {"gateway": "other", "router": "edge"}})
    store(engine, org_id, [here, between], [ended(here), ended(between)])
    (found,) = connections(engine, org_id, expecting=asked)
    assert (found["agreement"], found["missing"]) == ("both", [])
    store(engine, org_id + "x", [said("initiator", "laptop", state="attempted", verdict="unknown", **BEHIND)])
    (found,) = connections(engine, org_id + "x", expecting=asked)
    assert (found["finding"], len(found["missing"])) == (False, 2)


def test_two_routers_and_a_translated_destination(engine: EmbeddedEngine, org_id: str) -> None:
    """Each router translates once more; filtering for any of the four finds the whole connection."""
    fields: Row = {**ROUTED, "destination_address": "10.1.1.1", "destination_port": 80}
    here = said("initiator", "laptop", **fields)
    first = said("router", "router", 500, nat_source_address=ROUTER, nat_source_port=7_000, **fields)
    second = said(
        "router", "gateway", 900, nat_destination_address=DATABASE, nat_destination_port=8080,
        **{**fields, "source_address": ROUTER, "source_port": 7_000},
    )  # fmt: skip
    there = said("target", "db", 1_300, **{**fields, "source_address": ROUTER, "source_port": 7_000, "destination_address": DATABASE,
                                            "destination_port": 8080})  # fmt: skip
    store(engine, org_id, [here, first, second, there])
    for reporter in ("laptop", "router", "gateway", "db"):
        (found,) = connections(engine, org_id, conditions=(condition("reporter_id", "", [reporter]),))
        assert [each["reporter_id"] for each in found["reports"]] == ["laptop", "router", "gateway", "db"]


@pytest.mark.parametrize("denier", ["target", "router"])
def test_denied_by_the_other_side(engine: EmbeddedEngine, org_id: str, denier: str) -> None:
    """The initiator's attempt and the denial of the peer or of the router are one connection, denied by the other's rule."""
    attempt = said("initiator", "laptop", state="attempted", verdict="unknown", policy_name="Laptops out")
    denial = said(denier, "crm" if denier == "target" else "router", 3_000_000, state="denied", verdict="denied",
                  attribution="default_deny", drops=3)  # fmt: skip
    store(engine, org_id, [attempt, denial])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"], found["state"], found["verdict"]) == ("denied_by_other", False, "denied", "denied")
    assert (roles(found), found["policy_name"], found["attribution"]) == (["initiator", denier], None, "default_deny")
    assert found["missing"] == []


def test_a_denial_whose_initiator_says_nothing(engine: EmbeddedEngine, org_id: str) -> None:
    """An outsider's attempt is one-sided; a peer's that does not report it is a finding."""
    store(engine, org_id, [said("target", "crm", state="denied", verdict="denied", source_id=None)])
    assert (connections(engine, org_id)[0]["agreement"], connections(engine, org_id)[0]["finding"]) == ("one_side", False)
    store(engine, org_id + "x", [said("target", "crm", state="denied", verdict="denied", source_name="Ana's laptop")])
    (found,) = connections(engine, org_id + "x")
    missing = {"side": "source", "reporter_id": "laptop", "reporter_name": "Ana's laptop"}
    assert (found["finding"], found["missing"]) == (True, [missing])


@pytest.mark.parametrize(
    ("other", "agreement"), [(1_000_000, "both"), (1_010_000, "both"), (1_010_200, "bytes_differ"), (980_000, "bytes_differ")]
)
def test_bytes_that_differ(engine: EmbeddedEngine, org_id: str, other: int, agreement: str) -> None:
    """More than one percent and more than a kibibyte apart, when both have ended."""
    here, there = said("initiator", "laptop"), said("target", "crm", 700)
    store(engine, org_id, [here, there], [ended(here, 1_000_000), ended(there, other)])
    (found,) = connections(engine, org_id)
    assert (found["agreement"], found["finding"]) == (agreement, agreement == "bytes_differ")


def test_a_reporter_that_fell_silent(engine: EmbeddedEngine, org_id: str) -> None:
    """What the other one says of the end counts; while it says that the connection goes on, it is open; without it, it is lost."""
    here, there = said("initiator", "laptop"), said("target", "crm", 700)
    gone = ended(there, 10, 20, state="lost", close_reason="lost", after_us=500_000)
    store(engine, org_id, [here, there], [gone])
    store(engine, org_id + "x", [here, there], [gone, ended(here)])
    store(engine, org_id + "y", [there], [gone])
    shown = [
        (each["state"], each["ended_at"], each["agreement"]) for each in (connections(engine, org_id + end)[0] for end in ("", "x", "y"))
    ]
    assert shown == [
        ("open", None, "both"), ("closed", rfc3339(NOON_US + 1_500_000), "both"), ("lost", rfc3339(NOON_US + 500_700), "one_side"),
    ]  # fmt: skip


def test_small_and_unfinished_counters_do_not_differ(engine: EmbeddedEngine, org_id: str) -> None:
    """A few last packets are seen by one side only; an open report is still counting."""
    here, there = said("initiator", "laptop"), said("target", "crm", 700)
    store(engine, org_id, [here, there], [ended(here, 100), ended(there, 100 + BYTES_DIFFER_MIN)])
    assert connections(engine, org_id)[0]["agreement"] == "both"
    store(engine, org_id + "x", [here, {**there, "rx_bytes": 10}], [ended(here, 1_000_000)])
    assert connections(engine, org_id + "x")[0]["agreement"] == "both"


def test_the_same_tuple_again(engine: EmbeddedEngine, org_id: str) -> None:
    """Connections that follow each other on one tuple stay apart, also close together, also when one report is missing."""
    rows = []
    for at_us in (0, 1_000_000, 2_000_000, 60_000_000):
        rows += [said("initiator", "laptop", at_us), said("target", "crm", at_us + 400)]
    del rows[3]
    store(engine, org_id, rows)
    found = connections(engine, org_id)
    assert [(each["started_at"], roles(each)) for each in found] == [
        (rfc3339(NOON_US + 60_000_000), ["initiator", "target"]), (rfc3339(NOON_US + 2_000_000), ["initiator", "target"]),
        (rfc3339(NOON_US + 1_000_000), ["initiator"]), (rfc3339(NOON_US), ["initiator", "target"]),
    ]  # fmt: skip


@pytest.mark.parametrize("skew_us", [-400_000, 400_000])
def test_a_clock_that_is_off_by_less_than_half_their_distance(engine: EmbeddedEngine, org_id: str, skew_us: int) -> None:
    """Reports meet the nearest start, before or after."""
    rows = []
    for at_us in (0, 1_000_000):
        rows += [said("initiator", "laptop", at_us, source_name=f"n{at_us}"), said("target", "crm", at_us + skew_us, user_name=f"n{at_us}")]
    store(engine, org_id, rows)
    found = connections(engine, org_id)
    assert [roles(each) for each in found] == [["initiator", "target"]] * 2
    assert all(each["source_name"] == each["user_name"] for each in found)


@pytest.mark.parametrize(("apart_us", "count"), [(START_TOLERANCE_S * 1_000_000, 1), (START_TOLERANCE_S * 1_000_000 + 1, 2)])
def test_the_tolerance(engine: EmbeddedEngine, org_id: str, apart_us: int, count: int) -> None:
    """Starts that are further apart are of two connections."""
    store(engine, org_id, [said("initiator", "laptop"), said("target", "crm", apart_us)])
    assert len(connections(engine, org_id)) == count


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": 1, "icmp_type": 8, "icmp_code": 0, "source_port": None, "destination_port": None},
        {"protocol": 58, "icmp_type": 128, "icmp_code": 0, "source_port": None, "destination_port": None,
         "source_address": "fd00::1", "destination_address": "fd00::2"},
        {"source_address": "fd00::1", "destination_address": "fd00::2"},
        {"protocol": 17, "destination_port": 53},
        {"protocol": 132},
    ],
)  # fmt: skip
def test_protocols_and_families(engine: EmbeddedEngine, org_id: str, fields: Row) -> None:
    """ICMP is matched by type and code, IPv6 like IPv4; another type is another connection."""
    rows = [said("initiator", "laptop", **fields), said("target", "crm", 300, **fields)]
    if fields.get("icmp_type"):
        rows.append(said("target", "crm", 300, **{**fields, "icmp_type": 13}))
    store(engine, org_id, rows)
    found = connections(engine, org_id)
    assert sorted(len(each["reports"]) for each in found) == ([1, 2] if fields.get("icmp_type") else [2])


def test_reporters_that_do_not_say_their_role(engine: EmbeddedEngine, org_id: str) -> None:
    """Senders without direction are joined too; who stands at an end is known by its id."""
    senders = [report(NOON_US + 10 * number, reporter_id=f"fw-{number}") for number in range(3)]
    store(engine, org_id, [*senders, report(NOON_US + 30, reporter_id="crm", destination_id="crm")])
    (found,) = connections(engine, org_id)
    assert roles(found) == ["target", "observer", "observer", "observer"]


def test_windows_and_gaps_are_no_connections(engine: EmbeddedEngine, org_id: str) -> None:
    """Aggregates and gaps are left out; organisations do not meet."""
    gap = {"reporter_id": "laptop", "flow_id": str(uuid.uuid4()), "state": "gap", "started_at": rfc3339(NOON_US), "gap_lost": 3}
    store(engine, org_id, [report(NOON_US, state="window"), gap])
    store(engine, org_id + "x", [said("target", "crm", 20)])
    assert connections(engine, org_id) == []
    store(engine, org_id, [said("initiator", "laptop")])
    assert len(connections(engine, org_id)[0]["reports"]) == 1


def test_a_filter_on_any_report_finds_the_whole_connection(engine: EmbeddedEngine, org_id: str) -> None:
    """What one report knows finds the connection with all its reports."""
    store(engine, org_id, [said("initiator", "laptop", process_name="psql"), said("target", "crm", 400, policy_name="Sales to CRM")])
    for name, value in (("process_name", "psql"), ("policy_name", "Sales to CRM")):
        (found,) = connections(engine, org_id, conditions=(condition(name, "", [value]),))
        assert roles(found) == ["initiator", "target"]
    assert connections(engine, org_id, conditions=(condition("process_name", "", ["ssh"]),)) == []


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_give_every_connection_once(engine: EmbeddedEngine, org_id: str, limit: int) -> None:
    """Newest first, whatever the page size; also where reports of one stand on both sides of a page's end, and where many
    reports of one tuple come close together."""
    rows = []
    for number in range(60):
        port = 30_000 + number % 7
        rows += [
            said("initiator", "laptop", number * 900_000, source_port=port),
            said("target", "crm", number * 900_000 + 2_000, source_port=port),
        ]
    store(engine, org_id, rows[:50], rows[50:])
    read, cursor, seen = Connections(engine, Reader(engine)), None, []
    for _ in range(100):
        page = read.page(Query(org_id), Wanted(LATER_US, ALL), limit, cursor)
        seen += [msgspec.json.decode(row) for row in page.rows]
        cursor = page.following
        if cursor is None:
            break
    assert [each["started_at"] for each in seen] == [rfc3339(NOON_US + number * 900_000) for number in reversed(range(60))]
    assert all(roles(each) == ["initiator", "target"] for each in seen)


def test_a_wanted_agreement_is_searched_for(engine: EmbeddedEngine, org_id: str) -> None:
    """Findings and agreements choose connections; a page says where the search goes on."""
    rows = []
    for number in range(40):
        rows.append(said("initiator", "laptop", number * 1_000, source_port=2_000 + number))
        if number % 10:
            rows.append(said("target", "crm", number * 1_000 + 300, source_port=2_000 + number))
    store(engine, org_id, rows)
    assert [each["source_port"] for each in connections(engine, org_id, findings=True)] == [2_030, 2_020, 2_010, 2_000]
    assert len(connections(engine, org_id, agreement=("one_side",))) == 4
    assert len(connections(engine, org_id, agreement=("both", "one_side"))) == 40
    read = Connections(engine, Reader(engine))
    first = read.page(Query(org_id), Wanted(LATER_US, ALL, findings=True), 3)
    assert len(first.rows) == 3
    second = read.page(Query(org_id), Wanted(LATER_US, ALL, findings=True), 3, first.following)
    assert [msgspec.json.decode(row)["source_port"] for row in second.rows] == [2_000]


def test_the_id_of_any_report_leads_to_the_connection(engine: EmbeddedEngine, org_id: str) -> None:
    """The same connection from either report; nothing for an id that is not there, or another organisation's."""
    store(engine, org_id, [said("initiator", "laptop"), said("target", "crm", 400)])
    (found,) = connections(engine, org_id)
    read = Connections(engine, Reader(engine))
    for each in found["reports"]:
        started_ms = int(each["id"].replace("-", "")[:12], 16)
        one = read.one(org_id, each["id"], started_ms, Wanted(LATER_US, ALL))
        assert one is not None
        assert msgspec.json.decode(one) == found
        assert read.one("another", each["id"], started_ms, Wanted(LATER_US, ALL)) is None


def test_one_tuple_without_end_is_bounded(engine: EmbeddedEngine, org_id: str) -> None:
    """Thousands of reports of one tuple in one moment give pages, not a fault."""
    store(engine, org_id, [said("initiator", "laptop", number, protocol=1, icmp_type=8, icmp_code=0) for number in range(3_000)])
    assert len(connections(engine, org_id)) == 100


def test_stretches_join_what_is_near() -> None:
    """Margins that touch are one stretch; the widest gaps stay when there are too many."""
    margin = MARGIN_S * 1_000_000
    assert stretches([]) == []
    assert stretches([5, 7]) == [(5 - margin, 7 + margin)]
    far = 10 * margin
    assert stretches([0, far]) == [(-margin, margin), (far - margin, far + margin)]
    assert stretches([0, far, 3 * far], most=2) == [(-margin, far + margin), (3 * far - margin, 3 * far + margin)]
    assert len(stretches([number * far for number in range(500)])) == 64
