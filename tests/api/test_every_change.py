"""No route changes anything without an audit event: every one that the server has is asked, and its event looked at."""

from collections.abc import Iterator

import msgspec
import pytest

from meshtrail.api.attempts import ATTEMPTS, DATA, REFUSALS
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from tests.api.changing import CASES, CHANGE_NOTHING, Asked, Key, Scene
from tests.api.client import Client, opened
from tests.api.routes import served, served_operations
from tests.api.trail import until
from tests.servers import ServerProcess

UNCHANGING = frozenset({"GET", "HEAD", "OPTIONS"})


@pytest.fixture(scope="module")
def scene(server: ServerProcess) -> Iterator[Scene]:
    """An organisation whose owner asks."""
    control = opened(server)
    org_id = control.add_organisation("every change")
    (owner,) = (user.id for user in control.users.list(org_id))
    _, token = control.tokens.create_for(system(org_id), ALL_PERMISSIONS, owner, "test")
    yield Scene(Client(server, token), control, org_id, owner)
    control.close()


def test_every_changing_route_has_a_case() -> None:
    """A new one says here what it leaves in the audit trail, or why it leaves nothing."""
    changing = {key for key in served() if key[0] not in UNCHANGING}
    assert changing == set(CASES) | (set(CHANGE_NOTHING) & changing)


def test_every_changing_route_has_a_name_for_vain_attempts() -> None:
    """What was tried is recorded under the code that the change has."""
    operations = {name for (method, path), name in served_operations().items()
                  if method not in UNCHANGING and (method, path) not in CHANGE_NOTHING}  # fmt: skip
    assert operations - set(REFUSALS) - DATA == set(ATTEMPTS)


@pytest.mark.parametrize("key", CASES, ids=lambda key: f"{key[0]} {key[1]}")
def test_it_leaves_its_event(scene: Scene, key: Key) -> None:
    """With who, from where, by which request, and what was and became of it."""
    make, told = CASES[key]
    asked = make(scene)
    request = send(scene, key[0], asked)
    events = until(scene.client, lambda rows: any(row["activity_code"] == told.code for row in rows), request_id=request)
    assert {row["outcome"] for row in events} == {"success"}
    (event,) = (row for row in events if row["activity_code"] == told.code)
    assert event["initiator_id"] == (asked.by or scene.owner)
    assert (event["initiator_ip"], event["user_agent"], event["request_id"]) == ("127.0.0.1", "every-change", request)
    assert event["initiator_type"] in {"user", "enrolment_key"} and event["initiator_name"]
    assert event["target_type"] and event["reporter_id"] == "control"
    assert bool(event["before"]) >= told.before and bool(event["after"]) >= told.after, (event["before"], event["after"])
    if told.before and told.after:
        assert event["before"] != event["after"] and set(event["before"]) | set(event["after"])


def send(scene: Scene, method: str, asked: Asked) -> str:
    """Send the request, which must succeed; its id."""
    body = None if asked.body is None else msgspec.json.encode(asked.body)
    headers = {"Content-Type": "application/json", "User-Agent": "every-change"}
    if asked.cookie:
        headers |= {"Cookie": asked.cookie, "Sec-Fetch-Site": "same-origin"}
    token = scene.client.token if asked.token is None else asked.token
    status, content, found = scene.client.server.raw(method, asked.path, body, token, **headers)
    assert status in {200, 201, 204}, content
    return found["x-request-id"]
