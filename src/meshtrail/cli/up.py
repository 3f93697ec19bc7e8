"""`meshtrail up`: server, embedded store, and this machine's agent when it may capture."""

import subprocess
import sys
from pathlib import Path

import typer
import uvloop

from meshtrail.agent.probe import capability
from meshtrail.api.service import Capture
from meshtrail.cli.local import AGENT_TOKEN_FILE, LOCAL_TOKEN_FILE, ensure_token
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
from meshtrail.cli.store import terminal
from meshtrail.common.logs import configure_logs
from meshtrail.control.oidc.settings import checked_settings
from meshtrail.control.service import Scope
from meshtrail.ingest.limits import SILENT_AFTER_S
from meshtrail.server import Server, ServerConfig

AGENT_STOP_S = 10
AGENT_FOLDER = "agent"
"""Folder beside the store in which the local agent keeps what is its own."""
NOT_CAPTURING = (
    "This process lacks CAP_NET_ADMIN, so this machine's own connections are not captured; the API takes events. "
    "Start it as root to capture."
)


class LocalAgent:
    """The agent of this machine as a child process."""

    def __init__(self, data: Path, wanted: bool) -> None:
        self._data = data
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._permitted = capability().ok

    def start(self, address: str, token_file: Path) -> None:
        """Start it if it is wanted and permitted."""
        if self._wanted and self._permitted:
            log = (self._data / "agent.log").open("ab")
            state = str(self._data / AGENT_FOLDER)
            arguments = ["-m", "meshtrail.agent", "--server", address, "--token-file", str(token_file), "--state-dir", state]
            self._process = subprocess.Popen([sys.executable, *arguments], stderr=log, stdin=subprocess.DEVNULL)
            log.close()

    def state(self) -> Capture:
        """Whether it captures now."""
        if not self._wanted:
            return Capture(False, "The local agent was switched off with --no-agent.")
        if not self._permitted:
            return Capture(False, NOT_CAPTURING)
        if self._process is None:
            return Capture(False, "The local agent is about to start.")
        code = self._process.poll()
        if code is not None:
            return Capture(False, f"The local agent ended with code {code}: see {self._data / 'agent.log'}.")
        return Capture(True, "This machine's connections are captured from the kernel's connection tracking.")

    def stop(self) -> None:
        """Let it send what it has, then end it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(AGENT_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def up(
    data: Data,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    geo_file: GeoFile = None,
    silent_after: SilentAfter = SILENT_AFTER_S,
    trusted_proxy: TrustedProxy = None,
    control_url: ControlUrl = "",
    oidc_issuer: OidcIssuer = "",
    oidc_client_id: OidcClientId = "",
    oidc_client_secret_file: OidcClientSecretFile = None,
    oidc_name: OidcName = "",
    oidc_groups_claim: OidcGroupsClaim = "groups",
    oidc_role: OidcRole = None,
    agent: bool = typer.Option(True, help="Run this machine's agent too."),
) -> None:
    """Run everything on this machine: the dashboard shows its connections at once.

    Example: sudo meshtrail up
    """
    configure_logs()
    oidc = checked_settings(oidc_issuer, oidc_client_id, oidc_client_secret_file, oidc_name, oidc_groups_claim, oidc_role or ())
    server = Server(ServerConfig(data, host, port, geo_file, silent_after, tuple(trusted_proxy or ()), control_url, oidc))
    server.open()
    local = LocalAgent(data, agent)
    server.capture = local.state
    server.before_drain = local.stop
    try:
        org_id, _ = server.control.first_organisation()
        agent_token = data / AGENT_TOKEN_FILE
        ensure_token(server.control, org_id, agent_token, "this machine's agent", {Scope.ingest})
        ensure_token(server.control, org_id, data / LOCAL_TOKEN_FILE, "this machine", set(Scope))

        def ready(address: str) -> None:
            local.start(address, agent_token)
            _welcome(address, server, org_id, local)

        uvloop.run(server.serve(ready))
    finally:
        local.stop()
        server.close()


def _bold(text: object) -> str:
    return typer.style(str(text), bold=True)


def _dim(text: str) -> str:
    return typer.style(text, dim=True)


def _welcome(address: str, server: Server, org_id: str, local: LocalAgent) -> None:
    data = server.config.data
    state = local.state()
    mark = typer.style("●", fg="green") if state.capturing else typer.style("○", fg="yellow")
    link = f"{address}/sign-in/{server.control.sessions.add_link(terminal(org_id))}"
    lines = [
        "",
        f"  {_bold('MeshTrail')}  who reached what, when, and why",
        "",
        f"  Open      {_bold(link)}",
        f"            {_dim('works once, for 15 minutes; another: meshtrail token link')}",
        f"  Capture   {mark} {state.reason}",
        f"  Data      {data}",
        f"  API       {address}/api/events/network-traffic   {_dim(f'token: {data / LOCAL_TOKEN_FILE}')}",
        f"  Stop      Ctrl+C {_dim('(what was taken is stored first)')}",
        "",
    ]
    typer.echo("\n".join(lines))
