"""`meshtrail`: the commands, grouped."""

import sys

import typer

import meshtrail
from meshtrail.cli import agent, doctor, enrolment_key, inventory, peers, policy, query, serve, status, token, up, users
from meshtrail.common.errors import MeshTrailError

app = typer.Typer(
    help="The audit trail of a private network: who reached what, when, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("up", rich_help_panel="Run")(up.up)
app.command("serve", rich_help_panel="Run")(serve.serve)
app.command(
    "agent", rich_help_panel="Run", context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)(agent.agent)  # fmt: skip
app.command("query", rich_help_panel="Look")(query.query)
app.command("status", rich_help_panel="Look")(status.status)
app.add_typer(policy.app, name="policy", rich_help_panel="Look")
app.command("doctor", rich_help_panel="Look")(doctor.doctor)
app.add_typer(users.app, name="users", rich_help_panel="Manage")
app.add_typer(token.app, name="token", rich_help_panel="Manage")
app.add_typer(enrolment_key.app, name="enrolment-key", rich_help_panel="Manage")
app.add_typer(inventory.app, name="inventory", rich_help_panel="Manage")
app.add_typer(peers.app, name="peers", rich_help_panel="Manage")


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Options before the command."""
    if show:
        typer.echo(meshtrail.__version__)
        raise typer.Exit


def main() -> None:
    """Entry point. Errors are two lines: what, and what to do."""
    try:
        app()
    except MeshTrailError as error:
        _fail(error.message, error.remedy)


def _fail(message: str, remedy: str) -> None:
    typer.secho(message, fg="red", err=True)
    if remedy:
        typer.echo(remedy, err=True)
    sys.exit(1)
