"""Hours of traffic, counted beforehand and exact.

For every hour of an organisation that is *rolled*, `traffic_hours` holds its merged rows grouped by the fields that overviews ask
for. Reports come late and merge later, so an hour that is rolled may become wrong; it then is *dirty*: a report of it has a position
behind the *watermark*, up to which all reports were looked at. A read takes hours that are rolled and clean from here, and dirty
hours and the edges of its window from the rows themselves. What deletes rows says so (`forget`).

A rolled hour has a *generation*; the next one is written beside it and becomes the hour's by one row of the state. A read that has
begun finishes with the old one, which is removed some passes later. The tables' names hold a digest of their definition: another
release with other columns makes new ones, and rolls anew.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from meshtrail.common.clock import Clock
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.engine import Engine, QueryTooLargeError, Share
from meshtrail.store.limits import HOURS_OF_PASS_MAX, QUIET_US, ROLL_GROUPS_MAX, ROLL_MEMORY_BYTES_MAX, ROLL_TIME_S_MAX
from meshtrail.store.schema import value_type

HOUR_US = 3_600_000_000

FIELDS = (
    "reporter_id", "reporter_name", "state", "verdict", "policy_id", "policy_name", "attribution", "connection_type", "direction",
    "protocol", "source_id", "source_type", "source_name", "source_country_code", "destination_id",
    "destination_type", "destination_name", "destination_country_code", "destination_resource_id", "destination_resource_name",
    "user_id", "user_email", "user_name",
)  # fmt: skip
"""What hours are grouped by: things with few values, or with values that go with each other. No addresses and no
ports: with ports there are three times as many groups, with addresses ten times."""

COUNTERS = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "drops", "duration_ms")
"""What is added up; a sum that no 64 bits hold is kept too."""


_ROWS = (
    f"org_id LowCardinality(String), hour DateTime('UTC') CODEC(Delta, ZSTD(1)), generation UInt64 CODEC(ZSTD(1)), "
    f"{', '.join(f'{name} {value_type(TRAFFIC.columns[name])} CODEC(ZSTD(1))' for name in FIELDS)}, "
    "rows UInt64 CODEC(T64, ZSTD(1)), first DateTime64(6, 'UTC') CODEC(ZSTD(1)), last DateTime64(6, 'UTC') CODEC(ZSTD(1)), "
    f"{', '.join(f'{name}_sum UInt128 CODEC(ZSTD(1)), {name}_known UInt64 CODEC(T64, ZSTD(1))' for name in COUNTERS)}"
)
_DIGEST = hashlib.sha256(_ROWS.encode()).hexdigest()[:12]
TABLE, STATE = f"traffic_hours_{_DIGEST}", f"traffic_hours_state_{_DIGEST}"
_DURABLE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
_NOBODY = ""
"""The organisation of the watermark's row."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """An hour that can be read from the table."""

    hour: int
    """Seconds since 1970."""
    generation: int


class _State(msgspec.Struct):
    hour: int
    generation: int


