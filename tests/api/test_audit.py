"""The audit trail over HTTP: what people do is there a moment later, whole, and for their organisation alone."""

import json
import time
import uuid
from typing import Any

import msgspec
import pytest
from netbird import APIClient
from netbird.models import GroupCreate

from meshtrail.common.clock import wall_clock
from meshtrail.control.limits import REFUSALS_TOLD_SINGLY
from meshtrail.model.activities import Activity
from tests.api.client import Client
from tests.api.trail import events, one, until
from tests.control.organisation import Machine
from tests.servers import ServerProcess

RULE = {"name": "web", "enabled": True, "action": "accept", "bidirectional": False, "protocol": "tcp", "ports": ["443"]}


@pytest.fixture
def client(server: ServerProcess) -> Client:
    """Somebody with all rights in an organisation of its own."""
    return Client(server)


def policy(client: Client, **fields: Any) -> dict[str, Any]:
    """A new policy from a group to itself."""
    group = client.done("POST", "/api/groups", {"name": f"Staff {uuid.uuid4()}"})["id"]
    rule = {**RULE, "sources": [group], "destinations": [group], **fields}
    made: dict[str, Any] = client.done("POST", "/api/policies", {"name": "Web", "enabled": True, "rules": [rule]})
    return made


def test_the_whole_story_of_a_policy(client: Client) -> None:
    """Who made and changed it, from where, by which token and request, and what became of what; within a second or two."""
    made = policy(client)
    rule = made["rules"][0]
    wanted = {**made, "rules": [{**rule, "ports": ["443", "8443"], "sources": [g["id"] for g in rule["sources"]],
                                 "destinations": [g["id"] for g in rule["destinations"]]}]}  # fmt: skip
    begun = time.monotonic()
    status, _, headers = client.server.raw(
        "PUT", f"/api/policies/{made['id']}", msgspec.json.encode(wanted), client.token, Content_Type="application/json",
        User_Agent="terraform/1.9",
    )  # fmt: skip
    assert status == 200
    changed = one(client, "policy.update")
    assert time.monotonic() - begun < 3
    assert changed["request_id"] == headers["x-request-id"]
    assert (changed["initiator_type"], changed["initiator_name"], changed["initiator_ip"]) == ("token", "test", "127.0.0.1")
    assert (changed["user_agent"], changed["token_id"]) == ("terraform/1.9", changed["initiator_id"])
    assert (changed["target_id"], changed["target_type"], changed["target_name"]) == (made["id"], "policy", "Web")
    assert changed["before"] == {"version": 1, "rules": {rule["id"]: {"ports": [443]}}}
    assert changed["after"] == {"version": 2, "rules": {rule["id"]: {"ports": [443, 8443]}}}
    client.done("PUT", f"/api/policies/{made['id']}", wanted)
    client.done("DELETE", f"/api/policies/{made['id']}")
    gone = one(client, "policy.delete")
    assert gone["before"]["rules"][rule["id"]]["ports"] == [443, 8443] and gone["after"] is None
    codes = [each["activity_code"] for each in events(client) if not each["activity_code"].startswith("log.")]
    assert codes == ["account.create", "token.create", "group.add", "policy.add", "policy.update", "policy.delete"]


def test_netbirds_client_reads_the_story(client: Client) -> None:
    """In NetBird's shape, with before and after besides; `/api/events` says the same."""
    api = APIClient(host=client.server.url, api_token=client.token)
    group = api.groups.create(GroupCreate(name="Staff"))
    key = client.done("POST", "/api/setup-keys", {"name": "laptops", "type": "reusable", "expires_in": 86_400, "auto_groups": [],
                                                  "usage_limit": 0})  # fmt: skip
    client.done("PUT", f"/api/groups/{group['id']}", {"name": "Team"})
    one(client, "group.update")
    rows = {row["activity_code"]: row for row in api.events.get_audit_events()}
    api.close()
    renamed = rows["group.update"]
    assert (renamed["activity"], renamed["target_id"]) == ("Group updated", group["id"])
    assert renamed["meta"] == {"old_name": "Staff", "new_name": "Team"}
    assert (renamed["before"], renamed["after"]) == ({"name": "Staff"}, {"name": "Team"})
    assert renamed["id"].isdigit() and renamed["initiator_email"] == ""
    masked = rows["setupkey.add"]["meta"]["key"]
    assert masked.endswith("****") and key["key"].startswith(masked[:-4]) and key["key"] not in str(rows)
    assert all(isinstance(value, str) for row in rows.values() for value in row["meta"].values())
    status, other_name = client.call("GET", "/api/events")
    assert status == 200 and {row["id"] for row in rows.values()} <= {row["id"] for row in other_name}


