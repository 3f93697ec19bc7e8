"""All routes, and who asks: nobody, each role, tokens with one right and with all but one, a blocked user, a peer, another organisation's
owner."""

import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from meshtrail.api.auth import PEER, PUBLIC, SESSION_COOKIE
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS, ROLES, Permission, Role
from meshtrail.control.service import Control
from meshtrail.control.users import UserChange
from tests.api.client import opened
from tests.api.routes import NOBODY, ROUTES, Route, served
from tests.control.organisation import Machine
from tests.rows import report
from tests.servers import ServerProcess

MARK = "zebra"
"""In every name of the first organisation: another one must never be shown it."""

PASSWORD = "four words of ana"
EVENT_S = 20
"""Time in which an audit event gets from the outbox to the store."""
Key = tuple[str, str]
GUARDED = {key: route for key, route in ROUTES.items() if route.needs != PUBLIC}
PAGES = {key: route for key, route in ROUTES.items() if route.page is not None}


class Http:
    """Requests over one connection that is kept."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=60)

    def ask(self, method: str, path: str, token: str = "", body: object = None, cookie: str = "") -> tuple[int, bytes]:
        """Status and body of the answer; of a stream that does not end, only the status."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        if cookie:
            headers |= {"Cookie": f"{SESSION_COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
        self._connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
        answer = self._connection.getresponse()
        if answer.getheader("content-type", "").startswith("text/event-stream"):
            self._connection.close()
            return answer.status, b""
        return answer.status, answer.read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass
class World:
    """An organisation with one of everything, another one, and tokens of all kinds."""

    http: Http
    org_id: str
    ids: dict[str, str] = field(default_factory=dict)
    roles: dict[Role, str] = field(default_factory=dict)
    """A person's token for each role."""
    sessions: dict[Role, str] = field(default_factory=dict)
    only: dict[Permission, str] = field(default_factory=dict)
    """An owner's token for each right, with that right alone."""
    all_but: dict[Permission, str] = field(default_factory=dict)
    blocked: str = ""
    peer: str = ""
    stranger: str = ""
    """Token of the owner of the other organisation."""
    stranger_group: str = ""

    def path(self, path: str, route: Route, ids: dict[str, str] | None) -> str:
        """The path with ids in it; None: ids of nothing."""
        for name in route.ids:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + (ids[name] if ids is not None else "nothing") + path[end + 1 :]
        return path.replace("{path}", "x").replace("{part}", "totals")

    def ask(self, key: Key, token: str, ids: dict[str, str] | None = None, group: str = "") -> tuple[int, bytes]:
        """Send what the route understands."""
        route = ROUTES[key]
        body = None if route.body is None else filled(route.body, group or self.ids["group"])
        return self.http.ask(key[0], self.path(key[1], route, ids), token, body)


def filled(body: Any, group: str) -> Any:
    """The body with a group's id in its place."""
    if isinstance(body, dict):
        return {name: filled(value, group) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, group) for value in body]
    return group if body == "{group}" else body


def _people(world: World, control: Control) -> None:
    by = system(world.org_id)
    for role in Role:
        name, email = f"{MARK} {role}", f"{MARK}-{role}@example.org"
        user, _ = control.users.create(by, ALL_PERMISSIONS, name=name, email=email, role=role, password=PASSWORD)
        _, world.roles[role] = control.tokens.create_for(by, ALL_PERMISSIONS, user, f"{MARK} token")
        world.sessions[role] = control.sessions.start(control.users.get(world.org_id, user), "test").secret
        if role is Role.owner:
            owner = user
    for each in Permission:
        _, world.only[each] = control.tokens.create_for(by, ALL_PERMISSIONS, owner, f"{MARK} only", [each])
        _, world.all_but[each] = control.tokens.create_for(by, ALL_PERMISSIONS, owner, f"{MARK} but", ALL_PERMISSIONS - {each})
    blocked, _ = control.users.create(by, ALL_PERMISSIONS, name=f"{MARK} blocked", role=Role.owner, service=True)
    _, world.blocked = control.tokens.create_for(by, ALL_PERMISSIONS, blocked, f"{MARK} blocked")
    control.users.update(by, ALL_PERMISSIONS, blocked, UserChange(blocked=True))
    user, _ = control.users.create(by, ALL_PERMISSIONS, name=f"{MARK} robot", service=True)
    token, _ = control.tokens.create_for(by, ALL_PERMISSIONS, user, f"{MARK} robot")
    ours, _ = control.tokens.create(by, ALL_PERMISSIONS, f"{MARK} ours", ["read"])
    robot = control.users.get(world.org_id, user)
    session = control.sessions.start(robot, "test").id
    world.ids |= {"organisation": world.org_id, "user": user, "user_token": token, "token": ours, "session": session}


