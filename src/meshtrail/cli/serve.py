"""`meshtrail serve`: the server alone."""

import typer
import uvloop

from meshtrail.cli.local import LOCAL_TOKEN_FILE, ensure_token
from meshtrail.cli.options import (
    ControlUrl,
    Data,
    GeoFile,
    Host,
    OidcClientId,
    OidcClientSecretFile,
    OidcGroupsClaim,
    OidcIssuer,
    OidcName,
    OidcRole,
    Port,
    SilentAfter,
    TrustedProxy,
)
from meshtrail.common.logs import configure_logs
from meshtrail.control.oidc.settings import checked_settings
from meshtrail.control.service import Scope
from meshtrail.ingest.limits import SILENT_AFTER_S
from meshtrail.server import Server, ServerConfig


def serve(
    data: Data, host: Host = "127.0.0.1", port: Port = 8765, geo_file: GeoFile = None, silent_after: SilentAfter = SILENT_AFTER_S,
    trusted_proxy: TrustedProxy = None, control_url: ControlUrl = "", oidc_issuer: OidcIssuer = "", oidc_client_id: OidcClientId = "",
    oidc_client_secret_file: OidcClientSecretFile = None, oidc_name: OidcName = "", oidc_groups_claim: OidcGroupsClaim = "groups",
    oidc_role: OidcRole = None,
) -> None:  # fmt: skip
    """Run the server without a local agent.

    Example: meshtrail serve --host 0.0.0.0 --data /srv/meshtrail
    """
    configure_logs()
    oidc = checked_settings(oidc_issuer, oidc_client_id, oidc_client_secret_file, oidc_name, oidc_groups_claim, oidc_role or ())
    server = Server(ServerConfig(data, host, port, geo_file, silent_after, tuple(trusted_proxy or ()), control_url, oidc))
    server.open()
    try:
        org_id, _ = server.control.first_organisation()
        ensure_token(server.control, org_id, data / LOCAL_TOKEN_FILE, "this machine", set(Scope))
        uvloop.run(server.serve(lambda address: typer.echo(f"MeshTrail answers at {address}", err=True)))
    finally:
        server.close()
