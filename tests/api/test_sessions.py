"""Browser sessions over HTTP: cookies, passwords, and requests that other sites make a browser send."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from meshtrail.api.auth import SESSION_COOKIE
from meshtrail.control.actor import system
from meshtrail.control.limits import SIGN_IN_FAILURES_MAX
from meshtrail.control.permissions import ALL_PERMISSIONS, ROLES, Permission, Role, Scope
from meshtrail.control.service import Control
from tests.api.client import JSON, opened
from tests.servers import ServerProcess

PASSWORD, OTHER = "four words of ana", "four others of ana"


@dataclass
class Person:
    """A person of an organisation of its own, and the server."""

    server: ServerProcess
    control: Control
    org_id: str
    id: str
    email: str

    def sign_in(self, password: str = PASSWORD, **headers: str) -> tuple[int, dict[str, str]]:
        """Status and headers of a sign-in with the password."""
        body = msgspec.json.encode({"email": self.email, "password": password})
        status, _, answered = self.server.raw("POST", "/api/v1/session", body, "", **JSON, **headers)
        return status, answered

    def cookie(self, password: str = PASSWORD, **headers: str) -> str:
        """The cookie of a new session."""
        status, answered = self.sign_in(password, **headers)
        assert status == 204
        return answered["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, cookie: str, body: object = None, **headers: str) -> int:
        """Status of a request with a cookie; a browser's, unless told otherwise."""
        sent = {"Cookie": cookie, "Origin": self.server.url, **JSON, **headers}
        return self.server.raw(method, path, None if body is None else msgspec.json.encode(body), "", **sent)[0]


@pytest.fixture
def person(server: ServerProcess) -> Iterator[Person]:
    """An administrator with a password."""
    control = opened(server)
    org_id = control.add_organisation("test")
    email = f"ana@{org_id}.example.org"
    made, _ = control.users.create(system(org_id), ALL_PERMISSIONS, name="Ana", email=email, role=Role.admin, password=PASSWORD)
    yield Person(server, control, org_id, made, email)
    control.close()


def test_a_password_starts_a_session(person: Person) -> None:
    """The cookie is out of scripts' reach and lasts as long as the session; signing out ends both."""
    status, headers = person.sign_in()
    assert status == 204
    name, *flags = (each.strip() for each in headers["set-cookie"].split(";"))
    assert {each.lower() for each in flags} >= {"httponly", "samesite=lax", "path=/"}
    assert not any(each.lower().startswith(("secure", "domain")) for each in flags), "this server speaks no TLS here"
    assert name.startswith(f"{SESSION_COOKIE}=")
    assert headers["cache-control"] == "no-store"
    status, answer = person.server.call("GET", "/api/v1/session", token="", Cookie=name)
    assert (status, answer["user_id"], answer["role"]) == (200, person.id, "admin")
    assert set(answer["permissions"]) == ROLES[Role.admin]
    assert person.ask("DELETE", "/api/v1/session", name) == 204
    assert person.ask("GET", "/api/v1/session", name) == 401
    assert person.ask("DELETE", "/api/v1/session", name) == 204


