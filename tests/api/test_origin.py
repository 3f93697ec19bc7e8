"""Where a request comes from, and whether a page of this server sent it."""

from typing import Any

import pytest
from litestar.connection import ASGIConnection

from meshtrail.api.origin import HOPS_MAX, Proxies
from meshtrail.api.same_origin import refuse_foreign
from meshtrail.common.errors import ForbiddenError, InvalidError

TRUSTED = Proxies(["10.0.0.0/8", "2001:db8::5"])


def request(peer: str | None, scheme: str = "http", method: str = "POST", **headers: str | list[str]) -> ASGIConnection[Any, Any, Any, Any]:
    """A request from an address with these headers."""
    sent = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    scope: Any = {
        "type": "http", "method": method, "scheme": scheme, "path": "/page", "query_string": b"", "headers": sent,
        "client": None if peer is None else (peer, 5), "state": {},
    }  # fmt: skip
    return ASGIConnection(scope)


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"), ("10.0.0.1", "203.0.113.5", "203.0.113.5"), ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.5, 10.2.2.2", "203.0.113.5"), ("10.0.0.1", "10.3.3.3", "10.3.3.3"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.5"], "203.0.113.5"), ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, nonsense, 10.2.2.2", "10.2.2.2"), ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", "[2001:db8::9]:4711", "2001:db8::9"), ("10.0.0.1", "2001:db8::9", "2001:db8::9"),
        ("::ffff:10.0.0.1", "203.0.113.5", "203.0.113.5"), ("2001:db8::5", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5," + "10.1.1.1," * HOPS_MAX + "10.1.1.1", "10.1.1.1"), (None, "203.0.113.5", None),
    ],
)  # fmt: skip
def test_only_a_named_proxy_says_who_asks(peer: str | None, said: str | list[str], address: str | None) -> None:
    """And of what it says the last address counts that is no proxy: those before it anybody may have written."""
    assert TRUSTED.address(request(peer, x_forwarded_for=said)) == address
    assert Proxies().address(request(peer, x_forwarded_for=said)) == peer


def test_only_a_named_proxy_says_how_it_was_asked() -> None:
    """TLS and the name of the server."""
    headers: dict[str, Any] = {"host": "Inside:80", "x_forwarded_proto": "https", "x_forwarded_host": "Mesh.Example.org"}
    assert TRUSTED.secure(request("10.0.0.1", **headers)) and TRUSTED.host(request("10.0.0.1", **headers)) == "mesh.example.org"
    assert not TRUSTED.secure(request("192.0.2.1", **headers)) and TRUSTED.host(request("192.0.2.1", **headers)) == "inside:80"
    assert TRUSTED.secure(request("192.0.2.1", scheme="https"))
    assert not TRUSTED.secure(request("10.0.0.1", scheme="https", x_forwarded_proto="http"))


@pytest.mark.parametrize("text", ["nonsense", "10.0.0.0/33", "", "example.org"])
def test_a_proxy_is_an_address(text: str) -> None:
    """What is none is refused when the server starts."""
    with pytest.raises(InvalidError, match="--trusted-proxy"):
        Proxies([text])


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec_fetch_site": "same-origin"}, True), ({"sec_fetch_site": "same-site"}, False), ({"sec_fetch_site": "none"}, False),
        ({"origin": "http://mesh.example.org"}, True), ({"origin": "http://mesh.example.org:80"}, True),
        ({"origin": "http://MESH.example.org"}, True), ({"origin": "https://mesh.example.org"}, False),
        ({"origin": "http://mesh.example.org:8765"}, False), ({"origin": "http://mesh.example.org.evil.example"}, False),
        ({"origin": "http://evil.example/mesh.example.org"}, False), ({"origin": "null"}, False), ({"origin": ""}, False),
        ({"origin": "http://mesh.example.org:99999"}, False), ({}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://mesh.example.org"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://mesh.example.org"}, True),
    ],
)  # fmt: skip
def test_what_changes_something_comes_from_our_pages(headers: dict[str, str], ours: bool) -> None:
    """A browser says so by one header or the other; reading is free."""
    sent: dict[str, Any] = {"host": "mesh.example.org", **headers}
    for method in ("GET", "HEAD", "OPTIONS"):
        refuse_foreign(request("192.0.2.1", method=method, **sent), Proxies())
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        if ours:
            refuse_foreign(request("192.0.2.1", method=method, **sent), Proxies())
            continue
        with pytest.raises(ForbiddenError):
            refuse_foreign(request("192.0.2.1", method=method, **sent), Proxies())


def test_a_program_without_a_session_needs_no_page() -> None:
    """It may sign in; a page of another site may not make a browser do so."""
    refuse_foreign(request("192.0.2.1", host="mesh.example.org"), Proxies(), lenient=True)
    with pytest.raises(ForbiddenError):
        refuse_foreign(request("192.0.2.1", host="mesh.example.org", origin="https://evil.example"), Proxies(), lenient=True)
