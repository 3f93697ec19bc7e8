"""The filter language over HTTP: on every list of traffic, its errors, completion, and what it was understood as."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from meshtrail.common.clock import microseconds, rfc3339, wall_clock
from meshtrail.control.service import Scope
from meshtrail.filter.limits import TEXT_CHARACTERS_MAX
from tests.rows import closing, report
from tests.servers import Answer, ServerProcess

HOUR_US = 3_600_000_000
LISTS = ("/api/v1/traffic", "/api/v1/traffic/histogram", "/api/v1/connections", "/api/v1/live")


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    """An organisation with a morning's traffic; another one has the like."""
    made = server.new_organisation()
    now = wall_clock()
    rows = [
        report(now - 90 * 60_000_000, source_name="laptop", user_name="ana", user_email="ana@example.com", destination_port=22),
        report(now - 60_000_000, source_name="laptop", user_name="ana", destination_port=443, verdict="denied", state="denied",
               ended_at=rfc3339(now - 60_000_000)),
        report(now - 50_000_000, source_name="phone", user_name="bo", destination_address="192.0.2.9", destination_port=443),
        report(now - 40_000_000, source_name="größe & co", destination_port=3389),
    ]  # fmt: skip
    for each in (made, server.new_organisation()):
        status, answer = server.ingest([*rows, closing(rows[0], rx_bytes=50_000_000)], each)
        assert (status, answer["refused"]) == (200, 0), answer
    return made


def asked(server: ServerProcess, token: str, path: str, **parameters: Any) -> Answer:
    """A GET with parameters."""
    return server.call("GET", f"{path}?{urlencode(parameters)}", token=token)


def ports(server: ServerProcess, token: str, text: str, **parameters: Any) -> list[int]:
    """Destination ports of the rows that the list of traffic gives, newest first."""
    status, answer = asked(server, token, "/api/v1/traffic", filter=text, **parameters)
    assert status == 200, answer
    return [row["destination_port"] for row in answer["data"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [3389, 443, 443, 22]),
        ("user = ana", [443, 22]),
        ("laptop not denied", [443, 22]),
        ("verdict = denied", [443]),
        ("not verdict = denied", [3389, 443, 22]),
        ("destination.port in (22, 3389)", [3389, 22]),
        ("destination.address in 192.0.2.0/24", [443]),
        ("started_at > now-1h", [3389, 443, 443]),
        ("started_at < now-1h", [22]),
        ("rx.bytes > 10MB", [22]),
        ('source.name = "größe & co"', [3389]),
        ("größe", [3389]),
        ("user missing", [3389]),
        ("x or not x", [3389, 443, 443, 22]),
        ("source.name ~ /^(ph|lap)/", [443, 443, 22]),
    ],
)
def test_lists_take_a_filter(server: ServerProcess, token: str, text: str, expected: list[int]) -> None:
    """Rows of this organisation only."""
    assert ports(server, token, text) == expected


def test_it_joins_the_other_parameters(server: ServerProcess, token: str) -> None:
    """Filter, fields, search, window and cursor at once; rows that all of them choose."""
    assert ports(server, token, "user exists", destination_port=443, search="laptop") == [443]
    assert ports(server, token, "user exists", **{"from": rfc3339(wall_clock() - HOUR_US)}) == [443, 443]
    _, first = asked(server, token, "/api/v1/traffic", filter="user exists", limit=2)
    assert ports(server, token, "user exists", limit=2, cursor=first["next_cursor"]) == [22]


def test_histogram_and_list_agree(server: ServerProcess, token: str) -> None:
    """The bars count the rows of the list, and cover the window that the filter says."""
    for text in ("user = ana", "started_at > now-1h", "verdict = denied", "started_at >= now-2h and started_at < now-1h", "nothing"):
        status, answer = asked(server, token, "/api/v1/traffic/histogram", filter=text)
        assert status == 200, answer
        counted = sum(bar[name] for bar in answer["data"] for name in ("allowed", "denied", "unknown"))
        assert counted == len(ports(server, token, text)), text
    _, answer = asked(server, token, "/api/v1/traffic/histogram", filter="started_at >= now-75m and started_at < now-1h")
    assert all(wall_clock() - microseconds(bar["start"]) < 77 * 60_000_000 for bar in answer["data"])
    assert asked(server, token, "/api/v1/traffic/histogram", filter="started_at > 1901-01-01")[0] == 200
    assert asked(server, token, "/api/v1/traffic/histogram", filter="started_at > now and started_at < now-1h")[1]["data"] == []


