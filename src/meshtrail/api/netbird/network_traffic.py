"""`GET /api/events/network-traffic` in NetBird's shape (its OpenAPI description, NetworkTrafficEvent)."""

import asyncio
from typing import Any

from litestar import Response, get
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.native.traffic import JSON, AnyRequest, query_string
from meshtrail.common.errors import InvalidError
from meshtrail.control.service import Permission
from meshtrail.store.query import Condition, Query, address_text, condition

PAGE_ROWS = 1_000
PAGE_ROWS_MAX = 50_000
PAGE_MAX = 1_000_000
_PROTOCOLS = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58", "ipv6-icmp": "58"}
_TYPES = {"TYPE_START": "starts", "TYPE_END": "ends", "TYPE_DROP": "drops"}
_SEARCHED = ("user_email", "source_name", "destination_name", "source_address", "destination_address")


def _text(column: str) -> str:
    return f"ifNull(toString({column}), '')"


def _endpoint(end: str) -> str:
    """NetBird's Endpoint: `address` is `ip:port` or `[ipv6]:port`, port 0 where there is none."""
    shown = f"ifNull({address_text(f'{end}_address')}, '')"
    address = (
        f"if({end}_address IS NULL, '', concat(if(position({shown}, ':') > 0, concat('[', {shown}, ']'), {shown}), ':', "
        f"toString(ifNull({end}_port, 0))))"
    )
    kind = f"transform(toString({end}_type), ['peer', 'resource'], ['PEER', 'HOST_RESOURCE'], 'UNKNOWN')"
    place = f"CAST(({_text(f'{end}_city_name')}, {_text(f'{end}_country_code')}), 'Tuple(city_name String, country_code String)')"
    return (
        f"CAST(({_text(f'{end}_id')}, {kind}, {_text(f'{end}_name')}, {place}, CAST({end}_os, 'Nullable(String)'), "
        f"CAST({end}_dns_label, 'Nullable(String)'), {address}), 'Tuple(id String, type String, name String, "
        "geo_location Tuple(city_name String, country_code String), os Nullable(String), dns_label Nullable(String), "
        f"address String)') AS {end}"
    )


_EVENT = "Array(Tuple(type String, timestamp DateTime64(6, ''UTC'')))"
_EVENTS = (
    f"CAST(if(state = 'denied', [('TYPE_DROP', started_at)], if(ifNull(starts, 0) = 0 AND ended_at IS NULL, "
    f"[('TYPE_UNKNOWN', started_at)], arrayConcat(if(ifNull(starts, 0) > 0, [('TYPE_START', started_at)], []), "
    f"if(ended_at IS NOT NULL, [('TYPE_END', assumeNotNull(ended_at))], [])))), '{_EVENT}') AS events"
)

COLUMNS = ", ".join(
    (
        "id",
        "toString(flow_id) AS flow_id",
        "CAST(reporter_id, 'String') AS reporter_id",
        "received_at AS receive_timestamp",
        _endpoint("source"),
        _endpoint("destination"),
        f"CAST(({_text('user_id')}, {_text('user_email')}, {_text('user_name')}), 'Tuple(id String, email String, name String)') AS user",
        f"CAST(({_text('policy_id')}, {_text('policy_name')}), 'Tuple(id String, name String)') AS policy",
        "CAST((ifNull(icmp_type, 0), ifNull(icmp_code, 0)), 'Tuple(type UInt8, code UInt8)') AS icmp",
        "ifNull(protocol, 0) AS protocol",
        "transform(toString(direction), ['ingress', 'egress'], ['INGRESS', 'EGRESS'], 'DIRECTION_UNKNOWN') AS direction",
        *(f"ifNull({name}, 0) AS {name}" for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")),
        "ifNull(starts, 0) AS num_of_starts",
        "ifNull(ends, 0) AS num_of_ends",
        "ifNull(drops, 0) AS num_of_drops",
        "ifNull(window_start, started_at) AS window_start",
        "coalesce(window_end, ended_at, started_at) AS window_end",
        _EVENTS,
    )
)
"""The projection: the engine writes NetBird's rows itself."""


def netbird_query(org_id: str, parameters: read.Parameters) -> Query:
    """NetBird's parameters as a query. Unknown parameters are ignored, as NetBird does; unusable values are 400."""
    found: list[Condition] = [condition("state", "not", ["gap"])]
    names = ("user_id", "reporter_id", "source_id", "destination_id")
    found += [condition(name, "", [value]) for name in names if (value := read.single(parameters, name))]
    if protocol := read.single(parameters, "protocol"):
        found.append(condition("protocol", "", [_PROTOCOLS.get(protocol.lower(), protocol)]))
    if kind := _choice(parameters, "type", (*_TYPES, "TYPE_UNKNOWN")):
        found += _of_type(kind)
    if kind := _choice(parameters, "connection_type", ("P2P", "ROUTED")):
        found.append(condition("connection_type", "", [kind.lower()]))
    if kind := _choice(parameters, "direction", ("INGRESS", "EGRESS", "DIRECTION_UNKNOWN")):
        found.append(
            condition("direction", "not", ["ingress", "egress"]) if kind == "DIRECTION_UNKNOWN"
            else condition("direction", "", [kind.lower()])
        )  # fmt: skip
    until = read.time(parameters, "end_date")
    return Query(
        org_id, tuple(found), read.time(parameters, "start_date"), None if until is None else until + 1,
        read.single(parameters, "search") or "", _SEARCHED,
    )  # fmt: skip


def _of_type(kind: str) -> list[Condition]:
    if kind == "TYPE_UNKNOWN":
        return [condition("state", "", ["window"])]
    return [condition(_TYPES[kind], "gt", ["0"])]


def _choice(parameters: read.Parameters, name: str, allowed: tuple[str, ...]) -> str | None:
    value = read.single(parameters, name)
    if value is None or value in allowed:
        return value
    raise InvalidError(f"{name} is {value[:40]!r}; it must be one of {', '.join(allowed)}.")


def page_of(state: Any, org_id: str, parameters: read.Parameters) -> bytes:
    """The envelope as bytes."""
    page = read.integer(parameters, "page", 1, 1, PAGE_MAX)
    size = read.integer(parameters, "page_size", PAGE_ROWS, 1, PAGE_ROWS_MAX)
    order = (read.single(parameters, "sort_order") or "desc").lower()
    query = netbird_query(org_id, parameters)
    total = state.reader.count(query, state.pipeline.position)
    offset = (page - 1) * size
    rows = b"[]"
    if offset < total:
        rows = state.reader.page(query, COLUMNS, size, offset=offset, newest_first=order != "asc")
    pages = -(-total // size)
    return b'{"data":' + rows + f',"page":{page},"page_size":{size},"total_records":{total},"total_pages":{pages}}}'.encode()


@get(
    "/api/events/network-traffic", opt={"permission": Permission.traffic_read}, media_type=JSON, summary="NetBird-shaped traffic events",
    operation_id="netbirdNetworkTraffic",
)  # fmt: skip
async def network_traffic(request: AnyRequest, state: State) -> Response[bytes]:
    """Filters page, page_size, user_id, reporter_id, source_id, destination_id, protocol, type, connection_type, direction,
    search, start_date, end_date."""
    org_id = request.state.identity.org_id
    body = await asyncio.to_thread(page_of, state, org_id, query_string(request))
    return Response(body, media_type="application/json; charset=UTF-8")
