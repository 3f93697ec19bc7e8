"""`first-page`, `search` and `overview`: looking around in many connections over HTTP, beside the engine's own answers.

10,000,000 rows, or as many as `MESHTRAIL_BENCH_ROWS` or `--rows` says: the aims are those of 50,000,000 on two cores that do nothing else.
A store that `MESHTRAIL_BENCH_STORE` names is filled once and used again (`kept.py`).
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from bench import data
from bench.kept import Filled, filled
from bench.line import Figure, apart, at_most
from bench.read import median_ms
from meshtrail.common.clock import rfc3339
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.engine import Share
from meshtrail.store.migrations import migrate
from meshtrail.store.reader import KEY, NATIVE_COLUMNS
from tests.servers import ServerProcess

PAGE = 50
BARE = Share("bare", 300, 2 * 1024**3, 10_000_000)
"""The engine alone is given time: that it takes longer than a person waits is what the figure should show."""

ONCE_MS = 2_000
"""A statement that takes this long is measured once."""

PAGES = {
    "time": {}, "user": {"user_id": "user019"}, "peer": {"source_id": "peer0077"}, "policy": {"policy_id": "policy07"},
    "address": {"destination_address": "100.64.128.5"}, "port": {"destination_port": "22"},
}  # fmt: skip
SEARCHES = {
    "a name of many rows": "laptop-0077", "a name of few rows": "laptop-0398", "part of an address": "64.128.3",
    "nothing that is there": "no such name",
}  # fmt: skip
_TEXTS = ("source_name", "destination_name", "user_email", "user_name", "source_dns_label", "destination_dns_label", "policy_name",
          "process_name", "application")  # fmt: skip

OVERVIEW: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "what was decided, by the hour": ("toStartOfHour(started_at), verdict", [("group", "time(1h)"), ("group", "verdict")]),
    "denied by policy": ("policy_name", [("group", "policy.name"), ("verdict", "denied")]),
    "top talkers": ("source_name", [("group", "source.name"), ("measure", "sum(tx_bytes)")]),
    "who reached what": ("source_name, destination_name", [("group", "source.name"), ("group", "destination.name")]),
    "countries": ("destination_country_code", [("group", "destination.country_code"), ("measure", "count")]),
    "hour and weekday": ("toHour(started_at), toDayOfWeek(started_at)", [("group", "hour"), ("group", "weekday"), ("top", "168")]),
    "people": ("user_name", [("group", "user.name"), ("measure", "count"), ("measure", "distinct(destination_id)")]),
    "totals": ("1", [("measure", "count"), ("measure", "sum(rx_bytes)"), ("measure", "distinct(user_id)")]),
}
"""Charts of the overview: what the engine groups by, and what the API is asked."""


def run() -> list[Figure]:
    """All three lines over one store."""
    with filled() as store:
        facts = store.facts
        bare = apart(bare_sql, store.events, facts.org_id, facts.newest)
        served = _served(store)
    million = f"{facts.rows // 1_000_000} M"
    found = []
    for name in PAGES:
        key = f"first-page: by {name}"
        found += _pair(f"{key}, {million}", served[key], bare[key], 50, 1.5)
    for name in SEARCHES:
        key = f"search: {name}"
        found += _pair(f"{key}, {million}", served[key], bare[key], 200, 1.5)
    found.append(at_most(f"overview: {len(OVERVIEW)} charts at once, {million}", served["overview"], "ms", 500))
    found.append(Figure("overview: the same groups as bare SQL", bare["overview"], "ms"))
    found.append(at_most("overview: against bare SQL", served["overview"] / bare["overview"], "×", 1))
    found.append(Figure("overview: counting hours beforehand, a million rows", facts.rolled_ms / (facts.rows / 1_000_000), "ms"))
    found.append(Figure("overview: hours counted beforehand, a row", facts.rolled_bytes / facts.rows, "bytes"))
    return found


def _pair(name: str, served: float, bare: float, aim_ms: float, aim_ratio: float) -> list[Figure]:
    return [
        at_most(name, served, "ms", aim_ms), Figure(f"{name}: bare SQL", bare, "ms"),
        at_most(f"{name}: against bare SQL", served / bare, "×", aim_ratio),
    ]  # fmt: skip


def bare_sql(folder: Path, org_id: str, newest: int) -> dict[str, float]:
    """The statements a person would write, straight to the engine."""
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    found = {}
    for name, chosen in PAGES.items():
        where = " AND ".join(f"{column} = '{value}'" if column != "destination_address" else f"{column} = toIPv6('::ffff:{value}')"
                             for column, value in chosen.items()) or "1"  # fmt: skip
        found[f"first-page: by {name}"] = _latest(engine, org_id, where, newest)
    for name, text in SEARCHES.items():
        where = " OR ".join(f"positionCaseInsensitiveUTF8({column}, '{text}') > 0" for column in _TEXTS)
        where += "".join(f" OR position(toString({end}_address), '{text}') > 0" for end in ("source", "destination"))
        found[f"search: {name}"] = _latest(engine, org_id, f"({where})", newest)
    begun = time.perf_counter()
    for groups, _ in OVERVIEW.values():
        engine.read(
            f"SELECT {groups}, count(), sum(tx_bytes) FROM traffic FINAL WHERE org_id = {{org:String}} GROUP BY {groups} "
            "ORDER BY count() DESC LIMIT 20", {"org": org_id}, share=BARE,
        )  # fmt: skip
    found["overview"] = (time.perf_counter() - begun) * 1_000
    engine.close()
    return found


def _latest(engine: EmbeddedEngine, org_id: str, where: str, newest: int) -> float:
    """The latest rows within the time in which there are enough of them, which whoever writes the statement has to know."""
    order = ", ".join(f"{name} DESC" for name in KEY.split(", "))
    here = f"org_id = {{org:String}} AND {where}"
    lines = engine.read(f"SELECT toUnixTimestamp64Micro(started_at) FROM traffic WHERE {here} ORDER BY started_at DESC LIMIT {PAGE}",
                        {"org": org_id}, "TSV", BARE).split()  # fmt: skip
    since = int(lines[-1]) if len(lines) == PAGE else newest - 24 * data.HOUR_US
    sql = f"SELECT {NATIVE_COLUMNS} FROM traffic FINAL WHERE {here} AND started_at >= fromUnixTimestamp64Micro({since}, 'UTC')"
    begun = time.perf_counter()
    engine.read(f"{sql} ORDER BY {order} LIMIT {PAGE}", {"org": org_id}, share=BARE)
    took = (time.perf_counter() - begun) * 1_000
    return took if took > ONCE_MS else median_ms(lambda: engine.read(f"{sql} ORDER BY {order} LIMIT {PAGE}", {"org": org_id}))


def _served(store: Filled) -> dict[str, float]:
    with ServerProcess(store.base) as server:

        def get(path: str, parameters: list[tuple[str, str]]) -> bytes:
            status, content, _ = server.raw("GET", f"/api/v1/traffic{path}?{urlencode(parameters)}", None, store.token)
            if status != 200:
                raise RuntimeError(content.decode())
            return content

        found = {}
        for name, chosen in PAGES.items():
            asked = [("limit", str(PAGE)), *chosen.items()]
            found[f"first-page: by {name}"] = median_ms(lambda asked=asked: get("", asked))  # type: ignore[misc]
        day = rfc3339(store.facts.newest - 25 * data.HOUR_US)
        for name, text in SEARCHES.items():
            asked = [("limit", str(PAGE)), ("search", text), ("from", day)]
            found[f"search: {name}"] = median_ms(lambda asked=asked: get("", asked))  # type: ignore[misc]
        with ThreadPoolExecutor(len(OVERVIEW)) as browser:
            found["overview"] = median_ms(lambda: list(browser.map(lambda chart: get("/aggregate", chart[1]), OVERVIEW.values())))
        return found