def test_connections_take_a_filter(server: ServerProcess, token: str) -> None:
    """A connection is found by any of its reports."""
    for text, expected in (("user = ana", [443, 22]), ("rx.bytes > 10MB and started_at > now-2h", [22]), ("not user exists", [3389])):
        status, answer = asked(server, token, "/api/v1/connections", filter=text)
        assert status == 200, answer
        assert [row["destination_port"] for row in answer["data"]] == expected
    assert len(asked(server, token, "/api/v1/connections", filter="", agreement="one_side")[1]["data"]) == 4


def test_live_takes_a_filter(server: ServerProcess) -> None:
    """Only what it chooses comes."""
    own = server.new_organisation()
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", f"/api/v1/live?{urlencode({'filter': 'protocol = udp and started_at > now-1h'})}",
                       headers={"Authorization": f"Token {own}"})  # fmt: skip
    answer = connection.getresponse()
    assert answer.readline() == b": connected\n"
    wanted = report(protocol=17)
    server.ingest([report(), report(wall_clock() - 2 * HOUR_US, protocol=17), wanted], own)
    data = next(line for line in iter(answer.readline, b"") if line.startswith(b"data: "))
    assert json.loads(data[6:])["flow_id"] == wanted["flow_id"]
    connection.close()


@pytest.mark.parametrize("path", LISTS)
def test_errors_point_at_the_character(server: ServerProcess, token: str, path: str) -> None:
    """Status, code, the character from 1 in the message and from 0 for programs, and what was meant."""
    status, answer = asked(server, token, path, filter="ana and sorce.name = x")
    assert status == 400
    error = answer["error"]
    assert error["code"] == "invalid_filter"
    assert error["message"] == 'filter, character 9: There is no field "sorce.name".'
    assert error["remedy"].startswith("Did you mean source.name")
    (detail,) = error["details"]
    assert (detail["parameter"], detail["start"], detail["end"], detail["suggestions"][0]) == ("filter", 8, 18, "source.name")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (TEXT_CHARACTERS_MAX + 1), "at most"),
        ("(" * 5_000, "More than 32 levels"),
        ("source.name ~ /((a{100}){100}){100}/", "More than 1000 repetitions"),
        ("a\x00b", "control character"),
        ("org_id = x", 'There is no field "org_id"'),
        ("source.name = '", "has no end"),
    ],
)
def test_nonsense_is_refused(server: ServerProcess, token: str, text: str, message: str) -> None:
    """A clear answer to what nobody can mean."""
    status, answer = asked(server, token, "/api/v1/traffic", filter=text)
    assert status == 400, answer
    assert message in answer["error"]["message"]


def test_two_filters_are_one_too_many(server: ServerProcess, token: str) -> None:
    """A parameter that may come once."""
    status, answer = server.call("GET", "/api/v1/traffic?filter=a&filter=b", token=token)
    assert (status, answer["error"]["message"]) == (400, "filter comes 2 times; it may come once.")


def test_the_largest_filter_fits_an_address(server: ServerProcess, token: str) -> None:
    """A thousand values in a list come through."""
    values = ", ".join(f"10.0.{number >> 8}.{number & 255}" for number in range(1_000))
    assert ports(server, token, f"source.address in ({values})") == [3389, 443, 443, 22]


def test_days_begin_in_the_zone(server: ServerProcess, token: str) -> None:
    """The parameter `zone`, and what is none."""
    _, answer = asked(server, token, "/api/v1/filter/explain", text="started_at in 2026-09-21", zone="Europe/Berlin")
    assert (answer["since"], answer["until"]) == ("2026-09-20T22:00:00.000000Z", "2026-09-21T22:00:00.000000Z")
    for zone in ("Europe/Nowhere", "../../etc/passwd", "Europe", "/etc/localtime", "a" * 500, "Europe/Berlin\x00"):
        for path in ("/api/v1/traffic", "/api/v1/filter/explain"):
            status, answer = asked(server, token, path, zone=zone)
            assert (status, answer["error"]["message"][:8]) == (400, "zone is "), answer


