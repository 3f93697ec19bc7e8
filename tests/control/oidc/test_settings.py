"""Settings of sign-in through a provider, as commands give them."""

from pathlib import Path
from typing import Any

import pytest

from meshtrail.common.errors import InvalidError
from meshtrail.control.oidc.settings import checked_settings
from meshtrail.control.permissions import Role
from meshtrail.server import ServerConfig
from meshtrail.trail import differing

GIVEN: dict[str, Any] = {
    "issuer": "https://id.example.org/realm", "client_id": "meshtrail", "secret_file": None, "name": "",
    "groups_claim": "groups", "roles": (),
}  # fmt: skip


def test_all_of_them(tmp_path: Path) -> None:
    """A group's name may hold the sign that separates it; the configuration that is written down at start has no secret."""
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    found = checked_settings(**{**GIVEN, "secret_file": file, "roles": ("cn=ops,dc=x=network_admin", "all staff=auditor")})
    assert found is not None
    assert found.roles == (("cn=ops,dc=x", Role.network_admin), ("all staff", Role.auditor))
    assert (found.secret(), found.shown_name) == ("s3cret", "id.example.org")
    told = differing(ServerConfig(tmp_path, oidc=found))
    assert told["oidc.issuer"] == GIVEN["issuer"] and "s3cret" not in str(told) + repr(found)


def test_none() -> None:
    """No issuer, no sign-in; options without it are a mistake."""
    nothing = {**GIVEN, "issuer": "", "client_id": ""}
    assert checked_settings(**nothing) is None
    for more in ({"client_id": "x"}, {"roles": ("a=user",)}, {"secret_file": Path("/x")}):
        with pytest.raises(InvalidError, match="--oidc-issuer"):
            checked_settings(**{**nothing, **more})


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"issuer": "http://id.example.org"}, "--oidc-issuer"),
        ({"issuer": "id.example.org"}, "--oidc-issuer"),
        ({"issuer": "https://user:pass@id.example.org"}, "--oidc-issuer"),
        ({"issuer": "https://id.example.org#x"}, "--oidc-issuer"),
        ({"issuer": "https://id.example.org?x=1"}, "--oidc-issuer"),
        ({"issuer": "https://id.example.org:x"}, "--oidc-issuer"),
        ({"issuer": "https://[::1"}, "--oidc-issuer"),
        ({"client_id": ""}, "--oidc-client-id"),
        ({"secret_file": Path("/nonexistent")}, "--oidc-client-secret-file"),
        ({"secret_file": Path("/dev/null")}, "--oidc-client-secret-file"),
        ({"secret_file": Path("/dev/zero")}, "--oidc-client-secret-file"),
        ({"roles": ("ops",)}, "--oidc-role"),
        ({"roles": ("ops=king",)}, "--oidc-role"),
        ({"roles": ("=admin",)}, "--oidc-role"),
    ],
)
def test_mistakes_name_the_option(changes: dict[str, Any], option: str) -> None:
    """And no secret."""
    with pytest.raises(InvalidError, match=option):
        checked_settings(**{**GIVEN, **changes})


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:3000", "http://localhost", "http://[::1]:3000/realm"])
def test_this_machine_needs_no_tls(issuer: str) -> None:
    """For trying it out."""
    assert checked_settings(**{**GIVEN, "issuer": issuer}) is not None
