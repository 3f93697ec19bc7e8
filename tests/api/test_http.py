"""The doors over real HTTP: who gets in, what errors look like, what comes out."""

import http.client
import json
from typing import Any

import msgspec
import netbird
import pyarrow as pa
import pytest
import zstandard

from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.ingest.limits import BODY_BYTES_MAX
from meshtrail.store.pages import Cursor
from tests.rows import closing, report
from tests.servers import ServerProcess


def test_errors_have_one_shape(server: ServerProcess) -> None:
    """Native errors say code, message, remedy, request id; NetBird's say message and code."""
    for path, status in {
        "/api/v1/traffic?nonsense=1": 400, "/api/v1/traffic?limit=0": 400, "/api/v1/traffic?from=x": 400,
        "/api/v1/traffic?order=up": 400, "/api/v1/traffic?limit=5&limit=6": 400, "/api/v1/nothing": 404,
        "/api/v1/traffic/nonsense": 404, "/api/v1/traffic?cursor=x": 400, "/api/v1/traffic/histogram?buckets=9999": 400,
        "/api/v1/traffic?" + "&".join(["state=open"] * 1_300): 400,
        f"/api/v1/traffic?limit={'1' * 5_000}": 400, f"/api/v1/traffic?destination_port={'1' * 5_000}": 400,
        f"/api/v1/traffic?cursor={Cursor(10**19, 'r', 'f').encode()}": 400, f"/api/v1/traffic?cursor={Cursor(1, 'r', 'e').encode()}": 400,
    }.items():  # fmt: skip
        code, content, headers = server.raw("GET", path)
        error = json.loads(content)["error"]
        assert (code, set(error)) == (status, {"code", "message", "remedy", "request_id", "details"}), path
        assert headers["x-request-id"] == error["request_id"]
    status, body = server.call("GET", "/api/events/network-traffic?page_size=60000")
    assert (status, body["code"], set(body)) == (400, 400, {"code", "message"})
    status, body = server.call("GET", "/api/events/network-traffic", token="")
    assert (status, body) == (401, {"message": "no valid authentication provided", "code": 401})
    status, body = server.call("GET", "/api/events/network-traffic", token="nbp_nonsense")
    assert (status, body) == (401, {"message": "token invalid", "code": 401})


def test_nobody_else_reads_what_is_kept(server: ServerProcess) -> None:
    """Who reached what is for the server's own account."""
    assert [each.name for each in server.data.iterdir() if each.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"", 415),
        ({"Content-Encoding": "br"}, b"", 415),
        ({"Content-Encoding": "zstd"}, zstandard.compress(b"x" * 9000)[:-3], 400),
        ({"Content-Encoding": "zstd"}, zstandard.compress(bytes(300 * 1024**2)), 413),
        ({"Content-Type": "application/vnd.apache.arrow.stream"}, b"nonsense", 400),
        ({}, b"{}\n" * 200_001, 413),
    ],
)
def test_bodies_that_cannot_be_taken(server: ServerProcess, headers: dict[str, str], body: bytes, status: int) -> None:
    """A wrong type, encoding, damage, a bomb or too many rows get their status and a sentence."""
    code, answer = server.call("POST", "/api/v1/ingest/traffic", body, **headers)
    assert code == status
    assert answer["error"]["message"]


