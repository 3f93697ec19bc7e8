"""Connections over HTTP: filters, cursor, one by any report's id, refusals."""

from typing import Any

from meshtrail.common.clock import wall_clock
from tests.rows import closing, report
from tests.servers import ServerProcess

Row = dict[str, Any]


def pair(number: int = 0, age_us: int = 300_000_000, **fields: Any) -> list[Row]:
    """The openings of one connection at both ends."""
    began = wall_clock() - age_us + number
    ends = {"source_id": "laptop", "destination_id": "crm", "source_port": 30_000 + number, **fields}
    return [
        report(began, reporter_id="laptop", direction="egress", **ends),
        report(began + 500, reporter_id="crm", direction="ingress", **ends),
    ]


def test_a_page_and_what_leads_to_one(server: ServerProcess) -> None:
    """Both reports are one connection, also by the id of either, also when only one passes the filter."""
    token = server.new_organisation()
    here, there = pair()
    here["user_name"] = "ana"
    server.ingest([here, there], token)
    server.ingest([closing(here), closing(there, rx_bytes=100, tx_bytes=200)], token)
    status, answer = server.call("GET", "/api/v1/connections?user_name=ana", token=token)
    assert (status, answer["next_cursor"], len(answer["data"])) == (200, None, 1)
    (found,) = answer["data"]
    assert (found["agreement"], found["finding"], len(found["reports"]), found["user_name"]) == ("both", False, 2, "ana")
    _, traffic = server.call("GET", "/api/v1/traffic", token=token)
    for row in traffic["data"]:
        assert server.call("GET", f"/api/v1/connections/{row['id']}", token=token) == (200, {"data": found})
    other = server.new_organisation()
    assert server.call("GET", f"/api/v1/connections/{found['id']}", token=other)[0] == 404
    assert server.call("GET", "/api/v1/connections", token=other)[1] == {"data": [], "next_cursor": None}


def test_pages_follow_each_other(server: ServerProcess) -> None:
    """The cursor leads through all of them, newest first."""
    token = server.new_organisation()
    server.ingest([row for number in range(7) for row in pair(number)], token)
    ports, cursor = [], ""
    for _ in range(10):
        _, answer = server.call("GET", f"/api/v1/connections?limit=3{cursor}", token=token)
        ports += [each["source_port"] for each in answer["data"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert ports == [30_006, 30_005, 30_004, 30_003, 30_002, 30_001, 30_000]


def test_findings_can_be_asked_for(server: ServerProcess) -> None:
    """A connection that the other end, which reports, does not know is a finding; agreements can be chosen."""
    token = server.new_organisation()
    for name in ("laptop", "crm"):
        body = f'{{"id": "{name}", "name": "{name}"}}'.encode()
        assert server.raw("POST", "/api/v1/ingest/facts", body, token, Content_Type="application/json")[0] == 204
    server.ingest([*pair(age_us=-1_000_000), pair(1, age_us=-1_000_000)[0]], token)
    one_sided = server.call("GET", "/api/v1/connections?agreement=one_side", token=token)[1]["data"]
    assert [each["missing"] for each in one_sided] == [[{"side": "destination", "reporter_id": "crm", "reporter_name": None}]]
    assert not one_sided[0]["finding"]  # it is too young to be one
    assert server.call("GET", "/api/v1/connections?finding=true", token=token)[1]["data"] == []
    assert len(server.call("GET", "/api/v1/connections?agreement=one_side&agreement=both", token=token)[1]["data"]) == 2


def test_what_cannot_be_asked(server: ServerProcess) -> None:
    """Wrong values get 400 and a sentence, unknown ids 404."""
    for query in (
        "agreement=perhaps",
        "finding=maybe",
        "order=asc",
        "limit=5000",
        "cursor=x",
        "nonsense=1",
        "from=x",
        "finding=true&finding=true",
    ):
        status, answer = server.call("GET", f"/api/v1/connections?{query}")
        assert (status, answer["error"]["code"]) == (400, "invalid"), query
    for identifier in ("x", "01a0c450-6c00-715e-957d-e12aa6063889", "ffffffff-ffff-7fff-bfff-ffffffffffff"):
        assert server.call("GET", f"/api/v1/connections/{identifier}")[0] == 404
