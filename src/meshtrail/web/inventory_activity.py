"""What happened lately to one thing of the inventory: its traffic of a day, and the audit events about it."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from meshtrail.filter.fields import fields_of
from meshtrail.filter.printer import printed_value
from meshtrail.filter.values import Text
from meshtrail.model.columns import TRAFFIC
from meshtrail.web import formats
from meshtrail.web.audit import AuditLine, audit_line
from meshtrail.web.inventory import EVER
from meshtrail.web.live_page import TailLine, tail_line
from meshtrail.web.service import AnyRequest
from meshtrail.web.viewer import Viewer

LAST = "24h"
"""Window of everything that is counted here."""

ROWS, COUNTERPARTS, EVENTS = 10, 5, 5
"""Lines of each part: a look, not the list."""

Parameters = Mapping[str, Sequence[str]]
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Direction:
    """One way in which a thing takes part in traffic."""

    words: str
    """What the others are to it: "It reached"."""
    filter: str
    """Rows of this way, in the filter language."""
    end: str
    """The end at which the others are: `source` or `destination`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Which rows are about a thing."""

    filter: str
    """In the filter language; empty when no row can be."""
    directions: tuple[Direction, ...]
    nothing: str
    """Why there may be no rows."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read."""

    rows: Sequence[Mapping[str, Any]]
    verdicts: Answer
    """Reports and bytes by verdict, as the API's aggregate."""
    sides: tuple[Answer, ...]
    """For each direction, reports and bytes by the name or address of the other end."""
    events: Sequence[Mapping[str, Any]] | None
    """None where audit events may not be read."""


class ActivitySource(Protocol):
    """Where it is read. Questions end when the request's client leaves."""

    async def activity(self, request: AnyRequest, org_id: str, subject: Subject, identifier: str, who: Viewer) -> Found:
        """Rows about the subject, and events about the thing with this id."""
        ...


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Somebody at the other end."""

    name: str
    href: str
    reports: str
    bytes: str


@dataclass(frozen=True, slots=True)
class Side:
    """Those at the other end, those with most reports first."""

    words: str
    lines: tuple[Counterpart, ...]
    others: int
    """How many there are besides."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with a word."""

    word: str
    text: str
    href: str
    verdict: str
    """Empty for what is no verdict."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Everything `_activity.html` shows."""

    lines: tuple[TailLine, ...]
    figures: tuple[Figure, ...]
    sides: tuple[Side, ...]
    listing: str
    """Address of the list of these rows."""
    everything: str
    """The same without a window; empty when no row can be about it."""
    nothing: str
    events: tuple[AuditLine, ...] | None
    """None when audit events may not be read."""
    changes: str
    """Address of all events about it."""


def _is(field: str, *values: str) -> str:
    """`field = "value"`, or any of several values."""
    found = fields_of(TRAFFIC).find(field)
    assert found is not None, field
    printed = [printed_value(found, Text(value)) for value in values]
    return f"{field} = {printed[0]}" if len(printed) == 1 else f"{field} in ({', '.join(printed)})"


def _both_ways(field: str, *values: str) -> tuple[Direction, ...]:
    return (
        Direction("It reached", _is(f"source.{field}", *values), "destination"),
        Direction("It was reached by", _is(f"destination.{field}", *values), "source"),
    )


def subject(tab: str, thing: Any) -> Subject:
    """Which rows are about a thing of a tab, as its page shows it."""
    match tab:
        case "peers":
            nothing = "No report of the last 24 hours names it, as source or as destination."
            return Subject(_is("either.id", thing.id), _both_ways("id", thing.id), nothing)
        case "groups":
            nothing = "No report of the last 24 hours names one of its members. Reports carry the groups that an end was in at that moment."
            return Subject(_is("either.groups", thing.name), _both_ways("groups", thing.name), nothing)
        case "networks":
            return _network(thing)
        case "users":
            return _user(thing)
        case _:
            chosen = _is("policy.id", thing.id)
            sides = Direction("To", chosen, "destination"), Direction("From", chosen, "source")
            nothing = (
                "It decided no connection of the last 24 hours. A policy decides where agents enforce it, or where its rule is found "
                "afterwards."
            )
            return Subject(chosen, sides, nothing)


def _network(network: Any) -> Subject:
    ids = [each.id for each in network.resources]
    if not ids:
        return Subject("", (), "There is no resource in it, so nothing can be reached through it.")
    sides = (
        Direction("Its resources", _is("destination.resource.id", *ids), "destination"),
        Direction("They were reached by", _is("destination.resource.id", *ids), "source"),
    )
    return Subject(_is("either.resource.id", *ids), sides, "No report of the last 24 hours names one of its resources.")


def _user(user: Any) -> Subject:
    chosen = _is("user.id", user.id) + (f" or {_is('user.email', user.email)}" if user.email else "")
    nothing = (
        "No report of the last 24 hours names this person. A report names one where the agent knows whose the program is, "
        "by an id or an e-mail address that is theirs here."
    )
    return Subject(chosen, (Direction("They reached", chosen, "destination"), Direction("From", chosen, "source")), nothing)


def listing(text: str, **more: str) -> str:
    """Address of the list of traffic with a filter."""
    return "/traffic?" + urlencode({"filter": text, **more})


def activity(chosen: Subject, found: Found, identifier: str, now: datetime) -> Activity:
    """What is shown of what was read."""
    address = listing(chosen.filter, last=LAST)
    query = address.partition("?")[2]
    sides = zip(chosen.directions, found.sides, strict=False)
    return Activity(
        lines=tuple(tail_line(row, query, now) for row in found.rows),
        figures=_figures(chosen, found.verdicts),
        sides=tuple(_side(direction, answer) for direction, answer in sides if answer["data"]),
        listing=address,
        everything=listing(chosen.filter, **{"from": EVER}) if chosen.filter else "",
        nothing=chosen.nothing,
        events=None if found.events is None else tuple(audit_line(row, now) for row in found.events),
        changes="/audit?" + urlencode({"target_id": identifier, "from": EVER}),
    )


def _figures(chosen: Subject, verdicts: Answer) -> tuple[Figure, ...]:
    if not verdicts:
        return ()
    counts = {group["group"]["verdict"] or "unknown": int(group["measures"]["count"]) for group in verdicts["data"]}
    words = (("allowed", "allowed"), ("denied", "denied"), ("unknown", "no verdict"))
    found = [
        Figure(word, formats.count(counts[name]), listing(chosen.filter, verdict=name, last=LAST), name)
        for name, word in words
        if counts.get(name)
    ]
    return (*found, Figure("both ways", _bytes(verdicts["totals"]), "", ""))


def _bytes(measures: Mapping[str, Any]) -> str:
    known = [int(measures[name]) for name in ("sum(rx_bytes)", "sum(tx_bytes)") if measures.get(name) is not None]
    return formats.byte_size(sum(known) if known else None)


def _side(direction: Direction, answer: Answer) -> Side:
    return Side(direction.words, tuple(_counterpart(direction, group) for group in answer["data"]), answer["groups"] - len(answer["data"]))


def _counterpart(direction: Direction, group: Mapping[str, Any]) -> Counterpart:
    (value,) = group["group"].values()
    measures = group["measures"]
    field = f"{direction.end}.address" if _is_address(value) else f"{direction.end}.name"
    condition = f"{field} missing" if value is None else f"{field} = {value}" if _is_address(value) else _is(field, value)
    address = listing(f"({direction.filter}) and {condition}", last=LAST)
    return Counterpart(formats.visible(value or "not known"), address, formats.count(int(measures["count"])), _bytes(measures))


def _is_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