def _inventory(world: World, control: Control, server: ServerProcess) -> None:
    owner = world.roles[Role.owner]

    def make(path: str, body: object) -> str:
        status, content = world.http.ask("POST", path, owner, body)
        assert status == 200, content
        return str(msgspec.json.decode(content)["id"])

    ids = world.ids
    ids["group"] = make("/api/groups", {"name": f"{MARK} group"})
    ids["network"] = make("/api/networks", {"name": f"{MARK} network"})
    place = f"/api/networks/{ids['network']}"
    ids["resource"] = make(f"{place}/resources", {"name": f"{MARK} db", "address": "10.7.7.7", "enabled": True, "groups": [ids["group"]]})
    ids["router"] = make(f"{place}/routers", {"peer_groups": [ids["group"]], "metric": 1, "masquerade": True, "enabled": True})
    rule = {**filled(ROUTES["POST", "/api/policies"].body, ids["group"]), "name": f"{MARK} policy"}
    ids["policy"] = make("/api/policies", rule)
    ids["view"] = make("/api/v1/views", {"family": "traffic", "name": f"{MARK} view", "shared": True})
    ids["key"], secret = control.enrolment_keys.create(system(world.org_id), f"{MARK} key", reusable=True)
    let_in = control.enrolment.enrol(Machine(f"{MARK} peer", "100.64.0.77").asks(secret, wall_clock()))
    ids["peer"], world.peer = let_in.peer_id, let_in.token
    ids["reporter"] = f"{MARK}-reporter"
    row = report(reporter_id=ids["reporter"], source_name=f"{MARK} source", user_name=f"{MARK} user")
    assert server.ingest([row], owner)[0] == 200
    listed = msgspec.json.decode(world.http.ask("GET", "/api/v1/traffic", owner)[1])["data"]
    ids["row"] = listed[0]["id"]
    deadline = time.monotonic() + EVENT_S
    while not (events := msgspec.json.decode(world.http.ask("GET", "/api/v1/audit", owner)[1])["data"]):
        assert time.monotonic() < deadline, "no audit event arrives"
    ids["event"] = events[0]["id"]


@pytest.fixture(scope="module")
def world(any_server: ServerProcess) -> Iterator[World]:
    """Both organisations, made once."""
    control = opened(any_server)
    made = World(Http(any_server), control.add_organisation(f"{MARK} organisation"))
    other = control.add_organisation("other")
    _people(made, control)
    _inventory(made, control, any_server)
    stranger, _ = control.users.create(system(other), ALL_PERMISSIONS, name="stranger", role=Role.owner, service=True)
    _, made.stranger = control.tokens.create_for(system(other), ALL_PERMISSIONS, stranger, "stranger")
    made.stranger_group = control.groups.create(system(other), "theirs")
    yield made
    made.http.close()
    control.close()


def refused(route: Route, rights: frozenset[Permission]) -> bool:
    """Whether somebody with these rights is refused what the table's request asks: ids in it are nobody's."""
    if route.needs not in rights:
        return True
    return route.of_others is not None and (route.of_others == NOBODY or route.of_others not in rights)


def wrong(key: Key, who: str, status: int, expected: bool) -> str:
    """What is wrong with an answer: nothing, or a line for people."""
    fine = status == 403 if expected else status not in {401, 403} and status < 500
    return "" if fine else f"{key[0]} {key[1]} as {who}: {status}, {'403' if expected else 'not 401 or 403'} expected"


