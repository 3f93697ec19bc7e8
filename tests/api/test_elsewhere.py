"""Signing in at an identity provider over HTTP: cookies, addresses, pages, and what is left of it."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from meshtrail.api.auth import SECURE_COOKIE, SESSION_COOKIE
from meshtrail.api.elsewhere import ATTEMPT_COOKIE
from tests.api.client import Client
from tests.api.trail import until
from tests.identity_provider import CLIENT, SECRET, Answer, IdentityProvider, running
from tests.servers import ServerProcess

ANA = {"name": "Ana Lima", "email": "ana@example.org", "email_verified": True, "groups": ["ops"]}
PAGE = {"Accept": "text/html,*/*"}


@dataclass
class Door:
    """A server, and the provider that it trusts."""

    server: ServerProcess
    provider: IdentityProvider

    def get(self, path: str, cookies: dict[str, str] | None = None, **headers: str) -> tuple[int, bytes, dict[str, str], dict[str, str]]:
        """Status, body, headers, and the cookies that are set."""
        sent = {**headers, **({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {})}
        return with_cookies(self.server, path, sent)

    def begin(self, query: str = "", **headers: str) -> tuple[str, dict[str, str]]:
        """Where the provider is, and the cookies of the attempt."""
        status, _, found, cookies = self.get(f"/sign-in/oidc{query}", None, **headers)
        assert status == 303 and found["cache-control"] == "no-store"
        return found["location"], cookies

    def back(self, url: str, cookies: dict[str, str], **headers: str) -> tuple[int, bytes, dict[str, str], dict[str, str]]:
        """The answer to the way back of somebody who signed in at `url`."""
        answer = self.provider.code_for(url, ANA)
        query = "&".join(f"{name}={value}" for name, value in answer.items())
        return self.get(f"/sign-in/oidc/callback?{query}", cookies, **headers)


def with_cookies(server: ServerProcess, path: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str], dict[str, str]]:
    """As `ServerProcess.raw`, with all of the cookies: name to everything after it."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body, pairs = answer.read(), answer.getheaders()
    connection.close()
    set_ = [value.partition("=")[::2] for name, value in pairs if name.lower() == "set-cookie"]
    return answer.status, body, {name.lower(): value for name, value in pairs}, dict(set_)


def value(cookie: str) -> str:
    """A cookie's value without its flags."""
    return cookie.partition(";")[0]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A server behind a proxy at 127.0.0.1, with a provider."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "secret").write_text(SECRET)
    with running() as provider:
        command = (
            "serve", "--oidc-issuer", provider.issuer, "--oidc-client-id", CLIENT, "--oidc-client-secret-file", str(folder / "secret"),
            "--oidc-role", "ops=auditor", "--trusted-proxy", "127.0.0.1",
        )  # fmt: skip
        with ServerProcess(folder / "data", command) as server:
            yield Door(server, provider)


def test_there_and_back(door: Door) -> None:
    """The attempt's cookie is out of reach of scripts, short-lived, and gone afterwards; the session's is a new one."""
    url, cookies = door.begin("?next=/traffic%3Fa%3Db")
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == [f"{door.server.url}/sign-in/oidc/callback"]
    flags = {each.strip().lower() for each in cookies[ATTEMPT_COOKIE].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=600"} <= flags and "secure" not in flags
    sealed = value(cookies[ATTEMPT_COOKIE])
    assert not any(asked[name][0] in sealed for name in ("state", "nonce"))
    chosen = {ATTEMPT_COOKIE: sealed, SESSION_COOKIE: "chosen-by-somebody-else"}
    status, _, headers, got = door.back(url, chosen)
    assert (status, headers["location"]) == (303, "/traffic?a=b")
    assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
    assert "max-age=0" in got[ATTEMPT_COOKIE].lower()
    session = value(got[SESSION_COOKIE])
    assert session and session != "chosen-by-somebody-else"
    _, body, _, _ = door.get("/api/v1/session", {SESSION_COOKIE: session})
    said = msgspec.json.decode(body)
    assert (said["name"], said["role"]) == ("Ana Lima", "auditor")
    url, cookies = door.begin()
    door.back(url, {ATTEMPT_COOKIE: value(cookies[ATTEMPT_COOKIE]), SESSION_COOKIE: session})
    assert door.get("/api/v1/session", {SESSION_COOKIE: session})[0] == 401, "the former session ends"


def test_over_tls(door: Door) -> None:
    """All cookies are for TLS and for this very host, and the provider is told the address that the browser knows."""
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "trail.example.org"}
    url, cookies = door.begin(**proxied)
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == ["https://trail.example.org/sign-in/oidc/callback"]
    name = f"__Host-{ATTEMPT_COOKIE}"
    status, _, _, got = door.back(url, {name: value(cookies[name])}, **proxied)
    assert status == 303 and set(got) == {SECURE_COOKIE, name}
    assert all("secure" in each.lower() and "path=/" in each.lower() and "domain" not in each.lower() for each in got.values())


