"""`meshtrail peers`: the machines that are enrolled, on the machine of the server."""

from typing import Annotated

import typer

from meshtrail.cli.options import Data
from meshtrail.cli.store import opened, terminal
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import InvalidError

app = typer.Typer(help="List and remove peers.", no_args_is_help=True)


@app.command("list")
def list_(data: Data) -> None:
    """List peers with their groups and addresses in the overlay."""
    with opened(data) as (control, org_id):
        snapshot = control.snapshot(org_id)
        seen = control.peers.last_seen(org_id)
        for peer in snapshot.peers.values():
            groups = ",".join(group.name for group in snapshot.groups_of_peers[peer.id])
            addresses = ",".join(each.partition("/")[0] for each in snapshot.overlay[peer.id]) or "no overlay address"
            typer.echo(f"{peer.id}  {rfc3339(seen[peer.id])[:16]}  {addresses:20}  {groups:20}  {peer.name}")


@app.command()
def remove(data: Data, peer: Annotated[str, typer.Argument(help="Id, or name, from `meshtrail peers list`.")]) -> None:
    """Remove a peer: its agent is refused within seconds, and no other peer lets it in.

    Example: meshtrail peers remove old-laptop
    """
    with opened(data) as (control, org_id):
        known = control.snapshot(org_id).peers
        named = [each.id for each in known.values() if each.name == peer]
        if peer not in known and len(named) > 1:
            raise InvalidError(f"{len(named)} peers are named {peer!r}.", f"Choose by id: {', '.join(named)}.")
        control.peers.remove(terminal(org_id), named[0] if named and peer not in known else peer)
    typer.echo("removed")
