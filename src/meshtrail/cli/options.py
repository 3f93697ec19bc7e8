"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from meshtrail.ingest.limits import COLLECTOR_FORGET_S

DEFAULT_URL = "http://127.0.0.1:8765"
CONTROL_URL = "MESHTRAIL_CONTROL_URL"
"""Variable of the environment that says where the control store is, for the server and for all commands that open it."""


def default_data() -> Path:
    """`$MESHTRAIL_DATA`, else /var/lib/meshtrail for root, else the user's data folder (XDG base directories)."""
    if given := os.environ.get("MESHTRAIL_DATA"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/meshtrail")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "meshtrail"


Data = Annotated[
    Path,
    typer.Option(help="Folder of everything the server keeps.", default_factory=default_data, show_default="/var/lib/meshtrail as root"),
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one.")]
GeoFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="MaxMind-format file with places of addresses.")]
SilentAfter = Annotated[
    int,
    typer.Option(
        "--silent-after",
        min=1,
        max=COLLECTOR_FORGET_S,
        help="Seconds of silence after which a reporter counts as gone and its open connections as lost; agents speak every ten.",
    ),
]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option(
        help="Address or network of a proxy that is believed when it says who asks (X-Forwarded-For, -Proto, -Host); repeat for several."
    ),
]
ControlUrl = Annotated[
    str,
    typer.Option(
        envvar=CONTROL_URL,
        help="PostgreSQL database for who and what the organisation has, such as postgresql://meshtrail@db.example.org/meshtrail; "
        "else a file in the data folder. Passwords belong into the environment or into ~/.pgpass.",
    ),
]
OidcIssuer = Annotated[
    str, typer.Option(envvar="MESHTRAIL_OIDC_ISSUER", help="Identity provider for signing in with OpenID Connect: https://id.example.org.")
]
OidcClientId = Annotated[str, typer.Option(envvar="MESHTRAIL_OIDC_CLIENT_ID", help="Name of this server at the identity provider.")]
OidcClientSecretFile = Annotated[
    Path | None,
    typer.Option(
        envvar="MESHTRAIL_OIDC_CLIENT_SECRET_FILE", dir_okay=False, help="File with the client's secret; without one it is a public client."
    ),
]
OidcName = Annotated[str, typer.Option(envvar="MESHTRAIL_OIDC_NAME", help="What the sign-in page calls the identity provider.")]
OidcGroupsClaim = Annotated[str, typer.Option(envvar="MESHTRAIL_OIDC_GROUPS_CLAIM", help="Claim with the names of a person's groups.")]
OidcRole = Annotated[
    list[str] | None,
    typer.Option(
        envvar="MESHTRAIL_OIDC_ROLE",
        metavar="GROUP=ROLE",
        help="Role of the members of a group; repeat for several, in the environment with spaces between. The highest one counts.",
    ),
]
Url = Annotated[str, typer.Option(envvar="MESHTRAIL_URL", help="Address of the server.")]
Token = Annotated[str, typer.Option(envvar="MESHTRAIL_TOKEN", help="API token; else the one `meshtrail up` keeps for this machine.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
