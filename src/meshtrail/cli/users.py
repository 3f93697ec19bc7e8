"""`meshtrail users`: people and users for programs, on the machine of the server."""

import sys
from typing import Annotated

import msgspec
import typer

from meshtrail.cli.options import Data
from meshtrail.cli.people import user_named
from meshtrail.cli.store import opened, terminal
from meshtrail.common.clock import rfc3339
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.user import UserKind
from meshtrail.control.users import UserChange

app = typer.Typer(help="Make, list, change and block users.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="E-mail address, name or id.")]


@app.command()
def add(
    data: Data,
    who: Annotated[str, typer.Argument(help="E-mail address; with --service a name.")],
    name: Annotated[str, typer.Option(help="Name of the person.")] = "",
    role: Annotated[Role, typer.Option(help="What the user may do: see docs/reference/permissions.md.")] = Role.user,
    service: Annotated[bool, typer.Option("--service", help="A user for programs: it has tokens and no password.")] = False,
) -> None:
    """Make a user. A person's first password is printed this once.

    Example: meshtrail users add ana@example.org --name Ana --role admin
    """
    with opened(data) as (control, org_id):
        identifier, password = control.users.create(
            terminal(org_id), ALL_PERMISSIONS, name=who if service else name, email=None if service else who, role=role, service=service
        )  # fmt: skip
    typer.echo(identifier if password is None else f"{identifier}\npassword: {password}")


@app.command("list")
def list_(data: Data) -> None:
    """List users."""
    with opened(data) as (control, org_id):
        for user in control.users.list(org_id):
            seen = rfc3339(user.last_login_at)[:16] if user.last_login_at else "never signed in"
            kind = "program" if user.kind is UserKind.service else seen
            status = "waits" if user.pending else user.status
            typer.echo(f"{user.id}  {user.role.value:13}  {status:8}  {kind:16}  {user.email or '-':30}  {user.name}")


@app.command()
def role(data: Data, who: Who, role: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Give a user another role; it holds within seconds.

    Example: meshtrail users role ana@example.org auditor
    """
    _change(data, who, UserChange(role=role))


@app.command()
def update(
    data: Data,
    who: Who,
    name: Annotated[str, typer.Option(help="The new name.")] = "",
    email: Annotated[str, typer.Option(help="The new e-mail address, with which the user signs in.")] = "",
) -> None:
    """Change name or e-mail address.

    Example: meshtrail users update Owner --email ana@example.org --name Ana
    """
    _change(data, who, UserChange(name=name or msgspec.UNSET, email=email or msgspec.UNSET))


@app.command()
def block(data: Data, who: Who, undo: Annotated[bool, typer.Option("--undo", help="Let the user in again.")] = False) -> None:
    """Block a user: sessions end, and tokens are refused, within seconds."""
    _change(data, who, UserChange(blocked=not undo))


@app.command()
def approve(data: Data, who: Who) -> None:
    """Let in a user who waits: somebody new, whom an identity provider vouches for.

    Example: meshtrail users approve eve@example.org
    """
    with opened(data) as (control, org_id):
        control.users.approve(terminal(org_id), ALL_PERMISSIONS, user_named(control, org_id, who).id)
    typer.echo("approved")


def _change(data: Data, who: str, change: UserChange) -> None:
    with opened(data) as (control, org_id):
        control.users.update(terminal(org_id), ALL_PERMISSIONS, user_named(control, org_id, who).id, change)
    typer.echo("changed")


@app.command()
def password(data: Data, who: Who) -> None:
    """Set a user's password, which is asked for, or read from the standard input; the user is signed out everywhere.

    Example: meshtrail users password ana@example.org
    """
    with opened(data) as (control, org_id):
        user = user_named(control, org_id, who)
        if sys.stdin.isatty():
            given = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
        else:
            given = sys.stdin.readline().rstrip("\r\n")
        control.sign_in.reset_password(terminal(org_id), ALL_PERMISSIONS, user.id, given)
    typer.echo("changed" if user.email else "changed; the user needs an e-mail address to sign in: meshtrail users update --email")
