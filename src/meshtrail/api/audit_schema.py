"""Completes the API description with audit events: what one looks like, and by what it can be asked for."""

from typing import Any

from meshtrail.api.limits import FACETS_MAX
from meshtrail.api.native.audit import PAGE_ROWS_MAX
from meshtrail.api.netbird import events
from meshtrail.api.traffic_schema import column_filters, content, envelope, page_parameters, parameter, window_parameters
from meshtrail.model.columns import AUDIT
from meshtrail.model.enums import Outcome
from meshtrail.model.openapi import column_schema, row_schema

_ROW = {"$ref": "#/components/schemas/AuditEvent"}
_TEXT = {"type": "string"}
_OURS = (
    "outcome", "status", "initiator_ip", "target_type", "target_name", "initiator_type", "user_agent", "session_id", "token_id",
    "request_id", "error", "before", "after",
)  # fmt: skip


def _netbird_event() -> dict[str, Any]:
    """NetBird's event, with what is ours besides."""
    theirs = {
        "id": {**_TEXT, "description": "A decimal number that grows from event to event."},
        "timestamp": {"type": "string", "format": "date-time"},
        "activity": {**_TEXT, "description": "What happened, for people. What did not succeed says `(denied)` or `(failed)` at its end."},
        "activity_code": _TEXT, "initiator_id": _TEXT, "initiator_name": _TEXT, "initiator_email": _TEXT, "target_id": _TEXT,
        "meta": {"type": "object", "additionalProperties": _TEXT, "description": "All values are text."},
    }  # fmt: skip
    properties = {**theirs, **{name: column_schema(AUDIT.columns[name]) for name in _OURS}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _time_words(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parameters of traffic in the words of events."""
    words = {
        "from": "Events at or after this time.", "to": "Events before this time.", "order": "By time.",
        "search": "Part of a name, code, address, request or change, in any case.",
        "filter": 'Events that the filter chooses: `initiator.email = ana@example.com and code ~ "policy.*"`. See the reference of the '
        "filter language.",
    }  # fmt: skip
    return [{**each, "description": words.get(each["name"], each["description"])} for each in parameters]


def _netbird_parameters() -> list[dict[str, Any]]:
    time = {"type": "string", "format": "date-time"}
    many = {"type": "array", "items": _TEXT}
    equal = [parameter(name, f"Events with this {column}; repeat for any of several.", many) for name, column in events.EQUAL.items()]
    outcome = {"type": "array", "items": {"type": "string", "enum": list(Outcome.__members__)}}
    equal = [{**each, "schema": outcome} if each["name"] == "outcome" else each for each in equal]
    return [
        *equal,
        parameter("search", "Part of a name, code, address, request or change.", _TEXT),
        parameter("start_date", "Events at or after this time.", time),
        parameter("end_date", "Events until this time.", time),
        parameter("sort_order", "By time.", {"type": "string", "enum": ["desc", "asc"], "default": "desc"}),
        parameter("page", "Page, from 1. Without page and page_size all events are sent.", {"type": "integer", "minimum": 1}),
        parameter("page_size", "Events of a page.", {"type": "integer", "minimum": 1, "maximum": events.PAGE_ROWS_MAX, "default": 1_000}),
    ]  # fmt: skip


def with_audit(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the routes of audit events filled in."""
    schemas, paths = schema["components"]["schemas"], schema["paths"]
    schemas["AuditEvent"], schemas["NetBirdAuditEvent"] = row_schema(AUDIT), _netbird_event()
    filters = [each for column in AUDIT if column.name != "org_id" for each in column_filters(column)]
    window = _time_words(window_parameters())
    page = [
        {**each, "schema": {**each["schema"], "maximum": PAGE_ROWS_MAX}} if each["name"] == "limit" else each
        for each in _time_words(page_parameters())
    ]
    listing = paths["/api/v1/audit"]["get"]
    listing["parameters"] = [*window, *page, *filters]
    rows = envelope({"type": "array", "items": _ROW}, next_cursor={"type": ["string", "null"]})
    listing["responses"]["200"]["content"] = content(rows)
    paths["/api/v1/audit/{identifier}"]["get"]["responses"]["200"]["content"] = content(envelope(_ROW))
    buckets = parameter("buckets", "Bars at the most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 60})
    paths["/api/v1/audit/histogram"]["get"]["parameters"] = [*window, buckets, *filters]
    field = {**parameter("field", "Fields whose values are listed.", {"type": "array", "items": _TEXT, "maxItems": FACETS_MAX}),
             "required": True}  # fmt: skip
    paths["/api/v1/audit/facets"]["get"]["parameters"] = [*window, field, *filters]
    for path in ("/api/events/audit", "/api/events"):
        operation = paths[path]["get"]
        operation["parameters"] = _netbird_parameters()
        answer = {"type": "array", "items": {"$ref": "#/components/schemas/NetBirdAuditEvent"}}
        operation["responses"]["200"]["content"] = content(answer)
    return schema