def test_nobody_chooses_the_session(person: Person) -> None:
    """A cookie that was there before signing in is not taken over, and its session, if it had one, ends."""
    chosen = f"{SESSION_COOKIE}=chosen-by-somebody-else"
    first = person.cookie(Cookie=chosen)
    assert first != chosen
    assert person.ask("GET", "/api/v1/session", chosen) == 401
    second = person.cookie(Cookie=first)
    assert second != first
    assert person.ask("GET", "/api/v1/session", first) == 401
    assert person.ask("GET", "/api/v1/session", second) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://evil.example"},
        {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://127.0.0.1"}, {"Origin": "nonsense"},
        {"Origin": "http://[::1"}, {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    ],
)  # fmt: skip
def test_other_sites_change_nothing(person: Person, headers: dict[str, str]) -> None:
    """A browser that another site makes send a request is refused, whatever it asks for; nobody is signed in by one either."""
    cookie = person.cookie()
    sent = {name: value.replace("{own}", person.server.url) for name, value in headers.items()}
    for method, path, body in (
        ("POST", "/api/groups", {"name": "x"}), ("PUT", "/api/v1/settings", {}), ("DELETE", "/api/v1/session", None),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["read"]}), ("POST", "/api/v1/ingest/traffic", None),
    ):  # fmt: skip
        content = None if body is None else msgspec.json.encode(body)
        assert person.server.raw(method, path, content, "", Cookie=cookie, **JSON, **sent)[0] == 403, path
    assert person.sign_in(**sent)[0] == 403
    assert person.ask("GET", "/api/v1/session", cookie) == 200
    assert person.server.raw("GET", "/api/groups", None, "", Cookie=cookie, **sent)[0] == 200, "reading is no change"


def test_own_pages_may_change(person: Person) -> None:
    """By either header; a cookie without any is no browser, and is refused. A token needs none."""
    cookie = person.cookie()
    for number, headers in enumerate(({"Sec-Fetch-Site": "same-origin"}, {"Origin": person.server.url})):
        body = msgspec.json.encode({"name": f"group {number}"})
        assert person.server.raw("POST", "/api/groups", body, "", Cookie=cookie, **JSON, **headers)[0] == 200
    assert person.server.raw("POST", "/api/groups", b'{"name":"x"}', "", Cookie=cookie, **JSON)[0] == 403
    _, token = person.control.tokens.create(system(person.org_id), ALL_PERMISSIONS, "t", list(Scope))
    assert person.server.raw("POST", "/api/groups", b'{"name":"x"}', token, **JSON, Origin="https://evil.example")[0] == 200


def test_wrong_passwords_are_throttled(person: Person) -> None:
    """The same words for an address that nobody has; after too many, 429 with the time to wait, and 401 for none of it before."""
    body = msgspec.json.encode({"email": "nobody@example.org", "password": "wrong"})
    unknown = person.server.call("POST", "/api/v1/session", body, "", **JSON)[1]["error"]
    control_words = {"code": unknown["code"], "message": unknown["message"], "remedy": unknown["remedy"]}
    for _ in range(SIGN_IN_FAILURES_MAX):
        body = msgspec.json.encode({"email": person.email.upper(), "password": "wrong"})
        status, answer = person.server.call("POST", "/api/v1/session", body, "", **JSON)
        assert status == 401
        assert {name: answer["error"][name] for name in control_words} == control_words
    status, headers = person.sign_in()
    assert (status, "retry-after" in headers) == (429, True)


@pytest.mark.parametrize(
    "body",
    [{}, {"email": "a@example.org"}, {"password": "x"}, {"email": "a", "password": "b", "token": "c"}, {"email": "a", "passwort": "b"}, []],
)
def test_sign_ins_that_make_no_sense(server: ServerProcess, body: object) -> None:
    """Are told what they lack, and count for nobody."""
    assert server.raw("POST", "/api/v1/session", msgspec.json.encode(body), "", **JSON)[0] == 400


def test_a_token_starts_a_session_with_its_rights(person: Person) -> None:
    """Which ends with the token. A peer's token starts none."""
    _, admin = person.control.tokens.create(system(person.org_id), ALL_PERMISSIONS, "admin", list(Scope))
    identifier, token = person.control.tokens.create(system(person.org_id), ALL_PERMISSIONS, "reads", [Scope.read])
    status, _, headers = person.server.raw("POST", "/api/v1/session", msgspec.json.encode({"token": token}), "", **JSON)
    assert status == 204
    cookie = headers["set-cookie"].partition(";")[0]
    assert person.ask("GET", "/api/v1/traffic", cookie) == 200
    assert person.ask("GET", "/api/v1/tokens", cookie) == 403
    assert person.ask("GET", "/api/v1/sessions", cookie) == 403
    assert person.server.raw("DELETE", f"/api/v1/tokens/{identifier}", None, admin)[0] == 204
    assert person.ask("GET", "/api/v1/traffic", cookie) == 401
    assert person.server.raw("POST", "/api/v1/session", msgspec.json.encode({"token": "mt_nonsense"}), "", **JSON)[0] == 401


