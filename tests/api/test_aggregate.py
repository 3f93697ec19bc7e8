"""Aggregates and facets over HTTP: they agree with lists and histograms, and say what they do not understand."""

import http.client
import json
import random
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from meshtrail.common.clock import microseconds, wall_clock
from tests.rows import closing, report
from tests.servers import Answer, ServerProcess

MINUTE_US = 60_000_000
BEGIN = (wall_clock() // MINUTE_US - 600) * MINUTE_US


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    """An organisation with 300 connections in an hour, many of them on a border of a minute."""
    own, chance = server.new_organisation(), random.Random(9)
    rows = [
        report(
            BEGIN + chance.randrange(60) * MINUTE_US + chance.choice((0, 0, 1, MINUTE_US - 1)),
            user_name=chance.choice(("ana", "bo", None)),
            verdict=chance.choice(("allowed", "denied", "unknown")), destination_port=chance.choice((22, 443)),
            destination_address=chance.choice(("10.0.0.2", "192.0.2.9", "198.51.100.4")),
        )
        for _ in range(300)
    ]  # fmt: skip
    rows += [closing(row) for row in rows[::3]]
    status, answer = server.call("POST", "/api/v1/ingest/traffic", "\n".join(map(json.dumps, rows)).encode(), own)
    assert (status, answer["stored"]) == (200, 400), answer
    return own


def asked(server: ServerProcess, token: str, path: str, *parameters: tuple[str, Any]) -> Answer:
    """The answer of GET."""
    return server.call("GET", f"{path}?{urlencode(parameters)}", None, token)


def test_list_histogram_facets_and_totals_agree(server: ServerProcess, token: str) -> None:
    """Windows are half-open everywhere: any window, cut at any row's own time, has the same rows in all answers, and two windows
    that meet have those of both."""
    chance = random.Random(4)
    _, whole = asked(server, token, "/api/v1/traffic", ("limit", 1000))
    times = sorted({row["started_at"] for row in whole["data"]})
    for _ in range(12):
        first, last = sorted(chance.sample(times, 2))
        cut = chance.choice([each for each in times if first <= each <= last])
        more = chance.choice([(), (("destination_port", 22),), (("filter", "verdict = denied or user = ana"),)])
        windows = [(since, until) for since, until in ((first, last), (first, cut), (cut, last)) if since < until]
        counts = [_counts(server, token, (("from", since), ("to", until), *more)) for since, until in windows]
        assert all(len(set(each)) == 1 for each in counts), counts
        assert counts[0][0] == sum(each[0] for each in counts[1:])


def _counts(server: ServerProcess, token: str, chosen: tuple[tuple[str, Any], ...]) -> list[int]:
    rows = asked(server, token, "/api/v1/traffic", *chosen, ("limit", 1000))[1]["data"]
    bars = asked(server, token, "/api/v1/traffic/histogram", *chosen)[1]["data"]
    facets = asked(server, token, "/api/v1/traffic/facets", *chosen, ("field", "user_name"))[1]["data"]["user_name"]
    assert asked(server, token, "/api/v1/traffic/facets", *chosen, ("field", "user.name"))[1]["data"]["user.name"] == facets
    minutes = asked(server, token, "/api/v1/traffic/aggregate", *chosen, ("group", "time(1m)"), ("top", 7))[1]
    others = minutes["others"]["count"] if minutes["others"] else 0
    return [
        len(rows), sum(bar["allowed"] + bar["denied"] + bar["unknown"] for bar in bars), sum(each["count"] for each in facets),
        minutes["totals"]["count"], sum(each["measures"]["count"] for each in minutes["data"]) + others,
    ]  # fmt: skip


def test_groups_and_measures_by_their_names(server: ServerProcess, token: str) -> None:
    """Fields in any spelling; values as the list shows them; the order that is asked for."""
    status, answer = asked(
        server, token, "/api/v1/traffic/aggregate", ("group", "destination.address"), ("group", "user.name"), ("measure", "sum(rx_bytes)"),
        ("measure", "count"), ("measure", "min(started_at)"), ("order", "count"), ("top", 2), ("filter", "user.name = *"),
    )  # fmt: skip
    assert status == 200, answer
    assert [list(each["group"]) for each in answer["data"]] == [["destination_address", "user_name"]] * 2
    assert {each["group"]["destination_address"] for each in answer["data"]} <= {"10.0.0.2", "192.0.2.9", "198.51.100.4"}
    counts = [each["measures"]["count"] for each in answer["data"]]
    assert counts == sorted(counts, reverse=True)
    assert answer["groups"] == 6
    for each in answer["data"]:
        assert each["measures"]["sum(rx_bytes)"] % 200 == 0
        assert BEGIN <= microseconds(each["measures"]["min(started_at)"]) < BEGIN + 60 * MINUTE_US


def test_groups_by_the_first_known_of_several_fields(server: ServerProcess) -> None:
    """An end by its name, else by its address; a person by name, else e-mail address; a decision by its policy, else how it was found."""
    own = server.new_organisation()
    rows = [
        report(BEGIN, source_name="phone", user_email="ana@example.com", policy_name="Sales to CRM"),
        report(BEGIN, source_address="10.0.0.9", user_name="bo", attribution="default_deny"), report(BEGIN, destination_address="10.0.0.3"),
    ]  # fmt: skip
    assert server.ingest(rows, own)[0] == 200
    names = ("end(source)", "end(destination)", "person", "reason")
    status, answer = asked(server, own, "/api/v1/traffic/aggregate", *(("group", name) for name in names), ("order", "end(source):asc"))
    assert status == 200, answer
    assert [list(each["group"].values()) for each in answer["data"]] == [
        ["10.0.0.1", "10.0.0.3", None, None], ["10.0.0.9", "10.0.0.2", "bo", "default_deny"],
        ["phone", "10.0.0.2", "ana@example.com", "Sales to CRM"],
    ]  # fmt: skip


def test_hours_and_days_are_those_of_the_zone(server: ServerProcess, token: str) -> None:
    """Hour, day of the week and days of another zone."""
    own = server.new_organisation()
    moment = microseconds("2026-11-18T23:30:00Z")
    assert server.call("POST", "/api/v1/ingest/traffic", json.dumps(report(moment)).encode(), own)[0] == 200
    for zone, expected in (("UTC", [23, 3, "2026-11-18T00:00:00.000000Z"]), ("Asia/Kathmandu", [5, 4, "2026-11-18T18:15:00.000000Z"])):
        _, answer = asked(
            server, own, "/api/v1/traffic/aggregate", ("group", "hour"), ("group", "weekday"), ("group", "time(1d)"), ("zone", zone),
        )  # fmt: skip
        assert list(answer["data"][0]["group"].values()) == expected


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"group": "nothing"}, "no field"), ({"group": "user"}, "several fields"), ({"group": "time(7us)"}, "width"),
        ({"group": "time(x)"}, "duration"), ({"group": "org_id"}, "no field"), ({"measure": "sum(user_name)"}, "no number"),
        ({"measure": "count(user_name)"}, "takes no field"), ({"measure": "sum"}, "needs a field"),
        ({"measure": "median(rx_bytes)"}, "no measure"),
        ({"measure": "sum(rx_bytes) FROM audit"}, "no measure"), ({"order": "rx_bytes"}, "order"), ({"order": "count:up"}, "order"),
        ({"top": "0"}, "top"), ({"top": "1001"}, "top"), ({"zone": "../etc/passwd"}, "zone"), ({"nothing": "1"}, "no field"),
    ],
)  # fmt: skip
def test_what_is_not_understood(server: ServerProcess, token: str, parameters: dict[str, str], word: str) -> None:
    """A clear answer that names it."""
    status, answer = asked(server, token, "/api/v1/traffic/aggregate", *parameters.items())
    assert status == 400
    assert word in answer["error"]["message"], answer


