"""What a reporter should have said of a talk, and how its row differs from that. Pure."""

from dataclasses import dataclass
from typing import Any

import msgspec

from lab.limits import BYTES_SHARE_MAX, OPTION_BYTES_MAX, SACK_BYTES_MAX, SACK_SHARE_MAX, WHOLE_BYTES_MIN
from lab.traffic import ICMP, ICMP6, TCP, UDP, Talk

Row = dict[str, Any]
"""A row of the traffic API."""

_HEADER = {(TCP, 4): 52, (TCP, 6): 72, (UDP, 4): 28, (UDP, 6): 48, (ICMP, 4): 20, (ICMP6, 6): 40}
"""Bytes before the payload: address header, and TCP's with its time stamps or UDP's. ICMP's own counts as payload."""


@dataclass(frozen=True, slots=True)
class Expect:
    """One row that there should be. What is None is not looked at, but for the policy: None is no policy at all."""

    reporter: str
    state: str
    verdict: str | None
    direction: str
    connection_type: str = "p2p"
    close_reason: str | None = None
    policy: str | None = None
    attribution: str | None = None
    resource: str | None = None
    translated: bool | None = None
    """Whether the source was translated on its way."""
    volume: bool = True
    """Whether bytes and packets are to be as the sockets counted."""
    counted: bool = True
    """Whether bytes and packets are to be there at all."""
    drops: tuple[int, int] | None = None
    """Fewest and most denied packets folded into the row."""
    version: int | None = None
    """Version of the policy."""


class Finding(msgspec.Struct):
    """What was expected of one reporter, what was found, and how they differ."""

    scene: str
    talk: str
    reporter: str
    expected: dict[str, Any]
    found: dict[str, Any] = msgspec.field(default_factory=dict)
    problems: list[str] = msgspec.field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all is as expected."""
        return not self.problems


def of_talk(row: Row, talk: Talk) -> bool:
    """Whether a row tells of this talk. ICMP has no ports, so the time decides."""
    return bool(
        row["protocol"] == talk.protocol
        and row["source_address"] == talk.source
        and row["destination_address"] == talk.destination
        and row["destination_port"] == talk.destination_port
        and (talk.source_port is None or row["source_port"] == talk.source_port)
        and (talk.icmp_type is None or row["icmp_type"] == talk.icmp_type)
    )


COUNTERS = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")
FIELDS = (
    "id", "state", "verdict", "direction", "connection_type", "close_reason", "policy_name", "attribution", "destination_resource_name",
    "nat_source_address", *COUNTERS, "drops", "policy_version",
)  # fmt: skip
"""Fields of a row that a finding shows."""


def differences(expect: Expect, row: Row, talk: Talk) -> list[str]:
    """How a row differs from what is expected; empty when it does not."""
    wanted = {
        "state": expect.state, "verdict": expect.verdict, "direction": expect.direction,
        "connection_type": expect.connection_type, "close_reason": expect.close_reason, "attribution": expect.attribution,
        "destination_resource_name": expect.resource, "policy_version": expect.version,
    }  # fmt: skip
    problems = [f"{name} is {row[name]}, not {value}" for name, value in wanted.items() if value is not None and row[name] != value]
    if row["policy_name"] != expect.policy:
        problems.append(f"policy_name is {row['policy_name']}, not {expect.policy}")
    if expect.translated is not None and (row["nat_source_address"] is not None) != expect.translated:
        problems.append(f"nat_source_address is {row['nat_source_address']}")
    if expect.drops is not None and not expect.drops[0] <= (row["drops"] or 0) <= expect.drops[1]:
        problems.append(f"drops is {row['drops']}, not between {expect.drops[0]} and {expect.drops[1]}")
    if not expect.counted:
        problems += [f"{name} is {row[name]}" for name in COUNTERS if row[name] is not None]
    elif expect.volume:
        problems += _volumes(row, talk)
    return problems


def _volumes(row: Row, talk: Talk) -> list[str]:
    """Bytes and packets: sent and received by the reporter are seen from the side on which it stands."""
    to_responder, to_initiator = ("rx", "tx") if row["direction"] == "ingress" else ("tx", "rx")
    return [
        *_volume(row, to_responder, talk, talk.sent, talk.packets_sent),
        *_volume(row, to_initiator, talk, talk.received, talk.packets_received),
    ]


def _volume(row: Row, way: str, talk: Talk, payload: int, exact: int | None) -> list[str]:
    size, packets = row[f"{way}_bytes"], row[f"{way}_packets"]
    if size is None or packets is None:
        return [f"{way} was not counted"]
    problems = []
    if exact is not None and packets != exact:
        problems.append(f"{way}_packets is {packets}, not {exact}")
    headers = _HEADER[talk.protocol, 6 if ":" in talk.source else 4] * packets
    options = max(OPTION_BYTES_MAX, SACK_SHARE_MAX * packets * SACK_BYTES_MAX) if talk.protocol == TCP else 0
    slack = max(BYTES_SHARE_MAX * size, options)
    if abs(size - headers - payload) > slack:
        problems.append(f"{way}_bytes is {size}: {size - headers} without headers, the sockets counted {payload}")
    if payload >= WHOLE_BYTES_MIN and abs(size - payload) > BYTES_SHARE_MAX * payload:
        problems.append(f"{way}_bytes is {size}, more than one percent from {payload}")
    return problems


def findings(scene: str, label: str, talk: Talk, expected: tuple[Expect, ...], rows: list[Row]) -> list[Finding]:
    """One finding for each expected row, and one for each reporter that should have said nothing."""
    told = [row for row in rows if of_talk(row, talk)]
    made = [_finding(scene, label, talk, expect, told) for expect in expected]
    silent = {row["reporter_name"] for row in told} - {expect.reporter for expect in expected}
    for name in sorted(silent):
        row = next(row for row in told if row["reporter_name"] == name)
        made.append(Finding(scene, label, name, {}, _shown(row), ["should not report this connection"]))
    return made


def _finding(scene: str, label: str, talk: Talk, expect: Expect, told: list[Row]) -> Finding:
    mine = [row for row in told if row["reporter_name"] == expect.reporter]
    wanted = {
        "state": expect.state, "verdict": expect.verdict, "policy": expect.policy, "direction": expect.direction,
        "sent": talk.sent, "received": talk.received,
    }  # fmt: skip
    finding = Finding(scene, label, expect.reporter, wanted)
    if len(mine) != 1:
        finding.problems.append("it reports nothing" if not mine else f"it reports {len(mine)} rows")
        return finding
    finding.found = _shown(mine[0])
    finding.problems = differences(expect, mine[0], talk)
    return finding


def _shown(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in FIELDS}
