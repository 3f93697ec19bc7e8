"""An identity provider, and sign-ins through it into an organisation."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtrail.control.actor import Origin
from meshtrail.control.oidc.settings import OidcSettings
from meshtrail.control.oidc.sign_in import Finished, SignInElsewhere
from meshtrail.control.permissions import Role
from meshtrail.control.places import Place
from meshtrail.server import CONTROL_FILE
from tests.control.organisation import Organisation
from tests.identity_provider import CLIENT, SECRET, IdentityProvider, running

RETURN = "https://meshtrail.example.org/sign-in/oidc/callback"
HERE = Origin("192.0.2.7", "browser", "r1")


class Door:
    """A browser at the sign-in page."""

    def __init__(self, settings: OidcSettings, organisation: Organisation, provider: IdentityProvider) -> None:
        control = organisation.control
        self.settings = settings
        self.provider = provider
        self.organisation = organisation
        self.sign_in = SignInElsewhere(
            settings, control.database, control.users, control.sessions, lambda: organisation.id, organisation.clock
        )  # fmt: skip

    def with_settings(self, **changes: Any) -> "Door":
        """The same door with other settings."""
        return Door(replace(self.settings, **changes), self.organisation, self.provider)

    def comes(self, claims: dict[str, Any] | None = None, more: dict[str, Any] | None = None, next_path: str = "/traffic") -> Finished:
        """Somebody with these claims signs in."""
        begun = self.sign_in.begin(RETURN, next_path)
        return self.sign_in.finish(begun.cookie, self.provider.code_for(begun.url, claims, more), HERE)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """One kind of database is enough here; users of a provider are tested on each in `test_external.py`."""
    return tmp_path / CONTROL_FILE


@pytest.fixture
def provider(organisation: Organisation) -> Iterator[IdentityProvider]:
    """A provider with the clock of the test."""
    with running() as started:
        started.now = lambda: organisation.clock() / 1e6
        yield started


@pytest.fixture
def door(organisation: Organisation, provider: IdentityProvider, tmp_path: Path) -> Door:
    """A door to an organisation in which `ops` are network admins and `staff` auditors."""
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    roles = (("ops", Role.network_admin), ("staff", Role.auditor))
    return Door(OidcSettings(provider.issuer, CLIENT, file, "Example ID", "groups", roles), organisation, provider)