def test_the_way_back_stays_here(door: Door) -> None:
    """No other site, however it is written."""
    for query in ("?next=//evil.example", "?next=https://evil.example", "?next=/%255c/evil.example", "?next=%2F%2Fevil.example", ""):
        url, cookies = door.begin(query)
        _, _, headers, _ = door.back(url, {ATTEMPT_COOKIE: value(cookies[ATTEMPT_COOKIE])})
        assert headers["location"] == "/", query


def test_hosts_that_are_none(door: Door) -> None:
    """Lead nowhere."""
    for host in ("", "a/b", "user@host", "a b", "x" * 300):
        assert door.get("/sign-in/oidc", Host=host)[0] == 400, host


def test_people_read_pages(door: Door) -> None:
    """With the request's id, which the audit trail has too; no session begins."""
    for query in ("", "?code=x&state=y", "?state=" + "z" * 5_000, "?error=access_denied"):
        status, body, headers, cookies = door.get(f"/sign-in/oidc/callback{query}", None, **PAGE)
        assert (status, cookies) == (401, {})
        assert headers["content-type"].startswith("text/html") and headers["x-request-id"].encode() in body
    url, cookies = door.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    sealed = {ATTEMPT_COOKIE: value(cookies[ATTEMPT_COOKIE])}
    query = f"?error=x&error_description=%3Cscript%3E&state={state}&iss={door.provider.issuer}"
    status, body, headers, _ = door.get(f"/sign-in/oidc/callback{query}", sealed, **PAGE)
    assert status == 401 and b"did not let you in" in body and b"<script>" not in body
    (event,) = until(Client(door.server, door.server.token), bool, request_id=headers["x-request-id"])
    assert (event["activity_code"], event["outcome"]) == ("sign_in.fail", "failure")
    assert event["error"] == "the provider refuses: x: <script>"


def test_a_provider_that_does_not_answer(door: Door) -> None:
    """A page says so."""
    door.provider.answers["/token"] = Answer(b"", 500)
    try:
        url, cookies = door.begin()
        status, body, _, _ = door.back(url, {ATTEMPT_COOKIE: value(cookies[ATTEMPT_COOKIE])}, **PAGE)
    finally:
        door.provider.answers.clear()
    assert status == 503 and b"does not answer as it should" in body and door.provider.issuer.encode() not in body


def test_the_sign_in_page_names_the_provider(door: Door, server: ServerProcess) -> None:
    """By the host of its address unless it is given a name; a server without one has no such way in."""
    _, page, _, _ = door.get("/sign-in?next=/traffic%3Fa=b%26c")
    assert b"Sign in with 127.0.0.1" in page and b'href="/sign-in/oidc?next=/traffic%3Fa%3Db%26c"' in page
    assert b"/sign-in/oidc" not in server.raw("GET", "/sign-in", None, "")[1]
    for path in ("/sign-in/oidc", "/sign-in/oidc/callback?code=x&state=y"):
        assert server.raw("GET", path, None, "")[0] == 404


def test_the_log_holds_no_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the client's nor codes, states and tokens, also of sign-ins that fail."""
    folder = tmp_path_factory.mktemp("log")
    (folder / "secret").write_text(SECRET)
    with running() as provider:
        command = (
            "serve",
            "--oidc-issuer",
            provider.issuer,
            "--oidc-client-id",
            CLIENT,
            "--oidc-client-secret-file",
            str(folder / "secret"),
        )
        with ServerProcess(folder / "data", command) as server:
            own = Door(server, provider)
            secrets = [SECRET]
            for answer in ({}, {"/token": Answer(b'{"id_token":"secret-token"}')}, {"/token": Answer(b"secret-body", 500)}):
                provider.answers = answer
                url, cookies = own.begin()
                status, body, _, _ = own.back(url, {ATTEMPT_COOKIE: value(cookies[ATTEMPT_COOKIE])})
                assert status in {403, 401, 503}, body
                secrets += [parse_qs(urlsplit(url).query)["state"][0], value(cookies[ATTEMPT_COOKIE])]
            assert server.process is not None and server.process.stdout is not None
            client = Client(server, server.token)
            trail = str(until(client, lambda rows: len(rows) == 3, activity_code="sign_in.fail"))
            server.process.terminate()
            said = "".join(server.said) + server.process.stdout.read() + trail
    assert "a sign-in failed" in said and "sign_in.fail" in said
    for secret in (*secrets, "secret-token", "secret-body", "access-code-0", "code-0"):
        assert secret not in said
