"""The opener policy goes where browsers take it: over TLS, or from this very machine."""

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from meshtrail.web.isolation import HEADER, isolated


@get("/", sync_to_thread=False)
def page() -> str:
    """Anything."""
    return "page"


@pytest.mark.parametrize(
    ("scheme", "host", "sent"),
    [
        ("http", "127.0.0.1:8765", True), ("http", "[::1]:8765", True), ("http", "localhost:8765", True), ("http", "mesh.localhost", True),
        ("https", "mesh.example.org", True), ("http", "mesh.example.org", False), ("http", "192.0.2.7:8765", False),
        ("http", "127.0.0.1.example.org", False), ("http", "localhost.example.org", False),
    ],
)  # fmt: skip
def test_the_header_is_sent_where_it_works(scheme: str, host: str, sent: bool) -> None:
    """Elsewhere browsers would complain."""
    app = Litestar([page], middleware=[isolated], openapi_config=None)
    with TestClient(app, base_url=f"{scheme}://test.local") as client:
        said = client.get("/", headers={"Host": host}).headers.get(HEADER)
    assert said == ("same-origin" if sent else None)