def test_the_table_is_complete() -> None:
    """Each route of the server is in it with the right that it names itself; nothing else is in it."""
    found = served()
    assert sorted(found) == sorted(ROUTES)
    for key, options in found.items():
        assert options.get("permission") == ROUTES[key].needs, key
        assert options.get("page", Permission.traffic_read) == (ROUTES[key].page or Permission.traffic_read), key


def test_the_description_says_what_each_operation_needs(any_server: ServerProcess) -> None:
    """In the words of the table; what needs nobody asks for nobody."""
    _, schema = any_server.call("GET", "/api/v1/openapi.json", token="")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            needs = ROUTES[method.upper(), path].needs
            assert operation["x-permission"] == needs, (method, path)
            assert (operation.get("security") == []) is (needs == PUBLIC), (method, path)


def test_every_right_is_asked_for_somewhere() -> None:
    """But those of what is not built yet, which are named here."""
    asked = {route.needs for route in ROUTES.values()} | {route.of_others for route in ROUTES.values()}
    missing = set(Permission) - asked
    assert missing <= {Permission.export, Permission.delete_logs, Permission.organisation_write}


def test_nobody_gets_in_without_a_token(world: World) -> None:
    """Nor with a wrong one, however it is written."""
    for key in GUARDED:
        for token in ("", "nonsense", "mt_" + "x" * 43, "nbp_x", "mtp_x"):
            assert world.ask(key, token)[0] == 401, (key, token)
    for header in ("Basic eDp4", "Token", "Token a b", "token mt_x"):
        status, _, headers = world.http.server.raw("GET", "/api/v1/traffic", None, "", Authorization=header)
        assert (status, headers["www-authenticate"]) == (401, "Token"), header


def test_each_role_may_what_the_table_says(world: World) -> None:
    """And nothing else, over all routes."""
    problems = []
    for key, route in GUARDED.items():
        for role, token in world.roles.items():
            status, _ = world.ask(key, token)
            problems.append(wrong(key, role, status, refused(route, ROLES[role])))
    assert not list(filter(None, problems))


def test_a_token_may_what_its_scopes_say(world: World) -> None:
    """With the one right that a route needs it gets through, with all others it does not; the role does not help."""
    problems = []
    for key, route in GUARDED.items():
        if route.needs == PEER or route.needs is None:
            continue
        needed = Permission(route.needs)
        status, _ = world.ask(key, world.only[needed])
        problems.append(wrong(key, f"only {needed}", status, refused(route, frozenset({needed}))))
        status, _ = world.ask(key, world.all_but[needed])
        problems.append(wrong(key, f"all but {needed}", status, True))
        if route.of_others is not None and route.of_others != NOBODY:
            status, _ = world.ask(key, world.all_but[Permission(route.of_others)])
            problems.append(wrong(key, f"all but {route.of_others}", status, True))
    assert not list(filter(None, problems))


def test_the_blocked_and_peers_get_no_further(world: World) -> None:
    """A blocked owner nowhere; a peer where peers and events are taken."""
    problems = []
    for key, route in GUARDED.items():
        status, content = world.ask(key, world.blocked)
        problems.append(wrong(key, "blocked", status, True))
        assert b"blocked" in content
        status, content = world.ask(key, world.peer)
        own = key == ("POST", "/api/v1/ingest/facts") and b"not of" in content
        problems.append("" if own else wrong(key, "peer", status, route.needs not in {PEER, Permission.ingest}))
    assert not list(filter(None, problems))


BEGINNING = ("GET", "/")
"""Leads to the first page that somebody may see."""


def test_pages_show_themselves_to_those_who_may(world: World) -> None:
    """Nobody is sent to the sign-in page, a role without the right is told so."""
    for key, route in PAGES.items():
        path = world.path(key[1], route, world.ids)
        assert world.http.ask("GET", path)[0] == 303
        for role, cookie in world.sessions.items():
            status, content = world.http.ask("GET", path, cookie=cookie)
            shown = 303 if key == BEGINNING else 200
            assert status == (shown if route.page in ROLES[role] else 403), (key, role)
            assert route.page in ROLES[role] or MARK.encode() not in content


