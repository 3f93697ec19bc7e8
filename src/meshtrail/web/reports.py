"""One report of a connection in words, and the reports side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from meshtrail.web import formats
from meshtrail.web.agreement import known, reporter

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
    """To the destination and to the source."""
    drops: str
    """Packets that it denied; empty when it denied none."""
    source: str
    destination: str
    translated: str
    """What it says of translated addresses; empty when nothing was translated."""


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
        packets=_packets(each["packets_to_destination"], each["packets_to_source"]),
        drops=formats.count(each["drops"]) if each["drops"] else "",
        source=formats.visible(formats.address_port(each["source_address"], each["source_port"])),
        destination=formats.visible(formats.address_port(each["destination_address"], each["destination_port"])),
        translated=_translated(each),
    )


def differing(row: Row) -> frozenset[str]:
    """Amounts that make the reports of a connection differ."""
    if row["agreement"] != "bytes_differ":
        return frozenset()
    ends = ("destination", "source")
    return frozenset(f"to_{end}" for end in ends if len({each[f"bytes_to_{end}"] for each in row["reports"]} - {None}) > 1)


def _translated(each: Row) -> str:
    parts = []
    for end, word in (("source", "from"), ("destination", "to")):
        address, port = each[f"nat_{end}_address"], each[f"nat_{end}_port"]
        if address or port:
            parts.append(f"{word} {formats.address_port(address or each[f'{end}_address'], port)}")
    return formats.visible(", ".join(parts))


def _exact(number: int | None) -> str:
    if number is None:
        return formats.UNKNOWN
    return formats.byte_size(number) if number < 1_000 else f"{formats.byte_size(number)} ({formats.count(number)})"


def _packets(to_destination: int | None, to_source: int | None) -> str:
    if to_destination is None and to_source is None:
        return formats.UNKNOWN
    return " / ".join(formats.UNKNOWN if each is None else formats.count(each) for each in (to_destination, to_source))