def test_a_body_past_the_limit_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    """A declared length past the limit is answered without reading."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.putrequest("POST", "/api/v1/ingest/traffic")
    connection.putheader("Authorization", f"Token {server.token}")
    connection.putheader("Content-Length", str(BODY_BYTES_MAX + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert str(BODY_BYTES_MAX) in answer.read().decode()
    connection.close()


def test_good_rows_are_stored_beside_bad_ones(server: ServerProcess) -> None:
    """The answer counts stored, duplicate and refused rows and names line, field and reason."""
    token = server.new_organisation()
    good, other = report(), report()
    status, answer = server.ingest([good, {**other, "destination_port": 70_000}, good, other], token)
    assert status == 200
    assert (answer["stored"], answer["duplicates"], answer["refused"]) == (2, 1, 1)
    assert (answer["errors"][0]["line"], answer["errors"][0]["field"]) == (2, "destination_port")
    _, listed = server.call("GET", "/api/v1/traffic", token=token)
    assert {row["flow_id"] for row in listed["data"]} == {good["flow_id"], other["flow_id"]}


def test_arrow_stream_is_stored(server: ServerProcess) -> None:
    """Arrow IPC with zstd comes in as NDJSON does."""
    token = server.new_organisation()
    rows = [report() for _ in range(5)]
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    status, answer = server.call(
        "POST", "/api/v1/ingest/traffic", zstandard.compress(sink.getvalue()), token,
        **{"Content-Type": "application/vnd.apache.arrow.stream", "Content-Encoding": "zstd"},
    )  # fmt: skip
    assert (status, answer["stored"]) == (200, 5)


def test_rows_match_their_description(server: ServerProcess) -> None:
    """A row has the properties of the API description and one row is found by its id."""
    token = server.new_organisation()
    opening = report(source_name="<script>alert(1)</script>")
    server.ingest([opening], token)
    _, listed = server.call("GET", "/api/v1/traffic?limit=1", token=token)
    _, schema = server.call("GET", "/api/v1/openapi.json")
    row = listed["data"][0]
    assert list(row) == list(schema["components"]["schemas"]["TrafficRow"]["properties"])
    assert row["source_name"] == "<script>alert(1)</script>"
    assert server.call("GET", f"/api/v1/traffic/{row['id']}", token=token)[1]["data"] == row
    assert server.call("GET", f"/api/v1/traffic/{row['id']}")[0] == 404


def test_netbird_client_lists_and_pages(server: ServerProcess) -> None:
    """The published NetBird client walks all pages and finds NetBird's fields."""
    token = server.new_organisation()
    now = wall_clock()
    openings = [report(now - n * 1_000_000, user_id="u1" if n % 2 else "u2", direction="egress") for n in range(25)]
    server.ingest(openings, token)
    server.ingest([closing(row) for row in openings], token)
    client = netbird.APIClient(host=server.url, api_token=token)
    found: list[dict[str, Any]] = []
    for page in range(1, 5):
        answer = client.get("events/network-traffic", params={"page": page, "page_size": 10})
        assert (answer["total_records"], answer["total_pages"], answer["page"]) == (25, 3, page)
        found += client.events.get_network_traffic_events(page=page, page_size=10)
    assert [row["flow_id"] for row in found] == [row["flow_id"] for row in openings]
    row = found[0]
    assert [event["type"] for event in row["events"]] == ["TYPE_START", "TYPE_END"]
    assert row["source"]["address"] == "10.0.0.1:40000"
    assert (row["direction"], row["rx_bytes"], row["num_of_ends"]) == ("EGRESS", 200, 1)
    assert row["policy"] == {"id": "", "name": ""}
    assert len(client.events.get_network_traffic_events(user_id="u1", protocol="tcp", direction="EGRESS")) == 12
    assert client.events.get_network_traffic_events(event_type="TYPE_DROP") == []
    dates = {"start_date": rfc3339(now - 9_000_000), "end_date": rfc3339(now)}
    assert len(client.events.get_network_traffic_events(**dates)) == 10
    assert len(client.events.get_network_traffic_events(search="10.0.0.2")) == 25
    client.close()


NETBIRD_ROW = {
    "id", "flow_id", "reporter_id", "receive_timestamp", "source", "destination", "user", "policy", "icmp", "protocol",
    "direction", "rx_bytes", "rx_packets", "tx_bytes", "tx_packets", "num_of_starts", "num_of_ends", "num_of_drops",
    "window_start", "window_end", "events",
}  # fmt: skip
NETBIRD_ENDPOINT = {"id", "type", "name", "geo_location", "os", "address", "dns_label"}