EVENTS = ("/api/v1/traffic", "/api/v1/connections", "/api/v1/audit", "/api/events")
"""They grow by themselves."""

VOLATILE = {"last_used", "last_used_at", "last_login", "last_seen", "connected", "is_current", "updated_at"}


def content_of(world: World, token: str) -> dict[str, Any]:
    """All that the organisation has, without what changes by itself."""
    found: dict[str, Any] = {}
    for method, path in GUARDED:
        if method == "GET" and path.startswith("/api/") and not path.startswith(EVENTS):
            route = ROUTES[method, path]
            if route.needs in {PEER, None, Permission.ingest, Permission.collectors_read} or path.endswith(("/live", "/sessions")):
                continue
            status, content = world.http.ask("GET", world.path(path, route, world.ids), token)
            found[path] = status, stable(msgspec.json.decode(content))
    return found


def stable(value: Any) -> Any:
    """The value without fields that change by themselves."""
    if isinstance(value, dict):
        return {name: stable(inner) for name, inner in value.items() if name not in VOLATILE}
    return [stable(inner) for inner in value] if isinstance(value, list) else value


def test_ids_of_another_organisation_lead_to_nothing(world: World) -> None:
    """Its owner gets 404 wherever an id is of the first one, with bodies that are right; nothing has changed there."""
    before = content_of(world, world.roles[Role.owner])
    assert all(status in {200, 404} for status, _ in before.values()), before
    for key, route in GUARDED.items():
        if not route.ids:
            continue
        status, content = world.ask(key, world.stranger, world.ids, world.stranger_group)
        assert status == (403 if route.of_others == NOBODY else 404), (key, status, content)
        assert MARK not in content.decode().replace(world.ids["reporter"], "")
    assert content_of(world, world.roles[Role.owner]) == before


def test_lists_of_another_organisation_show_nothing(world: World) -> None:
    """No name and no id of the first one is in any answer, whatever is asked for."""
    names = [MARK, *world.ids.values()]
    asking = {
        "user_id": "user", "reporter_id": "reporter", "source_id": "peer", "destination_id": "resource", "policy_id": "policy", "id": "row",
        "org_id": "organisation", "account": "organisation", "account_id": "organisation", "initiator_id": "user", "target_id": "policy",
    }  # fmt: skip
    queries = ["", *(f"?{name}={world.ids[kind]}" for name, kind in asking.items())]
    queries += [f"?search={MARK}", f"?name={MARK}%20group", "?service_user=true", f"?filter=org_id%3D{world.org_id}"]
    asked = 0
    for (method, path), route in GUARDED.items():
        if method != "GET" or route.ids or route.needs in {PEER, None, Permission.audit_read} or path.endswith("/live"):
            continue
        for query in queries:
            status, content = world.http.ask("GET", path + query, world.stranger)
            said = content.decode()
            for value in query.partition("=")[2:]:
                said = said.replace(value, "").replace(value.replace("%20", " "), "")
            assert not any(name in said for name in names), (path, query, status, content)
            asked += 1
    assert asked > 200


def test_completion_offers_no_values_of_another_organisation(world: World) -> None:
    """Neither of connections nor of audit events."""
    for query in ("text=source_name%3D", f"text=user_name%3D{MARK[:2]}", "family=audit&text=target_name%3D"):
        seen = {}
        for token in (world.roles[Role.owner], world.stranger):
            status, seen[token] = world.http.ask("GET", f"/api/v1/filter/complete?{query}", token)
            assert status == 200
        assert MARK.encode() in seen[world.roles[Role.owner]]
        assert MARK.encode() not in seen[world.stranger]


