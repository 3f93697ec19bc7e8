"""`meshtrail token`: API tokens and sign-in links, on the machine of the server."""

from typing import Annotated

import typer

from meshtrail.cli.options import DEFAULT_URL, Data
from meshtrail.cli.people import user_named
from meshtrail.cli.store import opened, terminal
from meshtrail.common.clock import rfc3339
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Scope

app = typer.Typer(help="Make, list and delete API tokens; make sign-in links.", no_args_is_help=True)

User = Annotated[str, typer.Option("--user", help="E-mail address, name or id of the user whose it is; else the organisation's.")]


@app.command()
def create(
    data: Data,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="read, ingest, admin, or a single right; repeat for several.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3_650, help="Days until it expires.")] = None,
    user: User = "",
) -> None:
    """Make a token; its secret is printed this once. Without --scope a user's token may what the user may, and one of the
    organisation reads.

    Example: meshtrail token create grafana --scope read --days 90
    """
    lifetime_s = None if days is None else days * 86_400
    with opened(data) as (control, org_id):
        by = terminal(org_id)
        if user:
            whose = user_named(control, org_id, user).id
            _, secret = control.tokens.create_for(by, ALL_PERMISSIONS, whose, name, scope or (), lifetime_s)
        else:
            _, secret = control.tokens.create(by, ALL_PERMISSIONS, name, scope or [Scope.read], lifetime_s)
    typer.echo(secret)


@app.command("list")
def list_(data: Data, user: User = "") -> None:
    """List tokens without their secrets."""
    with opened(data) as (control, org_id):
        found = control.tokens.list_of(org_id, user_named(control, org_id, user).id) if user else control.tokens.list_all(org_id)
        for token in found:
            used = rfc3339(token.last_used_at)[:16] if token.last_used_at else "never used"
            expires = rfc3339(token.expires_at)[:10] if token.expires_at else "does not expire"
            typer.echo(f"{token.id:36}  {','.join(token.scopes) or 'all of the user':18}  {expires:15}  {used:16}  {token.name}")


@app.command()
def delete(data: Data, identifier: Annotated[str, typer.Argument(help="Id from `meshtrail token list`.")], user: User = "") -> None:
    """Delete a token; it stops working within seconds."""
    with opened(data) as (control, org_id):
        if user:
            control.tokens.delete_of(terminal(org_id), ALL_PERMISSIONS, user_named(control, org_id, user).id, identifier)
        else:
            control.tokens.delete(terminal(org_id), identifier)
    typer.echo("deleted")


@app.command()
def link(
    data: Data,
    url: Annotated[str, typer.Option(help="Address of the server.")] = DEFAULT_URL,
    user: Annotated[str, typer.Option("--user", help="E-mail address, name or id of who is signed in; else the owner.")] = "",
) -> None:
    """Make a one-time link that signs a browser in."""
    with opened(data) as (control, org_id):
        whose = user_named(control, org_id, user).id if user else None
        typer.echo(f"{url}/sign-in/{control.sessions.add_link(terminal(org_id), whose)}")
