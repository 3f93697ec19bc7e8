"""`meshtrail enrolment-key`: keys that make machines peers, on the machine of the server."""

from typing import Annotated

import typer

from meshtrail.cli.options import Data
from meshtrail.cli.store import opened, terminal
from meshtrail.common.clock import rfc3339, wall_clock
from meshtrail.common.errors import NotFoundError
from meshtrail.control.inventory import Snapshot

app = typer.Typer(help="Make, list and revoke enrolment keys.", no_args_is_help=True)


@app.command()
def create(
    data: Data,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    reusable: Annotated[bool, typer.Option("--reusable", help="Works for many machines; else for one.")] = False,
    uses: Annotated[int, typer.Option(min=0, help="With --reusable: machines at the most; 0 for any number.")] = 0,
    days: Annotated[int, typer.Option(min=0, max=3_650, help="Days until it expires; 0 for never.")] = 7,
    group: Annotated[list[str] | None, typer.Option(help="Group of the machines, by name; repeat for several.")] = None,
) -> None:
    """Make a key; it is printed this once.

    Example: meshtrail enrolment-key create laptops --reusable --days 1 --group Staff
    """
    with opened(data) as (control, org_id):
        groups = [_group_id(control.snapshot(org_id), each) for each in group or []]
        _, secret = control.enrolment_keys.create(
            terminal(org_id), name, reusable=reusable, usage_limit=uses, lifetime_s=days * 86_400, auto_groups=groups
        )  # fmt: skip
    typer.echo(secret)


def _group_id(snapshot: Snapshot, name: str) -> str:
    for group in snapshot.groups.values():
        if group.name == name:
            return group.id
    names = ", ".join(group.name for group in snapshot.groups.values() if not group.built_in) or "none"
    raise NotFoundError(f"There is no group {name!r}.", f"There are: {names}.")


@app.command("list")
def list_(data: Data) -> None:
    """List keys without their secrets."""
    now = wall_clock()
    with opened(data) as (control, org_id):
        for key in control.enrolment_keys.list(org_id):
            expires = rfc3339(key.expires_at)[:10] if key.expires_at else "does not expire"
            uses = f"{key.used_times}/{key.usage_limit or 'any'}"
            typer.echo(f"{key.id}  {key.state(now):8}  {uses:9}  {expires:15}  {key.hint}****  {key.name}")


@app.command()
def revoke(data: Data, identifier: Annotated[str, typer.Argument(help="Id from `meshtrail enrolment-key list`.")]) -> None:
    """Revoke a key; the peers that were made with it stay."""
    with opened(data) as (control, org_id):
        control.enrolment_keys.update(terminal(org_id), identifier, revoked=True)
    typer.echo("revoked")