def test_audit_events_are_of_the_own_organisation(world: World) -> None:
    """Each is by one's own people or the server itself. What they tried with foreign ids is told as they wrote it, to them alone."""
    owner = world.roles[Role.owner]
    for path in ("/api/v1/audit", "/api/events", "/api/events/audit"):
        for token, other in ((world.stranger, owner), (owner, world.stranger)):
            events = msgspec.json.decode(world.http.ask("GET", path, token)[1])
            theirs = msgspec.json.decode(world.http.ask("GET", path, other)[1])
            events, theirs = (each["data"] if isinstance(each, dict) else each for each in (events, theirs))
            assert events
            assert not {each["id"] for each in events} & {each["id"] for each in theirs}
            by = {each["initiator_id"] for each in theirs} - {"sys", "unknown"}
            assert not {each["initiator_id"] for each in events} & by, path
    _, content = world.http.ask("GET", "/api/v1/audit?limit=1000", world.stranger)
    for event in msgspec.json.decode(content)["data"]:
        assert MARK not in f"{event['target_name']} {event['initiator_name']} {event['before']} {event['after']}", event
    for query in (f"initiator_id={world.ids['user']}", "initiator_name=zebra%20owner"):
        assert msgspec.json.decode(world.http.ask("GET", f"/api/v1/audit?{query}", world.stranger)[1])["data"] == []
        _, content = world.http.ask("GET", f"/api/v1/audit/facets?{query}", world.stranger)
        assert MARK not in content.decode().replace("zebra owner", "")


def test_a_cursor_of_another_organisation_shows_nothing(world: World) -> None:
    """It is a place in time, and the rows after it are one's own."""
    now = wall_clock()
    rows = [report(now - n * 1_000_000, reporter_id=world.ids["reporter"], source_name=f"{MARK} many") for n in range(6)]
    server = world.http.server
    assert server.ingest(rows, world.roles[Role.owner])[0] == 200
    assert server.ingest([report(now - 3_500_000, source_name="mine")], world.stranger)[0] == 200
    for path in ("/api/v1/traffic", "/api/v1/connections"):
        cursor = msgspec.json.decode(world.http.ask("GET", f"{path}?limit=2", world.roles[Role.owner])[1])["next_cursor"]
        assert cursor
        status, content = world.http.ask("GET", f"{path}?limit=50&cursor={cursor}", world.stranger)
        assert status == 200
        assert MARK.encode() not in content
        assert b"mine" in content


FOREIGN: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/groups", {"name": "x", "peers": ["{peer}"]}),
    ("POST", "/api/groups", {"name": "x", "resources": [{"id": "{resource}", "type": "host"}]}),
    ("POST", "/api/policies", {"name": "x", "enabled": True, "rules": [{**ROUTES["POST", "/api/policies"].body["rules"][0]}]}),  # type: ignore[index]
    ("POST", "/api/setup-keys", {"name": "k", "type": "one-off", "expires_in": 86_400, "auto_groups": ["{group}"], "usage_limit": 0}),
    ("POST", "/api/users", {"name": "x", "role": "user", "auto_groups": ["{group}"], "is_service_user": True}),
    ("PUT", "/api/v1/settings", {"network_traffic_logs_groups": ["{group}"]}),
    ("PUT", "/api/v1/settings", {"network_defaults": {"{network}": "drop"}}),
]
"""Bodies that name what belongs to another organisation."""


def test_bodies_do_not_reach_into_another_organisation(world: World) -> None:
    """What is named in them has to be one's own; it is told like an id that nobody has."""

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {named(name): named(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [named(inner) for inner in value]
        return world.ids[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value

    for source in ("{peer}", f"{MARK} peer", "100.64.0.77"):
        for destination in ("{resource}", f"{MARK} db", "10.7.7.7"):
            asked = named({"source": source, "destination": destination, "protocol": "tcp", "port": 443})
            status, content = world.http.ask("POST", "/api/v1/policy/check", world.stranger, asked)
            said = content.decode()
            for value in (asked["source"], asked["destination"]):
                said = said.replace(value, "")
            assert not any(name in said for name in (MARK, *world.ids.values())), (status, content)
    for method, path, body in FOREIGN:
        status, content = world.http.ask(method, path, world.stranger, named(body))
        assert status == 422, (path, content)
        assert MARK.encode() not in content
