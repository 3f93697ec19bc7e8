"""Connections of a capture beside the rows of the reporter at which it was taken. Pure."""

import ipaddress
from collections import defaultdict
from dataclasses import dataclass, field

from lab.expect import Row
from lab.pcap import Connection

Ends = tuple[int, str, int | None, str, int | None]
"""Protocol, source and its port, destination and its port."""


@dataclass(slots=True)
class Comparison:
    """What a capture and a reporter agree on, and what not."""

    reporter: str
    agreed: int = 0
    """Connections that are in both, with equal packets and bytes."""
    problems: list[str] = field(default_factory=list)


def on_wire(row: Row) -> bool:
    """Whether a row can be in a capture of a link: neither within the machine nor to many."""
    ends = (ipaddress.ip_address(row["source_address"]), ipaddress.ip_address(row["destination_address"]))
    return not any(end.is_loopback or end.is_multicast or end.is_link_local for end in ends)


def ends_of(row: Row) -> Ends:
    """Who talks with whom in a row."""
    return row["protocol"], row["source_address"], row["source_port"], row["destination_address"], row["destination_port"]


def compare(reporter: str, captured: list[Connection], rows: list[Row]) -> Comparison:
    """Pair all of a reporter's rows with the connections of its capture."""
    made = Comparison(reporter)
    told: dict[Ends, list[Row]] = defaultdict(list)
    for row in rows:
        if row["reporter_name"] != reporter:
            continue
        if row["state"] == "gap":
            made.problems.append(f"a gap of {row['gap_lost']} reports: {row['gap_cause']}")
        elif on_wire(row):
            told[ends_of(row)].append(row)
    seen: dict[Ends, list[Connection]] = defaultdict(list)
    for connection in captured:
        seen[connection.ends].append(connection)
    for ends in seen.keys() | told.keys():
        _compare_ends(made, ends, seen.get(ends, []), told.get(ends, []))
    return made


def _compare_ends(made: Comparison, ends: Ends, seen: list[Connection], told: list[Row]) -> None:
    """Connections with the same ends meet in order of time; denials of one tuple are folded, so they are added up."""
    denied = [row for row in told if row["state"] == "denied"]
    others = sorted((row for row in told if row["state"] != "denied"), key=lambda row: str(row["started_at"]))
    unanswered = [connection for connection in seen if denied and not connection.reply_packets]
    answered = [connection for connection in seen if connection not in unanswered]
    name = _name(ends)
    if denied and not unanswered:
        made.problems.append(f"{name}: denied, but the capture has no such attempt")
    if unanswered:
        packets, drops = sum(each.packets + each.repeated for each in unanswered), sum(row["drops"] for row in denied)
        _note(made, [] if packets == drops else [f"{name}: {packets} packets were denied, the rows say {drops}"], len(unanswered))
    if len(answered) != len(others):
        made.problems.append(f"{name}: {len(answered)} in the capture, {len(others)} in the store")
        return
    for connection, row in zip(sorted(answered, key=lambda each: each.began), others, strict=True):
        _note(made, [f"{name}: {each}" for each in _volumes(connection, row)], 1)


def _note(made: Comparison, problems: list[str], count: int) -> None:
    made.problems += problems
    if not problems:
        made.agreed += count


def _volumes(connection: Connection, row: Row) -> list[str]:
    there, back = ("rx", "tx") if row["direction"] == "ingress" else ("tx", "rx")
    captured = {
        f"{there}_packets": connection.packets, f"{there}_bytes": connection.size,
        f"{back}_packets": connection.reply_packets, f"{back}_bytes": connection.reply_size,
    }  # fmt: skip
    return [f"{name} is {row[name]}, the capture has {value}" for name, value in captured.items() if row[name] != value]


def _name(ends: Ends) -> str:
    protocol, source, source_port, destination, destination_port = ends
    near, far = (
        address if port is None else f"{address} {port}" for address, port in ((source, source_port), (destination, destination_port))
    )
    return f"protocol {protocol}, {near} to {far}"