def test_a_link_signs_the_owner_in(person: Person) -> None:
    """Once, with an answer that nobody keeps."""
    path = f"/sign-in/{person.control.sessions.add_link(system(person.org_id))}"
    status, _, headers = person.server.raw("GET", path, None, "")
    assert (status, headers["location"], headers["cache-control"], headers["referrer-policy"]) == (303, "/", "no-store", "no-referrer")
    cookie = headers["set-cookie"].partition(";")[0]
    assert person.server.call("GET", "/api/v1/session", token="", Cookie=cookie)[1]["role"] == "owner"
    assert person.server.raw("GET", path, None, "")[0] == 401
    assert person.server.raw("GET", "/sign-in/nonsense", None, "")[0] == 401


def test_another_password_ends_other_sessions_at_once(person: Person) -> None:
    """The session that asks goes on; the old password has to be right."""
    here, there = person.cookie(), person.cookie()
    assert person.ask("GET", "/api/v1/session", there) == 200
    path = f"/api/users/{person.id}/password"
    assert person.ask("PUT", path, here, {"old_password": "wrong", "new_password": OTHER}) == 403
    assert person.ask("PUT", path, here, {"old_password": PASSWORD, "new_password": "short"}) == 422
    assert person.ask("PUT", path, here, {"old_password": PASSWORD, "new_password": OTHER}) == 200
    assert person.ask("GET", "/api/v1/session", here) == 200
    assert person.ask("GET", "/api/v1/session", there) == 401
    assert person.sign_in()[0] == 401
    assert person.sign_in(OTHER)[0] == 204


def test_a_reset_and_a_block_sign_out_at_once(person: Person) -> None:
    """An administrator sets another's password or blocks it; not the own one, not an owner's."""
    bob, _ = person.control.users.create(system(person.org_id), ALL_PERMISSIONS, email=f"b{person.email}", password=PASSWORD)
    other = Person(person.server, person.control, person.org_id, bob, f"b{person.email}")
    admin, victim = person.cookie(), other.cookie()
    assert person.ask("PUT", f"/api/v1/users/{bob}/password", victim, {"password": OTHER}) == 403
    assert person.ask("PUT", f"/api/v1/users/{bob}/password", admin, {"password": OTHER}) == 204
    assert other.ask("GET", "/api/v1/session", victim) == 401
    again = other.cookie(OTHER)
    assert person.ask("PUT", f"/api/users/{bob}", admin, {"role": "user", "auto_groups": [], "is_blocked": True}) == 200
    assert other.ask("GET", "/api/v1/session", again) == 401
    assert other.sign_in(OTHER)[0] == 403
    owner = next(each.id for each in person.control.users.list(person.org_id) if each.role is Role.owner)
    assert person.ask("PUT", f"/api/v1/users/{owner}/password", admin, {"password": OTHER}) == 403
    assert person.ask("PUT", f"/api/v1/users/{person.id}/password", admin, {"password": OTHER}) == 422


def test_sessions_are_listed_and_ended_from_elsewhere(person: Person) -> None:
    """Without what proves them."""
    here, there = person.cookie(User_Agent="laptop"), person.cookie(User_Agent="phone")
    status, content, _ = person.server.raw("GET", "/api/v1/sessions", None, "", Cookie=here)
    listed = msgspec.json.decode(content)["data"]
    assert status == 200
    assert {each["user_agent"]: each["current"] for each in listed} == {"laptop": True, "phone": False}
    assert listed[0]["address"] == "127.0.0.1"
    for cookie in (here, there):
        assert cookie.partition("=")[2].encode() not in content
    phone = next(each["id"] for each in listed if each["user_agent"] == "phone")
    assert person.ask("DELETE", f"/api/v1/sessions/{phone}", here) == 204
    assert person.ask("GET", "/api/v1/session", there) == 401
    assert person.ask("DELETE", f"/api/v1/sessions/{phone}", here) == 404