def test_netbirds_list_is_narrowed_and_paged(client: Client) -> None:
    """By the names that NetBird's other event routes use; everything comes newest first, or oldest."""
    for number in range(5):
        client.done("POST", "/api/groups", {"name": f"Squad-{number}"})
    until(client, lambda rows: len(rows) == 5, activity_code="group.add")

    def asked(query: str) -> list[str]:
        found = client.done("GET", f"/api/events/audit?{query}")
        return [row["meta"].get("name", "") for row in found]

    code = "activity_code=group.add"
    assert asked(code) == ["Squad-4", "Squad-3", "Squad-2", "Squad-1", "Squad-0"]
    assert asked(f"{code}&sort_order=asc&page_size=2&page=2") == ["Squad-2", "Squad-3"]
    assert asked(f"{code}&page_size=2&page=4") == []
    assert asked(f"{code}&search=squad-3") == ["Squad-3"]
    assert asked(f"{code}&user_id=nobody") == [] == asked(f"{code}&end_date=2020-01-01T00:00:00Z")
    assert asked(f"{code}&source_ip=127.0.0.1&start_date=2020-01-01T00:00:00Z&page_size=1") == ["Squad-4"]
    for wrong in ("page=0", "page_size=60000", "sort_order=up", "start_date=x", "outcome=good"):
        assert client.refused("GET", f"/api/events/audit?{wrong}")[0] == 400, wrong


