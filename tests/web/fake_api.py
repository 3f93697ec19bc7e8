"""A fake of the server for the dashboard's tests: the native API over rows in memory, generated deterministically.

Not the product: the real API and store stand behind the same pages in the end-to-end tests. It keeps the API's shapes
(names, errors, cursors, events), so that the scripts meet what they will meet.
"""

import asyncio
import ipaddress
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Litestar, Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.response import Stream

from meshtrail.api.filter_text import understood
from meshtrail.common.clock import wall_clock
from meshtrail.common.errors import BusyError, InvalidError, MeshTrailError, NotFoundError
from meshtrail.model.columns import TRAFFIC, Kind
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.service import create_router
from tests.filter.naive import chooses

RESERVED = {"limit", "cursor", "order", "from", "to", "search", "buckets", "after", "filter", "zone", "field"}
TOKEN = "token-of-the-tests"
EMAIL, PASSWORD = "ana@example.com", "four words of ana"
AnyRequest = Request[Any, Any, Any]
Row = dict[str, Any]

PEOPLE = (
    ("Ana Lima", "ana@example.com", "ana-laptop", "100.64.0.11", "macOS"),
    ("Jun Sato", "jun@example.com", "jun-desktop", "100.64.0.12", "Linux"),
    ("Mara Weiss", "mara@example.com", "mara-phone", "100.64.0.13", "iOS"),
    ("Tomás Núñez", "tomas@example.com", "tomas-laptop", "100.64.0.14", "Windows"),
)
SERVICES = (
    ("crm", "100.64.1.20", 443, "https", "Sales to CRM"),
    ("postgres-main", "10.20.0.5", 5432, "postgresql", "Apps to databases"),
    ("git", "100.64.1.22", 22, "ssh", "Engineers to git"),
    ("grafana", "100.64.1.30", 3000, None, "Everyone to dashboards"),
    ("files", "fd00:64::1:40", 445, "microsoft-ds", "Office to files"),
    (None, "93.184.215.14", 443, "https", None),
    (None, "1.1.1.1", 53, "domain", None),
)
HOSTILE_NAMES = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "invoice\u202efdp.exe",
    "a-very-long-name-" + "x" * 400,
    "{{ 7 * 7 }} & \u200bzero \u0000 width",
)


