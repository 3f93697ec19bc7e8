"""What the reports of a connection say, in words: each one, and what they say of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from meshtrail.web import formats
from meshtrail.web.rows import end_of

AGREEMENTS = {
    "both": ("agree", "Everyone who can report it does, and says the same."),
    "one_side": ("one side", "Only one side reports it."),
    "bytes_differ": ("bytes differ", "The reports count different amounts: more than 1 % and 1 KiB apart."),
    "denied_by_other": ("denied", "The initiator tried, and the other side or a router denied it."),
}
"""The badge of each agreement, and what it means."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One report of a connection."""

    id: str
    href: str
    """Address of its row in the list of traffic."""
    role: str
    reporter: str
    state: str
    verdict: str
    policy: str
    started_at: str
    started: str
    after: str
    """How much later than the first report's start."""
    ended_at: str
    ended: str
    close_reason: str
    to_destination: str
    to_source: str
    packets: str
    source: str
    destination: str
    translated: str
    """What it says of translated addresses; empty when nothing was translated."""


def sentence(row: Row) -> str:
    """What the reports say of each other."""
    speakers = [_short(reporter(each)) for each in row["reports"]]
    match row["agreement"]:
        case "denied_by_other":
            deniers = [_short(reporter(each)) for each in row["reports"] if each["state"] == "denied"]
            tried = [_short(reporter(each)) for each in row["reports"] if each["state"] != "denied"]
            rule = _short(known(row["policy_name"] or row["policy_id"]))
            why = f" by {rule}" if rule else ": no policy allows it" if row["attribution"] == "default_deny" else ""
            return f"{_listed(tried)} tried; {_listed(deniers)} denied it{why}."
        case "bytes_differ":
            return f"{_listed(speakers)} count different amounts."
        case "one_side":
            missing = [_short(end_of(row, each["side"]).name) for each in row["missing"]]
            if not missing:
                return f"Only {_listed(speakers)} {_verb(speakers)} it: nobody reports at the other end."
            silent = f"{_listed(missing)} {'has' if len(missing) == 1 else 'have'} a reporter that says nothing."
            return f"Only {_listed(speakers)} {_verb(speakers)} it: {silent}"
        case _:
            return f"{_listed(speakers)} say the same." if len(speakers) > 1 else f"{_listed(speakers)} reports it."


def explained(row: Row) -> tuple[str, ...]:
    """What may be the reason when reports are missing or differ."""
    if row["agreement"] == "bytes_differ":
        return (
            "A reporter lost its counters: it was started again, or the connection left its table early.",
            "Something between them resends, cuts or adds packets, such as a tunnel or a proxy.",
        )
    if row["agreement"] != "one_side" or not row["missing"]:
        return ()
    if row["state"] == "attempted":
        return ("Nothing answered: the packets may never have reached the other side, which then has nothing to report.",)
    if not row["finding"]:
        return ("The other report may still be under way, or the start was not seen and cannot be matched.",)
    return (
        "The other side's agent does not collect this: look at its settings, and whether it sees this interface.",
        "Its reports are late or lost: look at the collectors.",
        "Something in between answered in its place.",
        "Its clock is more than five seconds off: then its report stands alone.",
    )


def report_line(each: Row, first: str, now: datetime) -> ReportLine:
    """One report in words; `first` is the start of the best-placed one."""
    ended_at = each["ended_at"] or ""
    later_ms = round((datetime.fromisoformat(each["started_at"]) - datetime.fromisoformat(first)).total_seconds() * 1_000)
    return ReportLine(
        id=each["id"],
        href=f"/traffic/{quote(each['id'], safe='')}",
        role=each["role"],
        reporter=reporter(each),
        state=each["state"],
        verdict="denied" if each["state"] == "denied" else str(each["verdict"] or "unknown"),
        policy=known(each["policy_name"] or each["policy_id"])
        or ("no policy allows it" if each["attribution"] == "default_deny" else formats.UNKNOWN),
        started_at=each["started_at"],
        started=formats.clock_time(each["started_at"], now),
        after="" if not later_ms else f"{'+' if later_ms > 0 else '−'}{formats.duration(abs(later_ms))}",
        ended_at=ended_at,
        ended=formats.clock_time(ended_at, now) if ended_at else formats.UNKNOWN,
        close_reason=formats.words(known(each["close_reason"])),
        to_destination=_exact(each["bytes_to_destination"]),
        to_source=_exact(each["bytes_to_source"]),
        packets=f"{_number(each['packets_to_destination'])} / {_number(each['packets_to_source'])}",
        source=formats.visible(formats.address_port(each["source_address"], each["source_port"])),
        destination=formats.visible(formats.address_port(each["destination_address"], each["destination_port"])),
        translated=_translated(each),
    )


def _translated(each: Row) -> str:
    parts = []
    for end, word in (("source", "from"), ("destination", "to")):
        address, port = each[f"nat_{end}_address"], each[f"nat_{end}_port"]
        if address or port:
            parts.append(f"{word} {formats.address_port(address or each[f'{end}_address'], port)}")
    return formats.visible(", ".join(parts))


def reporter(each: Row) -> str:
    """Name of who says so."""
    return formats.visible(str(each["reporter_name"] or each["reporter_id"]))


def _exact(number: int | None) -> str:
    if number is None:
        return formats.UNKNOWN
    return formats.byte_size(number) if number < 1_000 else f"{formats.byte_size(number)} ({formats.count(number)})"


def _number(number: int | None) -> str:
    return formats.UNKNOWN if number is None else formats.count(number)


def _verb(names: Sequence[str]) -> str:
    return "reports" if len(names) == 1 else "report"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nobody"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def known(value: object) -> str:
    """A value as text; empty when it is unknown."""
    return "" if value is None else formats.visible(str(value))
