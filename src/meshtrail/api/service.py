"""The HTTP application: routes, the gate in front of them, one way to say errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.datastructures import State
from litestar.openapi.spec import OpenAPI

from meshtrail.api import elsewhere
from meshtrail.api.aggregate_schema import with_aggregates
from meshtrail.api.audit_schema import with_audit
from meshtrail.api.auth import PUBLIC, Gate
from meshtrail.api.connection_schema import with_connections
from meshtrail.api.errors import AnyRequest, on_error, request_id
from meshtrail.api.lane import Lane
from meshtrail.api.native import (
    agent,
    aggregate,
    audit,
    collectors,
    connections,
    filters,
    ingest,
    inventory,
    live,
    meta,
    sessions,
    settings,
    tokens,
    traffic,
    views,
)
from meshtrail.api.native import policy_check as policy_checks
from meshtrail.api.netbird import accounts, events, groups, network_traffic, networks, peers, policies, setup_keys, users
from meshtrail.api.netbird import tokens as user_tokens
from meshtrail.api.preconditions import add_tag, check_tag
from meshtrail.api.questions import Questions
from meshtrail.api.schema import openapi_config, with_permissions
from meshtrail.api.traffic_schema import described
from meshtrail.api.witnessing import witness_reading, witness_refusal
from meshtrail.common.clock import Clock
from meshtrail.control.agents import Agents
from meshtrail.control.directories import Directories
from meshtrail.control.limits import PASSWORD_HASHES_MAX, SIGN_INS_WAITING_MAX
from meshtrail.control.oidc.limits import EXCHANGES_MAX, EXCHANGES_WAITING_MAX
from meshtrail.control.oidc.sign_in import SignInElsewhere
from meshtrail.control.policy_check import PolicyCheck
from meshtrail.control.service import Control
from meshtrail.control.witness import Witness
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.limits import BODY_BYTES_MAX
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.collectors import CollectorReader
from meshtrail.store.connections import Connections
from meshtrail.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Capture:
    """Whether this machine's own connections are captured, and why not."""

    capturing: bool
    reason: str


@dataclass(slots=True)
class Tails:
    """Live tails, or lists of everything, that are open."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the handlers reach."""

    reader: Reader
    pipeline: Pipeline
    control: Control
    gate: Gate
    directories: Directories
    agents: Agents
    data_path: Path
    clock: Clock
    capture: Callable[[], Capture]
    connections: Connections
    collectors: Collectors
    collector_reader: CollectorReader
    audit_reader: AuditReader
    audit_pipeline: Pipeline
    witness: Witness
    elsewhere: SignInElsewhere | None = None
    """Sign-in through an identity provider, if one is set up."""


@get("/api/v1/openapi.json", opt={"permission": PUBLIC}, include_in_schema=False)
async def openapi(request: AnyRequest) -> Response[bytes]:
    """The API description (OpenAPI 3.1)."""
    app: Litestar = request.app
    schema: OpenAPI = app.openapi_schema
    described_fully = with_permissions(with_aggregates(with_audit(with_connections(described(schema.to_schema())))), app)
    return Response(msgspec.json.encode(described_fully), media_type="application/json")


async def _add_headers(message: Any, scope: Any) -> None:
    if message["type"] != "http.response.start":
        return
    headers = message.setdefault("headers", [])
    identifier = scope.get("state", {}).get("request_id", "")
    names = {name for name, _ in headers}
    if b"x-request-id" not in names:
        headers.append((b"x-request-id", identifier.encode()))
    if b"cache-control" not in names:
        headers.append((b"cache-control", b"no-store"))
    if b"x-content-type-options" not in names:
        headers.append((b"x-content-type-options", b"nosniff"))


async def _prepare(request: AnyRequest) -> None:
    request_id(request)
    await check_tag(request)


def _cancel(rooms: Rooms, share: str) -> None:
    rooms.reader.cancel(share)


def create_app(
    rooms: Rooms, pages: Sequence[Any] = (), error_page: Callable[[AnyRequest, int, str, str, str], Response[Any]] | None = None
) -> Litestar:
    """The application over rooms that are started; `pages` are the dashboard's routes, `error_page` makes what a person sees of an
    error (status, message, remedy, request id)."""
    native = Router(
        "/api/v1",
        route_handlers=[
            traffic.list_traffic, traffic.traffic_histogram, traffic.get_traffic, live.live, ingest.ingest_traffic,
            ingest.ingest_facts, ingest.open_flows, *tokens.ROUTES, *sessions.ROUTES, meta.status, *agent.ROUTES, *settings.ROUTES,
            *collectors.ROUTES, *connections.ROUTES, *filters.ROUTES, *policy_checks.ROUTES, *inventory.ROUTES, *audit.ROUTES,
            *aggregate.ROUTES, *views.ROUTES,
        ],
    )  # fmt: skip
    state = State(
        {
            "reader": rooms.reader, "pipeline": rooms.pipeline, "control": rooms.control,
            "directories": rooms.directories, "gate": rooms.gate, "tails": Tails(), "data_path": rooms.data_path,
            "capture": rooms.capture, "agents": rooms.agents, "clock": rooms.clock,
            "policy_check": PolicyCheck(rooms.control.database, rooms.control.snapshots, rooms.directories.rulebooks, rooms.clock),
            "connections": rooms.connections, "collectors": rooms.collectors, "collector_reader": rooms.collector_reader,
            "audit_reader": rooms.audit_reader, "audit_pipeline": rooms.audit_pipeline,
            "audit_streams": Tails(), "witness": rooms.witness, "refusals": witness_refusal, "error_page": error_page,
            "sign_ins": Lane(PASSWORD_HASHES_MAX, SIGN_INS_WAITING_MAX, "sign-in"), "elsewhere": rooms.elsewhere,
            "questions": Questions(partial(_cancel, rooms)),
            "exchanges": Lane(EXCHANGES_MAX, EXCHANGES_WAITING_MAX, "the identity provider"),
        }
    )  # fmt: skip
    return Litestar(
        route_handlers=[
            native, network_traffic.network_traffic, *events.ROUTES, *accounts.ROUTES, *groups.ROUTES, *networks.ROUTES, *peers.ROUTES,
            *policies.ROUTES, *setup_keys.ROUTES, *users.ROUTES, *user_tokens.ROUTES, openapi, meta.healthz, meta.readyz, meta.metrics,
            sessions.use_link, *elsewhere.ROUTES, *pages,
        ],
        guards=[rooms.gate.guard],
        exception_handlers={Exception: on_error},
        before_request=_prepare,
        after_request=add_tag,
        before_send=[_add_headers, witness_reading],
        openapi_config=openapi_config(),
        request_max_body_size=BODY_BYTES_MAX,
        state=state,
        logging_config=None,
        on_shutdown=[state.sign_ins.close, state.exchanges.close, state.questions.close],
    )  # fmt: skip