def rfc3339(moment: datetime) -> str:
    """As the API writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def identifier(moment: datetime, chance: random.Random) -> str:
    """A UUIDv7 of the moment."""
    milliseconds = int(moment.timestamp() * 1_000)
    value = (milliseconds << 80) | (7 << 76) | (chance.getrandbits(12) << 64) | (2 << 62) | chance.getrandbits(62)
    return str(uuid.UUID(int=value))


def blank_row() -> Row:
    """A row with every column of the API, all unknown."""
    return {column.name: [] if column.kind is Kind.names else None for column in TRAFFIC if column.name != "org_id"}


def make_row(moment: datetime, chance: random.Random, seq: int, **given: Any) -> Row:
    """A plausible closed connection, with what is given instead."""
    person, service = chance.choice(PEOPLE), chance.choice(SERVICES)
    lasted = int(chance.lognormvariate(7.5, 2))
    row = blank_row() | {
        "id": identifier(moment, chance), "seq": str(seq), "occurred_at": rfc3339(moment), "received_at": rfc3339(moment),
        "source": "agent", "reporter_id": "peer-" + person[2], "reporter_name": person[2],
        "flow_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "state": "closed", "started_at": rfc3339(moment),
        "ended_at": rfc3339(moment + timedelta(milliseconds=lasted)), "duration_ms": lasted, "close_reason": "fin",
        "starts": 1, "ends": 1, "verdict": "allowed" if service[4] else "unknown", "policy_name": service[4],
        "policy_id": service[4] and "pol-" + str(SERVICES.index(service)), "attribution": "resolved" if service[4] else "none",
        "connection_type": "p2p", "direction": "egress", "protocol": 17 if service[2] == 53 else 6, "application": service[3],
        "source_id": "peer-" + person[2], "source_type": "peer", "source_name": person[2], "source_os": person[4],
        "source_address": person[3], "source_port": chance.randint(32_768, 60_999), "source_groups": ["Everyone", "Sales"],
        "destination_type": "peer" if service[0] else "external", "destination_name": service[0],
        "destination_address": service[1], "destination_port": service[2], "user_name": person[0], "user_email": person[1],
        "process_name": chance.choice(["curl", "firefox", "psql", "ssh", None]), "process_id": chance.randint(800, 40_000),
        "rx_bytes": int(chance.lognormvariate(11, 3)), "tx_bytes": int(chance.lognormvariate(8, 2)),
        "rx_packets": 40, "tx_packets": 31,
    }  # fmt: skip
    return row | given


def _varied(moment: datetime, chance: random.Random, seq: int) -> Row:
    kind = chance.random()
    ended: Row = {"ended_at": None, "duration_ms": None, "close_reason": None, "ends": 0}
    if kind < 0.09:
        return make_row(moment, chance, seq, state="denied", verdict="denied", attribution="default_deny", policy_name=None,
                        policy_id=None, rx_bytes=None, tx_bytes=None, drops=3, **ended)  # fmt: skip
    if kind < 0.13:
        return make_row(moment, chance, seq, state="attempted", verdict="unknown", policy_name=None, close_reason="no_reply",
                        rx_bytes=0, tx_bytes=180)  # fmt: skip
    if kind < 0.15:
        return make_row(moment, chance, seq, state="lost", close_reason="lost")
    if kind < 0.2:
        return make_row(moment, chance, seq, protocol=1, destination_port=None, source_port=None, application=None, icmp_type=8)
    if kind < 0.3:
        return make_row(moment, chance, seq, user_name=None, user_email=None, source_name=None)
    return make_row(moment, chance, seq, close_reason=chance.choice(["fin", "fin", "fin", "reset", "timeout"]))


def generate(now: datetime, count: int = 320) -> list[Row]:
    """Rows of the last hour, oldest first: all states, a gap, hostile names."""
    chance = random.Random(7)
    times = sorted(now - timedelta(seconds=3_500 * chance.random() ** 1.4 + 3) for _ in range(count))
    rows = [_varied(moment, chance, seq + 1) for seq, moment in enumerate(times)]
    for index in (-2, -5, -9, -23):
        rows[index] |= {"state": "open", "verdict": "allowed", "ended_at": None, "duration_ms": None, "close_reason": None}
    for index, name in enumerate(HOSTILE_NAMES):
        rows[-14 - 2 * index] |= {"source_name": name, "destination_name": name, "policy_name": name, "process_name": name}
    start = datetime.fromisoformat(rows[-7]["started_at"]) + timedelta(milliseconds=4)
    rows.insert(-6, blank_row() | {
        "id": identifier(start, chance), "seq": "900000", "state": "gap", "started_at": rfc3339(start), "source": "agent",
        "ended_at": rfc3339(start + timedelta(seconds=13)), "reporter_id": "peer-gw-1", "reporter_name": "gw-1",
        "flow_id": str(uuid.UUID(int=5)), "occurred_at": rfc3339(start), "received_at": rfc3339(start), "gap_lost": 312,
        "gap_cause": "buffer_overrun", "duration_ms": 13_000,
    })  # fmt: skip
    return rows


@dataclass
class FakeStore:
    """Rows and switches that tests turn."""

    rows: list[Row] = field(default_factory=list)
    capture: CaptureStatus = field(default_factory=lambda: CaptureStatus(True, "The connections of this machine are captured."))
    broken: bool = False
    """Whether the list fails as if the store were closed."""
    busy: bool = False
    """Whether too many questions wait."""
    tails: list[asyncio.Queue[bytes]] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    async def page(self, org_id: str, params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """See `TrafficPages`."""
        if self.broken:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        found = sorted(self.matching(params), key=lambda row: str(row["started_at"]), reverse=True)
        start, limit = int((params.get("cursor") or ["0"])[0]), int((params.get("limit") or ["50"])[0])
        rest = len(found) > start + limit
        return {"data": found[start : start + limit], "next_cursor": str(start + limit) if rest else None}

    async def total(self, org_id: str) -> int:
        """See `TrafficPages`."""
        return len(self.rows)

    def matching(self, params: Mapping[str, Sequence[str]]) -> list[Row]:
        """Rows that all conditions let through."""
        for name in params:
            if name not in RESERVED and name.partition(".")[0] not in TRAFFIC.columns:
                raise InvalidError(f"There is no field {name!r}.", "See the field list in the API description.")
        tree = understood(params.get("filter", ("",))[0], TRAFFIC)
        return [
            row
            for row in self.rows
            if chooses(tree, row, wall_clock()) and all(_passes(row, name, values) for name, values in params.items())
        ]

    def tell(self, event: str, data: object) -> None:
        """Send an event to every open tail, from any thread."""
        text = f"event: {event}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()
        for queue in list(self.tails):
            assert self.loop is not None
            self.loop.call_soon_threadsafe(queue.put_nowait, text)

    def add(self, row: Row) -> None:
        """Store a row, or a newer version of it, and tell the tails."""
        self.rows = [*(other for other in self.rows if other["id"] != row["id"]), row]
        self.tell("traffic", row)


class UnavailableError(MeshTrailError):
    """The store is closed."""

    status = 503
    code = "unavailable"


def _passes(row: Row, name: str, values: Sequence[str]) -> bool:  # noqa: PLR0911 - one line a kind of parameter
    if name == "from":
        return bool(row["started_at"] >= _precise(values[0]))
    if name == "to":
        return bool(row["started_at"] < _precise(values[0]))
    if name == "search":
        return values[0].lower() in " ".join(str(value) for value in row.values() if value is not None).lower()
    column, _, operator = name.partition(".")
    if name in RESERVED or column not in row:
        return name in RESERVED
    if operator == "known":
        return (row[column] is not None) == (values[0] == "true")
    if operator == "":
        return _any_of(row[column], column, values)
    if operator == "not":
        return not _any_of(row[column], column, values)
    if row[column] is None:
        return False
    left, right = row[column], type(row[column])(values[0])
    return bool({"gte": left >= right, "gt": left > right, "lte": left <= right, "lt": left < right}[operator])


def _any_of(value: Any, column: str, values: Sequence[str]) -> bool:
    if value is None:
        return False
    if TRAFFIC.columns[column].kind is Kind.address:
        return any(ipaddress.ip_address(value) in ipaddress.ip_network(one, strict=False) for one in values)
    items = value if isinstance(value, list) else [value]
    return any(str(item) in values for item in items)


def _precise(text: str) -> str:
    return rfc3339(datetime.fromisoformat(text))


def _params(request: AnyRequest) -> dict[str, list[str]]:
    return parse_qs(request.scope["query_string"].decode())


def _histogram(store: FakeStore, params: dict[str, list[str]]) -> dict[str, Any]:
    until = datetime.fromisoformat(params.get("to", [rfc3339(datetime.now(UTC))])[0])
    since = datetime.fromisoformat(params.get("from", [rfc3339(until - timedelta(hours=24))])[0])
    buckets = int(params.get("buckets", ["60"])[0])
    interval = max((until - since) / buckets, timedelta(milliseconds=1))
    starts = [since + interval * index for index in range(buckets)]
    bars: list[dict[str, Any]] = [{"start": rfc3339(start), "allowed": 0, "denied": 0, "unknown": 0} for start in starts]
    for row in store.matching(params):
        index = min(int((datetime.fromisoformat(row["started_at"]) - since) / interval), buckets - 1)
        word = "denied" if row["state"] == "denied" else row["verdict"] or "unknown"
        if row["state"] != "gap":
            bars[index][word] += 1
    return {"data": bars, "interval_ms": int(interval / timedelta(milliseconds=1))}


def _facets(store: FakeStore, params: dict[str, list[str]]) -> dict[str, Any]:
    rows = store.matching({name: values for name, values in params.items() if name not in {"field", "limit"}})
    data = {}
    for name in params["field"]:
        texts = [None if row[name] is None else str(row[name]) for row in rows]
        most = Counter(texts).most_common(int(params["limit"][0]))
        data[name] = [{"value": value, "count": count} for value, count in most]
    return {"data": data}


def _on_error(request: AnyRequest, error: MeshTrailError) -> Response[Any]:
    body = {"code": error.code, "message": error.message, "remedy": error.remedy, "request_id": "req-fake", "details": []}
    return Response({"error": body}, status_code=error.status)


def create_app(store: FakeStore) -> Litestar:
    """The dashboard over the fake."""

    @get("/api/v1/traffic")
    async def traffic(request: AnyRequest) -> dict[str, Any]:
        return await store.page("org", _params(request))

    @get("/api/v1/traffic/histogram")
    async def histogram(request: AnyRequest) -> dict[str, Any]:
        if store.broken:
            raise UnavailableError("The store does not answer.", "Try again in a moment.")
        return _histogram(store, _params(request))

    @get("/api/v1/traffic/facets")
    async def facets(request: AnyRequest) -> dict[str, Any]:
        if store.busy:
            raise BusyError("Too many questions over many rows wait for their answers.", "Try again in a moment.")
        return _facets(store, _params(request))

    @get("/api/v1/traffic/{wanted:str}")
    async def one(wanted: str) -> dict[str, Any]:
        for row in store.rows:
            if row["id"] == wanted:
                return {"data": row}
        raise NotFoundError("There is no such row.")

    @get("/api/v1/live")
    async def live() -> Stream:
        return Stream(_tail(store), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @get("/api/v1/openapi.json")
    async def openapi() -> dict[str, str]:
        return {"openapi": "3.1.0"}

    @post("/api/v1/session", status_code=204)
    async def sign_in(data: dict[str, str]) -> Response[None]:
        if data not in ({"token": TOKEN}, {"email": EMAIL, "password": PASSWORD}):
            said = {"error": {"message": "The e-mail address or the password is wrong."}}
            return Response(said, status_code=401)  # type: ignore[arg-type]
        return Response(None, status_code=204, cookies=[Cookie("meshtrail_session", value="s", httponly=True, samesite="lax")])

    @delete("/api/v1/session", status_code=204)
    async def sign_out() -> Response[None]:
        response: Response[None] = Response(None, status_code=204)
        response.delete_cookie("meshtrail_session")
        return response

    def session_org(request: AnyRequest) -> str | None:
        return "org" if request.cookies.get("meshtrail_session") == "s" else None

    def name_request(request: AnyRequest) -> None:
        request.scope["state"]["request_id"] = "req-4f1d20"

    return Litestar(
        [traffic, histogram, facets, one, live, openapi, sign_in, sign_out, create_router(store, session_org, lambda: store.capture)],
        exception_handlers={MeshTrailError: _on_error},
        before_request=name_request,
        openapi_config=None,
        logging_config=None,
    )


async def _tail(store: FakeStore) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    store.loop = asyncio.get_running_loop()
    store.tails.append(queue)
    try:
        yield b": connected\n\n"
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), 0.5)
            except TimeoutError:
                yield b": heartbeat\n\n"
    finally:
        store.tails.remove(queue)