def test_the_native_list_pages_and_filters(client: Client) -> None:
    """By cursor without loss, by field, by the filter language, by text; one event by its id; what fields hold."""
    for number in range(7):
        client.done("POST", "/api/groups", {"name": f"Squad-{number}"})
    until(client, lambda rows: len(rows) == 7, activity_code="group.add")
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.done("GET", f"/api/v1/audit?activity_code=group.add&limit=3{cursor}")
        seen += [row["target_name"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"Squad-{number}" for number in range(6, -1, -1)]
    row = events(client, filter='target.name = "Squad-3"')[0]
    assert client.done("GET", f"/api/v1/audit/{row['id']}") == {"data": row}
    assert client.call("GET", f"/api/v1/audit/{uuid.uuid4()}")[0] == 404
    assert [each["target_name"] for each in events(client, search="Squad-5", activity_code="group.add")] == ["Squad-5"]
    facets = client.done("GET", "/api/v1/audit/facets?field=target_name&field=initiator_ip&activity_code=group.add")["data"]
    assert facets["initiator_ip"] == [{"value": "127.0.0.1", "count": 7}]
    assert {each["value"] for each in facets["target_name"]} == set(seen)
    bars = client.done("GET", "/api/v1/audit/histogram?activity_code=group.add")["data"]
    assert sum(bar["success"] for bar in bars) == 7
    for wrong in ("", "?field=before", "?field=nothing", "?field=org_id"):
        assert client.call("GET", f"/api/v1/audit/facets{wrong}")[0] == 400, wrong
    known = client.done("GET", "/api/v1/audit/activities")["data"]
    assert {each["code"] for each in known} == {each.value for each in Activity}


def test_everything_is_more_than_one_read(client: Client) -> None:
    """A list of everything is put together from parts, without loss and without doubles; and it is an export."""
    members = [client.enrol(Machine(f"m{number}")).peer_id for number in range(2)]
    for number in range(2):
        client.done("POST", "/api/groups", {"name": f"Squad-{number}", "peers": members})
    until(client, lambda rows: len(rows) == 4, activity_code="peer.group.add")
    status, content, headers = client.server.raw("GET", "/api/events/audit", None, client.token)
    rows = json.loads(content)
    assert (status, headers["content-type"]) == (200, "application/json; charset=UTF-8")
    assert len({row["id"] for row in rows}) == len(rows) >= 8
    export = one(client, "log.export")
    assert (export["target_id"], export["target_type"], export["meta"]["family"]) == ("audit", "log", "audit")


def test_nobody_sees_anothers(client: Client, server: ServerProcess) -> None:
    """By list, id, filter, cursor or NetBird's list."""
    client.done("POST", "/api/groups", {"name": "Secret plans"})
    row = one(client, "group.add")
    other = Client(server)
    assert "Secret" not in str(events(other)) + str(other.done("GET", "/api/events/audit"))
    assert other.call("GET", f"/api/v1/audit/{row['id']}")[0] == 404
    assert events(other, target_id=row["target_id"]) == [] == events(other, request_id=row["request_id"])
    cursor = client.done("GET", "/api/v1/audit?limit=1")["next_cursor"]
    assert "Secret" not in str(other.done("GET", f"/api/v1/audit?cursor={cursor}&limit=1000"))


def test_an_enrolment_is_told(client: Client) -> None:
    """By which key, which groups it brought, and from where."""
    group = client.done("POST", "/api/groups", {"name": "Staff"})["id"]
    peer = client.enrol(Machine("laptop", "100.64.0.1"), group)
    came = one(client, "peer.setupkey.add")
    assert (came["initiator_type"], came["initiator_name"], came["initiator_ip"]) == ("enrolment_key", "key", "127.0.0.1")
    assert (came["target_id"], came["target_name"], came["meta"]["ip"]) == (peer.peer_id, "laptop", "100.64.0.1")
    assert came["after"]["addresses"] == ["100.64.0.1"]
    joined = one(client, "peer.group.add")
    assert (joined["target_id"], joined["meta"]["group"], joined["initiator_id"]) == (peer.peer_id, "Staff", came["initiator_id"])
    assert joined["request_id"] == came["request_id"]


def test_what_is_refused_is_told(client: Client, server: ServerProcess) -> None:
    """For want of a right, because it cannot be, because the key is no good; with what was tried."""
    _, made = client.call("POST", "/api/v1/tokens", {"name": "reader", "scopes": ["read"]})
    reader = made["token"]
    assert client.call("POST", "/api/groups", {"name": "x"}, reader)[0] == 403
    denied = one(client, "request.refuse")
    assert (denied["outcome"], denied["status"], denied["initiator_name"]) == ("denied", 403, "reader")
    assert denied["meta"] == {"method": "POST", "operation": "netbirdCreateGroup", "activity_code": "group.add", "path": "/api/groups"}
    assert "right" in denied["error"]
    assert client.call("GET", "/api/events/audit", token=reader)[0] == 403
    until(client, lambda rows: len(rows) == 2, activity_code="request.refuse")

    client.done("POST", "/api/groups", {"name": "Staff"})
    assert client.call("POST", "/api/groups", {"name": "Staff"})[0] == 409
    assert client.call("DELETE", "/api/policies/nothing")[0] == 404
    failed = until(client, lambda rows: len(rows) == 2, outcome="failure")
    assert [(each["activity_code"], each["status"], each["target_id"]) for each in failed] == [
        ("group.add", 409, None), ("policy.delete", 404, "nothing"),
    ]  # fmt: skip
    assert "already" in failed[0]["error"]
    shown = client.done("GET", "/api/events/audit?outcome=failure&page=1")
    assert {row["activity"] for row in shown} == {"Group created (failed)", "Policy deleted (failed)"}

    key = client.key()
    revoked = next(row for row in client.done("GET", "/api/setup-keys"))["id"]
    client.done("PUT", f"/api/setup-keys/{revoked}", {"revoked": True, "auto_groups": []})
    assert client.call("POST", "/api/v1/agent/enrol", Machine("laptop").asks(key, wall_clock()), "")[0] == 403
    refused = one(client, "enrolment.refuse")
    assert (refused["outcome"], refused["target_id"], refused["target_name"]) == ("denied", revoked, "key")


def test_whom_nobody_knows_is_told_to_those_who_run_the_server(own_server: ServerProcess) -> None:
    """An unknown token, an unknown sign-in link, an unknown key: the code that was tried is nowhere."""
    home = Client(own_server, own_server.token)
    marker = f"probe/{uuid.uuid4()}"
    assert own_server.raw("DELETE", "/api/groups/x", None, "nbp_nonsense", User_Agent=marker)[0] == 401
    assert own_server.raw("GET", "/sign-in/secret-code", None, "", User_Agent=marker)[0] == 401
    assert (
        own_server.raw("POST", "/api/v1/session", b'{"token":"nbp_wrong"}', "", User_Agent=marker, Content_Type="application/json")[0]
        == 401
    )
    found = until(home, lambda rows: len(rows) == 3, user_agent=marker)
    assert [(each["activity_code"], each["outcome"], each["initiator_type"]) for each in found] == [
        ("request.refuse", "denied", "unknown"), ("sign_in.fail", "denied", "unknown"), ("sign_in.fail", "denied", "unknown"),
    ]  # fmt: skip
    assert "secret-code" not in str(found) and "nbp_wrong" not in str(found)


def test_a_flood_of_refusals_is_counted(client: Client) -> None:
    """The first few are told one by one, the others are not."""
    for _ in range(REFUSALS_TOLD_SINGLY * 4):
        assert client.call("DELETE", "/api/groups/nothing")[0] == 404
    client.done("POST", "/api/groups", {"name": "Afterwards"})
    one(client, "group.add")
    assert len(events(client, activity_code="group.delete")) == REFUSALS_TOLD_SINGLY


def test_reading_is_told_once(client: Client, server: ServerProcess) -> None:
    """Who read which log: at first at once, the next ones are counted; a large page and everything are exports."""
    reader = Client(server, client.call("POST", "/api/v1/tokens", {"name": "reader", "scopes": ["read"]})[1]["token"])
    for path in ("/api/v1/traffic?protocol=6", "/api/v1/traffic/histogram", "/api/events/network-traffic"):
        assert reader.call("GET", path)[0] == 200
    read = one(client, "log.read", initiator_name="reader")
    assert (read["target_id"], read["target_type"], read["status"]) == ("traffic", "log", 200)
    assert read["meta"] == {"family": "traffic", "path": "/api/v1/traffic", "filter": "protocol=6"}
    assert reader.call("GET", "/api/v1/traffic?limit=5000")[0] == 200
    assert one(client, "log.export", initiator_name="reader")["meta"]["filter"] == "limit=5000"
    assert reader.call("GET", "/api/groups")[0] == 200
    mine = one(client, "log.read", initiator_name="test")
    assert mine["meta"]["family"] == "audit"


def test_a_page_is_a_reading_too(client: Client) -> None:
    """Who looks at the dashboard reads the log as by the API."""
    body = json.dumps({"token": client.token}).encode()
    status, _, headers = client.server.raw("POST", "/api/v1/session", body, "", Content_Type="application/json")
    assert status == 204
    cookie = headers["set-cookie"].partition(";")[0]
    assert client.server.raw("GET", "/traffic?verdict=denied", None, "", Cookie=cookie)[0] == 200
    read = one(client, "log.read", target_id="traffic")
    assert (read["meta"]["path"], read["meta"]["filter"]) == ("/traffic", "verdict=denied")
    assert read["session_id"] and read["initiator_name"] == "test"


def test_the_start_is_told_with_what_was_set(own_server: ServerProcess) -> None:
    """And the end, by the server that starts next; and what was counted until then."""
    home = Client(own_server, own_server.token)
    started = one(home, "server.start")
    assert (started["initiator_id"], started["initiator_type"], started["target_type"]) == ("sys", "system", "server")
    assert started["meta"]["configuration"] == {"data": str(own_server.data), "port": 0}
    assert own_server.raw("GET", "/api/v1/traffic", None, own_server.token)[0] == 200
    for _ in range(3):
        assert own_server.raw("GET", "/api/v1/traffic?protocol=17", None, own_server.token)[0] == 200
    own_server.stop()
    own_server.start()
    one(home, "server.stop")
    counted = [each for each in events(home, activity_code="log.read") if each["meta"]["family"] == "traffic"]
    assert [each["meta"].get("count") for each in counted] == [None, 3]
    assert counted[1]["meta"]["filters"] == ["protocol=17"]


def test_the_catalogue_and_the_description(server: ServerProcess) -> None:
    """Every parameter of the list is described."""
    _, schema = server.call("GET", "/api/v1/openapi.json", token="")
    names = {each["name"] for each in schema["paths"]["/api/v1/audit"]["get"]["parameters"]}
    assert {"cursor", "filter", "initiator_ip", "initiator_ip.not", "occurred_at.gte", "activity_code"} <= names
    assert {each["name"] for each in schema["paths"]["/api/events"]["get"]["parameters"]} >= {"activity_code", "page", "start_date"}
    assert set(schema["components"]["schemas"]["AuditEvent"]["required"]) >= {"before", "after", "request_id"}