class Hours:
    """The rolled hours. Methods block; `roll` and `forget` are for one thread at a time."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._generation = 0
        self._stale: list[tuple[str, int, int]] = []
        self._too_large: set[tuple[str, int]] = set()
        """Hours that went past the limits; they are tried again by the next process."""

    def open(self) -> None:
        """Make the tables, and drop those of other releases."""
        for name in self._engine.read("SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'traffic_hours_%'",
                                      None, "TSV").decode().split():  # fmt: skip
            if name not in {TABLE, STATE}:
                self._engine.execute(f"DROP TABLE {name}")
        self._engine.execute(
            f"CREATE TABLE IF NOT EXISTS {TABLE} ({_ROWS}) ENGINE = MergeTree PARTITION BY toYYYYMM(hour) "
            f"ORDER BY (org_id, hour, generation) {_DURABLE}"
        )
        self._engine.execute(
            f"CREATE TABLE IF NOT EXISTS {STATE} (org_id String, hour DateTime('UTC'), generation UInt64, watermark UInt64, "
            f"version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY (org_id, hour) {_DURABLE}"
        )

    def watermark(self) -> int:
        """Position up to which all reports were looked at."""
        sql = f"SELECT max(watermark) FROM {STATE} WHERE org_id = {{nobody:String}}"
        return int(self._engine.read(sql, {"nobody": _NOBODY}, "TSV"))

    def clean(self, org_id: str, since_us: int | None, until_us: int | None) -> list[Rolled]:
        """The hours inside the window that are rolled and not dirty, in order."""
        lines = self._engine.read(
            f"SELECT toUnixTimestamp(hour) AS hour, generation FROM {STATE} FINAL WHERE org_id = {{org:String}} AND generation > 0 "
            "ORDER BY hour",
            {"org": org_id},
        ).splitlines()  # fmt: skip
        found = [msgspec.json.decode(line, type=_State) for line in lines]
        inside = [each for each in found if (since_us is None or each.hour * 1_000_000 >= since_us)
                  and (until_us is None or each.hour * 1_000_000 + HOUR_US <= until_us)]  # fmt: skip
        if not inside:
            return []
        dirty = {int(hour) for hour in self._engine.read(
            "SELECT DISTINCT intDiv(toUnixTimestamp(started_at), 3600) * 3600 FROM traffic WHERE org_id = {org:String} "
            "AND seq > {after:UInt64}",
            {"org": org_id, "after": self.watermark()}, "TSV",
        ).split()}  # fmt: skip
        return [Rolled(each.hour, each.generation) for each in inside if each.hour not in dirty]

    def roll(self) -> int:
        """One pass: look at the reports behind the watermark, and roll hours that are over; how many were."""
        before, now = self.watermark(), self._clock()
        self._remove_stale()
        seen = self._engine.read(
            "SELECT org_id, intDiv(toUnixTimestamp(started_at), 3600) * 3600 AS hour, max(traffic.seq) AS seq FROM traffic "
            "WHERE traffic.seq > {after:UInt64} GROUP BY org_id, hour",
            {"after": before},
        ).splitlines()
        touched = [msgspec.json.decode(line) for line in seen]
        watermark = max([before, *(int(row["seq"]) for row in touched)])
        pending = {(str(row["org_id"]), int(row["hour"])) for row in touched} | self._unrolled()
        over = sorted(each for each in pending - self._too_large if each[1] * 1_000_000 + HOUR_US + QUIET_US <= now)
        chosen = over[:HOURS_OF_PASS_MAX]
        rolled = {each: self._tried(*each) for each in chosen}
        self._say([(*each, rolled.get(each, 0)) for each in sorted(pending)], watermark)
        return len(chosen)

    def forget(self, org_id: str, since_us: int, until_us: int) -> None:
        """Hours of which rows are about to be deleted, or were: they are read row by row until they are rolled again."""
        lines = self._engine.read(
            f"SELECT toUnixTimestamp(hour) AS hour, generation FROM {STATE} FINAL WHERE org_id = {{org:String}} AND generation > 0 "
            "AND toUnixTimestamp(hour) * 1000000 + {width:UInt64} > {since:Int64} AND toUnixTimestamp(hour) * 1000000 < {until:Int64}",
            {"org": org_id, "since": since_us, "until": until_us, "width": HOUR_US},
        ).splitlines()
        found = [msgspec.json.decode(line, type=_State) for line in lines]
        self._say([(org_id, each.hour, 0) for each in found], self.watermark())

    def _unrolled(self) -> set[tuple[str, int]]:
        lines = self._engine.read(
            f"SELECT org_id, toUnixTimestamp(hour) AS hour FROM {STATE} FINAL WHERE generation = 0 AND org_id != {{nobody:String}}",
            {"nobody": _NOBODY},
        ).splitlines()
        return {(str(row["org_id"]), int(row["hour"])) for row in map(msgspec.json.decode, lines)}

    def _tried(self, org_id: str, hour: int) -> int:
        try:
            return self._roll(org_id, hour)
        except QueryTooLargeError:
            self._too_large.add((org_id, hour))
            return 0

    def _roll(self, org_id: str, hour: int) -> int:
        generation = self._next()
        names = ", ".join(FIELDS)
        sums = ", ".join(f"sum(toUInt128(ifNull({name}, 0))), count({name})" for name in COUNTERS)
        self._engine.read(
            f"INSERT INTO {TABLE} SELECT org_id, toDateTime({{hour:UInt32}}, 'UTC'), {{generation:UInt64}}, {names}, count(), "
            f"min(started_at), max(started_at), {sums} FROM traffic FINAL WHERE org_id = {{org:String}} "
            "AND started_at >= toDateTime64({hour:UInt32}, 6, 'UTC') AND started_at < toDateTime64({hour:UInt32} + 3600, 6, 'UTC') "
            f"GROUP BY org_id, {names}",
            {"org": org_id, "hour": hour, "generation": generation}, "TSV",
            Share(f"roll{generation}", ROLL_TIME_S_MAX, ROLL_MEMORY_BYTES_MAX, ROLL_GROUPS_MAX),
        )  # fmt: skip
        self._stale.append((org_id, hour, generation))
        return generation

    def _next(self) -> int:
        self._generation = max(self._generation + 1, self._clock())
        return self._generation

    def _say(self, hours: Iterable[tuple[str, int, int]], watermark: int) -> None:
        """The new state, in one insert: all of it, or nothing."""
        version = self._next()
        rows = [*hours, (_NOBODY, 0, 0)]
        self._engine.read(
            f"INSERT INTO {STATE} SELECT o, toDateTime(h, 'UTC'), g, {{watermark:UInt64}}, {{version:UInt64}} FROM (SELECT "
            "arrayJoin(arrayZip({o:Array(String)}, {h:Array(UInt32)}, {g:Array(UInt64)})) AS each, each.1 AS o, each.2 AS h, each.3 AS g)",
            {"o": [row[0] for row in rows], "h": [row[1] for row in rows], "g": [row[2] for row in rows], "watermark": watermark,
             "version": version}, "TSV",
        )  # fmt: skip

    def _remove_stale(self) -> None:
        """Generations before those that were rolled in the pass before: no read that knew them still runs."""
        for org_id, hour, generation in self._stale:
            self._engine.execute(
                f"DELETE FROM {TABLE} WHERE org_id = {{org:String}} AND hour = toDateTime({{hour:UInt32}}, 'UTC') "
                "AND generation < {generation:UInt64}",
                {"org": org_id, "hour": hour, "generation": generation},
            )
        self._stale.clear()