def test_audit_events_are_aggregated(server: ServerProcess) -> None:
    """Who did how much of what."""
    own = server.new_organisation()
    for name in ("staff", "guests"):
        body = json.dumps({"name": name}).encode()
        assert server.call("POST", "/api/groups", body, own, **{"Content-Type": "application/json"})[0] == 200
    found: dict[str, Any] = {}
    deadline = time.monotonic() + 10
    while found.get("totals", {}).get("count") != 2 and time.monotonic() < deadline:
        _, found = asked(
            server, own, "/api/v1/audit/aggregate", ("group", "activity_code"), ("measure", "count"),
            ("measure", "distinct(target.name)"), ("activity_code", "group.add"),
        )  # fmt: skip
    assert found["data"] == [{"group": {"activity_code": "group.add"}, "measures": {"count": 2, "distinct(target_name)": 2}}]


def test_a_client_that_leaves_does_no_harm(server: ServerProcess, token: str) -> None:
    """Questions whose clients close the connection at once leave the server answering."""
    query = urlencode([("group", "flow_id"), ("measure", "p99(rx_bytes)"), ("top", 1000)])
    for _ in range(30):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        connection.request("GET", f"/api/v1/traffic/aggregate?{query}", headers={"Authorization": f"Token {token}"})
        connection.close()
    assert asked(server, token, "/api/v1/traffic/aggregate")[0] == 200


def test_organisations_do_not_meet(server: ServerProcess, token: str) -> None:
    """Whoever asks sees the own organisation's rows alone."""
    stranger = server.new_organisation()
    _, answer = asked(server, stranger, "/api/v1/traffic/aggregate", ("group", "user_name"))
    assert (answer["data"], answer["totals"]["count"]) == ([], 0)
    status, _ = asked(server, stranger, "/api/v1/traffic/aggregate", ("org_id", str(uuid.uuid4())))
    assert status == 400
    assert asked(server, stranger, "/api/v1/traffic/facets", ("field", "user_name"))[1]["data"] == {"user_name": []}