def test_explain(server: ServerProcess, token: str) -> None:
    """The printed form, the window, and the tree."""
    text = 'user:ana port in (22,3389) not ("a b" or source.name ~ /x/i) started_at>now-2h'
    status, answer = asked(server, token, "/api/v1/filter/explain", text=text)
    assert status == 200
    assert answer["text"] == 'user = "ana" and either.port in (22, 3389) and not ("a b" or source.name ~ /x/i) and started_at > now-2h'
    assert (answer["family"], answer["relative"], answer["until"]) == ("traffic", True, None)
    assert abs(microseconds(answer["since"]) - (wall_clock() - 2 * HOUR_US)) < 60_000_000
    assert answer["resolved"].rpartition(" ")[2][:4] == "2026" or answer["resolved"].rpartition(" ")[2][:2] == "20"
    user, port, negated, started = answer["tree"]["items"]
    assert (answer["tree"]["kind"], negated["kind"], negated["items"][0]["kind"]) == ("all", "not", "any")
    assert user == {
        "kind": "condition", "text": 'user = "ana"', "field": "user", "operator": "in", "values": ['"ana"'],
        "columns": ["user_id", "user_name", "user_email"], "items": [],
    }  # fmt: skip
    assert (port["columns"], port["values"]) == (["source_port", "destination_port"], ["22", "3389"])
    word, matches = negated["items"][0]["items"]
    assert (word["kind"], word["text"], "source_name" in word["columns"]) == ("word", '"a b"', True)
    assert (matches["operator"], matches["values"], started["operator"]) == ("~", ["x"], ">")
    again = asked(server, token, "/api/v1/filter/explain", text=answer["text"])[1]
    assert (again["text"], again["tree"]) == (answer["text"], answer["tree"])


def test_explain_of_nothing_and_of_audit(server: ServerProcess, token: str) -> None:
    """The empty filter chooses everything; the family decides on the fields."""
    _, answer = asked(server, token, "/api/v1/filter/explain")
    assert (answer["text"], answer["tree"]["kind"], answer["tree"]["items"], answer["since"]) == ("", "all", [], None)
    _, answer = asked(server, token, "/api/v1/filter/explain", text="initiator = ana occurred_at in today", family="audit")
    assert answer["text"] == 'initiator = "ana" and occurred_at in today'
    assert answer["since"].endswith("T00:00:00.000000Z")
    status, answer = asked(server, token, "/api/v1/filter/explain", text="initiator = ana")
    assert (status, answer["error"]["message"]) == (400, 'text, character 1: There is no field "initiator".')
    status, answer = asked(server, token, "/api/v1/filter/explain", family="nothing")
    assert (status, answer["error"]["message"]) == (400, "There is no family 'nothing'.")


def offers(server: ServerProcess, token: str, text: str, **more: Any) -> list[str]:
    """Texts of the candidates."""
    status, answer = asked(server, token, "/api/v1/filter/complete", text=text, **more)
    assert status == 200, answer
    return [each["text"] for each in answer["candidates"]]


def test_complete(server: ServerProcess, token: str) -> None:
    """Fields, operators, values of the language and values that occur, of this organisation."""
    _, answer = asked(server, token, "/api/v1/filter/complete", text="verdict = de and port = 22", at=12)
    assert answer == {
        "start": 10, "end": 12, "wanted": "value", "field": "verdict", "candidates": [{"text": "denied", "kind": "value", "doc": ""}],
    }  # fmt: skip
    assert offers(server, token, "")[0] == "user"
    assert offers(server, token, "", family="audit")[0] == "initiator"
    assert offers(server, token, "source.port ")[:2] == ["=", "!="]
    assert offers(server, token, "source.name = ") == ['"laptop"', '"größe & co"', '"phone"']
    assert offers(server, token, "source.name = LAP") == ['"laptop"']
    assert offers(server, token, 'source.name in (phone, "gr') == ['"größe & co"']
    assert offers(server, token, "user = ") == ['"ana"', '"ana@example.com"', '"bo"']
    assert offers(server, token, "address = 192") == ["192.0.2.9"]
    assert offers(server, server.new_organisation(), "source.name = ") == []
    assert offers(server, token, "destination.port = ") == []
    assert offers(server, token, "\x00") == []
    assert offers(server, token, "x" * 40_000) == []


