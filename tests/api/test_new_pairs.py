"""First contacts over HTTP."""

from urllib.parse import urlencode

import pytest

from meshtrail.common.clock import wall_clock
from tests.rows import report
from tests.servers import Answer, ServerProcess

DAY_US = 86_400_000_000
NOW = wall_clock() - DAY_US // 24


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    """An organisation whose phone reached the CRM ten days ago, and since then the wiki and somewhere public."""
    own = server.new_organisation()
    phone = {"source_name": "phone"}
    rows = [
        report(NOW - 10 * DAY_US, **phone, destination_name="crm"), report(NOW - 5_000_000, **phone, destination_name="crm"),
        report(NOW - 4_000_000, **phone, destination_name="wiki"), report(NOW - 2_000_000, **phone, destination_address="203.0.113.9"),
        report(NOW - 1_000_000, **phone, destination_name="database", state="denied", verdict="denied"),
    ]  # fmt: skip
    status, answer = server.ingest(rows, own)
    assert (status, answer["stored"]) == (200, 5), answer
    return own


def asked(server: ServerProcess, token: str, **parameters: object) -> Answer:
    """The answer of GET."""
    return server.call("GET", f"/api/v1/traffic/new-pairs?{urlencode(parameters)}", None, token)


def test_first_contacts(server: ServerProcess, token: str) -> None:
    """The newest first; filters, limit and windows as everywhere."""
    status, answer = asked(server, token, filter="source.name = phone")
    assert status == 200, answer
    assert [(each["source"], each["destination"], each["count"]) for each in answer["data"]] == [
        ("phone", "203.0.113.9", 1), ("phone", "wiki", 1),
    ]  # fmt: skip
    assert (answer["more"], answer["unnamed"]) == (False, "by_address")
    _, one = asked(server, token, limit=1)
    assert (one["data"], one["more"]) == (answer["data"][:1], True)
    _, older = asked(server, token, to=answer["data"][1]["first_at"], **{"from": "2020-01-01T00:00:00Z"})
    assert [each["destination"] for each in older["data"]] == ["crm"]


def test_what_is_not_understood(server: ServerProcess, token: str) -> None:
    """A clear answer that names it; other organisations see nothing."""
    for parameters, word in (({"limit": "501"}, "limit"), ({"filter": "source.nme = a"}, "filter"), ({"nothing": "1"}, "no field")):
        status, answer = asked(server, token, **parameters)
        assert (status, word in answer["error"]["message"]) == (400, True), answer
    assert asked(server, server.new_organisation())[1]["data"] == []
