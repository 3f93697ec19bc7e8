"""`audit-page`: reading 1,000,000 audit events over HTTP, beside the engine's own answer."""

import tempfile
import time
from pathlib import Path

import msgspec

from bench.line import Figure, apart, at_most
from bench.read import median_ms
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Control, Scope
from meshtrail.server import CONTROL_FILE, STORE_FOLDER
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.migrations import migrate
from tests.servers import ServerProcess

EVENTS = 1_000_000
PARTS = 20
DAYS = 300
"""A year of an organisation with some thousand changes a day."""

PAGE, NETBIRD_PAGE = 50, 1_000

_FILL = """
INSERT INTO audit (org_id, seq, occurred_at, received_at, source, reporter_id, event_id, activity, activity_code, outcome, status,
  error, initiator_id, initiator_type, initiator_name, initiator_email, initiator_ip, user_agent, token_id, request_id, target_id,
  target_type, target_name, before, after, meta)
SELECT {org:String}, toUInt64(toUnixTimestamp64Micro(at)) * 4096, at, at + 1, 'control', 'control',
  concat(hex(number), '-', toString(cityHash64(number))),
  ['Policy updated', 'Group added to peer', 'Log read', 'Peer renamed', 'Attempt refused'][kind],
  ['policy.update', 'peer.group.add', 'log.read', 'peer.rename', 'request.refuse'][kind],
  if(kind = 5, 'denied', 'success'), if(kind = 5, 403, 200), if(kind = 5, 'This needs the right policies.write.', NULL),
  concat('user', toString(person)), 'user', concat('Person ', toString(person)), concat('person', toString(person), '@example.com'),
  toIPv6(concat('192.0.2.', toString(person % 250))), 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', NULL,
  lower(hex(cityHash64(number, 1))), lower(hex(cityHash64(number % 3000))), ['policy', 'peer', 'log', 'peer', 'anything'][kind],
  concat('thing ', toString(number % 3000)),
  if(kind IN (1, 4), concat('{"version":1,"rules":{"', toString(number), '":{"ports":[443],"name":"old ', toString(number), '"}}}'), NULL),
  if(kind IN (1, 2, 4), concat('{"version":2,"rules":{"', toString(number), '":{"ports":[443,8443],"name":"new ', toString(number),
     '"}}}'), NULL),
  concat('{"name":"thing ', toString(number % 3000), '","group":"Staff"}')
FROM (SELECT number, fromUnixTimestamp64Micro(toInt64({begin:Int64} + number * {step:Int64}), 'UTC') AS at,
        1 + cityHash64(number, 2) % 5 AS kind, cityHash64(number, 3) % 200 AS person
      FROM numbers({first:UInt64}, {count:UInt64}))
"""


def run() -> list[Figure]:
    """The list's first page, by whom and what, and the same from the engine alone."""
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        base = Path(folder)
        control = Control(base / CONTROL_FILE)
        control.open()
        org_id, _ = control.first_organisation()
        _, token = control.tokens.create(system(org_id), ALL_PERMISSIONS, "bench", {Scope.admin})
        control.close()
        bare = apart(fill_and_read, base / STORE_FOLDER, org_id)
        served = _served(base, token)
    return [
        Figure("audit-page: first call of a server", served["cold"], "ms"),
        at_most("audit-page: latest 50 of 1 M", served["latest"], "ms", 50),
        Figure("audit-page: the same as bare SQL", bare["latest"], "ms"),
        Figure("audit-page: one person's latest 50", served["person"], "ms"),
        Figure("audit-page: denied, latest 50", served["denied"], "ms"),
        Figure("audit-page: search text, latest 50", served["search"], "ms"),
        Figure("audit-page: one event by its id", served["one"], "ms"),
        Figure("audit-page: NetBird, page of 1,000", served["netbird"], "ms"),
        Figure("audit-page: NetBird, all of them", served["all"] / 1_000, "s"),
        Figure("audit-page: on disk, an event", bare["bytes"], "bytes"),
    ]


def fill_and_read(folder: Path, org_id: str) -> dict[str, float]:
    """Make the events, and ask the engine as a person would: merged rows (FINAL) of the latest hours."""
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    step = DAYS * 86_400_000_000 // EVENTS
    begin = wall_clock() - DAYS * 86_400_000_000
    count = EVENTS // PARTS
    for part in range(PARTS):
        engine.read(_FILL, {"org": org_id, "begin": begin, "step": step, "first": part * count, "count": count})
    reader = AuditReader(engine)
    since = f"occurred_at >= now() - INTERVAL {PAGE * step // 1_000_000 + 60} SECOND"
    sql = (
        f"SELECT {reader.native.sql} FROM audit FINAL WHERE org_id = {{org:String}} AND {since} "
        f"ORDER BY occurred_at DESC, reporter_id DESC, event_id DESC LIMIT {PAGE}"
    )
    found = {"latest": median_ms(lambda: engine.read(sql, {"org": org_id}, reader.native.form))}
    size = "SELECT sum(data_compressed_bytes) / sum(rows) FROM system.parts WHERE active AND table = 'audit'"
    found["bytes"] = float(engine.read(size, None, "TSV"))
    engine.close()
    return found


def _served(base: Path, token: str) -> dict[str, float]:
    with ServerProcess(base) as server:

        def get(path: str) -> bytes:
            status, content, _ = server.raw("GET", path, None, token)
            if status != 200:
                raise RuntimeError(content.decode())
            return content

        listing = f"/api/v1/audit?limit={PAGE}"
        begun = time.perf_counter()
        first = msgspec.json.decode(get(listing))
        cold = (time.perf_counter() - begun) * 1_000
        identifier = first["data"][-1]["id"]
        begun = time.perf_counter()
        everything = get("/api/events/audit").count(b"\n") + 1
        all_of_them = (time.perf_counter() - begun) * 1_000
        if everything < EVENTS:
            raise RuntimeError(f"{everything} of {EVENTS} events came")
        return {
            "cold": cold,
            "all": all_of_them,
            "latest": median_ms(lambda: get(listing)),
            "person": median_ms(lambda: get(f"{listing}&initiator_id=user19")),
            "denied": median_ms(lambda: get(f"{listing}&outcome=denied")),
            "search": median_ms(lambda: get(f"{listing}&search=thing%202718")),
            "one": median_ms(lambda: get(f"/api/v1/audit/{identifier}")),
            "netbird": median_ms(lambda: get(f"/api/events/audit?page_size={NETBIRD_PAGE}")),
        }