def test_audit_takes_a_filter(server: ServerProcess) -> None:
    """List, histogram and facets of audit events agree; errors are of its fields."""
    own = server.new_organisation()
    for name in (b"staff", b"guests"):
        assert server.call("POST", "/api/groups", b'{"name": "%s"}' % name, own, **{"Content-Type": "application/json"})[0] == 200
    text = "activity_code = group.add and target.name = staff and occurred_at > now-2d"
    deadline = time.monotonic() + 10
    while not (rows := asked(server, own, "/api/v1/audit", filter=text)[1]["data"]) and time.monotonic() < deadline:
        pass
    assert [row["target_name"] for row in rows] == ["staff"]
    _, histogram = asked(server, own, "/api/v1/audit/histogram", filter=text)
    assert sum(bar["success"] for bar in histogram["data"]) == 1
    _, facets = asked(server, own, "/api/v1/audit/facets", filter=text, field="target_name")
    assert facets["data"]["target_name"] == [{"value": "staff", "count": 1}]
    for path in ("/api/v1/audit", "/api/v1/audit/histogram"):
        status, answer = asked(server, own, path, filter="user = ana")
        assert (status, answer["error"]["message"]) == (400, 'filter, character 1: There is no field "user".')
        assert asked(server, own, path, filter="occurred_at > now")[0] == 200


def test_values_of_audit_events_need_the_right_to_read_them(server: ServerProcess) -> None:
    """Without it, the language alone is completed."""
    reader, auditor = server.new_organisation(Scope.read), server.new_organisation()
    assert server.call("POST", "/api/groups", b'{"name": "staff"}', auditor, **{"Content-Type": "application/json"})[0] == 200
    deadline = time.monotonic() + 10
    while not (found := offers(server, auditor, "activity_code = group", family="audit")) and time.monotonic() < deadline:
        pass
    assert found == ['"group.add"']
    assert offers(server, reader, "activity_code = ", family="audit") == []
    assert offers(server, reader, "outcome = ", family="audit") == ["success", "failure", "denied"]


@pytest.mark.parametrize(("name", "value"), [("at", "x"), ("at", "1.5"), ("family", "nothing"), ("family", "../x")])
def test_complete_refuses(server: ServerProcess, token: str, name: str, value: str) -> None:
    """What is no number and no family."""
    status, answer = asked(server, token, "/api/v1/filter/complete", **{name: value})
    assert (status, answer["error"]["code"]) == (400, "invalid")


def test_the_description_names_them(server: ServerProcess) -> None:
    """OpenAPI: the parameter on every list, and the two routes."""
    _, schema = server.call("GET", "/api/v1/openapi.json")
    for path in LISTS:
        names = {each["name"] for each in schema["paths"][path]["get"]["parameters"]}
        assert {"filter", "zone"} <= names
    for path in ("/api/v1/filter/complete", "/api/v1/filter/explain"):
        assert "family" in {each["name"] for each in schema["paths"][path]["get"]["parameters"]}


def test_a_text_that_is_being_written_is_checked(server: ServerProcess, token: str) -> None:
    """A mistake is an answer with its place; without one it is what explain says."""
    status, answer = asked(server, token, "/api/v1/filter/check", text="user = ana and started_at > now-2h")
    assert (status, answer["mistake"]) == (200, None)
    assert answer["understood"]["text"] == 'user = "ana" and started_at > now-2h'
    assert answer["understood"]["relative"]
    status, answer = asked(server, token, "/api/v1/filter/check", text="verdict = denyed")
    assert (status, answer["understood"]) == (200, None)
    assert answer["mistake"] == {
        "message": 'verdict cannot be "denyed".', "remedy": "Did you mean denied?", "start": 10, "end": 16,
        "expected": ["unknown", "allowed", "denied"],
        "suggestions": ["denied"],
    }  # fmt: skip
    assert asked(server, token, "/api/v1/filter/check", text="x", family="nothing")[0] == 400
