"""How this server signs people in through an identity provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from meshtrail.common.errors import InvalidError
from meshtrail.control.permissions import Role

_URL_CHARACTERS_MAX = 500
_SECRET_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Sign-in with OpenID Connect: `--oidc-…`."""

    issuer: str
    """Address of the identity provider, as it calls itself: `https://id.example.org`. Its description is looked for below it."""
    client_id: str
    """Name of this server at the provider."""
    client_secret_file: Path | None = None
    """File with the client's secret; None: a public client, which PKCE alone protects."""
    name: str = ""
    """What the sign-in page calls the provider; else the host of its address."""
    groups_claim: str = "groups"
    """Claim with the names of a person's groups; `realm_access.roles` looks inside of a claim."""
    roles: tuple[tuple[str, Role], ...] = field(default=())
    """Which group leads to which role (`GROUP=ROLE`); the highest one counts. Without any, roles are given here."""

    @property
    def shown_name(self) -> str:
        """What people read."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer

    def secret(self) -> str:
        """The client's secret, empty without one. `InvalidError` when the file cannot be read."""
        if self.client_secret_file is None:
            return ""
        try:
            with self.client_secret_file.open("rb") as file:
                content = file.read(_SECRET_BYTES_MAX + 1)
            text = content.decode().strip()
        except (OSError, ValueError) as error:
            raise InvalidError(f"--oidc-client-secret-file: {error}.", "Name a file with the secret that the provider gave.") from None
        if not text or len(content) > _SECRET_BYTES_MAX or not text.isprintable():
            raise InvalidError("--oidc-client-secret-file: the file holds no secret.", "It has one line: the secret, and nothing else.")
        return text


def checked_settings(
    issuer: str, client_id: str, secret_file: Path | None, name: str, groups_claim: str, roles: Sequence[str]
) -> OidcSettings | None:
    """The settings of a command's options; None when there is no issuer. `InvalidError` names the option."""
    if not issuer:
        if client_id or secret_file or roles:
            raise InvalidError("--oidc-issuer is missing.", "Name the address of the identity provider, or leave out the other options.")
        return None
    checked_url(issuer, "--oidc-issuer")
    if "?" in issuer:
        raise InvalidError("--oidc-issuer: an issuer has no query.")
    if not client_id:
        raise InvalidError("--oidc-client-id is missing.", "It is the name under which this server is registered at the provider.")
    settings = OidcSettings(issuer, client_id, secret_file, name, groups_claim, tuple(_role(each) for each in roles))
    settings.secret()
    return settings


def checked_url(text: str, what: str) -> str:
    """The address, when it is one over TLS, or on this machine; `InvalidError` else."""
    try:
        found = urlsplit(text)
        host, _ = found.hostname or "", found.port
    except ValueError:
        found, host = urlsplit(""), ""
    if not host or not text.isprintable() or " " in text or len(text) > _URL_CHARACTERS_MAX or found.username is not None or found.fragment:
        raise InvalidError(f"{what}: {text[:100]!r} is no address.", "Write it like https://id.example.org.")
    if found.scheme != "https" and not (found.scheme == "http" and _is_loopback(host)):
        raise InvalidError(f"{what}: {text[:100]} is not over TLS.", "Only a provider on this very machine may be asked without it.")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _role(text: str) -> tuple[str, Role]:
    group, equals, role = text.rpartition("=")
    if not equals or not group or role not in Role.__members__.values():
        raise InvalidError(f"--oidc-role: {text[:100]!r} is no GROUP=ROLE.", f"Roles are {', '.join(Role)}.")
    return group, Role(role)