def test_rights_are_not_widened(person: Person) -> None:
    """Nobody makes a token, a user or a token for somebody with rights that the own token lacks."""
    few = [Permission.tokens_write, Permission.users_write, Permission.profile_write, Permission.users_read, Permission.profile_read]
    _, token = person.control.tokens.create_for(system(person.org_id), ALL_PERMISSIONS, person.id, "few", few)
    robot, _ = person.control.users.create(system(person.org_id), ALL_PERMISSIONS, name="robot", role=Role.auditor, service=True)
    for method, path, body in (
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["read"]}),
        ("POST", f"/api/users/{person.id}/tokens", {"name": "x", "expires_in": 5}),
        ("POST", f"/api/users/{person.id}/tokens", {"name": "x", "expires_in": 5, "scopes": ["audit.read"]}),
        ("POST", f"/api/users/{robot}/tokens", {"name": "x", "expires_in": 5}),
        ("POST", "/api/users", {"name": "x", "role": "auditor", "auto_groups": [], "is_service_user": True}),
        ("PUT", f"/api/users/{robot}", {"role": "admin", "auto_groups": [], "is_blocked": False}),
        ("DELETE", f"/api/users/{robot}", None),
    ):
        content = None if body is None else msgspec.json.encode(body)
        assert person.server.raw(method, path, content, token, **JSON)[0] == 403, path
    own = msgspec.json.encode({"name": "x", "expires_in": 5, "scopes": ["users.read"]})
    assert person.server.raw("POST", f"/api/users/{person.id}/tokens", own, token, **JSON)[0] == 200


def test_secrets_are_shown_once(person: Person) -> None:
    """A made-up password, a token and an API token are in one answer and in no list after it."""
    _, admin = person.control.tokens.create(system(person.org_id), ALL_PERMISSIONS, "admin", list(Scope))
    call = person.server.call
    _, user = call(
        "POST", "/api/users", msgspec.json.encode({"email": f"c{person.email}", "role": "user", "auto_groups": []}), admin, **JSON
    )
    robot = {"name": "robot", "role": "user", "auto_groups": [], "is_service_user": True}
    _, service = call("POST", "/api/users", msgspec.json.encode(robot), admin, **JSON)
    _, token = call("POST", f"/api/users/{service['id']}/tokens", b'{"name":"t","expires_in":5}', admin, **JSON)
    _, ours = call("POST", "/api/v1/tokens", b'{"name":"t","scopes":["read"]}', admin, **JSON)
    secrets = [user["password"], token["plain_token"], ours["token"]]
    assert all(len(secret) >= 20 for secret in secrets)
    assert "password" not in service
    shown = b"".join(
        person.server.raw("GET", path, None, admin)[1]
        for path in (
            "/api/users", f"/api/users/{user['id']}", f"/api/users/{service['id']}/tokens", "/api/v1/tokens", "/api/v1/audit",
            "/api/events",
            f"/api/users/{service['id']}/tokens/{token['personal_access_token']['id']}", f"/api/v1/users/{user['id']}/sessions",
        )
    )  # fmt: skip
    assert b"robot" in shown
    for secret in (*secrets, PASSWORD):
        assert secret.encode() not in shown
    assert person.server.raw("GET", "/api/v1/traffic", None, ours["token"])[0] == 200


