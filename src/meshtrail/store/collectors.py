"""Reads about reporters: what they stored between two positions, their gaps, and what they left open."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from meshtrail.store.engine import Engine
from meshtrail.store.query import address_text

_DELAY = "dateDiff('microsecond', occurred_at, received_at)"
_EXPIRED = "ifNull(close_reason IN ('timeout', 'no_reply'), 0)"
"""Ends that are told when a time limit runs out, as having been at the last packet: their age is that of the limit."""


class Stored(msgspec.Struct):
    """What a reporter stored in a stretch of positions."""

    org_id: str
    reporter_id: str
    name: str | None
    rows: int
    received_us: int
    delay_us: int | None
    """Age at arrival, half of them older; None when all of them are ends by a time limit, whose age is that of the limit."""
    delay_least_us: int


class Gaps(msgspec.Struct):
    """A reporter's gaps."""

    reporter_id: str
    count: int
    lost: int
    """Reports that are known to be missing."""
    unknown: int
    """Gaps of which it is not known how many reports are missing."""


@dataclass(frozen=True, slots=True)
class LostReports:
    """Open connections as lost ones, ready for the pipe."""

    lines: bytes
    """NDJSON."""
    count: int
    more: bool
    """Whether there may be others."""


_OF_REPORTERS = "org_id = {org:String} AND has({reporters:Array(String)}, toString(reporter_id))"
_LOST = (
    "SELECT reporter_id, flow_id, 'lost' AS state, 'lost' AS close_reason, started_at, "
    "greatest(started_at, ifNull(last_seen_at, started_at), traffic.occurred_at) AS ended_at, "
    "fromUnixTimestamp64Micro({now:Int64}, 'UTC') AS occurred_at, protocol, "
    f"{address_text('source_address')} AS source_address, source_port, "
    f"{address_text('destination_address')} AS destination_address, destination_port FROM traffic FINAL "
    f"WHERE {_OF_REPORTERS} AND toYYYYMMDD(started_at) IN {{days:Array(UInt32)}} AND traffic.state = 'open' "
    "ORDER BY started_at, reporter_id, flow_id"
)
"""Open connections as lost ones. The days are those on which anything unmerged says open."""

_STORED = msgspec.json.Decoder(Stored)
_GAPS = msgspec.json.Decoder(Gaps)


class CollectorReader:
    """Reads about reporters. Methods block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def next_position(self, after: int) -> int | None:
        """The first position behind one, or None when nothing is."""
        answer = self._engine.read("SELECT min(seq), count() FROM traffic WHERE seq > {after:UInt64}", {"after": after}, "TSV").split()
        return int(answer[0]) if int(answer[1]) else None

    def stored(self, after: int, until: int) -> list[Stored]:
        """Activity of all reporters between two positions, the first excluded. The server's own rows say nothing of them."""
        lines = self._engine.read(
            "SELECT org_id, reporter_id, anyLast(reporter_name) AS name, count() AS rows, toUnixTimestamp64Micro(max(received_at)) AS "
            f"received_us, if(min({_EXPIRED}) = 1, NULL, toInt64(quantileExactIf(0.5)({_DELAY}, NOT {_EXPIRED}))) AS delay_us, "
            f"min({_DELAY}) AS delay_least_us FROM traffic "
            "WHERE seq > {after:UInt64} AND seq <= {until:UInt64} AND state != 'lost' GROUP BY org_id, reporter_id",
            {"after": after, "until": until},
        ).splitlines()
        return [_STORED.decode(line) for line in lines]

    def gaps(self, org_id: str, since_us: int) -> dict[str, Gaps]:
        """Gaps that began since a time, by reporter: the same that the list of traffic shows."""
        lines = self._engine.read(
            "SELECT reporter_id, count() AS count, sum(ifNull(lost, 0)) AS lost, countIf(lost IS NULL) AS unknown FROM ("
            "SELECT reporter_id, flow_id, started_at, max(gap_lost) AS lost FROM traffic WHERE org_id = {org:String} "
            "AND started_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND state = 'gap' GROUP BY reporter_id, flow_id, started_at"
            ") GROUP BY reporter_id",
            {"org": org_id, "since": since_us},
        ).splitlines()
        return {gaps.reporter_id: gaps for gaps in map(_GAPS.decode, lines)}

    def lost_reports(self, org_id: str, reporters: Sequence[str], now_us: int, rows: int, days: int) -> LostReports:
        """The connections that reporters left open, oldest first, as reports that they are lost. Each ends when it was heard of
        last by its reporter's clock: whatever that reports later of its end is later, and replaces it."""
        parameters: dict[str, str | int | list[str] | list[int]] = {"org": org_id, "reporters": list(reporters), "now": now_us}
        found = self._engine.read(
            f"SELECT DISTINCT toYYYYMMDD(started_at) AS day FROM traffic WHERE {_OF_REPORTERS} AND state = 'open' ORDER BY day",
            parameters, "TSV",
        ).split()  # fmt: skip
        for first in range(0, len(found), days):
            chosen = [int(day) for day in found[first : first + days]]
            lines = self._engine.read(f"{_LOST} LIMIT {rows}", {**parameters, "days": chosen})
            count = lines.count(b"\n")
            if count:
                return LostReports(lines, count, more=count >= rows or first + days < len(found))
        return LostReports(b"", 0, more=False)
