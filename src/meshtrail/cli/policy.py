"""`meshtrail policy check`: whether a connection would be allowed, and by which rule."""

import json
from typing import Annotated, Any

import typer

from meshtrail.cli.client import call
from meshtrail.cli.options import DEFAULT_URL, Json, Token, Url

app = typer.Typer(help="Ask what the policies say.", no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Ask what the policies say."""


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="Who opens the connection: a peer's id, name or address.")],
    destination: Annotated[str, typer.Argument(help="The same, or a resource's id, name, address or domain.")],
    protocol: Annotated[str, typer.Argument(help="tcp, udp, icmp, or an IANA number.")] = "tcp",
    port: Annotated[int | None, typer.Argument(help="Destination port; TCP and UDP need one.")] = None,
    at: Annotated[str | None, typer.Option(help="The moment (RFC 3339). Without it, now.")] = None,
    via: Annotated[str | None, typer.Option(help="The routing peer, by id or name.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Say whether a connection would be allowed, by which rule, and why. Nothing is changed.

    Example: meshtrail policy check laptop crm tcp 443 --at 2026-11-21T09:00:00Z
    """
    asked = {"source": source, "destination": destination, "protocol": protocol, "port": port, "at": at, "via": via}
    answer = call(url, token, "/api/v1/policy/check", body=asked)
    typer.echo(json.dumps(answer, indent=2) if as_json else "\n".join(lines(answer)))


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer for people."""
    found = [
        f"{answer['verdict'].replace('_', ' ')}: {_end(answer['source'])} to {_end(answer['destination'])} at {answer['at'][:19]}Z",
        answer["reason"],
    ]
    for heading, rules in (("by", [answer["rule"]] if answer["rule"] else []), ("one of", answer["candidates"]), ("also", answer["also"])):
        found += [line for rule in rules for line in _rule(heading, rule)]
    return found


def _end(end: dict[str, Any]) -> str:
    return f"{end['name']} ({end['address']})" if end["name"] and end["address"] else str(end["name"] or end["address"])


def _rule(heading: str, rule: dict[str, Any]) -> list[str]:
    until = f" until {rule['valid_until'][:19]}Z" if rule["valid_until"] else ""
    since = f", in force from {rule['valid_from'][:19]}Z{until}" if rule["valid_from"] else ""
    ends = [", ".join(f"{each['type']} {each['name']}" for each in rule[name]) for name in ("source", "destination")]
    return [
        f"{heading:>6}  {rule['text']}",
        f"        policy {rule['policy_name']} version {rule['policy_version']}{since}",
        f"        because of {ends[0]} and {ends[1]}{' (the way back)' if rule['reversed'] else ''}",
    ]