def test_netbird_rows_have_all_required_properties(server: ServerProcess) -> None:
    """Also for IPv6, ICMP, denied and just opened rows; gaps are not events of NetBird."""
    token = server.new_organisation()
    v6: dict[str, Any] = {"source_address": "2001:db8::1", "destination_address": "2001:db8::2"}
    server.ingest(
        [
            report(**v6), report(protocol=58, icmp_type=128, icmp_code=0, source_port=None, destination_port=None, **v6),
            report(state="denied", verdict="denied", starts=0, drops=3),
            report(state="gap", source_address=None, destination_address=None, protocol=None),
        ],
        token,
    )  # fmt: skip
    _, answer = server.call("GET", "/api/events/network-traffic", token=token)
    assert set(answer) == {"data", "page", "page_size", "total_records", "total_pages"}
    assert answer["total_records"] == 3
    for row in answer["data"]:
        assert set(row) == NETBIRD_ROW
        assert set(row["source"]) == set(row["destination"]) == NETBIRD_ENDPOINT
        assert row["events"]
        assert set(row["source"]["geo_location"]) == {"city_name", "country_code"}
    by_protocol = {(row["protocol"], row["num_of_drops"]): row for row in answer["data"]}
    assert by_protocol[6, 0]["source"]["address"] == "[2001:db8::1]:40000"
    assert by_protocol[58, 0]["source"]["address"] == "[2001:db8::1]:0"
    assert by_protocol[58, 0]["icmp"] == {"type": 128, "code": 0}
    assert by_protocol[6, 3]["events"][0]["type"] == "TYPE_DROP"


def test_tokens_are_made_listed_and_deleted(server: ServerProcess) -> None:
    """The secret is in the first answer only; a deleted token stops working."""
    admin = server.new_organisation()
    made = {"name": "grafana", "scopes": ["read"], "expires_in_days": 5}
    status, answer = server.call("POST", "/api/v1/tokens", msgspec.json.encode(made), admin, Content_Type="application/json")
    assert status == 201
    _, content, _ = server.raw("GET", "/api/v1/tokens", None, admin)
    assert answer["token"].encode() not in content
    assert b"grafana" in content
    assert server.raw("DELETE", f"/api/v1/tokens/{answer['id']}", None, admin)[0] == 204
    assert server.call("GET", "/api/v1/traffic", token=answer["token"])[0] == 401


def test_live_tail_shows_rows_as_they_come(server: ServerProcess) -> None:
    """A row that is stored arrives at the tail, filtered and of its organisation only."""
    token, other = server.new_organisation(), server.new_organisation()
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", "/api/v1/live?protocol=17", headers={"Authorization": f"Token {token}"})
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert answer.readline() == b": connected\n"
    udp = report(protocol=17)
    server.ingest([report(protocol=17)], other)
    server.ingest([report(), udp], token)
    lines = iter(answer.readline, b"")
    data = next(line for line in lines if line.startswith(b"data: "))
    assert json.loads(data[6:])["flow_id"] == udp["flow_id"]
    connection.close()


def test_facts_name_the_rows_that_follow(server: ServerProcess) -> None:
    """What an agent says of its machine is in the next events, and open connections can be asked for."""
    token = server.new_organisation()
    facts = {"id": "peer-1", "name": "laptop", "os": "Debian", "addresses": ["10.0.0.1"], "users": {}, "metrics": {"x": 1}}
    assert server.call("POST", "/api/v1/ingest/facts", msgspec.json.encode(facts), token, Content_Type="application/json")[0] == 204
    ended, opened = report(), report()
    server.ingest([ended, opened, closing(ended)], token)
    _, listed = server.call("GET", "/api/v1/traffic", token=token)
    assert {row["source_name"] for row in listed["data"]} == {"laptop"}
    _, flows = server.call("GET", "/api/v1/ingest/open?reporter_id=peer-1", token=token)
    assert [flow["flow_id"] for flow in flows["data"]] == [opened["flow_id"]]
    status, answer = server.call("POST", "/api/v1/ingest/facts", b"{", token, Content_Type="application/json")
    assert (status, answer["error"]["code"]) == (400, "invalid")


def test_health_and_metrics(server: ServerProcess) -> None:
    """Health, readiness and counters answer without a token and name nobody."""
    assert server.call("GET", "/healthz", token="") == (200, {"status": "ok"})
    assert server.call("GET", "/readyz", token="") == (200, {"status": "ready"})
    status, content, _ = server.raw("GET", "/metrics", None, "")
    assert status == 200
    assert b"meshtrail_ingest_stored_events_total" in content