def test_the_log_holds_no_secret(own_server: ServerProcess) -> None:
    """Neither passwords nor tokens nor cookies nor links, also of requests that fail."""
    control = opened(own_server)
    link = control.sessions.add_link(system(control.first_organisation()[0]))
    own_server.raw("GET", f"/sign-in/{link}", None, "")
    own_server.raw("GET", f"/sign-in/{link}", None, "")
    own_server.raw("POST", "/api/v1/session", b'{"email":"a@example.org","password":"secret words of ana"}', "", **JSON)
    own_server.raw("POST", "/api/v1/session", b'{"token":"mt_secret-token"}', "", **JSON)
    own_server.raw("GET", "/api/v1/traffic", None, "mt_secret-token", Cookie=f"{SESSION_COOKIE}=secret-cookie")
    own_server.raw("POST", "/api/v1/session", b'{"password":"secret words of ana"', "", **JSON)
    control.close()
    assert own_server.process is not None and own_server.process.stdout is not None
    own_server.process.terminate()
    said = "".join(own_server.said) + own_server.process.stdout.read()
    for secret in (link, "secret words of ana", "secret-token", "secret-cookie", own_server.token):
        assert secret not in said


class Proxied:
    """A server that believes a proxy at 127.0.0.1."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def sign_in(self, link: str, **headers: str) -> dict[str, str]:
        """Headers of the answer to a link."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        connection.request("GET", f"/sign-in/{link}", headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("trusted", [True, False])
def test_proxies_are_believed_when_they_are_named(tmp_path_factory: pytest.TempPathFactory, trusted: bool) -> None:
    """Then the address is the client's and the cookie is for TLS only; else both headers mean nothing."""
    more = ("--trusted-proxy", "127.0.0.0/8") if trusted else ()
    with ServerProcess(tmp_path_factory.mktemp("proxied") / "data", ("serve", *more)) as server:
        control = opened(server)
        org_id, _ = control.first_organisation()
        headers = Proxied(server).sign_in(
            control.sessions.add_link(system(org_id)), X_Forwarded_For="203.0.113.66, 198.51.100.7", X_Forwarded_Proto="https"
        )
        name, *flags = (each.strip() for each in headers["set-cookie"].split(";"))
        owner = control.users.list(org_id)[0]
        (session,) = control.sessions.list_of(org_id, owner.id)
        control.close()
    assert session.address == ("198.51.100.7" if trusted else "127.0.0.1")
    assert ("secure" in {each.lower() for each in flags}) is trusted
    assert name.startswith(f"__Host-{SESSION_COOKIE}=" if trusted else f"{SESSION_COOKIE}=")


def test_a_live_tail_ends_with_the_session(person: Person) -> None:
    """Who signed out sees no more rows, though the connection was open."""
    cookie = person.cookie()
    connection = http.client.HTTPConnection(person.server.host, person.server.port, timeout=30)
    connection.request("GET", "/api/v1/live", headers={"Cookie": cookie})
    answer = connection.getresponse()
    assert answer.readline() == b": connected\n"
    assert person.ask("DELETE", "/api/v1/session", cookie) == 204
    said = answer.read()
    connection.close()
    assert b"data:" not in said


def test_people_read_a_page_where_programs_read_json(person: Person) -> None:
    """A used link, a page that is not there and one without the right to it."""
    html = {"Accept": "text/html,application/xhtml+xml"}
    plain, _ = person.control.users.create(system(person.org_id), ALL_PERMISSIONS, email=f"p{person.email}", password=PASSWORD)
    cookie = Person(person.server, person.control, person.org_id, plain, f"p{person.email}").cookie()
    for path, status in (("/sign-in/<script>", 401), ("/nothing", 404), ("/traffic", 403), ("/collectors", 403)):
        code, content, headers = person.server.raw("GET", path.replace("<", "%3C"), None, "", Cookie=cookie, **html)
        assert (code, headers["content-type"]) == (status, "text/html; charset=utf-8"), path
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"].encode() in content
        assert b"<script>" not in content
        code, content, headers = person.server.raw("GET", path.replace("<", "%3C"), None, "", Cookie=cookie)
        assert (code, headers["content-type"]) == (status, "application/json"), path
